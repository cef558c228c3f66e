/* SPDX-License-Identifier: MIT */
/*
 * Between the core's files and spin_unlock (the linker's --wrap): now and then a CPU takes its time after it has let go
 * of a lock, so that another gets in where the code wrongly believes that nobody can.
 */
#include "percpu.h"

#include <unistd.h>

extern bool harness_slow_unlock;
bool harness_slow_unlock;

void __real_spin_unlock(struct spinlock *l);
void __wrap_spin_unlock(struct spinlock *l);

void __wrap_spin_unlock(struct spinlock *l)
{
    static __thread unsigned int seed;

    __real_spin_unlock(l);
    seed = seed * 1664525 + 1013904223 + harness_cpu;
    if (harness_slow_unlock && (seed >> 16) % 64 == 0)
        usleep(20);
}
