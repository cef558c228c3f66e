/* SPDX-License-Identifier: MIT */
/*
 * Initialisation of a guest, from the first C code to guest_main, in order of dependencies. Until
 * the console ring is found, text goes to the hypervisor's log (port 0xe9).
 */
#include "apic.h"
#include "console.h"
#include "evtchn.h"
#include "hypercall.h"
#include "mem.h"
#include "smp.h"
#include "store.h"
#include "time.h"
#include "trap.h"

#include <xen/sched.h>

void main_start(uint64_t start_info) __attribute__((noreturn));

void main_start(uint64_t start_info)
{
    const struct hvm_start_info *info = (const void *)start_info;

    smp_init_first();
    trap_init();
    if (info->magic != XEN_HVM_START_MAGIC_VALUE)
        trap_panic("start_info at %lx has magic %x", start_info, info->magic);
    cmdline_init((const char *)info->cmdline_paddr);
    if (!hypercall_init())
        trap_panic("no CPUID leaf says XenVMMXenVMM");
    mem_init(info);
    apic_init();
    evtchn_init();
    time_init_vcpu();
    console_init();
    store_init();
    smp_init(info->rsdp_paddr);
    hypercall_shutdown(guest_main() ? SHUTDOWN_crash : SHUTDOWN_poweroff);
}
