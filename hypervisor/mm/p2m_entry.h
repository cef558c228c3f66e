/* SPDX-License-Identifier: MIT */
/*
 * Entries of nested page tables (AMD APM vol. 2, 5.3); for p2m.c and p2m_check.c only.
 */
#ifndef CLV_MM_P2M_ENTRY_H
#define CLV_MM_P2M_ENTRY_H

#include "mm/p2m.h"
#include "types.h"

#define ENTRY_P (1ull << 0)
#define ENTRY_W (1ull << 1)
#define ENTRY_U (1ull << 2) /* guest accesses are user accesses (15.25.5) */
#define ENTRY_PCD (1ull << 4)
#define ENTRY_PS (1ull << 7)
#define ENTRY_NX (1ull << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ull
#define ENTRY_TYPE_SHIFT 52
#define ENTRY_TABLE (ENTRY_P | ENTRY_W | ENTRY_U)

#define TOP_LEVEL 3u
#define LEVEL_ORDER(level) (9 * (level))

static inline enum p2m_type entry_type(uint64_t e) { return (e >> ENTRY_TYPE_SHIFT) & 15; }

static inline mfn_t entry_mfn(uint64_t e) { return paddr_to_mfn(e & ENTRY_ADDRESS); }

static inline bool is_table(uint64_t e, unsigned int level)
{
    return level > 0 && (e & (ENTRY_P | ENTRY_PS)) == ENTRY_P;
}

extern const uint64_t p2m_type_bits[P2M_ABSENT + 1]; /* flags of an entry, by type */

#endif
