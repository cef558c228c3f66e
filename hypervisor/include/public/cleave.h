/* SPDX-License-Identifier: MIT */
/*
 * Cleave's hypercall, for dom0 only: number CLEAVE_HYPERCALL (reserved for the architecture by
 * Xen's ABI and unused on x86), with one argument, the address of a struct cleave_op. Xen returns
 * -ENOSYS, by which a tool can tell the two apart.
 */
#ifndef CLEAVE_PUBLIC_H
#define CLEAVE_PUBLIC_H

#include <stdint.h>

#define CLEAVE_HYPERCALL 55 /* __HYPERVISOR_arch_7 */
#define CLEAVE_INTERFACE_VERSION 1

/* Does nothing. Success identifies Cleave. */
#define CLEAVE_OP_probe 1

/* Checks frames, owners, counts, p2m, ports and grants. Violations are logged (`xl dmesg`). */
#define CLEAVE_OP_check 2
struct cleave_check {
    uint32_t violations; /* OUT */
};

/*
 * The longest time without interrupts since the last query, and the exit that began it. 0 ticks in
 * the release build.
 */
#define CLEAVE_OP_stretch 3
struct cleave_stretch {
    uint64_t ticks; /* TSC ticks */
    uint64_t exit_code, rax, rdi;
    uint16_t domain; /* DOMID_IDLE: no exit */
    uint16_t checks; /* by the watchdog since the last query; in both builds */
    uint16_t missed; /* maximum of consecutive checks in which a CPU made no progress */
    uint16_t pad;
};

/*
 * The longest hold of a lock of one class since the last query for it, and where it was released. 0
 * ticks in the release build. -EINVAL: no such class.
 */
#define CLEAVE_OP_hold 4
struct cleave_hold {
    uint32_t lock; /* IN: classes are numbered from 1, in lock order */
    uint32_t pad;
    uint64_t ticks;  /* OUT: TSC ticks */
    uint64_t caller; /* OUT: address in the core */
    char name[8];    /* OUT: name of the class */
};

/*
 * Tables of slots: a vcpu runs in its slots of each cycle if it can, whatever others want. Time
 * that is in no slot, or not used, goes to all vcpus by weight. The cycles of all CPUs have the
 * same length and begin at the same time. A new set of tables is staged, by one tool at a time:
 * begin, then add for each CPU that has slots, then commit. It takes effect for all CPUs at the end
 * of the current cycle. A call that fails ends the stage, and the tables in effect stay.
 */
#define CLEAVE_SLOTS_MAX 1024 /* of a CPU */
#define CLEAVE_SLOTS_BATCH 64 /* of one call */

struct cleave_slot {
    uint16_t domain, vcpu;
    uint32_t start, end; /* ns from the cycle's begin; the vcpu runs in [start, end) */
};

/*
 * -EINVAL: the period is neither 0 (no slots at all) nor from 1 ms to 1 s. -EBUSY: the tables that
 * were committed last are not in effect yet.
 */
#define CLEAVE_OP_table_begin 5
struct cleave_table_begin {
    uint32_t period; /* IN: length of a cycle, ns */
    uint32_t stage;  /* OUT: for the calls that follow */
};

/*
 * -ENOENT: this stage is over. -ESRCH: no such vcpu. -EINVAL: no such CPU; a slot is empty, outside
 * the cycle, or begins before the end of the one before it. -E2BIG: too many slots.
 */
#define CLEAVE_OP_table_add 6
struct cleave_table_add {
    uint32_t stage, cpu;
    uint32_t count, pad;
    uint64_t slots; /* address of struct cleave_slot[count], sorted, behind those added before */
};

/* -ENOENT: this stage is over. */
#define CLEAVE_OP_table_commit 7
struct cleave_table_commit {
    uint32_t stage, pad;
    uint64_t cookie; /* reported by CLEAVE_OP_table */
};

/* Describes the tables in effect, or those committed. */
#define CLEAVE_OP_table 8
struct cleave_table {
    uint64_t cookie;
    uint32_t period;  /* 0: no slots */
    uint32_t slots;   /* of all CPUs */
    uint32_t pending; /* 1: they take effect when the current cycle ends */
    uint32_t pad;
};

/* Limits the run time of a vcpu in each 10 ms, beside its domain's cap. -EINVAL: above 10 ms. */
#define CLEAVE_OP_limit 9
struct cleave_limit {
    uint16_t domain, vcpu;
    uint32_t limit; /* ns; 0: no limit */
    uint32_t pad[2];
};

/* The time of a vcpu since it was created. */
#define CLEAVE_OP_time 10
struct cleave_time {
    uint16_t domain, vcpu; /* IN */
    uint16_t reset;        /* IN: 1: longest_wait begins again */
    uint16_t state;        /* RUNSTATE_* */
    uint64_t time[4];      /* ns in each RUNSTATE_*: running, runnable, blocked, offline */
    uint64_t slot_time;    /* part of running: in its slots */
    uint64_t longest_wait; /* runnable without a CPU, in one piece, since it began; ns */
    uint64_t limit;        /* ns in each 10 ms; 0: none */
    uint64_t now;          /* ns since boot */
};

/*
 * A trace: each CPU records events in a ring of its own, until a reader takes them. Records that
 * find the ring full are lost, and counted. There is one trace at a time. A start while one goes on
 * replaces it: so a tool that was killed leaves nothing that hinders the next one.
 */
#define CLEAVE_TRACE_RECORDS_MIN 64u
#define CLEAVE_TRACE_RECORDS_MAX 16384u /* of a CPU: 512 KiB */
#define CLEAVE_TRACE_BATCH 128u         /* of one call */

/* The events, with `info` and `words` of their records. */
#define CLEAVE_TRACE_lost 0  /* in every trace: how many were lost before this one; since when */
#define CLEAVE_TRACE_state 1 /* of a vcpu: CLEAVE_TRACE_INFO; ns in the old state */
#define CLEAVE_TRACE_exit 2  /* of a vcpu: the CPU vendor's exit code; the guest's RIP */
#define CLEAVE_TRACE_hypercall 3 /* of a vcpu: its number; the first argument */
#define CLEAVE_TRACE_timer 4     /* a timer of the core fired: ns late */
#define CLEAVE_TRACE_table 5     /* other tables of slots took effect: their cookie */
#define CLEAVE_TRACE_EVENTS 0x3eu

/* RUNSTATE_* before and after; 1: it ran, or runs now, in its slot. It runs on the ring's CPU. */
#define CLEAVE_TRACE_INFO(from, to, slot) ((uint16_t)((from) | (to) << 4 | (slot) << 8))

struct cleave_trace_record {
    uint64_t time; /* ns since boot */
    uint16_t event, info;
    uint16_t domain, vcpu; /* of an event of a vcpu; else 0 */
    uint64_t words[2];
};

/* -EINVAL: not a power of two in these bounds, no event, or an unknown one. */
#define CLEAVE_OP_trace_start 11
struct cleave_trace_start {
    uint32_t records; /* IN: of each CPU's ring */
    uint32_t events;  /* IN: bit mask of CLEAVE_TRACE_* */
    uint32_t session; /* OUT: for the calls that follow */
    uint32_t cpus;    /* OUT: CPUs are numbered from 0 */
};

/*
 * Takes the oldest records of a CPU. -ENOENT: this session is over. -EINVAL: no such CPU, or more
 * than a batch. -EAGAIN: the CPU is about to get its ring. -ENOMEM: it got none. -EFAULT: nothing
 * was taken.
 */
#define CLEAVE_OP_trace_read 12
struct cleave_trace_read {
    uint32_t session, cpu;
    uint32_t count, pad; /* IN: room; OUT: records. 0: there are none now */
    uint64_t records;    /* address of struct cleave_trace_record[count] */
    uint64_t lost;       /* OUT: of this CPU, since the start */
    uint64_t now;        /* OUT: the time, before they were taken */
};

/* Ends the session and frees the rings. -ENOENT: it is over. */
#define CLEAVE_OP_trace_stop 13
struct cleave_trace_stop {
    uint32_t session, pad;
};

/*
 * A domain's memory, in pages. `min` is promised: as long as the domain lives, nobody else gets
 * frames that it would need to have so many. `budget` bounds growth, by touching absent pages and
 * by populating. It takes nothing away: a domain that has more may exceed the least that it has had
 * since by CLEAVE_MEMORY_SLACK, so that its balloon can fill pages before it returns them. A vcpu
 * that touches a page beyond that waits in the access. VIRQ_MEM_EVENT tells dom0, once until the
 * next CLEAVE_OP_memory for that domain.
 *
 * Absent pages that were populated for the domain, or by its balloon, are owed to it: it gets
 * frames for them whatever the budget, unless this is withdrawn. Then they wait like others.
 *
 * CLEAVE_MEMORY_SLACK: a batch of Linux's balloon driver, and a 2 MiB region that it did not
 * fill. XENMEM_set_pod_target sets a budget of its target and this.
 *
 * -ENOMEM: not so much memory is free and not promised to others. -EINVAL: min is above the budget
 * or the domain's limit (XEN_DOMCTL_max_mem); the domain is dom0 or dying.
 */
#define CLEAVE_MEMORY_SLACK 1024u
#define CLEAVE_OP_memory_set 14
struct cleave_memory_set {
    uint16_t domain;
    uint16_t withdraw; /* 1: what it is owed beyond the budget is promised no more; or 0 */
    uint16_t pad[2];   /* 0 */
    uint64_t min;      /* 0: nothing is promised */
    uint64_t budget;   /* 0: only the domain's limit holds */
};

#define CLEAVE_OP_memory 15
struct cleave_memory {
    uint16_t domain;   /* IN */
    uint16_t waiting;  /* vcpus that wait for memory */
    uint16_t awaiting; /* vcpus that wait for a paged page */
    uint16_t pad;
    uint64_t min, budget; /* as set */
    uint64_t present;     /* frames that it has */
    uint64_t promised;    /* frames that it has not, but is promised */
    uint64_t absent;      /* pages of its RAM without a frame */
    uint64_t filled;      /* absent pages that have got a frame, since it was created */
    uint64_t zeroes;      /* frames full of zeroes that were taken back */
    uint64_t paged;       /* pages whose contents dom0 keeps (CLEAVE_OP_page_evict) */
};

/*
 * Samples which pages a domain uses. sample_begin draws pages of its RAM that have frames, with
 * equal probability, and clears their accessed and dirty bits. It splits the 2 MiB entries that it
 * meets. A new sample replaces the old one. -EINVAL: no pages, or too many; the domain is dom0 or
 * dying. -ENOMEM.
 */
#define CLEAVE_SAMPLE_MAX 1024u
#define CLEAVE_OP_sample_begin 16
struct cleave_sample_begin {
    uint16_t domain;  /* IN */
    uint16_t goes_on; /* 0; the core uses it */
    uint32_t pages;   /* IN: how many; OUT: fewer if the domain has little RAM with frames */
    uint64_t seed;    /* IN: of the random numbers */
    uint32_t splits;  /* OUT: 2 MiB entries */
    uint32_t pad;
    uint64_t ns; /* OUT: what it has cost */
};

/*
 * Counts the sampled pages that were accessed since, any number of times. With `end`, the sample
 * ends, and the 2 MiB entries are joined again where their frames are still there. -ENOENT: there
 * is no sample.
 */
#define CLEAVE_OP_sample_read 17
struct cleave_sample_read {
    uint16_t domain;   /* IN */
    uint16_t end;      /* IN: 0 or 1 */
    uint32_t pages;    /* OUT: sampled pages that still have a frame */
    uint32_t accessed; /* OUT: of these */
    uint32_t dirty;    /* OUT: of these */
    uint32_t joins;    /* OUT: 2 MiB entries */
    uint32_t pad;
    uint64_t elapsed; /* OUT: since it began, ns */
    uint64_t ns;      /* OUT: what this call has cost */
};

/*
 * Paging, the last resort for a domain that gives no memory: dom0 takes the contents of pages and
 * brings them back later. To page out: page_find, store the contents, page_evict. To page in:
 * page_fill, with the stored contents. dom0's pager may end between any two calls: what is paged,
 * the core knows (page_find), and what was stored, the pager.
 *
 * A paged page can't be read. A vcpu that accesses it waits in the access. Maps of it by dom0 get
 * -ENOENT, grants GNTST_eagain, both until it is filled. page_wanted tells for which pages that is,
 * and VIRQ_MEM_EVENT that there are some: once until the next CLEAVE_OP_memory or page_wanted. A
 * page that is given to the balloon, or replaced, is not paged any more, and its contents are lost.
 *
 * page_find: from gfn on, the next page that is paged; or else one with a frame that only the
 * domain uses, and that was not accessed since the last call looked at it. -ENOENT: there is none.
 */
#define CLEAVE_OP_page_find 18
struct cleave_page_find {
    uint16_t domain;   /* IN */
    uint16_t paged;    /* IN: 0 or 1 */
    uint32_t pad;      /* 0 */
    uint64_t gfn;      /* IN: where to look from; OUT: found */
    uint64_t contents; /* IN: address of a page, where they are copied to, unless it is paged */
};

/*
 * page_evict frees the page's frame. -EAGAIN: it has other contents, or others use it now.
 * -EINVAL: it has no frame. page_fill: -ENOENT: it is not paged. -ENOMEM: the budget is used up, or
 * no frame is free.
 */
#define CLEAVE_OP_page_evict 19
#define CLEAVE_OP_page_fill 20
struct cleave_page {
    uint16_t domain;
    uint16_t pad[3]; /* 0 */
    uint64_t gfn;
    uint64_t contents; /* address of a page */
};

#define CLEAVE_OP_page_wanted 21
struct cleave_page_wanted {
    uint16_t domain; /* IN */
    uint16_t count;  /* OUT; there may be more if all are used */
    uint32_t pad;
    uint64_t gfn[12]; /* OUT */
};

struct cleave_op {
    uint32_t cmd; /* CLEAVE_OP_* */
    uint32_t interface_version;
    union {
        struct cleave_check check;
        struct cleave_stretch stretch;
        struct cleave_hold hold;
        struct cleave_table_begin table_begin;
        struct cleave_table_add table_add;
        struct cleave_table_commit table_commit;
        struct cleave_table table;
        struct cleave_limit limit;
        struct cleave_time time;
        struct cleave_trace_start trace_start;
        struct cleave_trace_read trace_read;
        struct cleave_trace_stop trace_stop;
        struct cleave_memory_set memory_set;
        struct cleave_memory memory;
        struct cleave_sample_begin sample_begin;
        struct cleave_sample_read sample_read;
        struct cleave_page_find page_find;
        struct cleave_page page;
        struct cleave_page_wanted page_wanted;
        uint8_t pad[120];
    } u;
};

#endif
