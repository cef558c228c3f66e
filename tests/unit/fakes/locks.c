/* SPDX-License-Identifier: MIT */
/*
 * Between the core's files and its locks (the linker's --wrap). A test can ask whether a call takes
 * a lock of a class. And now and then a CPU takes its time after it has let go of one, so that
 * another gets in where the code wrongly believes that nobody can.
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
