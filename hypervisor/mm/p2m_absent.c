/* SPDX-License-Identifier: MIT */
/*
 * Absent pages: RAM without a frame. The builder makes them instead of populating; what is never
 * touched costs nothing. A touch gives a page a frame, from the domain's budget (alloc.c). A read
 * by the core needs none, as an absent page is full of zeroes.
 *
 * The other way: a frame full of zeroes can become absent again, since a touch brings back the same
 * contents. Stock Linux fills pages with zeroes before it gives them to its balloon, so much of
 * what a booting guest has touched comes back. Frames that anybody else has a reference on (pinned,
 * granted, mapped) are left alone.
 *
 * Read next: ../guest/fault.c.
 */
#include "core/domain.h"
#include "cpu/softirq.h"
#include "directmap.h"
#include "errors.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/flush.h"
#include "mm/p2m_internal.h"

#define SWEEP_FOUND 32 /* frames for one flush */
#define SWEEP_STEPS 64 /* per hold of the lock */

/* With the lock from the look until the entry is set: what d is owed is counted exactly. */
static int fill(struct domain *d, gfn_t gfn, unsigned int order)
{
    enum p2m_type type;
    unsigned int absent;

    spin_lock_scope(&d->p2m.lock);
    (void)p2m_lookup_locked(d, gfn, &type, &absent);
    if (type != P2M_ABSENT || absent < order)
        return 0;
    mfn_t mfn = alloc_touched(d, order);
    return mfn_valid_number(mfn) ? p2m_fill_locked(d, gfn, mfn, order) : -ENOMEM;
}

int p2m_fill(struct domain *d, gfn_t gfn)
{
    enum p2m_type type;
    unsigned int order;

    (void)p2m_lookup(d, gfn, &type, &order);
    if (type != P2M_ABSENT)
        return 0;
    if (order >= ORDER_2M && alloc_fits(d, 1ull << ORDER_2M)) {
        while (!alloc_prepare(ORDER_2M))
            if (softirq_preempt_pending())
                return -ERESTART;
        int rc = fill(d, gfn, ORDER_2M);
        if (rc != -ENOMEM)
            return rc;
    }
    return fill(d, gfn, ORDER_4K);
}

int p2m_fill_for_write(struct domain *d, gfn_t gfn)
{
    mfn_t mfn = alloc_written(d);

    return mfn_valid_number(mfn) ? p2m_fill_locked(d, gfn, mfn, ORDER_4K) : -ENOMEM;
}

/* --- frames full of zeroes --- */

struct found {
    uint64_t *entry;
    gfn_t gfn;
    mfn_t mfn;
};

static bool is_zero(mfn_t mfn)
{
    const uint64_t *at = mfn_to_virt(mfn), *end = at + PAGE_SIZE / sizeof(*at);

    for (; at < end; at += 8)
        if (READ_ONCE(at[0]) | at[1] | at[2] | at[3] | at[4] | at[5] | at[6] | at[7])
            return false;
    return true;
}

/* Looks at the next frame. True: it is full of zeroes, and split off. */
static bool sweep_one(struct domain *d, struct found *found)
{
    struct p2m *p = &d->p2m;
    gfn_t gfn = GFN(p->sweep_gfn);
    uint64_t *path[TOP_LEVEL + 1];
    unsigned int level = p2m_walk(p, gfn, path);
    bool ram = entry_type(*path[level]) == P2M_RAM;
    uint64_t last = gfn.n | (ram ? 0 : (1ull << LEVEL_ORDER(level)) - 1);
    mfn_t mfn = mfn_add(entry_mfn(*path[level]), gfn.n & ((1ull << LEVEL_ORDER(level)) - 1));

    p->swept += last + 1 - gfn.n;
    p->sweep_gfn = last < p->max_gfn ? last + 1 : 0;
    if (!ram || !p2m_is_unshared(mfn) || !is_zero(mfn))
        return false;
    if (level > 0)
        p2m_split(d, gfn, path);
    *found = (struct found){ path[0], gfn, mfn };
    return true;
}

/* Frees what is still full of zeroes now that no CPU can write to it. Returns how many. */
static unsigned int take_back(struct domain *d, const struct found *found, unsigned int n)
{
    unsigned int taken = 0;
    uint32_t joined = 0;

    for (unsigned int i = 0; i < n; i++)
        p2m_hide(&d->p2m, found[i].entry, found[i].gfn, P2M_ABSENT);
    flush_domain(d);
    for (unsigned int i = 0; i < n; i++) {
        if (is_zero(found[i].mfn)) {
            frame_put(found[i].mfn);
            taken++;
        } else {
            p2m_show(&d->p2m, found[i].entry, found[i].gfn, found[i].mfn);
        }
    }
    d->p2m.zeroes += taken;
    /* the sweep goes upwards, so a region is complete with its last page */
    if (n && found[n - 1].gfn.n % 512 == 511 && p2m_join(&d->p2m, found[n - 1].gfn, &joined))
        flush_domain(d);
    p2m_recycle(&d->p2m, joined);
    return taken;
}

bool p2m_sweep(struct domain *d)
{
    struct p2m *p = &d->p2m;
    struct found found[SWEEP_FOUND];
    unsigned int n = 0;

    spin_lock_scope(&p->lock);
    for (unsigned int i = 0; i < SWEEP_STEPS && n < SWEEP_FOUND && p->swept <= p->max_gfn; i++)
        n += sweep_one(d, &found[n]);
    if (n && take_back(d, found, n))
        p->swept = 0;
    if (p->swept <= p->max_gfn)
        return true;
    p->swept = 0;
    return false;
}
