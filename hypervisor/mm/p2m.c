/* SPDX-License-Identifier: MIT */
/*
 * The p2m: nested page tables of a domain (AMD APM vol. 2, 15.25 nested paging, 5.3 long-mode tables). p2m.h
 * says what the entry types mean, who holds which reference, and the lock.
 *
 * An entry keeps its type in the bits 52-55 that the walker ignores; all zero is a hole. Level 0 maps 4K, 1
 * 2M, 2 1G. Each table page is a CORE frame whose count is one more than the entries in it that are not zero,
 * so an emptied table is noticed and goes back after the same flush as what it mapped. Changing an entry
 * never fails half way: tables and splits are made before, and those change nothing that a guest could see.
 *
 * Read next: p2m_fault.c (dom0's device memory, faults), guest.c.
 */
#include "alloc.h"
#include "cpu.h"
#include "directmap.h"
#include "domain.h"
#include "lib.h"
#include "p2m.h"
#include "p2m_entry.h"
#include "sched.h"

#define BATCH_FRAMES 256       /* releasing these takes as long as one should without a preemption point */
#define TEARDOWN_STEPS 32
#define GFN_LIMIT (1ull << LEVEL_ORDER(TOP_LEVEL + 1))

/* PWT and PCD select the PAT's entry 3, uncached (cpu/features.c loads the PAT). */
const uint64_t p2m_type_bits[P2M_ABSENT + 1] = {
    [P2M_RAM] = ENTRY_P | ENTRY_W | ENTRY_U,
    [P2M_RAM_RO] = ENTRY_P | ENTRY_U,
    [P2M_MMIO] = ENTRY_P | ENTRY_W | ENTRY_U | ENTRY_PWT | ENTRY_PCD | ENTRY_NX,
    [P2M_FOREIGN] = ENTRY_P | ENTRY_W | ENTRY_U | ENTRY_NX,
    [P2M_GRANT] = ENTRY_P | ENTRY_W | ENTRY_U | ENTRY_NX,
    [P2M_GRANT_RO] = ENTRY_P | ENTRY_U | ENTRY_NX,
    [P2M_XENPAGE] = ENTRY_P | ENTRY_W | ENTRY_U | ENTRY_NX,
    [P2M_ABSENT] = 0,
};

static bool is_free(uint64_t e)
{
    return entry_type(e) == P2M_HOLE || entry_type(e) == P2M_ABSENT;
}

static uint64_t make_entry(mfn_t mfn, unsigned int level, enum p2m_type type)
{
    uint64_t e = p2m_type_bits[type] | ((uint64_t)type << ENTRY_TYPE_SHIFT);

    if (e & ENTRY_P)
        e |= mfn_to_paddr(mfn) | (level > 0 ? ENTRY_PS : 0);
    return e;
}

static uint64_t *entry_at(mfn_t table, gfn_t gfn, unsigned int level)
{
    return (uint64_t *)mfn_to_virt(table) + ((gfn.n >> LEVEL_ORDER(level)) & 511);
}

/* How many entries a table has in use is kept with its frame (see above). */
static struct frame *table_of(const uint64_t *entry)
{
    return mfn_to_frame(virt_to_mfn(entry));
}

static void count_pages(struct p2m *p, enum p2m_type type, unsigned int order, int sign)
{
    if (type != P2M_HOLE && type != P2M_MMIO)
        p->pages[type] += sign * (int64_t)(1ull << order);
}

/* --- walking; the lock is held --- */

/* The entries on the way to gfn, by level; returns the level of the last one, which is no table. */
static unsigned int walk(const struct p2m *p, gfn_t gfn, uint64_t *path[TOP_LEVEL + 1])
{
    mfn_t table = p->root;
    unsigned int level = TOP_LEVEL;

    for (;; level--) {
        path[level] = entry_at(table, gfn, level);
        if (!is_table(*path[level], level))
            return level;
        table = entry_mfn(*path[level]);
    }
}

static bool reachable(const struct p2m *p, gfn_t gfn)
{
    return gfn.n < GFN_LIMIT && mfn_valid_number(p->root);
}

/* The entry that covers gfn, or 0. */
static uint64_t find(const struct p2m *p, gfn_t gfn, unsigned int *level)
{
    mfn_t table = p->root;
    unsigned int l = TOP_LEVEL;
    uint64_t e = 0;

    for (; reachable(p, gfn); table = entry_mfn(e), l--) {
        e = *entry_at(table, gfn, l);
        if (!is_table(e, l))
            break;
    }
    *level = l;
    return e;
}

mfn_t p2m_lookup_locked(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order)
{
    unsigned int level;
    uint64_t e = find(&d->p2m, gfn, &level);

    ASSERT(spin_lock_held(&d->p2m.lock));
    if (type)
        *type = entry_type(e);
    if (order)
        *order = LEVEL_ORDER(level);
    return e & ENTRY_P ? mfn_add(entry_mfn(e), gfn.n & ((1ull << LEVEL_ORDER(level)) - 1)) : MFN_NONE;
}

mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order)
{
    spin_lock_scope(&d->p2m.lock);
    return p2m_lookup_locked(d, gfn, type, order);
}

int p2m_get_frame(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn, enum p2m_type *type)
{
    enum p2m_type t;

    spin_lock_scope(&d->p2m.lock);
    *mfn = p2m_lookup_locked(d, gfn, &t, NULL);
    if (type)
        *type = t;
    if (t == P2M_ABSENT)
        return -ENOENT;
    if (!p2m_has_frame(t))
        return -EINVAL;
    if (write && !p2m_is_writable(t))
        return -EACCES;
    return frame_get_again(*mfn);
}

/* --- making tables, splitting --- */

/* A guest that scatters its pages must not take the machine's memory with tables: 4K mappings need 1/512. */
static bool table_allowed(const struct domain *d)
{
    return d->is_dom0 || d->p2m.table_pages < 256 + d->max_pages / 32;
}

/* Puts a table in the place of a hole or a larger mapping; translations stay what they are. */
static int make_table(struct domain *d, uint64_t *entry, unsigned int level)
{
    uint64_t old = *entry, step = old & ENTRY_P ? PAGE_SIZE << LEVEL_ORDER(level - 1) : 0;
    mfn_t m = table_allowed(d) ? alloc_core(0) : MFN_NONE;
    uint64_t *child;

    if (!mfn_valid_number(m))
        return -ENOMEM;
    child = mfn_to_virt(m);
    if (level == 1)
        old &= ~ENTRY_PS;
    for (unsigned int i = 0; old && i < 512; i++)
        child[i] = old + i * step;
    if (old)
        mfn_to_frame(m)->count += 512;
    else
        table_of(entry)->count++;
    d->p2m.table_pages++;
    WRITE_ONCE(*entry, mfn_to_paddr(m) | ENTRY_TABLE);
    return 0;
}

/* The entry of that level for gfn, with tables made and larger mappings split on the way. */
static int descend(struct domain *d, gfn_t gfn, unsigned int level, uint64_t **entry)
{
    mfn_t table = d->p2m.root;

    for (unsigned int l = TOP_LEVEL;; l--) {
        int rc;

        *entry = entry_at(table, gfn, l);
        if (l == level)
            return 0;
        if (!is_table(**entry, l)) {
            rc = make_table(d, *entry, l);
            if (rc)
                return rc;
        }
        table = entry_mfn(**entry);
    }
}

/*
 * One entry less in this table: if it was the last, the table goes, and so on upwards. Emptied tables are
 * chained to *retired.
 */
static void entry_gone(struct p2m *p, uint64_t *path[], unsigned int level, uint32_t *retired)
{
    for (;; level++) {
        struct frame *f = table_of(path[level]);

        WRITE_ONCE(*path[level], 0);
        if (--f->count > 1 || level == TOP_LEVEL)
            return;
        f->next = *retired;
        *retired = frame_to_mfn(f).n;
        p->table_pages--;
    }
}

/* After the flush. */
static void free_tables(uint32_t retired)
{
    while (retired) {
        mfn_t m = MFN(retired);

        retired = mfn_to_frame(m)->next;
        free_core(m, 0);
    }
}

/* Takes out the tables on the way to gfn that have nothing in them (made for a p2m_set that failed). */
static void prune(struct p2m *p, gfn_t gfn, uint32_t *retired)
{
    uint64_t *path[TOP_LEVEL + 1];
    unsigned int level = walk(p, gfn, path);

    if (level == TOP_LEVEL || *path[level] || table_of(path[level])->count > 1)
        return;
    /* as if its last entry went now */
    table_of(path[level])->count++;
    entry_gone(p, path, level, retired);
}

/* --- setting --- */

/* Whether nothing of the range is mapped. */
static bool range_is_free(const struct p2m *p, gfn_t gfn, uint64_t count)
{
    uint64_t n = gfn.n;

    while (n < gfn.n + count) {
        unsigned int level;

        if (!is_free(find(p, GFN(n), &level)))
            return false;
        n = (n | ((1ull << LEVEL_ORDER(level)) - 1)) + 1;
    }
    return true;
}

/* The largest level at which gfn -> mfn can be one entry. */
static unsigned int best_level(gfn_t gfn, mfn_t mfn, uint64_t count, enum p2m_type type)
{
    uint64_t address = gfn.n | (type == P2M_ABSENT ? 0 : mfn.n);

    for (unsigned int level = cpu_features.pages_1g ? 2 : 1; level > 0; level--)
        if (count >= 1ull << LEVEL_ORDER(level) && !(address & ((1ull << LEVEL_ORDER(level)) - 1)))
            return level;
    return 0;
}

/* The entry to write for gfn, at the best level, or further down where a table is in the way already. */
static int prepare_entry(struct domain *d, gfn_t gfn, mfn_t mfn, uint64_t count, enum p2m_type type,
                         uint64_t **entry, unsigned int *level)
{
    int rc;

    for (*level = best_level(gfn, mfn, count, type);; (*level)--) {
        rc = descend(d, gfn, *level, entry);
        if (rc || !is_table(**entry, *level))
            return rc;
    }
}

static void write_entry(struct p2m *p, uint64_t *entry, gfn_t gfn, mfn_t mfn, unsigned int level,
                        enum p2m_type type)
{
    if (*entry)
        count_pages(p, entry_type(*entry), LEVEL_ORDER(level), -1);
    else
        table_of(entry)->count++;
    count_pages(p, type, LEVEL_ORDER(level), 1);
    if (p2m_is_ram(type))
        p->max_gfn = MAX(p->max_gfn, gfn.n + (1ull << LEVEL_ORDER(level)) - 1);
    if (p2m_is_ram(type) || type == P2M_XENPAGE)
        for (uint64_t i = 0; i < 1ull << LEVEL_ORDER(level); i++)
            mfn_to_frame(mfn_add(mfn, i))->gfn = gfn.n + i < FRAME_GFN_NONE ? gfn.n + i : FRAME_GFN_NONE;
    WRITE_ONCE(*entry, make_entry(mfn, level, type));
}

static int set_locked(struct domain *d, gfn_t gfn, mfn_t mfn, uint64_t count, enum p2m_type type,
                      uint32_t *retired)
{
    uint64_t *path[TOP_LEVEL + 1], *entry, done;
    unsigned int level;

    /* gfn + count cannot wrap: the order is at most 18 */
    if (!reachable(&d->p2m, gfn) || gfn.n + count > GFN_LIMIT || READ_ONCE(d->dying) != DOMAIN_ALIVE)
        return -EINVAL;
    level = walk(&d->p2m, gfn, path);
    if (is_free(*path[level]) && count == 1ull << LEVEL_ORDER(level) &&
        level == best_level(gfn, mfn, count, type)) { /* mostly the one place is there */
        write_entry(&d->p2m, path[level], gfn, mfn, level, type);
        return 0;
    }
    if (!range_is_free(&d->p2m, gfn, count))
        return -EEXIST;
    /* First all that can fail, then the writing. */
    for (done = 0; done < count; done += 1ull << LEVEL_ORDER(level)) {
        int rc = prepare_entry(d, gfn_add(gfn, done), mfn_add(mfn, done), count - done, type, &entry, &level);

        if (!rc)
            continue;
        prune(&d->p2m, gfn_add(gfn, done), retired);
        for (uint64_t i = 0; i < done; i++)
            prune(&d->p2m, gfn_add(gfn, i), retired);
        return rc;
    }
    for (done = 0; done < count; done += 1ull << LEVEL_ORDER(level)) {
        int rc = prepare_entry(d, gfn_add(gfn, done), mfn_add(mfn, done), count - done, type, &entry, &level);

        BUG_ON(rc);
        write_entry(&d->p2m, entry, gfn_add(gfn, done), mfn_add(mfn, done), level, type);
    }
    return 0;
}

static void unlock_and_free(struct domain *d, uint32_t retired)
{
    spin_unlock(&d->p2m.lock);
    if (!retired)
        return;
    tlb_flush_domain(d);
    free_tables(retired);
}

int p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
    uint32_t retired = 0;
    int rc;

    ASSERT(type != P2M_HOLE);
    spin_lock(&d->p2m.lock);
    rc = set_locked(d, gfn, mfn, 1ull << order, type, &retired);
    unlock_and_free(d, retired);
    return rc;
}

/* --- removing --- */

/*
 * dom0's RAM is where the machine has it; what it gives back there is kept for it (hypervisor/README.md,
 * "dom0's frames"). The lock is held.
 */
static bool is_identity_ram(const struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    return d->is_dom0 && p2m_is_ram(type) && gfn.n == mfn.n;
}

/* What the entry held: parked at once, or kept in the batch until the flush. */
static void collect(struct p2m_batch *b, gfn_t gfn, uint64_t e, unsigned int level)
{
    enum p2m_type type = entry_type(e);
    uint64_t frames = 1ull << LEVEL_ORDER(level);

    count_pages(&b->d->p2m, type, LEVEL_ORDER(level), -1);
    gfn.n &= ~(frames - 1);
    if (p2m_is_ram(type) || type == P2M_XENPAGE)
        for (uint64_t i = 0; i < frames; i++)
            if (mfn_to_frame(mfn_add(entry_mfn(e), i))->gfn == gfn.n + i)
                mfn_to_frame(mfn_add(entry_mfn(e), i))->gfn = FRAME_GFN_NONE;
    if (is_identity_ram(b->d, gfn, entry_mfn(e), type)) {
        for (uint64_t i = 0; i < frames; i++)
            mfn_to_frame(mfn_add(entry_mfn(e), i))->flags |= FRAME_F_PARKED;
        b->d->p2m.parked += frames;
        (void)alloc_recount(b->d, -(int)frames);
    } else if (p2m_has_frame(type)) {
        b->entry[b->entries].mfn = entry_mfn(e);
        b->entry[b->entries++].order = LEVEL_ORDER(level);
        b->frames += frames;
    }
    b->flush |= (e & ENTRY_P) != 0;
}

static int remove_locked(struct p2m_batch *b, gfn_t gfn, unsigned int max_order, uint32_t types,
                         mfn_t expected, unsigned int *order)
{
    struct p2m *p = &b->d->p2m;
    uint64_t *path[TOP_LEVEL + 1], *entry, e;
    unsigned int level;

    if (!reachable(p, gfn))
        return -ENOENT;
    level = walk(p, gfn, path);
    e = *path[level];
    if (order)
        *order = LEVEL_ORDER(level);
    if (!e)
        return -ENOENT;
    if (!(types & (1u << entry_type(e))))
        return -EINVAL;
    if (mfn_valid_number(expected) && p2m_lookup_locked(b->d, gfn, NULL, NULL).n != expected.n)
        return -EINVAL;
    if (LEVEL_ORDER(level) > max_order) {
        while (LEVEL_ORDER(level) > max_order)
            level--;
        if (descend(b->d, gfn, level, &entry))
            return -ENOMEM;
        level = walk(p, gfn, path);
        e = *path[level];
    }
    if (level == 0)
        p->recent[gfn.n % ARRAY_SIZE(p->recent)].removals = 0;
    else
        p->removals++;
    collect(b, gfn, e, level);
    entry_gone(p, path, level, &b->tables);
    if (order)
        *order = LEVEL_ORDER(level);
    return 0;
}

void p2m_batch_init(struct p2m_batch *b, struct domain *d)
{
    b->d = d;
    b->entries = b->frames = b->tables = 0;
    b->flush = false;
}

int p2m_batch_remove(struct p2m_batch *b, gfn_t gfn, unsigned int max_order, uint32_t types, mfn_t expected,
                     unsigned int *order)
{
    int rc;

    spin_lock(&b->d->p2m.lock);
    rc = remove_locked(b, gfn, max_order, types, expected, order);
    spin_unlock(&b->d->p2m.lock);
    if (b->entries == ARRAY_SIZE(b->entry) || b->frames >= BATCH_FRAMES)
        p2m_batch_finish(b);
    return rc;
}

void p2m_batch_finish(struct p2m_batch *b)
{
    if (b->flush || b->tables)
        tlb_flush_domain(b->d);
    for (unsigned int i = 0; i < b->entries; i++)
        for (uint64_t n = 0; n < 1ull << b->entry[i].order; n++)
            frame_put(mfn_add(b->entry[i].mfn, n));
    free_tables(b->tables);
    p2m_batch_init(b, b->d);
}

static int remove_one(struct domain *d, gfn_t gfn, uint32_t types, mfn_t expected)
{
    struct p2m_batch batch;
    int rc;

    p2m_batch_init(&batch, d);
    rc = p2m_batch_remove(&batch, gfn, ORDER_4K, types, expected, NULL);
    p2m_batch_finish(&batch);
    return rc;
}

int p2m_remove(struct domain *d, gfn_t gfn)
{
    return remove_one(d, gfn, P2M_ANY_TYPE, MFN_NONE);
}

int p2m_remove_type(struct domain *d, gfn_t gfn, enum p2m_type type, mfn_t expected)
{
    return remove_one(d, gfn, 1u << type, expected);
}

/* --- populating --- */

/* Maps the frame of that number again, all zeroes, if it is parked for d. The lock is held. */
static int unpark_locked(struct domain *d, mfn_t mfn, uint32_t *retired)
{
    struct frame *f;
    int rc;

    if (mfn.n >= frame_count)
        return -EINVAL;
    f = mfn_to_frame(mfn);
    if (f->state != FRAME_DOMAIN || f->owner != d || !(f->flags & FRAME_F_PARKED))
        return -EINVAL;
    rc = alloc_recount(d, 1);
    if (rc)
        return rc;
    memset(mfn_to_virt(mfn), 0, PAGE_SIZE);
    rc = set_locked(d, GFN(mfn.n), mfn, 1, P2M_RAM, retired);
    if (rc) {
        (void)alloc_recount(d, -1);
        return rc;
    }
    f->flags &= ~FRAME_F_PARKED;
    d->p2m.parked--;
    return 0;
}

static int populate_identity(struct domain *d, gfn_t gfn, uint64_t count)
{
    struct p2m_batch batch;
    uint64_t done = 0;
    int rc;

    do {
        uint32_t retired = 0;

        spin_lock(&d->p2m.lock);
        rc = unpark_locked(d, MFN(gfn.n + done), &retired);
        unlock_and_free(d, retired);
    } while (!rc && ++done < count);
    if (!rc)
        return 0;
    p2m_batch_init(&batch, d);
    while (done-- > 0)
        if (p2m_batch_remove(&batch, gfn_add(gfn, done), ORDER_4K, 1u << P2M_RAM, MFN_NONE, NULL))
            log_warn("d%u changed its p2m while a populate of gfn %lx was undone\n", d->id, gfn.n + done);
    p2m_batch_finish(&batch);
    return rc;
}

int p2m_populate(struct domain *d, gfn_t gfn, unsigned int order)
{
    mfn_t mfn;
    int rc;

    if (d->is_dom0)
        return populate_identity(d, gfn, 1ull << order);
    mfn = alloc_domain(d, order);
    if (!mfn_valid_number(mfn))
        return -ENOMEM;
    rc = p2m_set(d, gfn, mfn, order, P2M_RAM);
    if (rc)
        alloc_release(mfn, order);
    return rc;
}

/* --- life --- */

int p2m_init(struct domain *d)
{
    spin_init(&d->p2m.lock, LOCK_P2M);
    d->p2m.root = alloc_core(0);
    if (!mfn_valid_number(d->p2m.root))
        return -ENOMEM;
    d->p2m.table_pages = d->p2m.removals = 1;
    return 0;
}

int p2m_teardown(struct domain *d)
{
    struct p2m *p = &d->p2m;
    struct p2m_batch batch;
    unsigned int order, steps = 0;

    ASSERT(d->dying != DOMAIN_ALIVE);
    if (!mfn_valid_number(p->root))
        return 0;
    (void)alloc_claim(d, 0);
    p2m_batch_init(&batch, d);
    (void)preempt_pending(); /* its clock starts here */
    while (p->teardown_gfn < GFN_LIMIT) {
        int rc = p2m_batch_remove(&batch, GFN(p->teardown_gfn), ORDER_1G, P2M_ANY_TYPE, MFN_NONE, &order);

        BUG_ON(rc && rc != -ENOENT);
        p->teardown_gfn = (p->teardown_gfn | ((1ull << order) - 1)) + 1;
        if (++steps % TEARDOWN_STEPS && (rc || order == ORDER_4K))
            continue;
        p2m_batch_finish(&batch);
        if (preempt_pending())
            return -ERESTART;
    }
    p2m_batch_finish(&batch);
    spin_lock(&p->lock);
    p->table_pages--;
    free_core(p->root, 0);
    p->root = MFN_NONE;
    spin_unlock(&p->lock);
    return 0;
}
