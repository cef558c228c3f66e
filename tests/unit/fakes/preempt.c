/* SPDX-License-Identifier: MIT */
/* cpu/softirq.c: other work is pending as often as the test wants. */
#include "harness.h"
#include "cpu/softirq.h"

unsigned int harness_preempt_every;

bool softirq_preempt_pending(void)
{
    static unsigned int asked;

    return harness_preempt_every && ++asked % harness_preempt_every == 0;
}
