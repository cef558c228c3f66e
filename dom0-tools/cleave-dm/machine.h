/* SPDX-License-Identifier: MIT */
/* The guest's machine: its devices, and on which slot of the PCI bus each is. */
#ifndef DM_MACHINE_H
#define DM_MACHINE_H

#include "balloon.h"
#include "block.h"
#include "chipset.h"
#include "console.h"
#include "entropy.h"
#include "fwcfg.h"
#include "net.h"
#include "rtc.h"
#include "serial.h"
#include "state.h"
#include "state.h"

#define MACHINE_DISKS_MAX 16
#define MACHINE_NETS_MAX 8

struct machine {
    struct bus bus;
    struct pci_bus pci;
    struct memory *memory;
    struct chipset chipset;
    struct rtc rtc;
    struct fwcfg fwcfg;
    struct serial serial;
    struct console console;
    struct virtio entropy;
    struct balloon balloon;
    struct block *disks[MACHINE_DISKS_MAX];
    struct net *nets[MACHINE_NETS_MAX];
    unsigned int disk_count, net_count;
};

/* What the machine has. low and high: RAM from 0 and from 4 GiB, in bytes. */
struct machine_size {
    uint64_t low, high;
};

/*
 * Puts all devices together. machine is zeroed but for disks and nets, and for what rtc, serial and
 * console need of their users. Returns 0 or a negative errno.
 */
int machine_build(struct machine *machine, struct host *host, struct memory *memory,
                  const struct machine_size *size);

/*
 * Writes the state of all devices, or loads it into a machine that was just built. The caller looks
 * at state->bad.
 */
void machine_state(struct machine *machine, struct state *state);
/* All devices look for work, after their state was loaded. */
void machine_resume(struct machine *machine);

#endif
