/* SPDX-License-Identifier: MIT */
/*
 * The bitmaps of domctl and sysctl (struct xenctl_bitmap of <xen/xen.h>): a pointer and a number of bits that
 * the caller chose. Ours have 64 bits at most, one per CPU.
 */
#include "domctl.h"
#include "lib.h"
#include "percpu.h"

_Static_assert(MAX_CPUS <= 64, "a CPU mask is one 64-bit word");

static uint64_t low_bits(uint32_t n)
{
    return n >= 64 ? ~0ull : (1ull << n) - 1;
}

int xenctl_bitmap_read(struct vcpu *v, const struct xenctl_bitmap *map, uint64_t *bits)
{
    uint32_t n = MIN(map->nr_bits, 64u);
    uint64_t word = 0;
    int rc;

    if (map->nr_bits > XENCTL_BITMAP_MAX)
        return -E2BIG;
    rc = guest_read(v, &word, HANDLE_VA(map->bitmap), (n + 7) / 8);
    if (rc == 0)
        *bits = word & low_bits(n);
    return rc;
}

int xenctl_bitmap_write(struct vcpu *v, const struct xenctl_bitmap *map, uint64_t bits)
{
    uint32_t bytes = (map->nr_bits + 7) / 8, copied = MIN(bytes, (uint32_t)sizeof(bits));
    int rc;

    if (map->nr_bits > XENCTL_BITMAP_MAX)
        return -E2BIG;
    bits &= low_bits(map->nr_bits);
    rc = guest_write(v, HANDLE_VA(map->bitmap), &bits, copied);
    if (rc == 0 && bytes > copied)
        rc = guest_zero(v, HANDLE_VA(map->bitmap) + copied, bytes - copied);
    return rc;
}
