/* SPDX-License-Identifier: MIT */
/*
 * The invariant checker for a p2m. Each entry is valid for its type, the frame table agrees with
 * it, each table counts its entries, and the sums match those of p2m.c.
 *
 * It checks a batch of frames, then lets interrupts and other CPUs in. If the p2m changed
 * meanwhile, it starts over, and gives up after some tries.
 */
#include "core/domain.h"
#include "cpu/watchdog.h"
#include "directmap.h"
#include "lib.h"
#include "mm/frame.h"
#include "mm/p2m.h"
#include "mm/p2m_entry.h"
#include "spinlock.h"

#define BATCH 128u
#define TABLE_COST 128u /* work per table, in frames */
#define TRIES 8
#define GFN_END UINT64_MAX

struct check {
    struct domain *d;
    uint64_t at;         /* next gfn to check */
    unsigned int budget; /* frames, entries and spare tables left in this batch */
    unsigned int errors;
    uint64_t tables, large, pages[P2M_TYPES], spares;
    uint32_t spare; /* the next spare table */
};

static void check_frame(struct check *c, enum p2m_type type, mfn_t m)
{
    const struct frame *f = m.n < frame_count ? mfn_to_frame(m) : NULL;
    bool good = f && f->count > 0 && !(f->state == FRAME_DOMAIN && (f->flags & FRAME_F_PARKED));

    if (good && p2m_is_ram(type))
        good = f->state == FRAME_DOMAIN && f->owner == c->d &&
               (f->gfn == c->at || c->at >= FRAME_GFN_NONE);
    else if (good)
        good = f->state == FRAME_CORE || (f->state == FRAME_DOMAIN && type != P2M_XENPAGE);
    if (!good)
        c->errors +=
            check_failed("d%u's gfn %lx, type %u, has frame %lx of state %u, count %u, gfn %x\n",
                         c->d->id, c->at, type, m.n, f ? f->state : 99, f ? f->count : 0,
                         f ? f->gfn : 0);
}

/* Checks that an entry agrees with the frame table about its frames. */
static void check_leaf(struct check *c, uint64_t gfn, uint64_t e, unsigned int level)
{
    enum p2m_type type = entry_type(e);
    uint64_t count = 1ull << LEVEL_ORDER(level);
    bool bad = !entry_is_valid(e);

    if (bad)
        c->errors += check_failed("d%u's gfn %lx has the entry %lx\n", c->d->id, gfn, e);
    if (!bad && c->at <= gfn && type != P2M_MMIO) {
        c->pages[type] += count;
        c->large += level > 0;
    }
    c->at = MAX(c->at, gfn);
    if (bad || !p2m_has_frame(type)) {
        c->at = gfn + count;
        c->budget--;
    }
    for (; c->at < gfn + count && c->budget > 0; c->at++, c->budget--)
        check_frame(c, type, mfn_add(entry_mfn(e), c->at - gfn));
}

/* Checks the number of used entries of a table against the count in its frame. */
static void check_count(struct check *c, mfn_t table, uint64_t gfn, unsigned int level)
{
    uint32_t used = 1;

    for (unsigned int i = 0; i < 512; i++)
        used += ((uint64_t *)mfn_to_virt(table))[i] != 0;
    if (used != mfn_to_frame(table)->count || mfn_to_frame(table)->state != FRAME_CORE ||
        (used == 1 && level < TOP_LEVEL))
        c->errors +=
            check_failed("d%u's p2m table %lx of level %u for gfn %lx counts %u entries, has %u\n",
                         c->d->id, table.n, level, gfn, mfn_to_frame(table)->count - 1, used - 1);
    c->tables++;
    c->budget -= MIN(c->budget - 1, TABLE_COST); /* each batch must make progress */
}

/*
 * Checks from c->at on; recurses at most four levels deep. Returns false if the budget is used up.
 */
static bool check_table(struct check *c, mfn_t table, uint64_t gfn, unsigned int level)
{
    if (c->at <= gfn)
        check_count(c, table, gfn, level);
    for (unsigned int i = c->at > gfn ? (c->at - gfn) >> LEVEL_ORDER(level) : 0; i < 512; i++) {
        uint64_t e = ((uint64_t *)mfn_to_virt(table))[i],
                 at = gfn + ((uint64_t)i << LEVEL_ORDER(level));

        if (entry_is_table(e, level) && !check_table(c, entry_mfn(e), at, level - 1))
            return false;
        if (e && !entry_is_table(e, level))
            check_leaf(c, at, e, level);
        if (c->budget == 0)
            return false;
    }
    return true;
}

static void check_sums(struct check *c)
{
    const struct p2m *p = &c->d->p2m;

    for (unsigned int t = 0; t < P2M_TYPES; t++)
        if (c->pages[t] != p->pages[t])
            c->errors += check_failed("d%u has %lu p2m entries of type %u, counted %lu\n", c->d->id,
                                      c->pages[t], t, p->pages[t]);
    if (c->tables != p->table_pages || c->large != p->large || c->spares != c->large ||
        c->spares != p->spares || c->tables + c->spares > c->d->pool.used)
        c->errors +=
            check_failed("d%u has %lu p2m tables, counted %lu; %lu large entries, counted %lu; %lu "
                         "spare tables, counted %lu; pool %lu\n",
                         c->d->id, c->tables, p->table_pages, c->large, p->large, c->spares,
                         p->spares, c->d->pool.used);
}

/*
 * Checks another batch. Returns false after the last one, or if something changed since the first.
 */
static bool check_tables(struct check *c, uint64_t changes)
{
    struct p2m *p = &c->d->p2m;

    spin_lock_scope(&p->lock);
    c->budget = BATCH;
    if (p->changes != changes)
        return false;
    if (mfn_valid_number(p->root) && !check_table(c, p->root, 0, TOP_LEVEL))
        return true;
    if (c->spares == 0)
        c->spare = p->spare;
    for (; c->spare && c->budget > 0; c->spares++, c->budget--)
        c->spare = frame_table[c->spare].next;
    if (c->spare)
        return true;
    check_sums(c);
    c->at = GFN_END;
    return false;
}

unsigned int p2m_check(struct domain *d)
{
    struct check c = { .d = d };

    for (unsigned int i = 0; i < TRIES && !c.errors && c.at != GFN_END; i++) {
        uint64_t changes = READ_ONCE(d->p2m.changes);

        c = (struct check){ .d = d };
        while (check_tables(&c, changes))
            watchdog_pause();
    }
    return c.errors;
}
