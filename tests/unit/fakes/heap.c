/* SPDX-License-Identifier: MIT */
/*
 * mm/heap.c on the C library's heap: the address sanitizer then detects use after free, overflows
 * and leaks. Tests that need more of the allocator link mm/.
 */
#include "mm/heap.h"

#include <stdlib.h>

void *heap_alloc(size_t size) { return calloc(1, size); }

void heap_free(void *p) { free(p); }
