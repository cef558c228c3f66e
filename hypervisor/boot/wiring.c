/* SPDX-License-Identifier: MIT */
/*
 * What reaches upwards. A folder of the core calls only folders below it (README.md); where a lower file has
 * to start something above, it calls what is registered here, one block for each lower file, before anything
 * else runs.
 */
#include "boot.h"
#include "cpu.h"
#include "domain.h"
#include "guest/exits.h"
#include "lib/console.h"
#include "lib/panic.h"
#include "lib/printk.h"
#include "platform/power.h"
#include "platform/uart.h"
#include "hw.h"
#include "vdev.h"

static void raise_console_virq(void) { evtchn_raise_global_virq(VIRQ_CONSOLE); }

/* cpu/softirq.c: what each softirq does. */
static void wire_softirqs(void)
{
    softirq_set_handler(SOFTIRQ_REAP, domain_reap);
    softirq_set_handler(SOFTIRQ_TIMER, timer_softirq);
    softirq_set_handler(SOFTIRQ_CONSOLE, raise_console_virq);
    softirq_set_handler(SOFTIRQ_NMI, nmi_softirq);
    softirq_set_handler(SOFTIRQ_VECTORS, irq_release_vectors);
    softirq_set_handler(SOFTIRQ_WBINVD, exit_wbinvd_softirq);
}

/* lib/panic.c: the CPUs, the domains, and how a machine is left. */
static void dump_cpus(void)
{
    traps_dump();
    mcheck_report();
    smp_report_stopped();
}

static void dump_domains(void)
{
    if (!dom0)
        return;
    for_each_vcpu(dom0, v)
        if (v->initialised)
            hw_dump(v);
}

static const struct panic_hooks panic_hooks = {
    .stop_others = smp_stop_others, .dump_cpus = dump_cpus, .dump_domains = dump_domains,
    .leave = power_reboot_or_stay, .reboot = power_reboot,
};

void wiring_init(void)
{
    console_set_driver(uart_send);   /* lib/console.c */
    printk_set_clock(clock_now);     /* lib/printk.c */
    panic_set_hooks(&panic_hooks);
    wire_softirqs();
    registry_add_part(&hw_part);    /* core/registry.c */
    registry_add_part(&vdev_part);
}
