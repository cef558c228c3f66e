/* SPDX-License-Identifier: MIT */
/*
 * struct domain, the central structure of the core. struct vcpu is in vcpu.h.
 *
 * States: created (paused once), running, shut down (the tools decide what follows) or dying, dead.
 * domain_create builds the domain fully, then inserts it in the list as the step that cannot fail.
 * domain_kill tears it down in batches. The structure is freed with its last reference, when none
 * of its frames is mapped elsewhere.
 */
#ifndef CLV_CORE_DOMAIN_H
#define CLV_CORE_DOMAIN_H

#include "core/evtchn.h"
#include "core/grant.h"
#include "core/ioreq.h"
#include "core/sched.h"
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
    /* set once, before domain_insert() */
    domid_t id;
    bool is_dom0;
    bool hvm; /* a PC: has interrupt controllers, a timer, and devices of device models */
    unsigned int max_vcpus;
    shared_info_t *shared_info; /* a CORE frame */
    mfn_t shared_info_mfn;

    /*
     * Changed under LOCK_DOMCTL. Read under other locks or none, so each is one word (READ_ONCE) or
     * was published before.
     */
    enum domain_dying dying;      /* only increases */
    uint32_t controller_pauses;   /* by domctl pausedomain; never underflows */
    struct vcpu *vcpu[MAX_VCPUS]; /* all allocated by domctl max_vcpus / createdomain */
    /* UUID; protected by `lock` below */
    xen_domain_handle_t handle;

    /* atomic */
    uint32_t refs;             /* domain_get / domain_put */
    uint32_t pause_count;      /* all reasons; the vcpus run only at 0 */
    bool runstate_update_flag; /* vm_assist: mark the runstate area while it is written */

    struct spinlock lock;               /* LOCK_DOMAIN; protects: */
    bool shut_down;                     /* holds a pause; read without the lock */
    uint8_t shutdown_code;              /* SHUTDOWN_*; valid while shut_down */
    uint64_t hvm_params[HVM_NR_PARAMS]; /* read without the lock */
    struct xen_memory_map_entry {
        uint64_t addr, size;
        uint32_t type;
    } __packed_ *memory_map; /* e820 for XENMEM_memory_map */
    uint32_t memory_map_entries;

    /* written with LOCK_DOMCTL */
    uint32_t weight; /* of each vcpu (sched.h) */
    uint32_t cap;    /* of all vcpus together, in percent of a CPU; 0: none */
    struct sched_cap cap_budget;

    /* alloc_lock (mm/alloc.c) */
    uint64_t tot_pages, max_pages;      /* frames owned; limit */
    uint64_t claim, min_pages;          /* promised while it is built; as long as it lives */
    uint64_t owed;                      /* absent pages for which it is promised frames */
    uint64_t claimed;                   /* frames that it lacks of these promises */
    uint64_t page_budget, page_ceiling; /* limit of its growth, 0: none; what it allows now */
    struct {
        uint64_t size, used;
    } pool; /* core frames charged to this domain */

    /* each has its own lock */
    struct p2m p2m;
    struct grant_domain grant;
    struct evtchn_domain evtchn;
    struct ioreq_domain *ioreq; /* device models; NULL unless hvm */
    struct vdev_domain vdev;    /* the emulated machine (vdev/vdev.h) */
    struct timer watchdog[2];   /* SCHEDOP_watchdog; in use while armed */
    struct log_rate log_rate;   /* limits messages by and about the guest (lib/log.c) */

    bool memory_told; /* dom0 knows that a vcpu waits for memory (core/vcpu_memory.c); atomic */

    /* changed under evtchn.lock; read without it only in the guest's own hypercalls */
    /* shared_info and vcpu_info have the layout of a 32-bit guest */
    bool compat;
};

/*
 * Hooks of an upper floor for each domain and vcpu. Registered at boot (boot/wiring.c), called in
 * order of registration. Any function except init_vcpu may be NULL. A domain or vcpu whose
 * initialisation failed is still released and destroyed, so these hooks must cope with missing
 * parts.
 */
struct domain_part {
    int (*init_domain)(struct domain *d);     /* shared_info and the p2m exist */
    void (*destroy_domain)(struct domain *d); /* before the structure is freed */
    int (*init_vcpu)(struct vcpu *v);         /* must undo its work on error */
    void (*release_vcpu)(struct vcpu *v);     /* v never runs again */
    void (*destroy_vcpu)(struct vcpu *v);     /* before the structure is freed */
    void (*dump_vcpu)(struct vcpu *v);        /* prints registers on the console */
};
#define DOMAIN_PARTS_MAX 4
extern const struct domain_part *domain_parts[DOMAIN_PARTS_MAX + 1]; /* NULL after the last */
#define for_each_domain_part(p) \
    for (const struct domain_part *const *p##_at = domain_parts, *p; (p = *p##_at); p##_at++)

/* Returns vcpu `id` of d, or NULL if it does not exist (yet). */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus ? READ_ONCE(d->vcpu[index_nospec(id, d->max_vcpus)]) : NULL;
}

/* *out has no reference for the caller: it stays valid until domain_kill. */
int domain_create(struct xen_domctl_createdomain *config, domid_t id /* DOMID_INVALID: any */,
                  struct domain **out);
int domain_alloc_vcpus(struct domain *d, unsigned int n); /* n: as configured at creation */
/*
 * Sets whether the guest's shared structures have the 32-bit layout. Detected when the kernel maps
 * shared_info, its first such call. The caller then writes the wall clock at its new place
 * (pvclock_update_wallclock).
 */
void domain_set_compat(struct domain *d, bool compat);
/* Kills d. -ERESTART: call again. -EINVAL for dom0. Idempotent. */
int domain_kill(struct domain *d);
/* softirq handler on CPU 0: frees unreferenced domains */
void domain_reap(void);

#endif
