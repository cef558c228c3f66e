/* SPDX-License-Identifier: MIT */
/*
 * Timers of vCPUs that sleep forever, one per vCPU of this domain. None of the vCPUs ever runs, so
 * the time for their timers is taken from others.
 */
#include "evil.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "hypercall.h"
#include "smp.h"
#include "time.h"

#define MSR_LAPIC_TIMER 0x832
#define MSR_LAPIC_COUNT 0x838
#define MSR_LAPIC_DIVIDE 0x83e
#define BY_1 0xb
#define BY_128 0xa
#define MASKED (1u << 16)
#define PERIODIC (1u << 17)
#define VECTOR 0x41
#define YEAR (365UL * 24 * 3600 * NS_PER_S)

static volatile unsigned asleep;

static void sleep_until(uint64_t end)
{
    struct sched_poll poll = { .timeout = end };

    irq_off();
    __atomic_fetch_add(&asleep, 1, __ATOMIC_SEQ_CST);
    for (;;)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
}

static void lapic_timer(uint32_t divide, uint32_t lvt, uint32_t count)
{
    wrmsr(MSR_LAPIC_TIMER, lvt);
    wrmsr(MSR_LAPIC_DIVIDE, divide);
    wrmsr(MSR_LAPIC_COUNT, count);
}

/* Sets timers at the maximum rate, which never wake the vCPU. */
static void sleep_amid_alarms(void)
{
    struct vcpu_set_periodic_timer period = { .period_ns = NS_PER_MS };

    hypercall_vcpu(VCPUOP_set_periodic_timer, vcpu_this()->id, &period);
    lapic_timer(BY_1, PERIODIC | MASKED | VECTOR, 1);
    sleep_until(0);
}

/* Sets timers so far away that a search of a timer list passes all of them. */
static void sleep_before_far_alarms(void)
{
    time_set_timer(time_now() + YEAR);
    lapic_timer(BY_128, VECTOR, -1);
    sleep_until(time_now() + YEAR);
}

static void __attribute__((noreturn)) on_all_vcpus(void (*run)(void), const char *what)
{
    for (unsigned i = 1; i < smp_count(); i++)
        smp_start(i, run);
    while (asleep + 1 < smp_count())
        cpu_relax();
    printf("evil: %s, %u vCPUs\n", what, smp_count());
    run();
    for (;;)
        irq_wait();
}

void evil_timers(void) { on_all_vcpus(sleep_amid_alarms, "asleep"); }
void evil_far_timers(void) { on_all_vcpus(sleep_before_far_alarms, "far"); }
