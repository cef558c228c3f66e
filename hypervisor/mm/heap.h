/* SPDX-License-Identifier: MIT */
/* Small objects for the core (mm/heap.c). */
#ifndef CLV_MM_HEAP_H
#define CLV_MM_HEAP_H

#include "types.h"

/*
 * Small objects for the core, zeroed, aligned to the next power of two of their size (whole frames
 * above 2 KiB). NULL when out of memory.
 */
void *heap_alloc(size_t size);
void heap_free(void *p); /* NULL is fine */
uint64_t heap_used(void);

#endif
