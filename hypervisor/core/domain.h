/* SPDX-License-Identifier: MIT */
/*
 * The two structures that everything hangs on: a domain and its vcpus.
 *
 * Life of a domain: created (paused once) -> running -> shut down (tools decide) or dying -> dead.
 * domain_create builds fully, then inserts it in the list as the step that cannot fail.
 * domain_kill tears down in batches; the structure is freed with its last reference, when no frame
 * of it is left in anybody's maps.
 */
#ifndef CLV_CORE_DOMAIN_H
#define CLV_CORE_DOMAIN_H

#include "core/evtchn.h"
#include "core/grant.h"
#include "cpu/timer.h"
#include "lib.h"
#include "list.h"
#include "mm/owner.h"
#include "mm/p2m.h"
#include "spinlock.h"
#include "types.h"
#include "vdev/vdev.h"
#include "xenpub.h"

struct xen_domctl_createdomain;

#define MAX_VCPUS 128
#define DOMID_DOM0 0

enum domain_dying { DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

struct domain {
    /* set once, before the domain is in the list */
    domid_t id;
    bool is_dom0;
    unsigned int max_vcpus;
    shared_info_t *shared_info; /* a CORE frame */
    mfn_t shared_info_mfn;

    /* the list's lock (core/domain_registry.c) */
    struct list link;          /* by id */
    struct domain *next_by_id; /* in the chain that a lookup walks */

    /*
     * LOCK_DOMCTL for changes: one operation at a time. Read under other locks or none, so each is
     * one word, or was published before (READ_ONCE).
     */
    enum domain_dying dying;      /* never goes back */
    uint32_t controller_pauses;   /* by domctl pausedomain; unpause must not underflow */
    struct vcpu *vcpu[MAX_VCPUS]; /* all allocated by domctl max_vcpus / createdomain */
    /* UUID; a guest that reads its own may see half of a new one */
    xen_domain_handle_t handle;

    /* atomic */
    uint32_t refs;             /* domain_get / domain_put */
    uint32_t pause_count;      /* all reasons; see sched.h */
    bool runstate_update_flag; /* vm_assist: runstate says while it is being written */

    struct spinlock lock;               /* LOCK_DOMAIN, for these: */
    bool shut_down;                     /* and paused for that; read without the lock */
    uint8_t shutdown_code;              /* SHUTDOWN_*; valid while shut_down */
    uint64_t hvm_params[HVM_NR_PARAMS]; /* read without the lock */
    struct xen_memory_map_entry {
        uint64_t addr, size;
        uint32_t type;
    } __packed_ *memory_map; /* e820, as XENMEM_memory_map gives it */
    uint32_t memory_map_entries;

    /* the scheduler's lock */
    uint32_t weight;                   /* of each vcpu (sched.h) */
    uint32_t cap;                      /* of its vcpus together, in percent of a CPU; 0: none */
    nsec_t cap_budget, cap_period_end; /* left in this period, negative: owed */

    /* the allocator's lock (mm/alloc.c) */
    uint64_t tot_pages, max_pages, claimed; /* frames owned; limit; claim left */
    struct {
        uint64_t size, used;
    } pool; /* frames of the core on its account */

    /* each has its own locks */
    struct p2m p2m;
    struct grant_domain grant;
    struct evtchn_domain evtchn;
    struct vdev_domain vdev;  /* what the guest sees of a machine (vdev.h) */
    struct timer watchdog[2]; /* SCHEDOP_watchdog's: in use while armed */
    struct log_rate log_rate; /* of what it says or does (lib/log.c) */

    /* evtchn.lock; readers outside of it are the guest's own calls */
    /* shared_info and vcpu_info have the layout of a 32-bit guest */
    bool compat;
};

/*
 * What an upper floor adds to each domain and vcpu: registered at boot (boot/wiring.c), called in
 * the order of registration. Any function but init_vcpu may be NULL. A domain or vcpu that could
 * not be initialised is released and destroyed all the same, so these must cope with what was
 * never made.
 */
struct domain_part {
    int (*init_domain)(struct domain *d);     /* shared_info and the p2m are there */
    void (*destroy_domain)(struct domain *d); /* before the structure is freed */
    int (*init_vcpu)(struct vcpu *v);         /* an error leaves nothing behind */
    void (*release_vcpu)(struct vcpu *v);     /* v never runs again */
    void (*destroy_vcpu)(struct vcpu *v);     /* before the structure is freed */
    void (*dump_vcpu)(struct vcpu *v);        /* its registers, on the console */
};
#define DOMAIN_PARTS_MAX 4
extern const struct domain_part *domain_parts[DOMAIN_PARTS_MAX + 1]; /* NULL after the last */
#define for_each_domain_part(p) \
    for (const struct domain_part *const *p##_at = domain_parts, *p; (p = *p##_at); p##_at++)

/* NULL: there is none (yet). */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus ? READ_ONCE(d->vcpu[index_nospec(id, d->max_vcpus)]) : NULL;
}

/* *out comes without a reference: it lives until it is killed. */
int domain_create(struct xen_domctl_createdomain *config,
                  domid_t id /* DOMID_INVALID: a fresh one */, struct domain **out);
int domain_alloc_vcpus(struct domain *d, unsigned int n); /* domctl max_vcpus: as configured */
/*
 * A kernel maps shared_info first of all: by this call it is seen whether it is a 32-bit one. The
 * caller then writes the wall clock at its new place (pvclock_update_wallclock).
 */
void domain_set_compat(struct domain *d, bool compat);
/* 0: gone; -ERESTART: call again. -EINVAL for dom0. Idempotent, resumable. */
int domain_kill(struct domain *d);
/* softirq, on CPU 0: frees those without a reference */
void domain_reap(void);

#endif
