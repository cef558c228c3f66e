/* SPDX-License-Identifier: MIT */
/*
 * CPUs that run concurrently, as threads. A separate file, because the C library's sched.h, which
 * pthread.h includes, conflicts with the core's.
 */
#include "percpu.h"

#include <pthread.h>
#include <stdlib.h>

struct start {
    void (*fn)(void);
    unsigned int cpu, *waiting;
};

void harness_run_cpus(void (*const fn[])(void), unsigned int n);

static void *run(void *data)
{
    struct start *s = data;

    harness_cpu = s->cpu;
    __atomic_sub_fetch(s->waiting, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(s->waiting, __ATOMIC_SEQ_CST))
        ;
    s->fn();
    return NULL;
}

void harness_run_cpus(void (*const fn[])(void), unsigned int n)
{
    struct start start[MAX_CPUS];
    pthread_t thread[MAX_CPUS];
    unsigned int waiting = n;

    nr_cpus = n;
    for (unsigned int i = 0; i < n; i++) {
        start[i] = (struct start){ fn[i], i, &waiting };
        cpus[i].online = true;
        if (pthread_create(&thread[i], NULL, run, &start[i]))
            abort();
    }
    for (unsigned int i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
}
