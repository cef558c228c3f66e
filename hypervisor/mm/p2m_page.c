/* SPDX-License-Identifier: MIT */
/*
 * Paged pages: RAM whose contents dom0 keeps, as a last resort for guests that give no memory. The
 * core has the mechanism. Which pages leave, and where to, is dom0's matter.
 *
 * Out, in steps between which dom0 may die: it finds a page that is not in use, copies and stores
 * its contents, and then evicts it. An eviction compares the page with the copy, and refuses if
 * they differ. So it does not matter who writes to pages, and in which way. For the comparison no
 * vcpu of the domain is on a CPU, and nobody else has a reference on the frame.
 *
 * In: dom0 fills a paged page with what it has stored. Until then it has no contents here, so
 * nobody may read it: a vcpu waits in the exit (core/vcpu_memory.c), a mapping or a grant is
 * refused, to be tried again, and dom0 hears of it. A guest that gives a paged page to its balloon
 * drops the contents.
 *
 * A search clears accessed bits. A sample (p2m_sample.c) that is taken meanwhile finds less use.
 *
 * No page becomes paged while a vcpu of its domain is in the core. So in the midst of a hypercall a
 * page that was accessed once stays accessible: results can be written where arguments were read.
 *
 * Read next: ../core/vcpu_memory.c, ../hypercall/page_op.c.
 */
#include "core/domain.h"
#include "cpu/softirq.h"
#include "directmap.h"
#include "errors.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/flush.h"
#include "mm/p2m_internal.h"
#include "percpu.h"

#define STEPS_HELD 64 /* per hold of the lock */
#define SPLITS_HELD 8 /* about 3,000 instructions each */

struct search {
    bool paged, cleared; /* wanted; bits of some page */
    unsigned int splits;
    mfn_t mfn; /* found */
};

/*
 * Whether the page of RAM at path was not used lately. A 2M entry says little about it, so it is
 * split. Others must not use its frame.
 */
static bool is_cold(struct domain *d, gfn_t gfn, uint64_t *path[], unsigned int level,
                    struct search *s)
{
    if (level > 0) {
        p2m_split(d, gfn, path);
        s->splits++;
    }
    s->mfn = entry_mfn(*path[0]);
    if (!entry_accessed(*path[0]))
        return p2m_is_unshared(s->mfn) && !frame_get(s->mfn);
    WRITE_ONCE(*path[0], entry_without_use(*path[0]));
    s->cleared = true;
    return false;
}

/* -EAGAIN: none among those looked at. */
static int search_some(struct domain *d, uint64_t *gfn, struct search *s)
{
    struct p2m *p = &d->p2m;
    uint64_t *path[TOP_LEVEL + 1];

    s->splits = 0;
    spin_lock_scope(&p->lock);
    for (unsigned int i = 0; i < STEPS_HELD && s->splits < SPLITS_HELD; i++) {
        if (*gfn > p->max_gfn)
            return -ENOENT;
        unsigned int level = p2m_walk(p, GFN(*gfn), path);
        enum p2m_type type = entry_type(*path[level]);

        if (type == P2M_PAGED
                ? s->paged
                : type == P2M_RAM && !s->paged && is_cold(d, GFN(*gfn), path, level, s))
            return 0;
        uint64_t step = type == P2M_RAM && !s->paged ? 1 : 1ull << LEVEL_ORDER(level);
        *gfn = ROUND_DOWN(*gfn, step) + step;
    }
    return -EAGAIN;
}

int p2m_page_find(struct domain *d, bool paged, uint64_t *gfn, mfn_t *mfn)
{
    struct search s = { .paged = paged };
    int rc;

    while ((rc = search_some(d, gfn, &s)) == -EAGAIN)
        if (softirq_preempt_pending()) {
            rc = -ERESTART;
            break;
        }
    if (s.cleared)
        flush_domain(d); /* else a CPU would not set the bits again */
    *mfn = s.mfn;
    return rc;
}

int p2m_page_evict(struct domain *d, gfn_t gfn, const void *contents)
{
    uint64_t *path[TOP_LEVEL + 1];

    spin_lock_scope(&d->p2m.lock);
    unsigned int level = p2m_walk(&d->p2m, gfn, path);
    mfn_t mfn = mfn_add(entry_mfn(*path[level]), gfn.n & ((1ull << LEVEL_ORDER(level)) - 1));
    if (entry_type(*path[level]) != P2M_RAM)
        return -EINVAL;
    if (!p2m_is_unshared(mfn) || memcmp(mfn_to_virt(mfn), contents, PAGE_SIZE))
        return -EAGAIN;
    if (level > 0)
        p2m_split(d, gfn, path);
    p2m_hide(&d->p2m, path[0], gfn, P2M_PAGED);
    flush_domain(d);
    frame_put(mfn);
    return 0;
}

int p2m_page_fill(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    uint64_t *path[TOP_LEVEL + 1];

    spin_lock_scope(&d->p2m.lock);
    unsigned int level = p2m_walk(&d->p2m, gfn, path);
    if (entry_type(*path[level]) != P2M_PAGED) {
        alloc_release(mfn, ORDER_4K);
        return -ENOENT;
    }
    p2m_show(&d->p2m, path[level], gfn, mfn);
    softirq_raise(this_cpu()->id, SOFTIRQ_MEMORY);
    return 0;
}

unsigned int p2m_page_asked(struct domain *d, uint64_t gfns[P2M_ASKED])
{
    spin_lock_scope(&d->p2m.lock);
    unsigned int n = d->p2m.asked_count;

    memcpy(gfns, d->p2m.asked, n * sizeof(gfns[0]));
    d->p2m.asked_count = 0;
    return n;
}
