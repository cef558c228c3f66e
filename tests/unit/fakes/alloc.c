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

mfn_t alloc_touched(struct domain *d, unsigned int order)
{
    (void)d;
    (void)order;
    return MFN_NONE;
}

mfn_t alloc_written(struct domain *d)
{
    (void)d;
    return MFN_NONE;
}

mfn_t alloc_back(struct domain *d)
{
    (void)d;
    return MFN_NONE;
}
