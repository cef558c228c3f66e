/* SPDX-License-Identifier: MIT */
/*
 * A load for the scheduler: every vCPU works all the time, or with work=US and sleep=US in bursts.
 * yield=US lets each vCPU give its CPU away so often. Prints "spin: N vCPUs" when all have started.
 * Never ends by itself.
 */
#include "hypercall.h"
#include "smp.h"
#include "time.h"

#include <xen/sched.h>

#define NS_PER_US 1000

static uint64_t work, pause, yield; /* ns; 0: never */

/* Works for a burst, or for ever. */
static void spin(uint64_t length)
{
    uint64_t now = time_now(), end = now + length, turn = now + yield;

    while (!length || time_now() < end) {
        cpu_work();
        if (!yield || time_now() < turn)
            continue;
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
        turn = time_now() + yield;
    }
}

static void load(void)
{
    if (!work && !yield)
        for (;;)
            cpu_work();
    for (;;) {
        spin(work);
        time_sleep(pause);
    }
}

int guest_main(void)
{
    unsigned count = smp_count();

    work = cmdline_number("work", 0) * NS_PER_US;
    pause = cmdline_number("sleep", 0) * NS_PER_US;
    yield = cmdline_number("yield", 0) * NS_PER_US;
    for (unsigned id = 1; id < count; id++)
        if (smp_start(id, load) != 0)
            printf("spin: vCPU %u does not start\n", id);
    printf("spin: %u vCPUs\n", count);
    load();
    return 0;
}
