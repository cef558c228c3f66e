/* SPDX-License-Identifier: MIT */
/*
 * Locks without a queue: whoever comes when it is free gets in. Tickets would be fair, but when the
 * next in the queue is a CPU that does not run (an emulator runs the machine's CPUs in turn, a
 * tenth of a second each), all others wait for it: with 16 CPUs QEMU did not get through dom0's
 * boot. No lock is held for long.
 *
 * The debug build counts for each CPU the locks of each class that it holds and stops the machine
 * at the first acquire against the order of spinlock.h: what could once deadlock is found by any
 * run that takes the path at all. It also notes the longest hold of each class:
 * tests/system/stretch.c asserts bounds.
 */
#include "cpu.h"
#include "cpu/clock.h"
#include "errors.h"
#include "lib.h"
#include "percpu.h"
#include "spinlock.h"

#define PATIENCE (1u << 30) /* looks at a lock, minutes: nobody holds it so long */

/* Of all CPUs; of two at the same moment one may get lost. */
static struct {
    uint64_t ticks;
    const void *caller;
} longest[LOCK_CLASSES];

/* None of a later class may be held, and of this one none; for the second of two: exactly one. */
static void check_order(const struct spinlock *l, bool second)
{
    const struct cpu *c = this_cpu();

    for (unsigned int class = l->class; class < LOCK_CLASSES; class += 1)
        if (c->held[class] != (second && class == l->class))
            panic("lock order: class %u is taken while %u of class %u are held (caller %p)\n",
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
                panic("lock of class %u: CPU %d holds it for ever\n", l->class, READ_ONCE(l->cpu));
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
        panic("lock of class %u is released by CPU %u but held by %d\n", l->class, this_cpu()->id,
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
        [LOCK_DOMCTL] = "domctl", [LOCK_DOMLIST] = "domlist", [LOCK_DOMAIN] = "domain",
        [LOCK_GRANT] = "grant",   [LOCK_BIND] = "bind",       [LOCK_EVTCHN] = "evtchn",
        [LOCK_PCI] = "pci",       [LOCK_P2M] = "p2m",         [LOCK_VDEV] = "vdev",
        [LOCK_SCHED] = "sched",   [LOCK_TIMER] = "timer",     [LOCK_MEM] = "mem",
        [LOCK_HEAP] = "heap",     [LOCK_HW] = "hw",           [LOCK_CONSOLE] = "console",
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
