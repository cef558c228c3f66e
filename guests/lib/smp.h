/* SPDX-License-Identifier: MIT */
/*
 * The guest's vCPUs: identity, per-vCPU data, and the start of secondary vCPUs. vCPU ids are Xen's,
 * equal to the MADT's ACPI ids; APIC ids come from the MADT.
 */
#ifndef GUESTS_LIB_SMP_H
#define GUESTS_LIB_SMP_H

#include "lib.h"

#include <xen/xen.h>
#include <xen/hvm/hvm_vcpu.h>

#define SMP_MAX 128

struct vcpu_tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist1, ist[6], reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

struct vcpu {
    struct vcpu *self; /* GS base points here */
    unsigned id;
    uint32_t apic_id;
    bool exists; /* listed and enabled in the MADT */
    volatile bool running;
    void (*main)(void);
    struct vcpu_info *info; /* own_info, or this vCPU's slot in shared_info (evtchn.c) */
    struct vcpu_info own_info __attribute__((aligned(64)));
    uint64_t trap_resume; /* where trap_try resumes; 0: not in trap_try (trap.c) */
    uint64_t gdt[5];
    struct vcpu_tss tss;
    uint64_t trap_stack; /* top of the stack */
};

extern struct vcpu smp_vcpus[SMP_MAX];

static inline struct vcpu *vcpu_this(void)
{
    struct vcpu *v;

    asm("mov %%gs:0, %0" : "=r"(v));
    return v;
}

/* Sets the GS base of the first vCPU. Must be the first call in C. */
void smp_init_first(void);

/* Reads the MADT at rsdp (0: no tables, one vCPU). Needs memory and APIC. */
void smp_init(uint64_t rsdp);

unsigned smp_count(void);

/*
 * Starts vCPU id by INIT-SIPI-SIPI. It runs main with interrupts off, and its event channels and
 * clock initialised; main must not return. Returns 0, -XEN_ENOENT (no such vCPU), -XEN_EBUSY
 * (already runs) or -XEN_ETIME (not running after 30 s).
 */
int smp_start(unsigned id, void (*main)(void));

/*
 * The same by VCPUOP_initialise and VCPUOP_up, in 64-bit mode (wide) or in the state of a PVH
 * start.
 */
int smp_start_by_context(unsigned id, void (*main)(void), bool wide);
struct vcpu_hvm_context smp_context(bool wide);

#endif
