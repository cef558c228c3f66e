/* SPDX-License-Identifier: MIT */
/* Bitmaps in domctl and sysctl structures (hypercall/xenctl_bitmap.c). */
#ifndef CLV_HYPERCALL_XENCTL_BITMAP_H
#define CLV_HYPERCALL_XENCTL_BITMAP_H

#include "cpumask.h"

struct vcpu;
struct xenctl_bitmap;

/*
 * Copy the bits of CPUs of a caller's bitmap. On read, missing bits are 0; on write, bits beyond
 * MAX_CPUS are zeroed. -EFAULT, or -E2BIG for a map of more than XENCTL_BITMAP_MAX bits.
 */
#define XENCTL_BITMAP_MAX 32768u
cpumask_t xenctl_bitmap_cpus(void); /* all online */
int must_check xenctl_bitmap_read(struct vcpu *v, const struct xenctl_bitmap *map, cpumask_t *bits);
int must_check xenctl_bitmap_write(struct vcpu *v, const struct xenctl_bitmap *map, cpumask_t bits);

#endif
