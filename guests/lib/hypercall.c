/* SPDX-License-Identifier: MIT */
/*
 * Finds the hypervisor and selects the call instruction. Xen's leaves begin at 0x40000000 or, after
 * another interface, at a higher multiple of 0x100 (xen/arch-x86/cpuid.h).
 */
#include "hypercall.h"

#include <xen/arch-x86/cpuid.h>
#include <xen/sched.h>

bool hypercall_by_vmcall, hypercall_by_page;
uint8_t hypercall_page[PAGE_SIZE] __attribute__((aligned(4096)));
static uint32_t first_leaf;

static bool find_leaves(void)
{
    for (uint32_t leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100) {
        struct cpuid r = cpuid(leaf, 0);

        if (r.b == XEN_CPUID_SIGNATURE_EBX && r.c == XEN_CPUID_SIGNATURE_ECX &&
            r.d == XEN_CPUID_SIGNATURE_EDX) {
            first_leaf = leaf;
            return true;
        }
    }
    return false;
}

bool hypercall_init(void)
{
    struct cpuid vendor = cpuid(0, 0);
    bool amd = vendor.c == 0x444d4163;   /* "cAMD", the end of AuthenticAMD */
    bool hygon = vendor.c == 0x656e6975; /* "uine", the end of HygonGenuine */
    const char *wanted = cmdline_value("hypercall");

    hypercall_by_vmcall = !amd && !hygon;
    if (!find_leaves())
        return false;
    if (wanted && !strncmp(wanted, "page", 4)) {
        wrmsr(cpuid(first_leaf + 2, 0).b, (uint64_t)hypercall_page);
        hypercall_by_page = true;
    }
    return true;
}

void hypercall_shutdown(unsigned reason)
{
    struct sched_shutdown arg = { .reason = reason };

    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &arg);
    for (;;)
        asm volatile("cli; hlt");
}

/* Older interfaces do not report the id. Then returns DOMID_SELF. */
domid_t hypercall_domid(void)
{
    struct cpuid r = cpuid(first_leaf + 4, 0);

    return r.a & XEN_HVM_CPUID_DOMID_PRESENT ? r.c : DOMID_SELF;
}
