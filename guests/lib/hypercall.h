/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: number in rax, arguments in rdi rsi rdx r10 r8, result in rax
 * (xen/arch-x86/xen-x86_64.h).
 *
 * By VMMCALL on AMD and Hygon, VMCALL on other vendors (CPUID leaf 0), or the hypercall page filled
 * in by the hypervisor (CPUID leaf base + 2), for guests started with "hypercall=page".
 * hypercall_init selects one, like stock Linux.
 */
#ifndef GUESTS_LIB_HYPERCALL_H
#define GUESTS_LIB_HYPERCALL_H

#include "lib.h"

#include <xen/xen.h>

#define HYPERCALL_PAGE_ENTRIES 128

extern bool hypercall_by_vmcall, hypercall_by_page;
extern uint8_t hypercall_page[];

/* Finds the hypervisor. False: none. Needs cmdline_init. */
bool hypercall_init(void);

/* Shuts down the domain. reason: a SHUTDOWN_ value (xen/sched.h). */
void hypercall_shutdown(unsigned reason) __attribute__((noreturn));

/* Returns this domain's id from CPUID, or DOMID_SELF if it is not reported. */
domid_t hypercall_domid(void);

static inline long hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                             uint64_t e)
{
    register uint64_t r10 asm("r10") = d;
    register uint64_t r8 asm("r8") = e;
    long rc;

    if (hypercall_by_page && nr < HYPERCALL_PAGE_ENTRIES)
        asm volatile("call *%0"
                     : "=a"(rc), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                     : "0"((uint64_t)hypercall_page + nr * 32)
                     : "rcx", "r9", "r11", "memory");
    else if (hypercall_by_vmcall)
        asm volatile("vmcall"
                     : "=a"(rc), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                     : "0"(nr)
                     : "rcx", "r9", "r11", "memory");
    else
        asm volatile("vmmcall"
                     : "=a"(rc), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                     : "0"(nr)
                     : "rcx", "r9", "r11", "memory");
    return rc;
}

static inline long hypercall2(uint64_t nr, uint64_t a, const void *b)
{
    return hypercall(nr, a, (uint64_t)b, 0, 0, 0);
}

static inline long hypercall3(uint64_t nr, uint64_t a, const void *b, uint64_t c)
{
    return hypercall(nr, a, (uint64_t)b, c, 0, 0);
}

/* VCPUOP_* for the given vCPU */
static inline long hypercall_vcpu(unsigned op, unsigned vcpu, const void *arg)
{
    return hypercall(__HYPERVISOR_vcpu_op, op, vcpu, (uint64_t)arg, 0, 0);
}

#endif
