/* SPDX-License-Identifier: MIT */
/*
 * The invariant checker's view of a p2m: each entry is one that its type allows, its frames are in the frame
 * table what the type says, tables count their entries, and the sums are those that p2m.c keeps.
 */
#include "directmap.h"
#include "domain.h"
#include "lib.h"
#include "p2m.h"
#include "p2m_entry.h"

struct check {
    struct domain *d;
    unsigned int errors;
    uint64_t tables, large, pages[P2M_ABSENT + 1];
};

/* What an entry says of its frames must agree with the frame table. */
static void check_leaf(struct check *c, uint64_t gfn, uint64_t e, unsigned int level)
{
    enum p2m_type type = entry_type(e);
    uint64_t count = 1ull << LEVEL_ORDER(level);

    if (type > P2M_ABSENT || (e & p2m_type_bits[type]) != p2m_type_bits[type] ||
        (e & ENTRY_P) != (p2m_type_bits[type] & ENTRY_P)) {
        c->errors += check_failed("d%u's gfn %lx has the entry %lx\n", c->d->id, gfn, e);
        return;
    }
    if (type != P2M_MMIO) {
        c->pages[type] += count;
        c->large += level > 0;
    }
    for (uint64_t i = 0; p2m_has_frame(type) && i < count; i++) {
        mfn_t m = mfn_add(entry_mfn(e), i);
        const struct frame *f = m.n < frame_count ? mfn_to_frame(m) : NULL;
        bool good = f && f->count > 0 && !(f->state == FRAME_DOMAIN && (f->flags & FRAME_F_PARKED));

        if (good && p2m_is_ram(type))
            good = f->state == FRAME_DOMAIN && f->owner == c->d &&
                   (f->gfn == gfn + i || gfn + i >= FRAME_GFN_NONE);
        else if (good)
            good = f->state == FRAME_CORE || (f->state == FRAME_DOMAIN && type != P2M_XENPAGE);
        if (!good)
            c->errors += check_failed("d%u's gfn %lx, type %u, has frame %lx of state %u, count %u, gfn %x\n",
                                      c->d->id, gfn + i, type, m.n, f ? f->state : 99, f ? f->count : 0,
                                      f ? f->gfn : 0);
    }
}

/* Four levels deep at most. */
static void check_table(struct check *c, mfn_t table, uint64_t gfn, unsigned int level)
{
    uint32_t used = 1;

    c->tables++;
    for (unsigned int i = 0; i < 512; i++) {
        uint64_t e = ((uint64_t *)mfn_to_virt(table))[i], at = gfn + ((uint64_t)i << LEVEL_ORDER(level));

        used += e != 0;
        if (is_table(e, level))
            check_table(c, entry_mfn(e), at, level - 1);
        else if (e)
            check_leaf(c, at, e, level);
    }
    if (used != mfn_to_frame(table)->count || mfn_to_frame(table)->state != FRAME_CORE ||
        (used == 1 && level < TOP_LEVEL))
        c->errors += check_failed("d%u's p2m table %lx of level %u for gfn %lx counts %u entries, has %u\n",
                                  c->d->id, table.n, level, gfn, mfn_to_frame(table)->count - 1, used - 1);
}

unsigned int p2m_check(struct domain *d)
{
    struct check c = { .d = d };

    spin_lock_scope(&d->p2m.lock);
    if (mfn_valid_number(d->p2m.root))
        check_table(&c, d->p2m.root, 0, TOP_LEVEL);
    for (unsigned int t = 0; t <= P2M_ABSENT; t++)
        if (c.pages[t] != d->p2m.pages[t])
            c.errors += check_failed("d%u has %lu p2m entries of type %u, counted %lu\n", d->id, c.pages[t],
                                     t, d->p2m.pages[t]);
    uint64_t spares = 0;
    for (uint32_t n = d->p2m.spare; n; n = frame_table[n].next)
        spares++;
    if (c.tables != d->p2m.table_pages || c.large != d->p2m.large || spares != c.large ||
        spares != d->p2m.spares || c.tables + spares > d->pool.used)
        c.errors += check_failed("d%u has %lu p2m tables, counted %lu; %lu large entries, counted %lu; %lu "
                                 "spare tables, counted %lu; pool %lu\n", d->id, c.tables,
                                 d->p2m.table_pages, c.large, d->p2m.large, spares, d->p2m.spares,
                                 d->pool.used);
    return c.errors;
}
