/* SPDX-License-Identifier: MIT */
/* Wraps the core's allocators (the linker's --wrap) to make the n-th allocation fail. */
#include "harness.h"

static unsigned int countdown;
static bool failed;
static uint64_t allocs;

mfn_t __real_alloc_core(unsigned int order);
mfn_t __real_alloc_domain(struct domain *d, unsigned int order);
mfn_t __real_alloc_touched(struct domain *d, unsigned int order);
mfn_t __real_alloc_written(struct domain *d);
mfn_t __real_alloc_back(struct domain *d);
mfn_t __real_alloc_pool(struct domain *d, unsigned int order);
void *__real_heap_alloc(size_t size);
mfn_t __wrap_alloc_core(unsigned int order);
mfn_t __wrap_alloc_domain(struct domain *d, unsigned int order);
mfn_t __wrap_alloc_touched(struct domain *d, unsigned int order);
mfn_t __wrap_alloc_written(struct domain *d);
mfn_t __wrap_alloc_back(struct domain *d);
mfn_t __wrap_alloc_pool(struct domain *d, unsigned int order);
void *__wrap_heap_alloc(size_t size);

void harness_fail_alloc(unsigned int n)
{
    countdown = n;
    failed = false;
}

bool harness_alloc_has_failed(void) { return failed; }

uint64_t harness_allocs(void) { return allocs; }

bool harness_fails_now(void)
{
    if (countdown == 0 || --countdown > 0) {
        allocs++;
        return false;
    }
    failed = true;
    return true;
}

mfn_t __wrap_alloc_core(unsigned int order)
{
    return harness_fails_now() ? MFN_NONE : __real_alloc_core(order);
}

mfn_t __wrap_alloc_domain(struct domain *d, unsigned int order)
{
    return harness_fails_now() ? MFN_NONE : __real_alloc_domain(d, order);
}

mfn_t __wrap_alloc_touched(struct domain *d, unsigned int order)
{
    return harness_fails_now() ? MFN_NONE : __real_alloc_touched(d, order);
}

mfn_t __wrap_alloc_written(struct domain *d)
{
    return harness_fails_now() ? MFN_NONE : __real_alloc_written(d);
}

mfn_t __wrap_alloc_back(struct domain *d)
{
    return harness_fails_now() ? MFN_NONE : __real_alloc_back(d);
}

mfn_t __wrap_alloc_pool(struct domain *d, unsigned int order)
{
    return harness_fails_now() ? MFN_NONE : __real_alloc_pool(d, order);
}

void *__wrap_heap_alloc(size_t size)
{
    return harness_fails_now() ? NULL : __real_heap_alloc(size);
}
