/* SPDX-License-Identifier: MIT */
/*
 * A vcpu's FPU state, saved and restored eagerly at each vcpu switch: the emulator does not trap
 * XSAVE under CR0.TS, and lazy switching has leaked registers on silicon. The core itself keeps
 * nothing in FPU registers.
 *
 * XCR0 holds the host's full mask during both (svm/switch.c), so that components which the guest
 * has disabled are switched, too. A CPU without XSAVE has no XCR0: the mask is 0, and FXSAVE saves
 * the whole state. (APM vol. 2, 11.4 and 11.5)
 */
#include "cpu/fpu.h"
#include "core/vcpu.h"
#include "cpu/features.h"
#include "lib.h"
#include "mm/heap.h"

#define MXCSR_OFFSET 24
#define MXCSR_DEFAULT 0x1f80u
#define FCW_DEFAULT 0x37fu
#define HEADER_OFFSET 512
#define HEADER_SIZE 64
#define XCR0_ALL ((uint32_t)cpu_features.xcr0_mask)

/* XSAVE needs 64-byte alignment, which the heap guarantees for objects of this size. */
void *fpu_alloc(void)
{
    uint8_t *area = heap_alloc(cpu_features.xsave_size);

    if (!area)
        return NULL;
    *(uint16_t *)area = FCW_DEFAULT;
    *(uint32_t *)(area + MXCSR_OFFSET) = MXCSR_DEFAULT;
    *(uint64_t *)(area + HEADER_OFFSET) = XCR0_LEGACY;
    return area;
}

void fpu_save(struct vcpu *v)
{
    if (likely(XCR0_ALL))
        __asm__ volatile("xsave64 (%0)" : : "r"(v->xsave), "a"(XCR0_ALL), "d"(0) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(v->xsave) : "memory");
}

/*
 * CPUs before family 17h restore the x87 instruction and data pointers only if an exception is
 * pending, and otherwise leave those of the previous vcpu visible. A load by the core replaces them
 * first.
 */
void fpu_restore(struct vcpu *v)
{
    static const uint32_t zero;

    __asm__ volatile("fnclex; emms; fildl %0" : : "m"(zero));
    if (likely(XCR0_ALL))
        __asm__ volatile("xrstor64 (%0)" : : "r"(v->xsave), "a"(XCR0_ALL), "d"(0) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(v->xsave) : "memory");
}

/* Clears the reserved bits of MXCSR and of the header, which would make the restore fault. */
void fpu_load(struct vcpu *v, const void *saved, uint32_t size, uint64_t components)
{
    uint8_t *area = v->xsave;

    memset(area, 0, cpu_features.xsave_size);
    memcpy(area, saved, MIN(size, cpu_features.xsave_size));
    *(uint32_t *)(area + MXCSR_OFFSET) &= 0xffff;
    memset(area + HEADER_OFFSET, 0, HEADER_SIZE);
    *(uint64_t *)(area + HEADER_OFFSET) = components & cpu_features.xcr0_mask;
}
