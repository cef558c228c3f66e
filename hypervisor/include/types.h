/* SPDX-License-Identifier: MIT */
/*
 * Base types. Frame numbers are typed: gfn_t for guest frame numbers, mfn_t for machine frame
 * numbers; mixing them does not compile. Both count 4 KiB frames. Read next: errors.h, cpu.h.
 */
#ifndef CLV_TYPES_H
#define CLV_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t n;
} gfn_t;
typedef struct {
    uint64_t n;
} mfn_t;
typedef uint64_t paddr_t; /* machine physical address, bytes */
typedef uint64_t gpa_t;   /* guest physical address, bytes */
typedef uint64_t gva_t;   /* guest virtual address, bytes */
typedef int64_t nsec_t;   /* nanoseconds since boot */

#define MSEC(x) ((nsec_t)(x)*1000000)
#define USEC(x) ((nsec_t)(x)*1000)
#define SEC(x) ((nsec_t)(x)*1000000000)
#define TIME_NEVER INT64_MAX

#define GFN(x) ((gfn_t){ (x) })
#define MFN(x) ((mfn_t){ (x) })
#define MFN_NONE MFN(~0ull)

#define PAGE_SHIFT 12
#define PAGE_SIZE (1ul << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define ORDER_4K 0
#define ORDER_2M 9
#define ORDER_1G 18

static inline bool mfn_valid_number(mfn_t m) { return m.n != ~0ull; }
static inline paddr_t mfn_to_paddr(mfn_t m) { return m.n << PAGE_SHIFT; }
static inline mfn_t paddr_to_mfn(paddr_t p) { return MFN(p >> PAGE_SHIFT); }
static inline gpa_t gfn_to_gpa(gfn_t g) { return g.n << PAGE_SHIFT; }
static inline gfn_t gpa_to_gfn(gpa_t a) { return GFN(a >> PAGE_SHIFT); }
static inline mfn_t mfn_add(mfn_t m, uint64_t i) { return MFN(m.n + i); }
static inline gfn_t gfn_add(gfn_t g, uint64_t i) { return GFN(g.n + i); }

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ROUND_UP(x, a) (((x) + (a)-1) & ~((__typeof__(x))(a)-1))
#define ROUND_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define noreturn __attribute__((noreturn))
#define must_check __attribute__((warn_unused_result))
#define noinline __attribute__((noinline))
#define format_printf(f, a) __attribute__((format(printf, f, a)))
#define __packed_ __attribute__((packed))

/* One access, neither torn nor repeated by the compiler. Implies no ordering. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/*
 * Returns index, which a guest chose and was checked to be below size. On a mispredicted path with
 * index >= size it returns 0, so no access beyond the array is speculated (Spectre v1).
 */
static inline uint64_t index_nospec(uint64_t index, uint64_t size)
{
    uint64_t mask;

    __asm__ volatile("cmp %2, %1; sbb %0, %0" : "=r"(mask) : "r"(index), "r"(size) : "cc");
    return index & mask;
}

#endif
