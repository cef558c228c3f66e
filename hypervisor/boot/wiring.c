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
#include "svm.h"

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

void wiring_init(void)
{
    wire_softirqs();
    registry_add_part(&svm_part);    /* core/registry.c */
    registry_add_part(&vdev_part);
}
