/* SPDX-License-Identifier: MIT */
/* mm/flush.c: flushes are counted, and a test may inspect the state at that moment. */
#include "harness.h"
#include "mm/flush.h"

unsigned int harness_flushes;
void (*harness_on_flush)(struct domain *d);

void flush_domain(struct domain *d)
{
    harness_flushes++;
    if (harness_on_flush)
        harness_on_flush(d);
}
