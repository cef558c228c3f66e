/* SPDX-License-Identifier: MIT */
/*
 * The p2m: a domain's nested page table (AMD APM vol. 2, 15.25), with four levels and entries of
 * 4K, 2M and 1G. Each entry has a type. An entry without RAM keeps its type in the ignored bits of
 * a non-present entry.
 *
 * References: a RAM entry owns the frame's count of 1. A FOREIGN, GRANT or XENPAGE entry holds an
 * additional reference on the frame, which another domain or the core owns. MMIO holds none. When
 * an entry is removed or narrowed, each CPU that may have run the domain is flushed (flush_domain)
 * before the reference is dropped. An ABSENT entry is RAM that gets a frame, full of zeroes, when
 * it is touched (p2m_absent.c). A PAGED entry is RAM whose contents dom0 keeps (p2m_page.c).
 *
 * Lock: p2m.lock, class LOCK_P2M, protects all entries, counts by type and the parked frames.
 * Functions take it themselves unless named ..._locked. No CPU holds two.
 */
#ifndef CLV_MM_P2M_H
#define CLV_MM_P2M_H

#include "cpumask.h"
#include "errors.h"
#include "mm/frame.h"
#include "list.h"
#include "spinlock.h"
#include "types.h"

struct vcpu;

enum p2m_type {
    P2M_HOLE, /* not mapped; accesses are emulated, or crash the domain */
    P2M_RAM,
    P2M_RAM_RO,  /* readable RAM, write faults (dirty logging, sharing later) */
    P2M_MMIO,    /* a machine address that is not RAM, passed through to dom0 */
    P2M_FOREIGN, /* another domain's frame (XENMAPSPACE_gmfn_foreign, acquire_resource) */
    P2M_GRANT,   /* mapped grant, writable */
    P2M_GRANT_RO,
    P2M_XENPAGE, /* a frame of the core mapped by the guest: shared_info, grant table */
    P2M_ABSENT,  /* RAM without a frame at present */
    P2M_PAGED,   /* the same, whose contents dom0 has taken out and will bring back */
    P2M_TYPES
};

/*
 * Sets of types (1u << type). Hypercalls may write the WRITABLE types, and read the FRAME types, on
 * the guest's behalf.
 */
#define P2M_ANY_TYPE (~0u)
#define P2M_RAM_TYPES (1u << P2M_RAM | 1u << P2M_RAM_RO)
#define P2M_WRITABLE_TYPES (1u << P2M_RAM | 1u << P2M_FOREIGN | 1u << P2M_GRANT | 1u << P2M_XENPAGE)
#define P2M_FRAME_TYPES (P2M_WRITABLE_TYPES | P2M_RAM_TYPES | 1u << P2M_GRANT_RO)

static inline bool p2m_is_ram(enum p2m_type t) { return P2M_RAM_TYPES >> t & 1; }
static inline bool p2m_has_frame(enum p2m_type t) { return P2M_FRAME_TYPES >> t & 1; }
static inline bool p2m_is_writable(enum p2m_type t) { return P2M_WRITABLE_TYPES >> t & 1; }

#define P2M_ASKED 8

struct p2m {
    struct spinlock lock;
    mfn_t root;                /* the nested CR3 */
    uint64_t flush_generation; /* raised by each flush; svm/asid.c checks it at each entry */
    /* CPUs that may hold translations of this domain (atomic) */
    cpumask_t dirty_cpus;
    uint64_t table_pages; /* frames used for tables */
    /* non-MMIO entries above 4K; tables kept to split them (p2m.c) */
    uint64_t large, spares;
    uint32_t spare;            /* chain of these tables */
    uint64_t pages[P2M_TYPES]; /* entries by type, in 4K units (MMIO not counted) */
    uint64_t max_gfn;          /* highest gfn ever set to RAM */
    uint64_t teardown_gfn;     /* where p2m_teardown continues */
    uint64_t parked;           /* number of dom0's parked frames */
    uint64_t filled, zeroes;   /* absent pages filled; frames of zeroes taken back */
    uint64_t sweep_gfn, swept; /* where the search for zeroes goes on; gfns without any */
    struct p2m_sample *sample; /* p2m_sample.c; NULL: none */
    uint64_t asked[P2M_ASKED]; /* paged gfns that others than its vcpus have asked for */
    uint32_t asked_count;
    /* changes to entries and tables; the checker compares it */
    uint64_t changes;
    uint64_t removals[8]; /* removed entries, by low bits of the gfn; starts at 1 */
    /*
     * Frames used recently by guest.c, by level of the guest's table (0: data) and low bits of the
     * gfn. Valid until `removals` of that gfn changes.
     */
    struct p2m_recent {
        uint64_t gfn, removals;
        uint8_t *va;
        bool writable;
    } recent[5][8];
};

int p2m_init(struct domain *d);
/* Empties the p2m in batches. -ERESTART: call again. Tables are freed last. */
int p2m_teardown(struct domain *d);

/*
 * Looks up gfn. MFN_NONE unless it has a frame or is MMIO. *order (may be NULL): size of the
 * mapping that covers it. Takes no reference.
 */
mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order);
/* The same with d->p2m.lock held, which keeps the frame valid. */
mfn_t p2m_lookup_locked(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order);

/*
 * Looks up gfn, which must have one of the types, and takes a reference on its frame; drop it with
 * frame_put(). An absent gfn is filled if P2M_RAM is among the types. -ENOENT: there is no memory
 * for that now, or it is paged, and was asked for: retry. -EINVAL: another type, or too many
 * references.
 */
int must_check p2m_get_frame(struct domain *d, gfn_t gfn, uint32_t types, mfn_t *mfn);

/*
 * Maps 2^order gfns (at most ORDER_1G) to consecutive frames. Replaces only HOLE and ABSENT
 * entries, else returns -EEXIST. -ENOMEM: no memory for a table. -EINVAL: gfn or mfn not aligned to
 * the order, gfn too high, or d is dying. On an error nothing has changed. The caller has taken the
 * references described above; on success they pass to the entries.
 */
int must_check p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
                       enum p2m_type type);
/* Sets one 4K entry. An existing one is removed as by p2m_remove(). */
int must_check p2m_replace(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type);

/*
 * Removes one 4K entry of any type: flushes, then drops its reference. A RAM frame is freed;
 * identity-mapped RAM of dom0 is parked. -ENOENT: nothing is mapped. p2m_remove_types() returns
 * -EINVAL if the entry has none of the types.
 */
int p2m_remove(struct domain *d, gfn_t gfn);
int p2m_remove_types(struct domain *d, gfn_t gfn, uint32_t types);

/*
 * Many removals with one flush. p2m_batch_remove() removes the entry that covers gfn: all of it if
 * it has at most 2^max_order frames, else a part of that size. *order (may be NULL): size of the
 * removed part, or of the hole. -ENOENT: nothing is mapped, -EINVAL: none of the types, -ENOMEM: no
 * memory to split; then nothing has changed. It also finishes a full batch. p2m_batch_finish()
 * flushes, then drops the references. Callers hold no lock of class P2M or above.
 */
struct p2m_batch {
    struct domain *d;
    uint32_t entries, frames; /* removed, but references not dropped yet */
    uint32_t tables;          /* chain of emptied tables */
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
 * Allocates, zeroes and maps frames for 2^order gfns. -ENOMEM, -EEXIST, -EINVAL (as p2m_set):
 * nothing has changed. dom0: unparks the frame of one gfn; -EINVAL if it is not parked, because
 * dom0's RAM is identity-mapped.
 */
int must_check p2m_populate(struct domain *d, gfn_t gfn, unsigned int order);
/* Makes them absent instead, and promises d a frame for each. Not for dom0. */
int must_check p2m_populate_absent(struct domain *d, gfn_t gfn, unsigned int order);

/*
 * p2m_absent.c. p2m_fill() gives an absent gfn a frame, or a whole absent 2M region a block: what a
 * touch does. 0 also if it is not absent any more. -ENOMEM: the budget is used up or no frame is
 * free. -ERESTART: call again. p2m_fill_for_write(): one frame, for a write by the core, which may
 * exceed the budget; the lock is held.
 */
int must_check p2m_fill(struct domain *d, gfn_t gfn);
int must_check p2m_fill_for_write(struct domain *d, gfn_t gfn);
/*
 * Searches a part of d's RAM for frames full of zeroes, and makes them absent. False: has been all
 * round without finding any.
 */
bool p2m_sweep(struct domain *d);

/*
 * p2m_page.c. p2m_page_find() looks from *gfn on for a page that is paged, or for one that was not
 * used since it was last looked at, on whose frame it takes a reference. -ENOENT: there is none.
 * -ERESTART: call again.
 */
int must_check p2m_page_find(struct domain *d, bool paged, uint64_t *gfn, mfn_t *mfn);
/*
 * Makes a page of RAM paged, and frees its frame. None of d's vcpus is on a CPU. -EAGAIN: it has
 * other contents, or others use it. -EINVAL: it is no RAM with a frame.
 */
int must_check p2m_page_evict(struct domain *d, gfn_t gfn, const void *contents);
/*
 * Gives a paged page a frame of d that no p2m maps, with its contents. Wakes who waits. -ENOENT: it
 * is not paged (any more), and the frame was freed.
 */
int must_check p2m_page_fill(struct domain *d, gfn_t gfn, mfn_t mfn);
/* Takes the list of what was asked for. Returns how many. */
unsigned int p2m_page_asked(struct domain *d, uint64_t gfns[P2M_ASKED]);

/* Debug: checks tables against the frame table. Logs and counts mismatches. */
unsigned int p2m_check(struct domain *d);

#endif
