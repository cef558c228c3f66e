/* SPDX-License-Identifier: MIT */
/*
 * The format of entries in AMD's nested page tables (APM vol. 2, 5.3 and 15.25). The p2m type is in
 * bits 52 to 55, which the CPU ignores. Included only by mm/p2m_entry.h, and inline, so that mm/
 * does not call upwards.
 */
#ifndef CLV_SVM_NPT_H
#define CLV_SVM_NPT_H

#include "mm/p2m.h"
#include "types.h"

#define NPT_P (1ull << 0)
#define NPT_W (1ull << 1)
#define NPT_U (1ull << 2) /* guest accesses are user accesses (15.25.5) */
#define NPT_PCD (1ull << 4)
#define NPT_A (1ull << 5) /* accessed and dirty: set by the CPU */
#define NPT_D (1ull << 6)
#define NPT_PS (1ull << 7)
#define NPT_NX (1ull << 63)
#define NPT_ADDRESS 0x000ffffffffff000ull
#define NPT_TYPE_SHIFT 52

/*
 * The rights of each type. PCD selects the PAT's entry 2, UC- (cpu/features.c loads the PAT):
 * uncached, unless the guest's PAT selects write-combining (APM vol. 2, 15.25.8).
 */
static inline uint64_t npt_rights(enum p2m_type type)
{
    static const uint64_t rights[P2M_TYPES] = {
        [P2M_RAM] = NPT_P | NPT_W | NPT_U,
        [P2M_RAM_RO] = NPT_P | NPT_U,
        [P2M_MMIO] = NPT_P | NPT_W | NPT_U | NPT_PCD | NPT_NX,
        [P2M_FOREIGN] = NPT_P | NPT_W | NPT_U | NPT_NX,
        [P2M_GRANT] = NPT_P | NPT_W | NPT_U | NPT_NX,
        [P2M_GRANT_RO] = NPT_P | NPT_U | NPT_NX,
        [P2M_XENPAGE] = NPT_P | NPT_W | NPT_U | NPT_NX,
    };

    return rights[type];
}

static inline bool entry_present(uint64_t e) { return e & NPT_P; }
static inline enum p2m_type entry_type(uint64_t e) { return (e >> NPT_TYPE_SHIFT) & 15; }
static inline mfn_t entry_mfn(uint64_t e) { return paddr_to_mfn(e & NPT_ADDRESS); }

static inline bool entry_is_table(uint64_t e, unsigned int level)
{
    return level > 0 && (e & (NPT_P | NPT_PS)) == NPT_P;
}

/* Returns an entry for 2^(9 * level) frames from mfn on, if the type is present. */
static inline uint64_t entry_make(mfn_t mfn, unsigned int level, enum p2m_type type)
{
    uint64_t e = npt_rights(type) | (uint64_t)type << NPT_TYPE_SHIFT;

    if (e & NPT_P)
        e |= mfn_to_paddr(mfn) | (level > 0 ? NPT_PS : 0);
    return e;
}

static inline uint64_t entry_make_table(mfn_t table)
{
    return mfn_to_paddr(table) | NPT_P | NPT_W | NPT_U;
}

/*
 * Returns part i of a large entry at this level, for the table at the level below that replaces it.
 */
static inline uint64_t entry_part(uint64_t e, unsigned int level, unsigned int i)
{
    if (e & NPT_P)
        e += i * (PAGE_SIZE << 9 * (level - 1));
    return level == 1 ? e & ~NPT_PS : e;
}

/* The large entry at level 1 whose first part is e. */
static inline uint64_t entry_join(uint64_t e) { return e & NPT_P ? e | NPT_PS : e; }

/* What the CPU says about the use of an entry. */
static inline bool entry_accessed(uint64_t e) { return e & NPT_A; }
static inline bool entry_dirty(uint64_t e) { return e & NPT_D; }
static inline uint64_t entry_without_use(uint64_t e) { return e & ~(NPT_A | NPT_D); }
static inline uint64_t entry_with_use(uint64_t e, uint64_t like)
{
    return entry_without_use(e) | (like & (NPT_A | NPT_D));
}

/* True if the type is valid and the CPU's rights match it. */
static inline bool entry_is_valid(uint64_t e)
{
    enum p2m_type type = entry_type(e);

    return type < P2M_TYPES && (e & npt_rights(type)) == npt_rights(type) &&
           (e & NPT_P) == (npt_rights(type) & NPT_P);
}

#endif
