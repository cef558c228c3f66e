/* SPDX-License-Identifier: MIT */
/*
 * All of RAM is mapped at DIRECTMAP_BASE, writable and not executable. The core's image is also
 * mapped at TEXT_BASE, where text is not writable. Device registers are mapped by
 * pagetable_map_device(). Host unit tests replace this header, so that machine memory is an array.
 */
#ifndef CLV_DIRECTMAP_H
#define CLV_DIRECTMAP_H

#include "types.h"

#define DIRECTMAP_BASE 0xffff800000000000ull
#define TEXT_BASE 0xffffffff80000000ull /* virtual = physical + TEXT_BASE for the image */

static inline void *paddr_to_virt(paddr_t p) { return (void *)(DIRECTMAP_BASE + p); }
static inline paddr_t virt_to_paddr(const void *v)
{
    uint64_t a = (uint64_t)v;
    return a >= TEXT_BASE ? a - TEXT_BASE : a - DIRECTMAP_BASE;
}
static inline void *mfn_to_virt(mfn_t m) { return paddr_to_virt(mfn_to_paddr(m)); }
static inline mfn_t virt_to_mfn(const void *v) { return paddr_to_mfn(virt_to_paddr(v)); }

/* One access of 1, 2, 4 or 8 bytes, through RAX as AMD's northbridges require (BKDG 10h, 2.11). */
static inline uint64_t mmio_read(const volatile void *p, unsigned int size)
{
    uint64_t val = 0;

    switch (size) {
    case 1: __asm__ volatile("movb (%1), %b0" : "+a"(val) : "r"(p) : "memory"); break;
    case 2: __asm__ volatile("movw (%1), %w0" : "+a"(val) : "r"(p) : "memory"); break;
    case 4: __asm__ volatile("movl (%1), %k0" : "+a"(val) : "r"(p) : "memory"); break;
    default: __asm__ volatile("movq (%1), %0" : "+a"(val) : "r"(p) : "memory");
    }
    return val;
}

static inline void mmio_write(volatile void *p, unsigned int size, uint64_t val)
{
    switch (size) {
    case 1: __asm__ volatile("movb %b0, (%1)" : : "a"(val), "r"(p) : "memory"); break;
    case 2: __asm__ volatile("movw %w0, (%1)" : : "a"(val), "r"(p) : "memory"); break;
    case 4: __asm__ volatile("movl %k0, (%1)" : : "a"(val), "r"(p) : "memory"); break;
    default: __asm__ volatile("movq %0, (%1)" : : "a"(val), "r"(p) : "memory");
    }
}

#endif
