/* SPDX-License-Identifier: MIT */
/*
 * A flush of a domain is complete when flush_domain() returns, whatever its vcpus do. A CPU in the
 * core uses no guest translations. Before an entry it publishes the domain in guest_domain, and
 * only then compares the domain's flush generation. So the flusher raises the generation, checks
 * guest_domain of each CPU that has ever run the domain, and waits only for CPUs in that guest. A
 * kick forces them out, all in parallel. A CPU in guest mode waits for no lock, so the flusher may
 * hold any.
 */
#include "mm/flush.h"
#include "core/domain.h"
#include "cpu.h"
#include "cpu/softirq.h"
#include "percpu.h"

static bool in_guest(const struct cpu *c, const struct domain *d)
{
    return __atomic_load_n(&c->guest_domain, __ATOMIC_SEQ_CST) == d;
}

void flush_domain(struct domain *d)
{
    uint64_t entry[MAX_CPUS];
    cpumask_t waits_for = 0;

    /*
     * The order matters: a CPU that first uses d's tables after the increment sees the changed
     * entries.
     */
    __atomic_add_fetch(&d->p2m.flush_generation, 1, __ATOMIC_SEQ_CST);
    cpumask_t dirty = cpumask_read(&d->p2m.dirty_cpus) & ~cpumask_of(this_cpu()->id);
    for (; dirty; dirty &= dirty - 1) {
        unsigned int i = cpumask_first(dirty);

        entry[i] = __atomic_load_n(&cpus[i].guest_entries, __ATOMIC_SEQ_CST);
        if (in_guest(&cpus[i], d)) {
            softirq_kick(i);
            waits_for |= cpumask_of(i);
        }
    }
    for (; waits_for; waits_for &= waits_for - 1) {
        unsigned int i = cpumask_first(waits_for);

        while (in_guest(&cpus[i], d) &&
               __atomic_load_n(&cpus[i].guest_entries, __ATOMIC_SEQ_CST) == entry[i])
            cpu_pause();
    }
}
