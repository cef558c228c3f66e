/* SPDX-License-Identifier: MIT */
/*
 * The two structures that everything hangs on: a domain and its vcpus.
 *
 * Life of a domain: created (paused once) -> running -> shut down (tools decide) or dying -> dead.
 * domain_create builds fully, then inserts it in the list as the step that cannot fail.
 * domain_kill tears down in batches; the structure is freed with its last reference, when no frame
 * of it is left in anybody's maps.
 */
#ifndef CLV_DOMAIN_H
#define CLV_DOMAIN_H

#include "evtchn.h"
#include "grant.h"
#include "lib.h"
#include "list.h"
#include "p2m.h"
#include "sched.h"
#include "spinlock.h"
#include "hw.h"
#include "time.h"
#include "types.h"
#include "vdev.h"
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
    shared_info_t *shared_info;        /* a CORE frame */
    mfn_t shared_info_mfn;

    /* the list's lock (core/registry.c) */
    struct list link;                  /* by id */
    struct domain *next_by_id;         /* in the chain that a lookup walks */

    /*
     * LOCK_DOMCTL for changes: one operation at a time. Read under other locks or none, so each is one word,
     * or was published before (READ_ONCE).
     */
    enum domain_dying dying;           /* never goes back */
    uint32_t controller_pauses;        /* by domctl pausedomain; unpause must not underflow */
    struct vcpu *vcpu[MAX_VCPUS];      /* all allocated by domctl max_vcpus / createdomain */
    xen_domain_handle_t handle;        /* UUID; a guest that reads its own may see half of a new one */

    /* atomic */
    uint32_t refs;                     /* domain_get / domain_put */
    uint32_t pause_count;              /* all reasons; see sched.h */
    bool runstate_update_flag;         /* vm_assist: runstate says while it is being written */

    struct spinlock lock;              /* LOCK_DOMAIN, for these: */
    bool shut_down;                    /* and paused for that; read without the lock */
    uint8_t shutdown_code;             /* SHUTDOWN_*; valid while shut_down */
    uint64_t hvm_params[HVM_NR_PARAMS]; /* read without the lock */
    struct xen_memory_map_entry {
        uint64_t addr, size;
        uint32_t type;
    } __packed_ *memory_map;           /* e820, as XENMEM_memory_map gives it */
    uint32_t memory_map_entries;

    /* the scheduler's lock */
    uint32_t weight;                   /* of each vcpu (sched.h) */
    uint32_t cap;                      /* of its vcpus together, in percent of a CPU; 0: none */
    nsec_t cap_budget, cap_period_end; /* left in this period, negative: owed */

    /* the allocator's lock (mm/alloc.c) */
    uint64_t tot_pages, max_pages, claimed; /* frames owned; limit; claim left */
    struct { uint64_t size, used; } pool;   /* frames of the core on its account */

    /* each has its own locks */
    struct p2m p2m;
    struct grant_domain grant;
    struct evtchn_domain evtchn;
    struct vdev_domain vdev;           /* what the guest sees of a machine (vdev.h) */
    struct timer watchdog[2];          /* SCHEDOP_watchdog's: in use while armed */
    struct log_rate log_rate;          /* of what it says or does (lib/printk.c) */

    /* evtchn.lock; readers outside of it are the guest's own calls */
    bool compat;                       /* shared_info and vcpu_info have the layout of a 32-bit guest */
};

/*
 * A guest's general registers, in the order of x86's encodings; rax and rsp are in the VMCB
 * (hw.h).
 */
struct guest_regs {
    uint64_t in_vmcb_0, rcx, rdx, rbx, in_vmcb_4, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
};

/*
 * A guest frame that the core keeps mapped (vcpu_info, FIFO pages, runstate by physical address):
 * pinned by a reference (guest_pin, guest.h) until unpinned. va is NULL, or valid until then.
 */
struct guest_pin { mfn_t mfn; void *va; };

struct vcpu {
    /* set once */
    struct domain *d;
    unsigned int id;                   /* in d */
    void *xsave;                       /* FPU state, eagerly switched (cpu/fpu.c) */

    /* its own CPU, or whoever holds it paused (domain_pause_sync) */
    struct guest_regs regs;
    struct hw_vcpu hw;                 /* what depends on the CPU's vendor (hw.h) */
    struct vdev_vcpu vdev;             /* local APIC, MSRs ...; requests are atomic */
    bool initialised;                  /* has register state (boot vcpu, or after INIT/SIPI) */
    gva_t runstate_va;                 /* 0: none; walked at each update (pitfall 8) */
    bool runstate_compat;              /* in the layout of 32-bit guests */
    bool released;                     /* has given back what it ran with (vcpu_release) */

    /* the scheduler's lock */
    struct sched_unit sched;

    /* atomic: what it waits for. Set before pending work is looked at a last time. */
    bool down;                         /* HLT with IF=0, waits for INIT/SIPI; or VCPUOP_down */
    bool blocked;                      /* HLT or poll */
    bool polling;                      /* in SCHEDOP_poll */
    uint64_t wbinvd_cpus;              /* a bit for each CPU that dom0's WBINVD still waits for */

    /* changed under d->lock, once; read by anybody */
    vcpu_info_t *info;                 /* in shared_info, in a pinned guest frame, or no_info: never NULL */
    vcpu_info_t no_info;               /* before one is registered, and at the end: nobody sees its events */
    struct guest_pin info_pin;

    /* each has its own lock */
    struct evtchn_vcpu evtchn;         /* d->evtchn.lock */
    struct timer poll_timer;
    struct timer singleshot;           /* VCPUOP_set_singleshot_timer -> VIRQ_TIMER */
    struct timer periodic;
    nsec_t period;                     /* 0: stopped */
};

/*
 * What an upper floor adds to each domain and vcpu: registered at boot (boot/wiring.c), called in
 * the order of registration. Any function but init_vcpu may be NULL. A domain or vcpu that could
 * not be initialised is released and destroyed all the same, so these must cope with what was
 * never made.
 */
struct domain_part {
    int (*init_domain)(struct domain *d);      /* shared_info and the p2m are there */
    void (*destroy_domain)(struct domain *d);  /* before the structure is freed */
    int (*init_vcpu)(struct vcpu *v);          /* an error leaves nothing behind */
    void (*release_vcpu)(struct vcpu *v);      /* v never runs again */
    void (*destroy_vcpu)(struct vcpu *v);      /* before the structure is freed */
    void (*dump_vcpu)(struct vcpu *v);         /* its registers, on the console */
};
#define DOMAIN_PARTS_MAX 4
extern const struct domain_part *domain_parts[DOMAIN_PARTS_MAX + 1]; /* NULL after the last */
#define for_each_domain_part(p) \
    for (const struct domain_part *const *p##_at = domain_parts, *p; (p = *p##_at); p##_at++)

/* core/registry.c */
void registry_add_part(const struct domain_part *part);
extern struct domain *dom0;
struct domain *domain_get(domid_t id);           /* reference, or NULL */
struct domain *domain_get_next(domid_t first);   /* first domain with id >= first, reference, or NULL */
void domain_put(struct domain *d);
void domain_ref(struct domain *d);               /* another reference by somebody who has one */
/*
 * Inserts d under its id, or under a fresh one for DOMID_INVALID. -EEXIST; -ENOMEM: all ids are in
 * use.
 */
int registry_insert(struct domain *d);
void registry_remove(struct domain *d);          /* also a domain that was never inserted */
struct domain *registry_find_dead(void);         /* a domain without a reference, or NULL */

/*
 * struct domain *domain_scope d = domain_get(id): that reference is dropped where the block ends,
 * whichever way it is left. NULL is fine.
 */
#define domain_scope __attribute__((cleanup(domain_scope_end)))
static inline void domain_scope_end(struct domain **d)
{
    if (*d)
        domain_put(*d);
}

/* Iterates over domains with id >= first; holds a reference during each iteration. */
#define for_each_domain(d) for_each_domain_from(d, 0)
#define for_each_domain_from(d, first) \
    for (struct domain *domain_scope d = domain_get_next(first); d; d = domain_put_get_next(d))
static inline struct domain *domain_put_get_next(struct domain *d)
{
    struct domain *domain_scope put = d;

    return domain_get_next(put->id + 1);
}

/* NULL: there is none (yet). */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus ? READ_ONCE(d->vcpu[index_nospec(id, d->max_vcpus)]) : NULL;
}

/* Each vcpu that has been allocated: those come in order, without holes. */
#define for_each_vcpu(d, v) \
    for (struct vcpu *v = domain_vcpu((d), 0); v; v = domain_vcpu((d), v->id + 1))

/* core/shutdown.c */
/* Pauses nest. _sync also waits until each vcpu has left its CPU: never from one of them. */
void domain_pause(struct domain *d);
void domain_pause_sync(struct domain *d);
void domain_unpause(struct domain *d);
void domain_shutdown(struct domain *d, uint8_t reason);  /* SHUTDOWN_*; dom0: the machine */
void domain_resume(struct domain *d);            /* after suspend was cancelled */
/* The guest did what cannot be handled: prints why (exit, address, registers), shuts down with
 * SHUTDOWN_crash. */
void domain_crash(struct vcpu *v, const char *fmt, ...) format_printf(2, 3);
/*
 * v is off until INIT and SIPI, or VCPUOP_up. When no vcpu of the domain is up, none can start
 * another: the domain has powered off. Linux does that as a PVH guest, which has no ACPI power
 * button: it halts.
 */
void vcpu_stop(struct vcpu *v);

/* core/domain.c */
/* *out comes without a reference: it lives until it is killed. */
int domain_create(struct xen_domctl_createdomain *config, domid_t id /* DOMID_INVALID: a fresh one */,
                  struct domain **out);
int domain_alloc_vcpus(struct domain *d, unsigned int n); /* domctl max_vcpus: as configured */
/*
 * A kernel maps shared_info first of all: by this call it is seen whether it is a 32-bit one. The
 * caller then writes the wall clock at its new place (pvclock_update_wallclock).
 */
void domain_set_compat(struct domain *d, bool compat);
/* 0: gone; -ERESTART: call again. -EINVAL for dom0. Idempotent, resumable. */
int domain_kill(struct domain *d);
void domain_reap(void);                          /* softirq, on CPU 0: frees those without a reference */

/* core/vcpu.c */
struct vcpu *vcpu_create(struct domain *d, unsigned int id);
void vcpu_destroy(struct vcpu *v);
/* v never runs again. None of its timers sets itself anew, so none fires later. */
void vcpu_stop_timers(struct vcpu *v);
/*
 * Gives back what the guest registered (vcpu_info), before its memory goes, and what v ran with: v
 * never runs again, while the structure may stay for long. False: that was done before.
 */
bool vcpu_release(struct vcpu *v);
static inline bool vcpu_runnable(const struct vcpu *v)
{
    return !READ_ONCE(v->blocked) && !READ_ONCE(v->down) && !READ_ONCE(v->d->pause_count) &&
           (v->initialised || v->vdev.sipi_vector >= 0);
}
/*
 * v blocks (HLT, poll) unless work is pending: it is marked first, then looks again (pitfall 2).
 * On v's CPU.
 */
void vcpu_block(struct vcpu *v);
/*
 * Makes a running v leave guest mode soon, so that it looks at its interrupts again; wakes it when
 * blocked.
 */
void vcpu_kick(struct vcpu *v);
/* Ends HLT, poll or wait-for-SIPI, whatever is pending. */
void vcpu_unblock(struct vcpu *v);
/* Something to deliver: interrupt in the local APIC, event upcall not masked, NMI, SIPI. */
bool vcpu_has_pending(struct vcpu *v);
/* An event is pending for v: upcall by whichever way the guest chose, and kick or wake. */
void vcpu_event_upcall(struct vcpu *v);
/* INIT and SIPI from a local APIC (vdev/lapic.c). */
void vcpu_init_received(struct vcpu *v);
void vcpu_sipi_received(struct vcpu *v, uint8_t vector);

/* core/vcpu_info.c */
/* The caller then writes the clock at the new place (pvclock_update). */
int vcpu_register_info(struct vcpu *v, gfn_t gfn, uint32_t offset);

/* core/vcpu_timer.c */
void vcpu_timer_init(struct vcpu *v);
void vcpu_timer_suspend(struct vcpu *v);         /* v leaves its CPU */
void vcpu_timer_resume(struct vcpu *v);          /* v has got a CPU */

/* core/check.c, debug build: walks everything, logs what disagrees, returns how many. */
unsigned int invariants_check(void);

#endif
