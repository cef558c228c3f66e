/* SPDX-License-Identifier: MIT */
/* Searching bitmaps of 64-bit words. Single bits are lib.h's inline functions. */
#include "lib.h"

/* First bit at or after `from` that differs from those of `same` (0 or ~0). */
static unsigned int next_different(const uint64_t *map, uint64_t same, unsigned int bits, unsigned int from)
{
    for (unsigned int n = from; n < bits; n = ROUND_DOWN(n, 64u) + 64) {
        uint64_t word = (READ_ONCE(map[n / 64]) ^ same) & (~0ull << (n % 64));

        if (word) {
            n = ROUND_DOWN(n, 64u) + (unsigned int)__builtin_ctzll(word);
            return MIN(n, bits);
        }
    }
    return bits;
}

unsigned int bitmap_next(const void *map, unsigned int bits, unsigned int from)
{
    return next_different(map, 0, bits, from);
}

unsigned int bitmap_next_zero(const void *map, unsigned int bits, unsigned int from)
{
    return next_different(map, ~0ull, bits, from);
}
