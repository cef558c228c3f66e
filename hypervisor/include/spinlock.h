/* SPDX-License-Identifier: MIT */
/*
 * Spin locks with a lock order. The core runs with interrupts off from every entry to the next exit
 * (exceptions: cpu.h), so there is no irqsave form. Each lock has a class, and a CPU may only take
 * a lock of a greater class than all that it holds. Two locks of one class are taken only with
 * spin_lock_second(), under a lock that is always taken before two of them. The debug build checks
 * this at each acquire and reports the holders. spin_lock_held() is for assertions in ..._locked
 * functions.
 */
#ifndef CLV_SPINLOCK_H
#define CLV_SPINLOCK_H

#include "types.h"

enum lock_class { /* in lock order */
                  /* serialises operations that change a domain; trylock only */
                  LOCK_DOMCTL = 1,
                  LOCK_DOMLIST, /* the index of domains, and their ids */
                  LOCK_DOMAIN,  /* one domain's shutdown state, parameters, memory map */
                  LOCK_IOREQ,   /* one domain's device models */
                  LOCK_GRANT,   /* one domain's grant table, maptrack */
                  LOCK_BIND,    /* serialises binding and closing of interdomain ports */
                  LOCK_EVTCHN,  /* one domain's ports; two only with LOCK_BIND */
                  LOCK_PCI,     /* dom0's PCI configuration space */
                  LOCK_P2M,     /* one domain's p2m and the frames it maps; never two at once */
                  LOCK_VDEV,    /* one guest's emulated devices */
                  LOCK_SCHED,   /* a group of CPUs: its queue, and each CPU's running vcpu */
                  LOCK_CAP,     /* the budget of a domain's cap */
                  LOCK_TIMER,   /* one CPU's timers */
                  LOCK_MEM,     /* the frame allocator */
                  LOCK_HEAP,    /* the small-object heap */
                  LOCK_HW,      /* host vectors for MSIs */
                  LOCK_CONSOLE,
                  LOCK_CLASSES
};

struct spinlock {
    bool taken;
    uint16_t class;
    int16_t cpu;    /* holder, -1 when free (debug build) */
    uint64_t since; /* TSC at acquire (debug build) */
};

#define SPINLOCK(cls) \
    { \
        .class = (cls), .cpu = -1 \
    }

struct spinlock *spin_lock_as(struct spinlock *l, bool second); /* returns l, for spin_lock_scope */
static inline struct spinlock *spin_lock(struct spinlock *l) { return spin_lock_as(l, false); }
/* l: of a class already held once */
static inline void spin_lock_second(struct spinlock *l) { spin_lock_as(l, true); }
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
/* Takes a lock and releases it at the end of the scope. */
#define spin_lock_scope(l) \
    struct spinlock *spin_scope_ __attribute__((cleanup(spin_scope_end), unused)) = spin_lock(l)
bool spin_lock_held(const struct spinlock *l); /* by this CPU; always true in the release build */
struct cleave_hold;
/* Reports and resets the longest hold of a class. -EINVAL: no such class. */
int spin_report_hold(struct cleave_hold *hold);

static inline void spin_init(struct spinlock *l, enum lock_class class)
{
    *l = (struct spinlock)SPINLOCK(class);
}

static inline void spin_scope_end(struct spinlock **l) { spin_unlock(*l); }

#endif
