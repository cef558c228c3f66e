/* SPDX-License-Identifier: MIT */
/* core/vcpu_memory.c: a vcpu that waits for memory, or for a paged page, only says so. */
#include "core/vcpu_memory.h"
#include "core/vcpu.h"

void vcpu_memory_wait(struct vcpu *v)
{
    v->exit_again = true;
    v->wait = WAIT_MEMORY;
}

void vcpu_memory_wait_page(struct vcpu *v, gfn_t gfn)
{
    v->exit_again = true;
    v->wait = WAIT_PAGE;
    v->awaited = gfn;
}

unsigned int vcpu_memory_waiting(struct domain *d, enum vcpu_wait wait)
{
    (void)d;
    (void)wait;
    return 0;
}

unsigned int vcpu_memory_wanted(struct domain *d, uint64_t *gfns, unsigned int n)
{
    (void)d;
    (void)gfns;
    (void)n;
    return 0;
}
