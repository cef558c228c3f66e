/* SPDX-License-Identifier: MIT */
/*
 * Spin locks with a lock order. The core runs with interrupts off from every entry to the next exit
 * (cpu.h says where it opens a window), so there is no irqsave form. Each lock belongs to a class;
 * a CPU may only take a lock whose class is greater than every class that it holds. Two of one
 * class: only through spin_lock_second(), whose caller holds a lock that everybody takes before two
 * of them. The debug build checks this at each acquire and says who holds what; spin_lock_held() is
 * for the asserts of ..._locked functions.
 */
#ifndef CLV_SPINLOCK_H
#define CLV_SPINLOCK_H

#include "types.h"

enum lock_class { /* in the order in which they may be taken */
                  /* one operation at a time that changes a domain; only tried, never waited for */
                  LOCK_DOMCTL = 1,
                  LOCK_DOMLIST, /* the list of domains and their ids */
                  LOCK_DOMAIN,  /* one domain's shutdown state, parameters, memory map */
                  LOCK_GRANT,   /* one domain's grant table, maptrack */
                  LOCK_BIND,    /* event channels are bound and closed one at a time */
                  LOCK_EVTCHN,  /* one domain's ports; two only with LOCK_BIND */
                  LOCK_PCI,     /* dom0's PCI configuration space */
                  LOCK_P2M,     /* one domain's p2m and what it maps; nobody holds two */
                  LOCK_VDEV,    /* one guest's emulated devices */
                  LOCK_SCHED,   /* the run queue, who runs where */
                  LOCK_TIMER,   /* one CPU's timers */
                  LOCK_MEM,     /* the frame allocator */
                  LOCK_HEAP,    /* the small-object heap */
                  LOCK_HW,      /* the host's vectors for message interrupts */
                  LOCK_CONSOLE,
                  LOCK_CLASSES
};

struct spinlock {
    bool taken;
    uint16_t class;
    int16_t cpu;    /* holder, -1 when free (debug build) */
    uint64_t since; /* by the TSC, when it was taken (debug build) */
};

#define SPINLOCK(cls) \
    { \
        .class = (cls), .cpu = -1 \
    }

struct spinlock *spin_lock_as(struct spinlock *l, bool second); /* returns l, for spin_lock_scope */
static inline struct spinlock *spin_lock(struct spinlock *l) { return spin_lock_as(l, false); }
/* of a class held once */
static inline void spin_lock_second(struct spinlock *l) { spin_lock_as(l, true); }
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
/* Takes a lock that is let go where the block ends, whichever way it is left. */
#define spin_lock_scope(l) \
    struct spinlock *spin_scope_ __attribute__((cleanup(spin_scope_end), unused)) = spin_lock(l)
bool spin_lock_held(const struct spinlock *l); /* by this CPU; always true in the release build */
struct cleave_hold;
/* Fills in the longest of a class, and forgets it. -EINVAL: there is no such class. */
int spin_report_hold(struct cleave_hold *hold);

static inline void spin_init(struct spinlock *l, enum lock_class class)
{
    *l = (struct spinlock)SPINLOCK(class);
}

static inline void spin_scope_end(struct spinlock **l) { spin_unlock(*l); }

#endif
