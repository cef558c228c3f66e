/* SPDX-License-Identifier: MIT */
/* What the p2m's files share. The lock is held. Nobody else includes it. */
#ifndef CLV_MM_P2M_INTERNAL_H
#define CLV_MM_P2M_INTERNAL_H

#include "mm/p2m.h"
#include "mm/p2m_entry.h"

/*
 * Stores the entries on the path to gfn by level. Returns the level of the last one, which is not a
 * table. An unreachable gfn has a hole at the top level.
 */
unsigned int p2m_walk(const struct p2m *p, gfn_t gfn, uint64_t *path[TOP_LEVEL + 1]);
/* Replaces the 2M entry of RAM or absent pages at path[1] by a table, and sets path[0]. */
void p2m_split(struct domain *d, gfn_t gfn, uint64_t *path[TOP_LEVEL + 1]);
/*
 * Replaces the table that covers gfn by a 2M entry, if its entries are all absent, or map an
 * aligned block of RAM. The table is chained to *joined, for p2m_recycle() after a flush.
 */
bool p2m_join(struct p2m *p, gfn_t gfn, uint32_t *joined);
void p2m_recycle(struct p2m *p, uint32_t joined);
/* Makes an entry of RAM absent or paged, and back. The frame's reference stays. */
void p2m_hide(struct p2m *p, uint64_t *entry, gfn_t gfn, enum p2m_type as);
void p2m_show(struct p2m *p, uint64_t *entry, gfn_t gfn, mfn_t mfn);
/*
 * Gives 2^order frames of d that no p2m maps to a gfn that the caller has just found absent, by an
 * entry of that order at least. On an error the frames are freed.
 */
int must_check p2m_fill_locked(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order);
/* Nobody but the domain uses the frame, and nobody can begin to without the lock. */
static inline bool p2m_is_unshared(mfn_t mfn) { return READ_ONCE(mfn_to_frame(mfn)->count) == 1; }

#endif
