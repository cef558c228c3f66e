/* SPDX-License-Identifier: MIT */
/* Bitmaps in the structures of the tools' hypercalls (hypercall/xenctl_bitmap.c). */
#ifndef CLV_HYPERCALL_XENCTL_BITMAP_H
#define CLV_HYPERCALL_XENCTL_BITMAP_H

#include "types.h"

struct vcpu;
struct xenctl_bitmap;

/*
 * xenctl_bitmap.c: up to 64 bits of a caller's bitmap. read: bits that the caller does not give are
 * 0. write: what the caller's map has beyond `bits` is zeroed. -EFAULT, or -E2BIG for a map of more
 * than XENCTL_BITMAP_MAX bits.
 */
#define XENCTL_BITMAP_MAX 32768u
uint64_t xenctl_bitmap_cpus(void); /* all that are online */
int must_check xenctl_bitmap_read(struct vcpu *v, const struct xenctl_bitmap *map, uint64_t *bits);
int must_check xenctl_bitmap_write(struct vcpu *v, const struct xenctl_bitmap *map, uint64_t bits);

#endif
