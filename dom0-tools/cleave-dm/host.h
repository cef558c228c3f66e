/* SPDX-License-Identifier: MIT */
/*
 * What devices need of the hypervisor, as a table of functions: xen.c fills it in, and tests on a
 * build machine have one of their own.
 */
#ifndef DM_HOST_H
#define DM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum host_space { HOST_PORTS, HOST_MEMORY };

struct host {
    /* Accesses from start to end, inclusive, come here from now on, or no longer. */
    int (*range)(struct host *host, enum host_space space, uint64_t start, uint64_t end, bool on);
    /* Accesses to the configuration space of device.function on bus 0 come here. */
    int (*function)(struct host *host, unsigned int device, unsigned int function);
    /* Levels of ISA interrupt lines, and of the four lines INTA to INTD of a PCI device. */
    void (*isa_irq)(struct host *host, unsigned int irq, bool level);
    void (*intx)(struct host *host, unsigned int device, unsigned int line, bool level);
    /* Routes one of the four PCI links to an ISA line; 0: to none. */
    void (*link)(struct host *host, unsigned int link, unsigned int irq);
    void (*msi)(struct host *host, uint64_t address, uint32_t data);
    /* Ends the guest, for a reason of xen/sched.h (SHUTDOWN_*). */
    void (*shutdown)(struct host *host, unsigned int reason);
    /*
     * Takes the frames from the guest (give), or populates them again. Returns how many of them it
     * did, from the first.
     */
    size_t (*balloon)(struct host *host, bool give, const uint64_t *frames, size_t count);
};

#endif
