/* SPDX-License-Identifier: MIT */
/* The FPU state of vcpus (cpu/fpu.c). */
#ifndef CLV_CPU_FPU_H
#define CLV_CPU_FPU_H

#include "types.h"

struct vcpu;

void *fpu_alloc(void); /* an XSAVE area in its initial state, from the heap; NULL: no memory */
void fpu_save(struct vcpu *v);
void fpu_restore(struct vcpu *v);
/*
 * Loads v's state from an XSAVE image (or a 512-byte FXSAVE image): the components are bits of
 * XCR0.
 */
void fpu_load(struct vcpu *v, const void *saved, uint32_t size, uint64_t components);
#define XCR0_LEGACY 3ull /* x87 and SSE */

#endif
