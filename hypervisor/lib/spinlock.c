/* SPDX-License-Identifier: MIT */
/*
 * Test-and-set locks, not ticket locks. Tickets would be fair, but all waiters stall if the next
 * one in the queue is a CPU that is not running. An emulator runs the machine's CPUs in turn, for a
 * tenth of a second each: with 16 CPUs and tickets, QEMU did not get through dom0's boot. Locks are
 * held briefly, so fairness matters little.
 *
 * The debug build counts the locks of each class that a CPU holds. It panics at the first acquire
 * that violates the order of spinlock.h, so any run of a path finds its potential deadlocks. It
 * also records the longest hold of each class, for which tests/system/stretch.c asserts bounds.
 */
#include "cpu.h"
#include "cpu/clock.h"
#include "errors.h"
#include "lib.h"
#include "percpu.h"
#include "spinlock.h"

#define PATIENCE (1u << 30) /* spins, minutes: no lock is held that long */

/* Over all CPUs. Unlocked: one of two simultaneous updates may be lost. */
static struct {
    uint64_t ticks;
    const void *caller;
} longest[LOCK_CLASSES];

/*
 * No lock of this or a later class may be held; for the second of two, exactly one of this class.
 */
static void check_order(const struct spinlock *l, bool second)
{
    const struct cpu *c = this_cpu();

    for (unsigned int class = l->class; class < LOCK_CLASSES; class += 1)
        if (c->held[class] != (second && class == l->class))
            panic("lock order: acquiring class %u while holding %u of class %u (caller %p)\n",
                  l->class, c->held[class], class, __builtin_return_address(0));
}

bool spin_lock_held(const struct spinlock *l)
{
    return !CLV_DEBUG || READ_ONCE(l->cpu) == (int16_t)this_cpu()->id;
}

struct spinlock *spin_lock_as(struct spinlock *l, bool second)
{
    uint32_t spins = 0;

    if (CLV_DEBUG)
        check_order(l, second);
    while (!spin_trylock(l))
        while (READ_ONCE(l->taken)) {
            cpu_pause();
            if (CLV_DEBUG && ++spins == PATIENCE)
                panic("lock of class %u: CPU %d never released it\n", l->class, READ_ONCE(l->cpu));
        }
    return l;
}

bool spin_trylock(struct spinlock *l)
{
    if (__atomic_exchange_n(&l->taken, true, __ATOMIC_ACQUIRE))
        return false;
    if (CLV_DEBUG) {
        l->cpu = (int16_t)this_cpu()->id;
        l->since = rdtsc();
        this_cpu()->held[l->class]++;
    }
    return true;
}

void spin_unlock(struct spinlock *l)
{
    if (!spin_lock_held(l))
        panic("lock of class %u: released by CPU %u but held by %d\n", l->class, this_cpu()->id,
              l->cpu);
    if (CLV_DEBUG) {
        uint64_t ticks = rdtsc() - l->since;

        if (ticks > longest[l->class].ticks) {
            longest[l->class].ticks = ticks;
            longest[l->class].caller = __builtin_return_address(0);
        }
        l->cpu = -1;
        this_cpu()->held[l->class]--;
    }
    __atomic_store_n(&l->taken, false, __ATOMIC_RELEASE);
}

int spin_report_hold(struct cleave_hold *hold)
{
    static const char names[LOCK_CLASSES][sizeof(hold->name)] = {
        [LOCK_DOMCTL] = "domctl",   [LOCK_DOMLIST] = "domlist", [LOCK_DOMAIN] = "domain",
        [LOCK_GRANT] = "grant",     [LOCK_BIND] = "bind",       [LOCK_EVTCHN] = "evtchn",
        [LOCK_PCI] = "pci",         [LOCK_P2M] = "p2m",         [LOCK_VDEV] = "vdev",
        [LOCK_SCHED] = "sched",     [LOCK_CAP] = "cap",         [LOCK_TIMER] = "timer",
        [LOCK_MEM] = "mem",         [LOCK_HEAP] = "heap",       [LOCK_HW] = "hw",
        [LOCK_CONSOLE] = "console", [LOCK_IOREQ] = "ioreq",
    };
    uint32_t class = hold->lock;

    if (class == 0 || class >= LOCK_CLASSES)
        return -EINVAL;
    *hold =
        (struct cleave_hold){ class, 0, longest[class].ticks, (uint64_t)longest[class].caller, "" };
    memcpy(hold->name, names[class], sizeof(hold->name));
    longest[class].ticks = 0;
    return 0;
}
