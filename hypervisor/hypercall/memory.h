/* SPDX-License-Identifier: MIT */
/* Shared by the files of the memory_op family. memory.c dispatches. */
#ifndef CLV_HYPERCALL_MEMORY_H
#define CLV_HYPERCALL_MEMORY_H

#include "hypercall/operation.h"

/*
 * Reads up to n words (frame numbers, indexes) of the caller's array from element i on, not beyond
 * a page. Returns how many were read, or a negative errno.
 */
int must_check memory_words_read(struct hypercall *hc, gva_t array, uint64_t i, uint64_t *word,
                                 uint64_t n);

/* The element from which a restarted array operation continues, kept above the operation number. */
#define MEMORY_START_SHIFT 6
#define MEMORY_OP_MASK ((1u << MEMORY_START_SHIFT) - 1)

static inline uint64_t memory_start(const struct hypercall *hc)
{
    return (uint32_t)hc->arg[0] >> MEMORY_START_SHIFT;
}

static inline int memory_continue(struct hypercall *hc, uint64_t i)
{
    hc->arg[0] = (hc->arg[0] & MEMORY_OP_MASK) | i << MEMORY_START_SHIFT;
    return -ERESTART;
}

/* memory_physmap.c */
operation_fn memory_add_to_physmap, memory_add_to_physmap_batch, memory_remove_from_physmap,
    memory_acquire_resource;
/*
 * Moves one page of d's RAM to another gfn. What is mapped of it elsewhere stays. Errors as
 * p2m_get_frame() and p2m_replace(); then it is where it was.
 */
int memory_move_page(struct domain *d, gfn_t from, gfn_t to);

#endif
