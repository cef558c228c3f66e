/* SPDX-License-Identifier: MIT */
/*
 * The keys disk and vif of a VM file.
 */
#ifndef LIBCLEAVE_VMDEVICES_H
#define LIBCLEAVE_VMDEVICES_H

#include <libxlutil.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* xvda to xvdz; 8 interfaces exceed any common setup. */
#define VMDEVICES_DISKS_MAX 26
#define VMDEVICES_VIFS_MAX 8

/* The bridge of an interface that names none; xl's default (xl.conf(5), vif.default.bridge) */
#define VMDEVICES_BRIDGE "xenbr0"

struct vmdevices_disk {
    char *path;      /* a raw file or a block device of dom0 */
    char name[8];    /* name in the guest: xvda */
    uint32_t number; /* the same, by xen-vbd-interface(7) */
    bool writable;
    bool direct_io; /* bypasses dom0's page cache */
};

#define VMDEVICES_MAC_SIZE 18

struct vmdevices_vif {
    unsigned int number; /* from 0 */
    char mac[VMDEVICES_MAC_SIZE];
    char bridge[IFNAMSIZ];
};

struct vmdevices {
    struct vmdevices_disk disks[VMDEVICES_DISKS_MAX];
    struct vmdevices_vif vifs[VMDEVICES_VIFS_MAX];
    unsigned int disk_count, vif_count;
};

/*
 * Read the list that a key of a parsed VM file has; errors begin with place, as "VM file
 * PATH:LINE". Default Ethernet addresses are derived from uuid. Return 0, or a negative errno after
 * an error line. Call vmdevices_free in either case.
 */
int vmdevices_read_disks(XLU_Config *config, const char *place, const char *key,
                         struct vmdevices *devices);
int vmdevices_read_vifs(XLU_Config *config, const char *place, const char *key, const uint8_t *uuid,
                        struct vmdevices *devices);

/*
 * Read one more disk or interface from its specification. taken has a bit for each number that an
 * interface of the VM has: the new one gets the lowest free number unless it asks for another.
 */
int vmdevices_read_disk(const char *place, const char *spec, struct vmdevices *devices);
int vmdevices_read_vif(const char *place, const char *spec, const uint8_t *uuid, uint32_t taken,
                       struct vmdevices *devices);

/*
 * Parses xvda, or xvda2 for a disk presented as a partition, into a number by
 * xen-vbd-interface(7). False: invalid.
 */
bool vmdevices_number(const char *name, uint32_t *number);

/* The Ethernet address of an interface without one: in Xen's range, and the same at each start. */
void vmdevices_mac(const uint8_t *uuid, unsigned int number, char mac[VMDEVICES_MAC_SIZE]);

void vmdevices_free(struct vmdevices *devices);

#endif
