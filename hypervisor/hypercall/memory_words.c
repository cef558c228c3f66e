/* SPDX-License-Identifier: MIT */
/*
 * Reads the arrays of words (frame numbers, indexes) of memory_op: 8 bytes each, 4 for a 32-bit
 * caller. Read next: memory.c.
 */
#include "hypercall/guest_copy.h"
#include "hypercall/memory.h"

int memory_words_read(struct hypercall *hc, gva_t array, uint64_t i, uint64_t *word, uint64_t n)
{
    uint64_t size = guest_layout_size(sizeof(*word), LAYOUT_WORD, hc->compat);
    gva_t at = array + i * size;

    n = MIN(n, MAX((PAGE_SIZE - (at & ~PAGE_MASK)) / size, 1));
    int rc = guest_read(hc->v, word, at, n * size);
    for (uint64_t j = n; hc->compat && j-- > 0;) /* widens in place, so from the end */
        word[j] = ((uint32_t *)word)[j];
    return rc ? rc : (int)n;
}
