/* SPDX-License-Identifier: MIT */
/*
 * The table of contents: the steps from the first line of C until dom0 runs, in order. A step that
 * fails panics with the reason. The last one enters the run loop (guest/run.c).
 */
#include "boot/main.h"
#include "boot/multiboot.h"
#include "boot/secondary.h"
#include "boot/wiring.h"
#include "core/sched.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/features.h"
#include "cpu/nmi.h"
#include "cpu/timer.h"
#include "cpu/traps.h"
#include "dom0/build.h"
#include "guest/run.h"
#include "hw.h"
#include "lib.h"
#include "lib/cmdline.h"
#include "lib/log.h"
#include "mm/memory.h"
#include "mm/pagetable.h"
#include "percpu.h"
#include "platform/acpi.h"
#include "platform/boot_info.h"
#include "platform/host_ioapic.h"
#include "platform/iommu.h"
#include "platform/uart.h"
#include "vdev/cpuid.h"

void boot_main(uint32_t magic, uint32_t information)
{
    cpus[0].stack_top = (uint8_t *)boot_stack_top;
    wiring_init();

    /* Console and loader information. */
    traps_init_early();
    multiboot_parse(magic, information);
    cmdline_init(boot_info.cmdline);
    uart_init();
    log_init();
    log_info("Cleave, %s build. Command line: %s\n", CLV_DEBUG ? "debug" : "release",
             boot_info.cmdline);
    cmdline_check();

    /* CPU features, memory, the core's page tables, and stacks for the core's own exceptions. */
    features_init();
    features_init_cpu();
    memory_init();
    pagetable_init(boot_stack_guard, memory_page);
    traps_prepare_cpu(&cpus[0]);
    traps_init_cpu(&cpus[0]);
    memory_give();

    /* ACPI tables, interrupts, time. */
    host_pic_disable(); /* before firmware's routing is masked: a pending request is withdrawn */
    nmi_init();
    apic_init_cpu();
    acpi_init(boot_info.rsdp);
    iommu_off();
    clock_init(acpi.pm_timer_port);
    timer_init_cpu(0);
    host_ioapic_init();
    uart_start_interrupts();

    /* SVM, the CPU model of guests, the scheduler; then the other CPUs can join. */
    hw_init();
    cpuid_init();
    hw_init_cpu();
    sched_init_cpu(0);
    secondary_start_all();

    dom0_build();
    run_cpu();
}
