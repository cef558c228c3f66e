/* SPDX-License-Identifier: MIT */
/*
 * Working sets: which of a random sample of a domain's pages are used, by the accessed and dirty
 * bits that the CPU sets in nested page tables (APM vol. 2, 15.25.5). No fault is taken.
 *
 * Drawing. Each page of RAM with a frame has the same chance, also in a guest that has little of
 * its address range: a table of level 1 is drawn, weighted by its used entries; then one of these
 * entries, which all cover 2 MiB; then one of its 512 pages. What is not RAM is drawn anew.
 *
 * A 2M entry says little about a page, so it is split. Its frames stay, and the entry is joined
 * again at the end of the sample.
 */
#include "mm/p2m_sample.h"
#include "core/domain.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "directmap.h"
#include "errors.h"
#include "lib.h"
#include "mm/flush.h"
#include "mm/heap.h"
#include "mm/p2m_internal.h"

#define TABLES_MAX 256    /* of level 1: the first 256 GiB in use */
#define TRIES_PER_PAGE 64 /* before a guest with little RAM gets a smaller sample */
#define PAGES_HELD 64     /* per hold of the lock */
#define CHANGES_HELD 16   /* splits or joins, about 3,000 instructions each */

struct p2m_sample {
    uint32_t wanted, pages; /* how many to draw; drawn */
    uint32_t tries, splits;
    uint32_t at; /* where a read goes on, and what it has counted */
    uint32_t present, accessed, dirty, joins;
    bool complete;
    uint64_t random;
    nsec_t begun, spent;
    uint32_t gfn[CLEAVE_SAMPLE_MAX];
};

/* --- drawing; the lock is held --- */

struct level1 {
    uint32_t gib;  /* what it maps */
    uint32_t used; /* entries of it and of those before it */
};

/* xorshift64* */
static uint64_t next_random(struct p2m_sample *s)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return s->random * 0x2545f4914f6cdd1dull >> 16;
}

static unsigned int list_level1(const struct p2m *p, struct level1 *list)
{
    const uint64_t *top = mfn_to_virt(p->root);
    uint32_t used = 0;
    unsigned int n = 0;

    for (uint32_t i = 0; i < 512; i++) {
        if (!entry_is_table(top[i], 3))
            continue;
        const uint64_t *table = mfn_to_virt(entry_mfn(top[i]));
        for (uint32_t j = 0; j < 512 && n < TABLES_MAX; j++)
            if (entry_is_table(table[j], 2)) {
                used += mfn_to_frame(entry_mfn(table[j]))->count - 1;
                list[n++] = (struct level1){ i * 512 + j, used };
            }
    }
    return n;
}

/* Returns a random page below a random used entry, RAM or not. */
static gfn_t draw_page(const struct p2m *p, struct p2m_sample *s, const struct level1 *list,
                       unsigned int n)
{
    uint64_t nth = next_random(s) % list[n - 1].used, *path[TOP_LEVEL + 1];
    const struct level1 *l = list;

    while (l->used <= nth)
        l++;
    uint32_t before = l > list ? l[-1].used : 0;
    uint64_t gfn = (uint64_t)l->gib << LEVEL_ORDER(2), i = next_random(s) % 512;
    (void)p2m_walk(p, GFN(gfn), path);
    if (l->used - before >= 64) {
        while (!path[1][i])
            i = next_random(s) % 512;
    } else {
        for (i = 0; !path[1][i] || nth-- > before; i++)
            ;
    }
    return GFN(gfn + (i << LEVEL_ORDER(1)) + next_random(s) % 512);
}

/* Clears the page's bits, if it is RAM. */
static void add_page(struct domain *d, struct p2m_sample *s, gfn_t gfn)
{
    uint64_t *path[TOP_LEVEL + 1];
    unsigned int level = p2m_walk(&d->p2m, gfn, path);

    if (entry_type(*path[level]) != P2M_RAM || gfn.n > UINT32_MAX)
        return;
    if (level > 0) {
        p2m_split(d, gfn, path);
        s->splits++;
    }
    WRITE_ONCE(*path[0], entry_without_use(*path[0]));
    s->gfn[s->pages++] = (uint32_t)gfn.n;
}

/* Draws some pages. Returns false when the sample is complete. */
static bool draw_some(struct domain *d, struct p2m_sample *s)
{
    struct level1 list[TABLES_MAX];
    uint32_t splits = s->splits;

    spin_lock_scope(&d->p2m.lock);
    unsigned int n = mfn_valid_number(d->p2m.root) ? list_level1(&d->p2m, list) : 0;
    if (!n || !list[n - 1].used)
        return false;
    for (unsigned int i = 0; i < PAGES_HELD && s->splits - splits < CHANGES_HELD; i++) {
        if (s->pages == s->wanted || s->tries++ == s->wanted * TRIES_PER_PAGE)
            return false;
        add_page(d, s, draw_page(&d->p2m, s, list, n));
    }
    return true;
}

long p2m_sample_begin(struct domain *d, struct cleave_sample_begin *op)
{
    struct p2m_sample *s = d->p2m.sample;
    nsec_t start = clock_now();

    if (!op->pages || op->pages > CLEAVE_SAMPLE_MAX || d->is_dom0)
        return -EINVAL;
    if (!op->goes_on || !s || s->complete) {
        heap_free(s);
        d->p2m.sample = s = heap_alloc(sizeof(*s));
        if (!s)
            return -ENOMEM;
        s->wanted = op->pages;
        s->random = op->seed * 2 + 1;
    }
    while (draw_some(d, s)) {
        if (!softirq_preempt_pending())
            continue;
        s->spent += clock_now() - start;
        op->goes_on = 1;
        return -ERESTART;
    }
    flush_domain(d);
    s->complete = true;
    s->begun = clock_now();
    op->goes_on = 0;
    op->pages = s->pages;
    op->splits = s->splits;
    op->ns = (uint64_t)(s->spent + s->begun - start);
    s->spent = 0;
    return 0;
}

/* --- reading --- */

static void read_page(const struct p2m *p, struct p2m_sample *s, gfn_t gfn)
{
    uint64_t *path[TOP_LEVEL + 1], e = *path[p2m_walk(p, gfn, path)];

    if (entry_type(e) != P2M_RAM)
        return;
    s->present++;
    s->accessed += entry_accessed(e);
    s->dirty += entry_dirty(e);
}

/* Reads all pages, then joins their regions if the sample ends. Returns false when done. */
static bool read_some(struct domain *d, struct p2m_sample *s, bool end)
{
    struct p2m *p = &d->p2m;
    uint32_t joined = 0, joins = s->joins, steps = s->pages << end;

    spin_lock_scope(&p->lock);
    for (uint32_t n = 0; s->at < steps && n < PAGES_HELD && s->joins - joins < CHANGES_HELD; n++) {
        bool join = s->at >= s->pages;
        gfn_t gfn = GFN(s->gfn[s->at++ - (join ? s->pages : 0)]);

        if (join)
            s->joins += p2m_join(p, gfn, &joined);
        else
            read_page(p, s, gfn);
    }
    if (joined)
        flush_domain(d);
    p2m_recycle(p, joined);
    return s->at < steps;
}

long p2m_sample_read(struct domain *d, struct cleave_sample_read *op)
{
    struct p2m_sample *s = d->p2m.sample;
    nsec_t start = clock_now();

    if (op->end > 1)
        return -EINVAL;
    if (!s || !s->complete)
        return -ENOENT;
    while (read_some(d, s, op->end)) {
        if (!softirq_preempt_pending())
            continue;
        s->spent += clock_now() - start;
        return -ERESTART;
    }
    op->pages = s->present;
    op->accessed = s->accessed;
    op->dirty = s->dirty;
    op->joins = s->joins;
    op->elapsed = (uint64_t)(start - s->begun);
    op->ns = (uint64_t)(s->spent + clock_now() - start);
    s->spent = 0;
    s->at = s->present = s->accessed = s->dirty = 0;
    if (op->end)
        p2m_sample_free(d);
    return 0;
}

void p2m_sample_free(struct domain *d)
{
    heap_free(d->p2m.sample);
    d->p2m.sample = NULL;
}
