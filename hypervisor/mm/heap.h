/* SPDX-License-Identifier: MIT */
/* Small objects for the core (mm/heap.c). */
#ifndef CLV_MM_HEAP_H
#define CLV_MM_HEAP_H

#include "types.h"

/*
 * Allocates a zeroed object, aligned to its size rounded up to a power of two (above 2 KiB: whole
 * frames). Returns NULL if out of memory.
 */
void *heap_alloc(size_t size);
void heap_free(void *p); /* accepts NULL */
uint64_t heap_used(void);

#endif
