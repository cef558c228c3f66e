/* SPDX-License-Identifier: MIT */
/*
 * Wraps the core's locks (the linker's --wrap). A test can ask whether a call acquires a lock of a
 * class. Now and then a CPU is delayed after an unlock, so that another CPU enters code that
 * wrongly assumes exclusion.
 */
#include "spinlock.h"

#include <unistd.h>

extern bool harness_slow_unlock;
bool harness_slow_unlock;

static unsigned int taken[LOCK_CLASSES];

unsigned int harness_locks_taken(enum lock_class class);
struct spinlock *__real_spin_lock_as(struct spinlock *l, bool second);
struct spinlock *__wrap_spin_lock_as(struct spinlock *l, bool second);
void __real_spin_unlock(struct spinlock *l);
void __wrap_spin_unlock(struct spinlock *l);

unsigned int harness_locks_taken(enum lock_class class) { return taken[class]; }

struct spinlock *__wrap_spin_lock_as(struct spinlock *l, bool second)
{
    __real_spin_lock_as(l, second);
    taken[l->class]++;
    return l;
}

void __wrap_spin_unlock(struct spinlock *l)
{
    static __thread unsigned int seed;

    __real_spin_unlock(l);
    seed = seed * 1664525 + 1013904223 + harness_cpu;
    if (harness_slow_unlock && (seed >> 16) % 64 == 0)
        usleep(20);
}
