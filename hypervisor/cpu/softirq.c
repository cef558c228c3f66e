/* SPDX-License-Identifier: MIT */
/*
 * The CPUs, and softirqs: work that an interrupt handler or another CPU requests of a CPU. The run
 * loop does it before the next entry. Handlers are registered from above (boot/wiring.c).
 *
 * Read next: irq.c.
 */
#include "cpu/softirq.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/irq.h"
#include "lib.h"
#include "lib/log.h"
#include "percpu.h"

#define PREEMPT_AFTER USEC(70)

struct cpu cpus[MAX_CPUS] = { { .online = true } };
unsigned int nr_cpus = 1;

static softirq_fn *handlers[SOFTIRQ_COUNT];

void softirq_set_handler(enum softirq s, softirq_fn *fn) { handlers[s] = fn; }

void softirq_kick(unsigned int cpu)
{
    if (cpu != this_cpu()->id && READ_ONCE(cpus[cpu].online))
        apic_send(cpus[cpu].apic_id, VECTOR_KICK);
}

/*
 * The target publishes idle or guest_domain before its last check of softirq. The bit is set here
 * before these are read, so at least one side sees the other. A CPU that is busy in the core will
 * check softirq anyway.
 */
void softirq_raise(unsigned int cpu, enum softirq s)
{
    const struct cpu *c = &cpus[cpu];

    if (bit_test_and_set(&cpus[cpu].softirq, s))
        return;
    if (__atomic_load_n(&c->idle, __ATOMIC_SEQ_CST) ||
        __atomic_load_n(&c->guest_domain, __ATOMIC_SEQ_CST))
        softirq_kick(cpu);
}

void softirq_run(void)
{
    uint64_t work = __atomic_exchange_n(&this_cpu()->softirq, 0, __ATOMIC_SEQ_CST);

    WRITE_ONCE(this_cpu()->passes, this_cpu()->passes + 1);
    for (; work; work &= work - 1) {
        softirq_fn *fn = handlers[__builtin_ctzll(work)];

        if (fn)
            fn();
    }
}

bool softirq_preempt_pending(void)
{
    struct cpu *c = this_cpu();
    nsec_t now = clock_now();

    if (!c->hypercall_start) /* started lazily, as most hypercalls never ask */
        c->hypercall_start = now;
    return READ_ONCE(c->softirq) || now - c->hypercall_start > PREEMPT_AFTER;
}
