/* SPDX-License-Identifier: MIT */
/* mm/alloc.c for tests without machine memory: every allocation fails. */
#include "mm/alloc.h"
#include "types.h"

mfn_t alloc_core(unsigned int order)
{
    (void)order;
    return MFN_NONE;
}

mfn_t alloc_domain(struct domain *d, unsigned int order)
{
    (void)d;
    (void)order;
    return MFN_NONE;
}

mfn_t alloc_pool(struct domain *d, unsigned int order)
{
    (void)d;
    (void)order;
    return MFN_NONE;
}
