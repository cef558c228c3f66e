/* SPDX-License-Identifier: MIT */
/*
 * Grant tables (<xen/grant_table.h>, version 1): the shared frames, and the use of entries.
 *
 * The granter writes {flags, domid, frame} into a shared entry. The first use checks flags and
 * domid and sets GTF_reading (and GTF_writing) in one compare-and-swap, then resolves the frame and
 * takes a reference. An active entry, private to the core, keeps that frame, even if the guest
 * later changes the shared entry or its p2m. The last use clears the flags and drops the reference.
 * Version 2 and transitive grants are not implemented.
 *
 * Read next: core/grant_map.c, core/grant_copy.c, hypercall/grant_table.c.
 */
#include "core/grant.h"
#include "core/domain.h"
#include "core/domain_registry.h"
#include "core/grant_internal.h"
#include "cpu.h"
#include "cpu/softirq.h"
#include "cpu/watchdog.h"
#include "directmap.h"
#include "errors.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/heap.h"

#define ACTIVE_ORDER 1
_Static_assert(GRANT_ENTRIES * sizeof(struct grant_active) == PAGE_SIZE << ACTIVE_ORDER,
               "active entries");
#define SWAP_TRIES 5
#define CHECK_TRIES 8

static bool in_use(const struct grant_active *a) { return a->readers || a->writers; }

/* --- the table --- */

/* The guest controls their number, so they are charged to its pool. */
static int add_frame(struct domain *d)
{
    mfn_t active = alloc_pool(d, ACTIVE_ORDER), shared = alloc_pool(d, 0);

    if (mfn_valid_number(active) && mfn_valid_number(shared)) {
        d->grant.active[d->grant.frames] = mfn_to_virt(active);
        d->grant.shared[d->grant.frames++] = mfn_to_virt(shared);
        return 0;
    }
    if (mfn_valid_number(active))
        alloc_free_pool(d, active, ACTIVE_ORDER);
    if (mfn_valid_number(shared))
        alloc_free_pool(d, shared, 0);
    return -ENOMEM;
}

int grant_init(struct domain *d, int32_t max_frames, int32_t max_maptrack)
{
    struct grant_domain *g = &d->grant;
    uint32_t maptrack = max_maptrack < 0 ? GRANT_DEFAULT_MAPTRACK : max_maptrack;

    spin_init(&g->lock, LOCK_GRANT);
    g->max_frames = max_frames < 0 ? GRANT_DEFAULT_FRAMES : max_frames;
    if (g->max_frames == 0 || g->max_frames > GRANT_MAX_FRAMES || maptrack > GRANT_MAX_MAPTRACK)
        return -EINVAL;
    g->maptrack_max = maptrack * MAPTRACK_BUCKET;
    g->maptrack_free = MAPTRACK_NONE;
    g->shared = heap_alloc(g->max_frames * sizeof(g->shared[0]));
    g->active = heap_alloc(g->max_frames * sizeof(g->active[0]));
    return g->shared && g->active && add_frame(d) == 0 ? 0 : -ENOMEM;
}

mfn_t grant_shared_frame(struct domain *d, uint32_t idx)
{
    struct grant_domain *g = &d->grant;

    for (;;) {
        spin_lock_scope(&g->lock); /* dropped for each frame, so others can use the table */
        if (idx >= g->max_frames || READ_ONCE(d->dying) != DOMAIN_ALIVE)
            return MFN_NONE;
        if (idx < g->frames)
            return frame_get(virt_to_mfn(g->shared[idx])) ? MFN_NONE : virt_to_mfn(g->shared[idx]);
        if (add_frame(d))
            return MFN_NONE;
    }
}

/* Frees the last frame of the table, with the references of its active entries. */
static void free_frame(struct domain *d)
{
    struct grant_domain *g = &d->grant;
    uint32_t last = --g->frames;

    for (uint32_t n = 0; n < GRANT_ENTRIES; n++)
        if (in_use(&g->active[last][n]))
            frame_put(MFN(g->active[last][n].mfn));
    alloc_free_pool(d, virt_to_mfn(g->active[last]), ACTIVE_ORDER);
    alloc_free_pool(d, virt_to_mfn(g->shared[last]), 0);
}

int grant_free(struct domain *d)
{
    struct grant_domain *g = &d->grant;

    if (!g->max_frames) /* not initialised, or already freed */
        return 0;
    while (g->frames + g->maptrack_size > 0) {
        spin_lock(&g->lock);
        if (g->frames > 0) {
            free_frame(d);
        } else {
            g->maptrack_size = (g->maptrack_size - 1) / MAPTRACK_BUCKET * MAPTRACK_BUCKET;
            alloc_free_pool(d, virt_to_mfn(g->maptrack[g->maptrack_size / MAPTRACK_BUCKET]), 0);
        }
        spin_unlock(&g->lock);
        if (softirq_preempt_pending())
            return -ERESTART;
    }
    g->max_frames = 0; /* later calls return at once */
    heap_free(g->active);
    heap_free(g->shared);
    heap_free(g->maptrack);
    return 0;
}

static grant_entry_v1_t *shared_entry(struct domain *d, uint32_t ref)
{
    ref = (uint32_t)index_nospec(ref, d->grant.frames * GRANT_ENTRIES);
    return (grant_entry_v1_t *)d->grant.shared[ref / GRANT_ENTRIES] + ref % GRANT_ENTRIES;
}

static struct grant_active *active_entry(struct domain *d, uint32_t ref)
{
    ref = (uint32_t)index_nospec(ref, d->grant.frames * GRANT_ENTRIES);
    return d->grant.active[ref / GRANT_ENTRIES] + ref % GRANT_ENTRIES;
}

/* --- using an entry --- */

/*
 * Sets GTF_reading (and GTF_writing) in the shared entry if it permits the access. Its first word
 * has flags in the low half, domid in the high half.
 */
static int16_t mark_shared(grant_entry_v1_t *entry, domid_t user, bool write)
{
    uint32_t *word = (uint32_t *)entry, w = READ_ONCE(*word),
             marks = GTF_reading | (write ? GTF_writing : 0);

    for (int i = 0; i < SWAP_TRIES; i++) {
        if ((w & GTF_type_mask) != GTF_permit_access || (w & GTF_sub_page) || w >> 16 != user ||
            (write && (w & GTF_readonly)))
            return GNTST_general_error;
        if (__atomic_compare_exchange_n(word, &w, w | marks, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return GNTST_okay;
    }
    return GNTST_general_error; /* the granter keeps changing it */
}

/* Clears the flags that no remaining use needs. */
static void unmark_shared(grant_entry_v1_t *entry, const struct grant_active *a)
{
    uint16_t gone = (a->writers ? 0 : GTF_writing) | (in_use(a) ? 0 : GTF_reading);

    __atomic_fetch_and(&entry->flags, (uint16_t)~gone, __ATOMIC_SEQ_CST);
}

int16_t grant_frame(struct domain *d, uint64_t gfn, uint32_t types, mfn_t *mfn)
{
    int rc = p2m_get_frame(d, GFN(gfn), types, mfn);

    if (rc == -ENOENT)
        return GNTST_eagain;
    return rc ? GNTST_bad_page : GNTST_okay;
}

/* Ends a use of an entry. The lock is held. */
static void end_use(struct domain *d, uint32_t ref, bool write)
{
    ASSERT(spin_lock_held(&d->grant.lock));
    struct grant_active *a = active_entry(d, ref);
    uint32_t *uses = write ? &a->writers : &a->readers;

    ASSERT(*uses > 0);
    *uses -= 1;
    unmark_shared(shared_entry(d, ref), a);
    if (!in_use(a))
        frame_put(MFN(a->mfn));
}

int16_t grant_acquire(struct domain *d, uint32_t ref, domid_t user, bool write, mfn_t *mfn)
{
    /* without the lock: an invalid ref must not delay d */
    if (ref >= READ_ONCE(d->grant.frames) * GRANT_ENTRIES)
        return GNTST_bad_gntref;
    spin_lock_scope(&d->grant.lock);
    if (READ_ONCE(d->dying) != DOMAIN_ALIVE)
        return GNTST_bad_domain;
    if (ref >= d->grant.frames * GRANT_ENTRIES)
        return GNTST_bad_gntref;
    grant_entry_v1_t *entry = shared_entry(d, ref);
    struct grant_active *a = active_entry(d, ref);
    if (in_use(a) && a->user != user)
        return GNTST_general_error;
    if (!in_use(a) || (write && !a->writers)) {
        int16_t status = mark_shared(entry, user, write);
        if (status)
            return status;
        /* Frames of other types do not belong to the granter. */
        status =
            grant_frame(d, READ_ONCE(entry->frame), write ? 1u << P2M_RAM : P2M_RAM_TYPES, mfn);
        if (!status && in_use(a)) {
            frame_put(*mfn); /* the first use holds the reference */
            if (mfn->n != a->mfn)
                status = GNTST_bad_page;
        }
        if (status) {
            unmark_shared(entry, a);
            return status;
        }
        a->mfn = mfn->n;
        a->user = user;
    }
    *mfn = MFN(a->mfn);
    *(write ? &a->writers : &a->readers) += 1;
    if (!frame_get(*mfn))
        return GNTST_okay;
    end_use(d, ref, write);
    return GNTST_no_space;
}

void grant_release(struct domain *granter, uint32_t ref, bool write)
{
    spin_lock_scope(&granter->grant.lock);
    if (ref < granter->grant.frames * GRANT_ENTRIES) /* else the table was freed with its domain */
        end_use(granter, ref, write);
}

/* --- dump and check --- */

/* Counts the grants that d maps: those of granter, or all if NULL. */
static uint64_t count_mappings(struct domain *d, const struct domain *granter)
{
    uint64_t n = 0;

    for (uint32_t handle = 0; handle < READ_ONCE(d->grant.maptrack_size);) {
        spin_lock_scope(&d->grant.lock);
        for (uint32_t end = handle + MAPTRACK_BUCKET; handle < end; handle++) {
            const struct grant_mapping *m = grant_mapping_at(d, handle); /* NULL past the last */

            n += m && m->state != MAPPING_FREE && (!granter || m->granter == granter);
        }
    }
    return n;
}

void grant_dump(struct domain *d)
{
    uint64_t mapped = count_mappings(d, NULL);

    spin_lock_scope(&d->grant.lock);
    log_info("d%u: grant table of %u frames (at most %u), maps %lu grants of others\n", d->id,
             d->grant.frames, d->grant.max_frames, mapped);
    for (uint32_t ref = 0; ref < d->grant.frames * GRANT_ENTRIES; ref++) {
        const struct grant_active *a = active_entry(d, ref);
        const grant_entry_v1_t *e = shared_entry(d, ref);

        if (in_use(a))
            log_info("  ref %u: d%u uses frame %x, %u read-only, %u writable; flags %x gfn %x\n",
                     ref, a->user, a->mfn, a->readers, a->writers, e->flags, e->frame);
    }
}

/*
 * Counts uses of d's entries from ref on, within one table frame. Checks that they name d's frames.
 */
static int64_t count_uses(struct domain *d, uint32_t ref, unsigned int *errors)
{
    int64_t n = 0;

    spin_lock_scope(&d->grant.lock);
    for (uint32_t end = MIN(ref + GRANT_ENTRIES, d->grant.frames * GRANT_ENTRIES); ref < end;
         ref++) {
        const struct grant_active *a = active_entry(d, ref);

        if (!in_use(a))
            continue;
        n += (int64_t)a->readers + a->writers;
        if (!mfn_is_ram(MFN(a->mfn)) || mfn_to_frame(MFN(a->mfn))->owner != d) {
            log_err("check: d%u's grant %u is in use, but d%u does not own frame %x\n", d->id, ref,
                    d->id, a->mfn);
            *errors += 1;
        }
    }
    return n;
}

/* Returns the uses of d's entries minus their mappings. Must be 0. */
static int64_t count_excess_uses(struct domain *d, unsigned int *errors)
{
    int64_t n = 0;

    *errors = 0;
    for (uint32_t frame = 0; frame < READ_ONCE(d->grant.frames); frame++) {
        n += count_uses(d, frame * GRANT_ENTRIES, errors);
        watchdog_pause();
    }
    for_each_domain(other)
        n -= count_mappings(other, d);
    return n;
}

/*
 * Operations in progress on other CPUs briefly make uses and mappings differ, so a difference is
 * checked again.
 */
unsigned int grant_check(struct domain *d)
{
    uint64_t mapped = 0, entries = 0;
    unsigned int errors = 0;
    int64_t n = 0;

    for (int i = 0; i < CHECK_TRIES && (i == 0 || n || entries > mapped); i++) {
        cpu_pause(); /* lets an emulator that runs one CPU at a time switch */
        /* skip a freed table */
        n = d->grant.frames ? count_excess_uses(d, &errors) : 0;
        mapped = count_mappings(d, NULL);
        entries = READ_ONCE(d->p2m.pages[P2M_GRANT]) + READ_ONCE(d->p2m.pages[P2M_GRANT_RO]);
    }
    if (n || entries > mapped) {
        log_err("check: d%u's grants have %ld more uses than mappings; its p2m has %lu grant "
                "entries for %lu handles\n",
                d->id, n, entries, mapped);
        errors++;
    }
    return errors;
}
