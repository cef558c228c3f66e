/* SPDX-License-Identifier: MIT */
/*
 * Bitmaps of domctl and sysctl (struct xenctl_bitmap of <xen/xen.h>): a pointer and a number of
 * bits, chosen by the caller. The core uses one bit per CPU.
 */
#include "hypercall/xenctl_bitmap.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "percpu.h"

#include <xen/domctl.h>

static cpumask_t low_bits(uint32_t n) { return n >= MAX_CPUS ? CPUMASK_ALL : cpumask_of(n) - 1; }

cpumask_t xenctl_bitmap_cpus(void) { return low_bits(nr_cpus); }

int xenctl_bitmap_read(struct vcpu *v, const struct xenctl_bitmap *map, cpumask_t *bits)
{
    uint32_t n = MIN(map->nr_bits, (uint32_t)MAX_CPUS);

    if (map->nr_bits > XENCTL_BITMAP_MAX)
        return -E2BIG;
    *bits = 0;
    int rc = guest_read(v, bits, HANDLE_VA(map->bitmap), (n + 7) / 8);
    *bits &= low_bits(n);
    return rc;
}

int xenctl_bitmap_write(struct vcpu *v, const struct xenctl_bitmap *map, cpumask_t bits)
{
    uint32_t bytes = (map->nr_bits + 7) / 8, copied = MIN(bytes, (uint32_t)sizeof(bits));

    if (map->nr_bits > XENCTL_BITMAP_MAX)
        return -E2BIG;
    bits &= low_bits(map->nr_bits);
    int rc = guest_write(v, HANDLE_VA(map->bitmap), &bits, copied);
    return rc ? rc : guest_zero(v, HANDLE_VA(map->bitmap) + copied, bytes - copied);
}
