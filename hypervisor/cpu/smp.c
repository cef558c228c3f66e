/* SPDX-License-Identifier: MIT */
/*
 * Stops the other CPUs for a panic, a reboot or a power-off. Uses an NMI, because a CPU that is
 * stuck takes no interrupts.
 *
 * Read next: nmi.c.
 */
#include "cpu/smp.h"
#include "cpu.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/nmi.h"
#include "cpu/traps.h"
#include "lib.h"
#include "lib/console.h"
#include "percpu.h"

#define STOP_PATIENCE_TICKS 500000000ull /* TSC ticks; usable before the clock is */

static bool stopping; /* atomic */
static uint32_t stopped;
static uint64_t stopped_at[MAX_CPUS];

void smp_nmi(const struct trap_frame *f)
{
    if (!READ_ONCE(stopping)) {
        nmi_handle(f);
        return;
    }
    stopped_at[this_cpu()->id] = f->rip;
    __atomic_add_fetch(&stopped, 1, __ATOMIC_RELEASE);
    cpu_halt();
}

void smp_stop_others(void)
{
    unsigned int self = this_cpu()->id;
    uint64_t start = rdtsc();

    if (__atomic_exchange_n(&stopping, true, __ATOMIC_SEQ_CST))
        return;
    for (unsigned int i = 0; i < nr_cpus; i++)
        if (i != self)
            apic_send(cpus[i].apic_id, APIC_NMI);
    while (__atomic_load_n(&stopped, __ATOMIC_ACQUIRE) + 1 < nr_cpus &&
           rdtsc() - start < STOP_PATIENCE_TICKS)
        cpu_pause();
    console_take_over();
}

void smp_report_stopped(void)
{
    for (unsigned int i = 0; i < nr_cpus; i++)
        if (stopped_at[i])
            log_err("  CPU %u was at %lx\n", i, stopped_at[i]);
        else if (i != this_cpu()->id)
            log_err("  CPU %u did not stop\n", i);
}
