/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of a VM's memory: the last targets with their reasons, who follows, and
 * whether an operator holds the target. A file in the VM's folder; only VMs that are balanced have
 * it. cleaved writes it, and keeps nothing of it.
 */
#ifndef LIBCLEAVE_MEMBOOK_H
#define LIBCLEAVE_MEMBOOK_H

#include "balancer.h"
#include "vms.h"

#define MEMBOOK_TARGETS 16

/* A target, why it was chosen, and from what. Sizes are in KiB. */
struct membook_target {
    int64_t at; /* seconds since 1970 */
    uint64_t before, target;
    enum balancer_reason reason;
    uint64_t current, need, lowest, goal, free;
    uint64_t working; /* 0: unknown */
};

struct membook {
    uint32_t domid;
    uint64_t written, before; /* the last target, and the one that was there before */
    bool reclaiming;          /* the machine's, when cleaved looked last */
    bool missed;              /* the VM lacked its minimum then */
    struct membook_working {
        bool sampled;
        uint64_t working, low, high;
    } shown; /* the working set when cleaved looked last */
    struct balancer_history history;
    struct membook_target targets[MEMBOOK_TARGETS]; /* the oldest first */
    size_t count;
};

/* Begins the book of a VM that has got a domain with this target. */
void membook_begin(const char *uuid, uint32_t domid, uint64_t target);

/* The target was written anew by none that an operator ran. */
void membook_note(const char *uuid, uint64_t target);

/* Whether the VM is balanced. */
bool membook_exists(const char *uuid);
void membook_end(const char *uuid);

/* Return 0 or a negative errno, and report nothing. A book that cannot be read is empty. */
int membook_load(const char *uuid, struct membook *book);
int membook_save(const char *uuid, const struct membook *book);

/* Adds a target, in place of the oldest one. */
void membook_add(struct membook *book, const struct membook_target *target);

/* An operator's target holds from membook_freeze to membook_thaw. Both return as above. */
int membook_freeze(const char *uuid);
int membook_thaw(const char *uuid);
bool membook_is_frozen(const char *uuid);

#endif
