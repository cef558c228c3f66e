/* SPDX-License-Identifier: MIT */
/* What the files of the memory_op family share. Dispatched from memory.c. */
#ifndef CLV_HYPERCALL_MEMORY_H
#define CLV_HYPERCALL_MEMORY_H

#include "operation.h"

/* Element i of an array of the caller's words: frame numbers, indexes. */
int must_check memory_read_word(struct hypercall *hc, gva_t array, uint64_t i, uint64_t *word);

/* memory_physmap.c */
operation_fn memory_add_to_physmap, memory_add_to_physmap_batch, memory_remove_from_physmap,
    memory_acquire_resource;
/* memory_map.c */
operation_fn memory_get_map, memory_set_map, memory_machine_map, memory_reserved_device_map;

#endif
