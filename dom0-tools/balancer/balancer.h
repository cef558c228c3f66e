/* SPDX-License-Identifier: MIT */
/*
 * The balancer: how much memory is each VM to have? A pure library: what is known of the machine
 * and its VMs goes in, targets and reasons come out; no input or output, no global state, exact
 * integers. Sizes are in KiB, times in ms. Each rule is explained in README.md.
 */
#ifndef BALANCER_BALANCER_H
#define BALANCER_BALANCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BALANCER_PAGE 4    /* targets are whole pages */
#define BALANCER_NEAR 2048 /* a target is reached when no more is missing */
#define BALANCER_SHARES_MAX 1000000
#define BALANCER_OBEY_MS 5000      /* no progress for so long: uncooperative */
#define BALANCER_RETRY_MS 60000    /* until it is asked again; doubles up to 64 times as much */
#define BALANCER_FLOOR_MS 600000   /* a learned floor holds for so long, doubles likewise */
#define BALANCER_MARGIN 16384      /* of a learned floor above what the guest was left with */
#define BALANCER_STEP 10           /* percent by which a target shrinks at most */
#define BALANCER_FREE_PERCENT 6    /* free memory that is aimed at */
#define BALANCER_RECLAIM_PERCENT 4 /* below it VMs give until what is aimed at is free */
#define BALANCER_NEED_PERCENT 2    /* below it nobody grows to what it needs */
#define BALANCER_FLOOR_PERCENT 1   /* below it nobody grows */

enum balancer_balloon {
    BALANCER_FOLLOWING,
    BALANCER_SLOW,          /* moves, but for longer than BALANCER_OBEY_MS already */
    BALANCER_UNCOOPERATIVE, /* has followed before, and does not now */
    BALANCER_NONE           /* has never followed */
};

/* What is remembered of a VM from period to period. Begins as zeroes with each domain. */
struct balancer_history {
    enum balancer_balloon balloon;
    bool moved;          /* has ever followed */
    uint32_t failures;   /* in a row */
    uint64_t written;    /* the target that the times are about */
    uint64_t nearest;    /* least distance from it */
    int64_t written_at;  /* when it was first seen */
    int64_t progress_at; /* when the distance last shrank */
    bool judged;         /* it was found not to follow this target */
    int64_t retry_at;    /* of one that is pinned */
    uint64_t floor;      /* learned from a balloon that failed; 0: none */
    int64_t floor_till;
};

struct balancer_vm {
    uint64_t min, max;  /* equal: its target is never changed */
    uint32_t shares;    /* 1 to BALANCER_SHARES_MAX */
    uint32_t priority;  /* those of a higher one get what they need first */
    uint64_t floor;     /* stated: what it needs to live, 0: none */
    uint64_t current;   /* has now */
    uint64_t target;    /* was told */
    bool sampled;       /* working sets are known: */
    uint64_t working;   /* estimate, */
    uint64_t low, high; /* and its interval */
    uint64_t own;       /* the guest's figure: memory that it could not give; 0: unknown */
    bool frozen;        /* the operator's target holds */
    bool young;         /* it is still booting: left alone, and not judged */
    struct balancer_history history;
};

struct balancer_host {
    uint64_t total;   /* of all VMs together, and free */
    uint64_t free;    /* claimed by nobody */
    uint64_t reserve; /* of it, kept for the core and for dom0: not there for the balancer */
    bool reclaiming;  /* as the last verdict said */
};

enum balancer_reason {
    BALANCER_BALANCED, /* no change is worth it */
    BALANCER_FIXED,    /* min and max are equal */
    BALANCER_FROZEN,
    BALANCER_YOUNG,
    BALANCER_PINNED,  /* it does not follow: others go on without what it has */
    BALANCER_AWAITED, /* it has not reached its last target yet */
    BALANCER_FLOOR,   /* raised to its min or floor */
    BALANCER_NEED,    /* raised towards what it needs */
    BALANCER_SPARE,   /* raised, since memory is free */
    BALANCER_GIVES,   /* lowered: others need it */
    BALANCER_REFILLS, /* lowered: free memory is low */
    BALANCER_RELEASED /* it did not follow: told what it has, and what keeps it alive */
};

struct balancer_verdict {
    uint64_t target; /* to be told; the old one: nothing is to be written */
    enum balancer_reason reason;
    uint64_t lowest; /* no target is below: min, or a floor above it */
    uint64_t need;
    uint64_t goal; /* its part, once everything has moved; pinned ones: what they hold */
    bool movable;
    uint64_t step; /* scratch */
};

struct balancer_summary {
    bool reclaiming;
    uint64_t pool;   /* was divided among those that can move */
    uint64_t lack;   /* of all lowest targets together: not even these fit */
    uint64_t needed; /* what VMs need and their targets lack */
};

/*
 * One period: judges who follows, and says each VM's target. Changes only vms[].history and the
 * results; verdicts has count places.
 */
void balancer_step(const struct balancer_host *host, struct balancer_vm *vms, size_t count,
                   int64_t now, struct balancer_verdict *verdicts,
                   struct balancer_summary *summary);

/*
 * Plans who gives so that `wanted` is free above the reserve, at once and not in steps: first what
 * is above each one's part without that memory, then what is above the lowest targets. Changes
 * nothing but the verdicts. Returns what will be free, at most: less than wanted if it cannot be.
 */
uint64_t balancer_reclaim(const struct balancer_host *host, const struct balancer_vm *vms,
                          size_t count, uint64_t wanted, struct balancer_verdict *verdicts);

/* Returns what a Linux guest with this maximum needs to live, unless something else is known. */
uint64_t balancer_floor(uint64_t max);

/* Returns no target of the VM is below: its min, or its stated or learned floor. */
uint64_t balancer_lowest(const struct balancer_vm *vm);

/* Returns what it needs: its working set or own figure with headroom, or all if none is known. */
uint64_t balancer_need(const struct balancer_vm *vm);

/* One word for a state, and a sentence for a reason. */
const char *balancer_balloon_word(enum balancer_balloon balloon);
const char *balancer_reason_text(enum balancer_reason reason);

#endif
