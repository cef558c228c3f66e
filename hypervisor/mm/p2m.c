/* SPDX-License-Identifier: MIT */
/*
 * The p2m: the nested page tables of a domain (AMD APM vol. 2, 15.25 nested paging, 5.3 long-mode
 * tables). p2m.h explains the entry types, references and the lock.
 *
 * An entry keeps its type in bits 52-55, which the walker ignores. An all-zero entry is a hole.
 * Level 0 maps 4K, level 1 2M, level 2 1G. Each table is a CORE frame; its count is the number of
 * nonzero entries plus one. So an emptied table is noticed, and is freed after the same flush as
 * what it mapped. A change never fails half way: all tables that it needs are allocated before the
 * first one is linked.
 *
 * Giving back a page must not need memory, even in the middle of a large entry. So each 2M entry
 * has a spare table, allocated with it, for a later split. Only MMIO entries have none, as they are
 * not removed page by page.
 *
 * Read next: p2m_absent.c, p2m_page.c, flush.c, guest.c; guest/fault.c (faults).
 */
#include "mm/p2m.h"
#include "core/domain.h"
#include "cpu/softirq.h"
#include "directmap.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/flush.h"
#include "mm/p2m_internal.h"
#include "percpu.h"

/* releasing these takes as long as is acceptable without a preemption point */
#define BATCH_FRAMES 256
#define TEARDOWN_STEPS 32
#define GFN_LIMIT (1ull << LEVEL_ORDER(TOP_LEVEL + 1))

static uint64_t *entry_at(mfn_t table, gfn_t gfn, unsigned int level)
{
    return (uint64_t *)mfn_to_virt(table) + ((gfn.n >> LEVEL_ORDER(level)) & 511);
}

/* Returns the frame of an entry's table, which counts its used entries. */
static struct frame *table_of(const uint64_t *entry) { return mfn_to_frame(virt_to_mfn(entry)); }

static void count_pages(struct p2m *p, enum p2m_type type, unsigned int order, int sign)
{
    p->changes++;
    if (type == P2M_HOLE || type == P2M_MMIO)
        return;
    p->pages[type] += sign * (int64_t)(1ull << order);
    p->large += order >= ORDER_2M ? sign : 0;
}

/* --- walking; the lock is held --- */

static bool is_reachable(const struct p2m *p, gfn_t gfn)
{
    return gfn.n < GFN_LIMIT && mfn_valid_number(p->root);
}

unsigned int p2m_walk(const struct p2m *p, gfn_t gfn, uint64_t *path[TOP_LEVEL + 1])
{
    static uint64_t hole;
    unsigned int level = TOP_LEVEL;

    path[level] = is_reachable(p, gfn) ? entry_at(p->root, gfn, level) : &hole;
    for (; entry_is_table(*path[level], level); level--)
        path[level - 1] = entry_at(entry_mfn(*path[level]), gfn, level - 1);
    return level;
}

mfn_t p2m_lookup_locked(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order)
{
    uint64_t *path[TOP_LEVEL + 1];
    unsigned int level = p2m_walk(&d->p2m, gfn, path);
    uint64_t e = *path[level];

    ASSERT(spin_lock_held(&d->p2m.lock));
    if (type)
        *type = entry_type(e);
    if (order)
        *order = LEVEL_ORDER(level);
    return entry_present(e) ? mfn_add(entry_mfn(e), gfn.n & ((1ull << LEVEL_ORDER(level)) - 1))
                            : MFN_NONE;
}

mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order)
{
    spin_lock_scope(&d->p2m.lock);
    return p2m_lookup_locked(d, gfn, type, order);
}

/* Lets dom0 know of a paged page that somebody needs who will retry. The list may be full. */
static void ask_for(struct p2m *p, gfn_t gfn)
{
    for (uint32_t i = 0; i < p->asked_count; i++)
        if (p->asked[i] == gfn.n)
            return;
    if (p->asked_count < P2M_ASKED)
        p->asked[p->asked_count++] = gfn.n;
    softirq_raise(this_cpu()->id, SOFTIRQ_MEMORY);
}

int p2m_get_frame(struct domain *d, gfn_t gfn, uint32_t types, mfn_t *mfn)
{
    enum p2m_type type;

    spin_lock_scope(&d->p2m.lock);
    *mfn = p2m_lookup_locked(d, gfn, &type, NULL);
    if (type == P2M_ABSENT && types & 1u << P2M_RAM) {
        *mfn = alloc_touched(d, ORDER_4K);
        if (!mfn_valid_number(*mfn))
            return -ENOENT;
        int rc = p2m_fill_locked(d, gfn, *mfn, ORDER_4K);
        return rc ? rc : frame_get(*mfn);
    }
    if (type == P2M_PAGED && types & P2M_RAM_TYPES) {
        ask_for(&d->p2m, gfn);
        return -ENOENT;
    }
    return types & 1u << type ? frame_get(*mfn) : -EINVAL;
}

/* --- tables --- */

/* Chains of table frames, linked by next. */
static void push_table(uint32_t *chain, mfn_t m)
{
    mfn_to_frame(m)->next = *chain;
    *chain = m.n;
}

static mfn_t pop_table(uint32_t *chain)
{
    mfn_t m = MFN(*chain);

    *chain = mfn_to_frame(m)->next;
    return m;
}

/* Frees tables that are not linked into a p2m. Tables that were linked must have been flushed. */
static void free_tables(struct domain *d, uint32_t chain)
{
    while (chain)
        alloc_free_pool(d, pop_table(&chain), 0);
}

static int take_tables(struct domain *d, uint64_t n, uint32_t *chain)
{
    *chain = 0;
    while (n-- > 0) {
        mfn_t m = alloc_pool(d, 0);

        if (!mfn_valid_number(m)) {
            free_tables(d, *chain);
            return -ENOMEM;
        }
        push_table(chain, m);
    }
    return 0;
}

/* Moves surplus spare tables to *chain. */
static void trim_spares(struct p2m *p, uint32_t *chain)
{
    for (; p->spares > p->large; p->spares--)
        push_table(chain, pop_table(&p->spare));
}

/* Replaces a hole or a larger mapping by a table. Translations do not change. */
static void insert_table(struct p2m *p, mfn_t table, uint64_t *entry, unsigned int level)
{
    uint64_t old = *entry, *child = mfn_to_virt(table);

    if (old && entry_type(old) != P2M_MMIO)
        p->large--;
    for (unsigned int i = 0; old && i < 512; i++)
        child[i] = entry_part(old, level, i);
    if (old)
        mfn_to_frame(table)->count += 512;
    else
        table_of(entry)->count++;
    p->table_pages++;
    p->changes++;
    WRITE_ONCE(*entry, entry_make_table(table));
}

/*
 * Adds tables from `level`, where a walk ended, down to level `to`, and extends path. Also adds the
 * given number of spare tables. -ENOMEM: nothing changed.
 */
static int add_tables(struct domain *d, gfn_t gfn, uint64_t *path[], unsigned int level,
                      unsigned int to, uint64_t spares)
{
    struct p2m *p = &d->p2m;
    uint64_t e = *path[level];
    /* by one level: only MMIO entries are larger than 2M */
    bool split = level > to && e && entry_type(e) != P2M_MMIO;
    uint32_t chain;

    if (take_tables(d, level - to - split + spares, &chain))
        return -ENOMEM;
    if (split) {
        push_table(&chain, pop_table(&p->spare));
        p->spares--;
    }
    for (; level > to; level--) {
        mfn_t m = pop_table(&chain);

        insert_table(p, m, path[level], level);
        path[level - 1] = entry_at(m, gfn, level - 1);
    }
    for (; chain; p->spares++)
        push_table(&p->spare, pop_table(&chain));
    return 0;
}

void p2m_split(struct domain *d, gfn_t gfn, uint64_t *path[TOP_LEVEL + 1])
{
    BUG_ON(add_tables(d, gfn, path, 1, 0, 0)); /* it has a spare table */
}

bool p2m_join(struct p2m *p, gfn_t gfn, uint32_t *joined)
{
    uint64_t *path[TOP_LEVEL + 1], used = 0;

    if (p2m_walk(p, gfn, path) > 0)
        return false;
    uint64_t *table = entry_at(entry_mfn(*path[1]), GFN(0), 0), large = entry_join(table[0]);
    enum p2m_type type = entry_type(table[0]);
    if (type != P2M_ABSENT && (type != P2M_RAM || entry_mfn(table[0]).n % 512))
        return false;
    for (unsigned int i = 0; i < 512; i++) {
        if (entry_without_use(table[i]) != entry_part(entry_without_use(large), 1, i))
            return false;
        used |= table[i];
    }
    WRITE_ONCE(*path[1], entry_with_use(large, used));
    push_table(joined, frame_to_mfn(table_of(table)));
    p->table_pages--;
    p->large++;
    p->changes++;
    return true;
}

void p2m_recycle(struct p2m *p, uint32_t joined)
{
    for (; joined; p->spares++) {
        mfn_t m = pop_table(&joined);

        mfn_to_frame(m)->count = 1;
        push_table(&p->spare, m);
    }
}

static void clear_entry(uint64_t *entry)
{
    WRITE_ONCE(*entry, 0);
    table_of(entry)->count--;
}

/* Unlinks tables that have become empty, from `level` upwards, and chains them to *retired. */
static void retire_tables(struct p2m *p, uint64_t *path[], unsigned int level, uint32_t *retired)
{
    for (; level < TOP_LEVEL && table_of(path[level])->count == 1; level++) {
        push_table(retired, frame_to_mfn(table_of(path[level])));
        clear_entry(path[level + 1]);
        p->table_pages--;
    }
}

/* --- setting --- */

static void write_entry(struct p2m *p, uint64_t *entry, gfn_t gfn, mfn_t mfn, unsigned int level,
                        enum p2m_type type)
{
    if (*entry)
        count_pages(p, entry_type(*entry), LEVEL_ORDER(level), -1);
    else
        table_of(entry)->count++;
    count_pages(p, type, LEVEL_ORDER(level), 1);
    if (p2m_is_ram(type) || type == P2M_ABSENT)
        p->max_gfn = MAX(p->max_gfn, gfn.n + (1ull << LEVEL_ORDER(level)) - 1);
    if (p2m_is_ram(type) || type == P2M_XENPAGE)
        for (uint64_t i = 0; i < 1ull << LEVEL_ORDER(level); i++)
            mfn_to_frame(mfn_add(mfn, i))->gfn = gfn.n + i < FRAME_GFN_NONE ? gfn.n + i
                                                                            : FRAME_GFN_NONE;
    WRITE_ONCE(*entry, entry_make(mfn, level, type));
}

/*
 * Moves the frame of a removed entry to the batch, until the flush. Exception: dom0's
 * identity-mapped RAM is parked at once (hypervisor/README.md, "dom0's frames").
 */
static void collect_entry(struct p2m_batch *b, gfn_t gfn, uint64_t e, unsigned int level)
{
    uint64_t frames = 1ull << LEVEL_ORDER(level), first = ROUND_DOWN(gfn.n, frames);
    enum p2m_type type = entry_type(e);
    bool parked = b->d->is_dom0 && p2m_is_ram(type) && first == entry_mfn(e).n;

    count_pages(&b->d->p2m, type, LEVEL_ORDER(level), -1);
    for (uint64_t i = 0; i < frames && (p2m_is_ram(type) || type == P2M_XENPAGE); i++) {
        struct frame *f = mfn_to_frame(mfn_add(entry_mfn(e), i));

        if (f->gfn == first + i)
            f->gfn = FRAME_GFN_NONE;
        if (parked)
            f->flags |= FRAME_F_PARKED;
    }
    if (parked) {
        b->d->p2m.parked += frames;
        (void)alloc_recount(b->d, -(int)frames);
    } else if (type == P2M_PAGED) {
        softirq_raise(this_cpu()->id, SOFTIRQ_MEMORY); /* ends the waits for it */
    } else if (p2m_has_frame(type)) {
        b->entry[b->entries].mfn = entry_mfn(e);
        b->entry[b->entries++].order = LEVEL_ORDER(level);
        b->frames += frames;
    }
    b->flush |= entry_present(e);
}

static void bump_removals(struct p2m *p, gfn_t gfn)
{
    p->removals[gfn.n % ARRAY_SIZE(p->removals)]++;
}

/* Makes an entry a hole. Its table stays, even if empty. */
static void remove_entry(struct p2m_batch *b, gfn_t gfn, uint64_t *entry, unsigned int level)
{
    struct p2m *p = &b->d->p2m;

    for (unsigned int i = 0; i < ARRAY_SIZE(p->removals) && level > 0; i++)
        p->removals[i]++;
    bump_removals(p, gfn);
    collect_entry(b, gfn, *entry, level);
    clear_entry(entry);
}

/* A paged entry is not present, but has contents. */
static bool is_taken(uint64_t e) { return entry_present(e) || entry_type(e) == P2M_PAGED; }

/*
 * Sets one large entry, or adjacent entries of one table: of the largest size that fits, or smaller
 * where a table exists. Replaced entries go into the batch; without one the result is -EEXIST.
 */
static int set_locked(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
                      enum p2m_type type, struct p2m_batch *replaced)
{
    uint64_t *path[TOP_LEVEL + 1], address = gfn.n | (type == P2M_ABSENT ? 0 : mfn.n);

    if ((address & ((1ull << order) - 1)) || !is_reachable(&d->p2m, gfn) ||
        READ_ONCE(d->dying) != DOMAIN_ALIVE)
        return -EINVAL;
    unsigned int last = p2m_walk(&d->p2m, gfn, path);
    unsigned int largest = type == P2M_MMIO ? 2 : 1;
    unsigned int level = MIN(order / LEVEL_ORDER(1), MIN(last, largest));
    uint64_t count = 1ull << (order - LEVEL_ORDER(level)), spares = 0;

    if ((is_taken(*path[last]) && !replaced) || count > 512)
        return -EEXIST;
    for (uint64_t i = 0; i < count && last == level; i++)
        if (is_taken(path[level][i]) && !replaced)
            return -EEXIST;
    /* an absent entry has its spare table already */
    for (uint64_t i = 0; i < count && level > 0 && type != P2M_MMIO; i++)
        spares += last > level || !path[level][i];
    if ((last > level || spares) && add_tables(d, gfn, path, last, level, spares))
        return -ENOMEM;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = i << LEVEL_ORDER(level);

        if (replaced && path[level][i])
            remove_entry(replaced, gfn_add(gfn, at), path[level] + i, level);
        write_entry(&d->p2m, path[level] + i, gfn_add(gfn, at), mfn_add(mfn, at), level, type);
    }
    alloc_owe_at_most(d, d->p2m.pages[P2M_ABSENT]);
    uint32_t chain = 0;
    trim_spares(&d->p2m, &chain);
    free_tables(d, chain);
    return 0;
}

int p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
    ASSERT(type != P2M_HOLE && order <= ORDER_1G);
    spin_lock_scope(&d->p2m.lock);
    return set_locked(d, gfn, mfn, order, type, NULL);
}

/* --- removing --- */

static int remove_locked(struct p2m_batch *b, gfn_t gfn, unsigned int max_order, uint32_t types,
                         unsigned int *order)
{
    struct p2m *p = &b->d->p2m;
    uint64_t *path[TOP_LEVEL + 1];
    unsigned int last = p2m_walk(p, gfn, path), level = MIN(last, max_order / LEVEL_ORDER(1));
    uint64_t e = *path[last];

    *order = LEVEL_ORDER(e ? level : last);
    if (!e)
        return -ENOENT;
    if (!(types & (1u << entry_type(e))))
        return -EINVAL;
    if (last > level && add_tables(b->d, gfn, path, last, level, 0))
        return -ENOMEM;
    remove_entry(b, gfn, path[level], level);
    alloc_owe_at_most(b->d, p->pages[P2M_ABSENT]);
    retire_tables(p, path, level, &b->tables);
    trim_spares(p, &b->tables);
    return 0;
}

void p2m_batch_init(struct p2m_batch *b, struct domain *d)
{
    b->d = d;
    b->entries = b->frames = b->tables = 0;
    b->flush = false;
}

int p2m_batch_remove(struct p2m_batch *b, gfn_t gfn, unsigned int max_order, uint32_t types,
                     unsigned int *order)
{
    unsigned int any_order;

    spin_lock(&b->d->p2m.lock);
    int rc = remove_locked(b, gfn, max_order, types, order ? order : &any_order);
    spin_unlock(&b->d->p2m.lock);
    if (b->entries == ARRAY_SIZE(b->entry) || b->frames >= BATCH_FRAMES)
        p2m_batch_finish(b);
    return rc;
}

void p2m_batch_finish(struct p2m_batch *b)
{
    if (b->flush || b->tables)
        flush_domain(b->d);
    for (unsigned int i = 0; i < b->entries; i++)
        frame_put_block(b->entry[i].mfn, b->entry[i].order);
    free_tables(b->d, b->tables);
    p2m_batch_init(b, b->d);
}

int p2m_replace(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    struct p2m_batch batch;

    p2m_batch_init(&batch, d);
    spin_lock(&d->p2m.lock);
    int rc = set_locked(d, gfn, mfn, ORDER_4K, type, &batch);
    spin_unlock(&d->p2m.lock);
    p2m_batch_finish(&batch);
    return rc;
}

int p2m_remove_types(struct domain *d, gfn_t gfn, uint32_t types)
{
    struct p2m_batch batch;

    p2m_batch_init(&batch, d);
    int rc = p2m_batch_remove(&batch, gfn, ORDER_4K, types, NULL);
    p2m_batch_finish(&batch);
    return rc;
}

int p2m_remove(struct domain *d, gfn_t gfn) { return p2m_remove_types(d, gfn, P2M_ANY_TYPE); }

/* --- populating --- */

/* Zeroes and maps the frame at its identity gfn, if it is parked for d. */
static int unpark_frame(struct domain *d, mfn_t mfn)
{
    struct frame *f = mfn.n < frame_count ? mfn_to_frame(mfn) : NULL;

    spin_lock_scope(&d->p2m.lock);
    if (!f || f->state != FRAME_DOMAIN || f->owner != d || !(f->flags & FRAME_F_PARKED))
        return -EINVAL;
    if (alloc_recount(d, 1))
        return -ENOMEM;
    memset(mfn_to_virt(mfn), 0, PAGE_SIZE);
    int rc = set_locked(d, GFN(mfn.n), mfn, ORDER_4K, P2M_RAM, NULL);
    if (rc) {
        (void)alloc_recount(d, -1);
        return rc;
    }
    f->flags &= ~FRAME_F_PARKED;
    d->p2m.parked--;
    return 0;
}

int p2m_populate(struct domain *d, gfn_t gfn, unsigned int order)
{
    if (d->is_dom0)
        return order == ORDER_4K ? unpark_frame(d, MFN(gfn.n)) : -EINVAL;
    mfn_t mfn = alloc_domain(d, order);
    if (!mfn_valid_number(mfn))
        return -ENOMEM;
    int rc = p2m_set(d, gfn, mfn, order, P2M_RAM);
    if (rc)
        alloc_release(mfn, order);
    return rc;
}

/* Joins the entries of the table if all are absent now: what a balloon returns is large again. */
static void join_absent(struct domain *d, gfn_t gfn)
{
    uint64_t *path[TOP_LEVEL + 1];
    uint32_t joined = 0;

    if (p2m_walk(&d->p2m, gfn, path) == 0 && table_of(path[0])->count == 512 + 1 &&
        p2m_join(&d->p2m, gfn, &joined))
        flush_domain(d);
    p2m_recycle(&d->p2m, joined);
}

int p2m_populate_absent(struct domain *d, gfn_t gfn, unsigned int order)
{
    uint64_t pages = 1ull << order;

    spin_lock_scope(&d->p2m.lock);
    int rc = alloc_owe(d, pages);
    if (rc)
        return rc;
    rc = set_locked(d, gfn, MFN(0), order, P2M_ABSENT, NULL);
    if (rc)
        alloc_owe_at_most(d, d->owed - pages);
    else if (order < ORDER_2M)
        join_absent(d, gfn);
    return rc;
}

int p2m_fill_locked(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    int rc = set_locked(d, GFN(ROUND_DOWN(gfn.n, 1ull << order)), mfn, order, P2M_RAM, NULL);

    if (rc)
        alloc_release(mfn, order);
    else
        d->p2m.filled += 1ull << order;
    return rc;
}

void p2m_hide(struct p2m *p, uint64_t *entry, gfn_t gfn, enum p2m_type as)
{
    bump_removals(p, gfn);
    mfn_to_frame(entry_mfn(*entry))->gfn = FRAME_GFN_NONE;
    write_entry(p, entry, gfn, MFN(0), 0, as);
}

void p2m_show(struct p2m *p, uint64_t *entry, gfn_t gfn, mfn_t mfn)
{
    write_entry(p, entry, gfn, mfn, 0, P2M_RAM);
}

/* --- life --- */

int p2m_init(struct domain *d)
{
    spin_init(&d->p2m.lock, LOCK_P2M);
    d->p2m.root = alloc_pool(d, 0);
    if (!mfn_valid_number(d->p2m.root))
        return -ENOMEM;
    d->p2m.table_pages = 1;
    for (unsigned int i = 0; i < ARRAY_SIZE(d->p2m.removals); i++)
        d->p2m.removals[i] = 1;
    return 0;
}

int p2m_teardown(struct domain *d)
{
    struct p2m *p = &d->p2m;
    struct p2m_batch batch;
    unsigned int order, steps = 0;

    ASSERT(READ_ONCE(d->dying) != DOMAIN_ALIVE);
    if (!mfn_valid_number(p->root))
        return 0;
    (void)alloc_claim(d, 0);
    (void)alloc_set_memory(d, 0, 0);
    alloc_owe_at_most(d, 0);
    p2m_batch_init(&batch, d);
    (void)softirq_preempt_pending(); /* starts the time slice */
    while (p->teardown_gfn < GFN_LIMIT) {
        int rc = p2m_batch_remove(&batch, GFN(p->teardown_gfn), ORDER_1G, P2M_ANY_TYPE, &order);

        BUG_ON(rc && rc != -ENOENT);
        p->teardown_gfn = (p->teardown_gfn | ((1ull << order) - 1)) + 1;
        if (++steps % TEARDOWN_STEPS && (rc || order == ORDER_4K))
            continue;
        p2m_batch_finish(&batch);
        if (softirq_preempt_pending())
            return -ERESTART;
    }
    p2m_batch_finish(&batch);
    spin_lock(&p->lock);
    p->table_pages--;
    alloc_free_pool(d, p->root, 0);
    p->root = MFN_NONE;
    spin_unlock(&p->lock);
    return 0;
}
