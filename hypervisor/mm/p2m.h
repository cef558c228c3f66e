/* SPDX-License-Identifier: MIT */
/*
 * The p2m: a domain's nested page table (AMD APM vol. 2, 15.25), four levels, entries of 4K, 2M and
 * 1G. Each entry has a type; an entry without RAM keeps its type in the ignored bits of a
 * non-present entry.
 *
 * References: a RAM entry owns the frame's count of 1. A FOREIGN, GRANT or XENPAGE entry holds one
 * reference of its own on the frame, whoever owns that (another domain, the core). MMIO holds none.
 * Removing or narrowing an entry flushes each CPU that may have run the domain (flush_domain)
 * before the reference is dropped.
 *
 * Lock: p2m.lock, class LOCK_P2M, protects all entries, counts by type and the parked list.
 * Functions take it themselves unless named ..._locked. Nobody holds two.
 */
#ifndef CLV_MM_P2M_H
#define CLV_MM_P2M_H

#include "errors.h"
#include "mm/frame.h"
#include "list.h"
#include "spinlock.h"
#include "types.h"

struct vcpu;

enum p2m_type {
    P2M_HOLE, /* nothing here; accesses are emulated, or kill */
    P2M_RAM,
    P2M_RAM_RO,  /* readable RAM, write faults (dirty logging, sharing later) */
    P2M_MMIO,    /* a machine address that is not RAM, passed through (dom0) */
    P2M_FOREIGN, /* another domain's frame (XENMAPSPACE_gmfn_foreign, acquire_resource) */
    P2M_GRANT,   /* mapped grant, writable */
    P2M_GRANT_RO,
    P2M_XENPAGE, /* a frame of the core shown to the guest: shared_info, grant table */
    P2M_ABSENT,  /* RAM that has no frame now */
};

/*
 * Sets of types: 1u << type. With a frame that a hypercall may write, or read, on the guest's
 * behalf.
 */
#define P2M_ANY_TYPE (~0u)
#define P2M_RAM_TYPES (1u << P2M_RAM | 1u << P2M_RAM_RO)
#define P2M_WRITABLE_TYPES (1u << P2M_RAM | 1u << P2M_FOREIGN | 1u << P2M_GRANT | 1u << P2M_XENPAGE)
#define P2M_FRAME_TYPES (P2M_WRITABLE_TYPES | P2M_RAM_TYPES | 1u << P2M_GRANT_RO)

static inline bool p2m_is_ram(enum p2m_type t) { return P2M_RAM_TYPES >> t & 1; }
static inline bool p2m_has_frame(enum p2m_type t) { return P2M_FRAME_TYPES >> t & 1; }
static inline bool p2m_is_writable(enum p2m_type t) { return P2M_WRITABLE_TYPES >> t & 1; }

struct p2m {
    struct spinlock lock;
    mfn_t root;                /* the nested CR3 */
    uint64_t flush_generation; /* raised by each flush; svm/asid.c compares it before each entry */
    /* CPUs that may hold translations of this domain (bit mask, atomic) */
    uint64_t dirty_cpus;
    uint64_t table_pages; /* frames used for tables */
    /* entries above 4K that are not MMIO; tables kept to split them (p2m.c) */
    uint64_t large, spares;
    uint32_t spare;                 /* the first of these tables, chained */
    uint64_t pages[P2M_ABSENT + 1]; /* entries by type, in 4K units (MMIO not counted) */
    uint64_t max_gfn;               /* highest gfn ever set to RAM */
    uint64_t teardown_gfn;          /* where p2m_teardown goes on */
    uint64_t parked;                /* dom0's parked frames, count */
    /* of entries and tables, counted: what was seen before is of the past */
    uint64_t changes;
    uint64_t removals[8]; /* of entries, counted, by the low bits of the gfn, from 1 */
    /*
     * Where frames are that guest.c used last, by the level of the guest's table (0: data) and the
     * low bits of the gfn, until something is removed there.
     */
    struct p2m_recent {
        uint64_t gfn, removals;
        uint8_t *va;
        bool writable;
    } recent[5][8];
};

int p2m_init(struct domain *d);
/* Empties the p2m in batches: -ERESTART while there is more, 0 when done; tables are freed last. */
int p2m_teardown(struct domain *d);

/*
 * What is at gfn. MFN_NONE unless it has a frame or is MMIO. *order (may be NULL): of the mapping
 * that covers it. No reference.
 */
mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order);
/* The same with d->p2m.lock held: the frame stays as long as the lock is. */
mfn_t p2m_lookup_locked(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order);

/*
 * The frame at gfn, which must be of one of the types, with a reference taken under the lock; drop
 * it with frame_put. -ENOENT: absent (its frame may come back: retry), -EINVAL: another type, or no
 * more references.
 */
int must_check p2m_get_frame(struct domain *d, gfn_t gfn, uint32_t types, mfn_t *mfn);

/*
 * Sets 2^order entries (at most ORDER_1G) to consecutive frames. Replaces only HOLE and ABSENT
 * entries: -EEXIST otherwise. -ENOMEM: no memory for a table, nothing changed; -EINVAL: gfn or mfn
 * not aligned to the order, gfn too high, or d is dying. References as described above are the
 * caller's to have taken; on success the entry has them.
 */
int must_check p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
                       enum p2m_type type);
/* One 4K entry, instead of whatever is there, which goes as by p2m_remove. */
int must_check p2m_replace(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type);

/*
 * Removes one 4K entry of whatever type: flushes, then drops the reference that the entry held
 * (RAM: the frame goes back; dom0's identity RAM is parked). -ENOENT when nothing is there.
 * p2m_remove_types: only if it is of one of them, else -EINVAL.
 */
int p2m_remove(struct domain *d, gfn_t gfn);
int p2m_remove_types(struct domain *d, gfn_t gfn, uint32_t types);

/*
 * Many removals with one flush. remove takes the entry that covers gfn out, whole if it is at most
 * 2^max_order frames large, else one part of that size; *order (may be NULL): how large it, or the
 * hole, was. -ENOENT: nothing there, -EINVAL: of none of the types, -ENOMEM: no memory to split;
 * then nothing changed. finish flushes, then drops the references. A full batch is finished on the
 * way. No lock of class P2M or above is held by callers.
 */
struct p2m_batch {
    struct domain *d;
    uint32_t entries, frames; /* collected, not yet released */
    uint32_t tables;          /* emptied table frames, chained */
    bool flush;
    struct {
        mfn_t mfn;
        uint8_t order;
    } entry[32];
};
void p2m_batch_init(struct p2m_batch *b, struct domain *d);
int p2m_batch_remove(struct p2m_batch *b, gfn_t gfn, unsigned int max_order, uint32_t types,
                     unsigned int *order);
void p2m_batch_finish(struct p2m_batch *b);

/*
 * Frames for 2^order gfns: allocates, zeroes, maps. -ENOMEM, -EEXIST, -EINVAL (as p2m_set): nothing
 * changed. dom0: takes back the parked frame of one gfn; -EINVAL where there is none, for its RAM
 * is where the machine has it.
 */
int must_check p2m_populate(struct domain *d, gfn_t gfn, unsigned int order);

/* Debug: checks tables against the frame table; logs and counts what disagrees. */
unsigned int p2m_check(struct domain *d);

#endif
