/* SPDX-License-Identifier: MIT */
/* The FPU state of vcpus (cpu/fpu.c). */
#ifndef CLV_CPU_FPU_H
#define CLV_CPU_FPU_H

#include "types.h"

struct vcpu;

void *fpu_alloc(void); /* XSAVE area in initial state, of the heap; NULL: no memory */
void fpu_save(struct vcpu *v);
void fpu_restore(struct vcpu *v);
/*
 * What XSAVE (or, in 512 bytes, FXSAVE) left becomes v's state, of the components (bits of XCR0).
 */
void fpu_load(struct vcpu *v, const void *saved, uint32_t size, uint64_t components);
#define XCR0_LEGACY 3ull /* x87 and SSE */

#endif
