/* SPDX-License-Identifier: MIT */
/*
 * The guest's vCPUs: who they are, what each keeps for itself, and how the second ones are started. Vcpu ids
 * are Xen's (= the MADT's ACPI ids); APIC ids are whatever the MADT says.
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
    struct vcpu *self;              /* GS base points here */
    unsigned id;
    uint32_t apic_id;
    bool exists;                    /* the MADT has it, enabled */
    volatile bool running;
    void (*main)(void);
    struct vcpu_info *info;         /* evtchn.c: own_info, or this vCPU's place in shared_info */
    struct vcpu_info own_info __attribute__((aligned(64)));
    uint64_t trap_resume;           /* trap.c: where trap_try goes on; 0: no try is running */
    uint64_t gdt[5];
    struct vcpu_tss tss;
    uint64_t trap_stack;            /* its end */
};

extern struct vcpu smp_vcpus[SMP_MAX];

static inline struct vcpu *vcpu_this(void)
{
    struct vcpu *v;

    asm("mov %%gs:0, %0" : "=r"(v));
    return v;
}

/* The first vCPU becomes itself: GS base. The very first call in C. */
void smp_init_first(void);

/* Reads the MADT at rsdp (0: no tables, one vCPU). Needs memory and APIC. */
void smp_init(uint64_t rsdp);

unsigned smp_count(void);

/*
 * Starts vCPU id by INIT-SIPI-SIPI; it runs main with interrupts off, its event channels and clock ready, and
 * must not return. 0, or -XEN_ENOENT (no such vCPU), -XEN_EBUSY (runs already), -XEN_ETIME (silent for 5 s).
 */
int smp_start(unsigned id, void (*main)(void));

/* The same by VCPUOP_initialise and VCPUOP_up with this context, in 64-bit mode (wide) or as PVH's first. */
int smp_start_by_context(unsigned id, void (*main)(void), bool wide);
struct vcpu_hvm_context smp_context(bool wide);

#endif
