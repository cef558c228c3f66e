/* SPDX-License-Identifier: MIT */
/*
 * Upward calls. A folder of the core calls only folders below it (README.md). Where a lower file
 * must call something above, it calls a handler that is registered here before anything else runs.
 */
#include "boot/wiring.h"
#include "core/domain.h"
#include "core/domain_registry.h"
#include "core/domain_shutdown.h"
#include "core/evtchn.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "core/vcpu_memory.h"
#include "cpu/clock.h"
#include "cpu/irq.h"
#include "cpu/mcheck.h"
#include "cpu/nmi.h"
#include "cpu/smp.h"
#include "cpu/softirq.h"
#include "cpu/timer.h"
#include "cpu/trace.h"
#include "cpu/traps.h"
#include "guest/exit.h"
#include "hw.h"
#include "lib/console.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "platform/power.h"
#include "platform/uart.h"
#include "vdev/vdev.h"

static void raise_console_virq(void) { evtchn_raise_global_virq(VIRQ_CONSOLE); }

static void attach_trace(void)
{
    if (trace_attach())
        sched_trace();
}

/* cpu/softirq.c */
static void wire_softirqs(void)
{
    softirq_set_handler(SOFTIRQ_REAP, domain_reap);
    softirq_set_handler(SOFTIRQ_TIMER, timer_softirq);
    softirq_set_handler(SOFTIRQ_CONSOLE, raise_console_virq);
    softirq_set_handler(SOFTIRQ_NMI, nmi_softirq);
    softirq_set_handler(SOFTIRQ_VECTORS, irq_release_vectors);
    softirq_set_handler(SOFTIRQ_WBINVD, exit_wbinvd_softirq);
    softirq_set_handler(SOFTIRQ_TRACE, attach_trace);
    softirq_set_handler(SOFTIRQ_MEMORY, vcpu_memory_softirq);
}

/* lib/panic.c */
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
            domain_dump_vcpu(v);
}

static const struct panic_hooks panic_hooks = {
    .stop_others = smp_stop_others,
    .dump_cpus = dump_cpus,
    .dump_domains = dump_domains,
    .leave = power_reboot_or_stay,
    .reboot = power_reboot,
};

void wiring_init(void)
{
    console_set_driver(uart_send); /* lib/console.c */
    log_set_clock(clock_now);      /* lib/log.c */
    panic_set_hooks(&panic_hooks);
    wire_softirqs();
    domain_add_part(&hw_part); /* core/domain_registry.c */
    domain_add_part(&vdev_part);
}
