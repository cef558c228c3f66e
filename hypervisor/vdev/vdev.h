/* SPDX-License-Identifier: MIT */
/*
 * The emulated machine of a guest: CPUID, MSRs, local APIC, ports and memory. Each device has its
 * code in one file of vdev/, and its state here.
 */
#ifndef CLV_VDEV_VDEV_H
#define CLV_VDEV_VDEV_H

#include "spinlock.h"
#include "types.h"
#include "vdev/lapic.h"

struct bus_range;
struct cpuid_policy;
struct domain;
struct domain_part;
struct pc;
struct vcpu;

struct vdev_domain {
    struct spinlock lock; /* LOCK_VDEV: debug_line; dom0's I/O APIC; pc */
    struct pc *pc;        /* an HVM guest's chipset (vdev/pc.h); else NULL */
    struct cpuid_policy *cpuid;
    char debug_line[128]; /* port 0xe9 */
    uint32_t debug_length;
    uint32_t callback_vector;               /* HVM_PARAM_CALLBACK_IRQ type 2; 0: none */
    const struct bus_range *ports, *memory; /* handlers (vdev/bus.h) */
    /* called at EOI of a level-triggered interrupt; or NULL */
    void (*level_eoi)(struct domain *d, uint8_t vector);
};

struct vdev_vcpu {
    struct lapic lapic;
    uint8_t upcall_vector; /* HVMOP_set_evtchn_upcall_vector; 0: none */
    bool nmi_pending;
    int sipi_vector;     /* -1: none */
    bool cpuid_faulting; /* CPUID faults at CPL > 0 */
    uint64_t tsc_aux;
};

/* vdev.c: hooks for all devices */
extern const struct domain_part vdev_part;

#endif
