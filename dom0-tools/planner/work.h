/* SPDX-License-Identifier: MIT */
/* The state of planner_make: what place.c decides and layout.c turns into tables. */
#ifndef PLANNER_WORK_H
#define PLANNER_WORK_H

#include "planner.h"
#include "spans.h"

/* Tables are laid out in ticks: so many per MHz, that each shorter period divides. */
#define WORK_TICKS (UINT64_C(1) << (PLANNER_LEVELS - 1))
#define WORK_NO_CPU UINT32_MAX
#define WORK_NO_VM UINT32_MAX

/* A reserved vCPU. */
struct item {
    uint32_t vm, vcpu;
    uint32_t mhz;
    uint32_t allowed; /* number of CPUs it may use */
    uint32_t cpu;     /* WORK_NO_CPU: in pieces, or not placed yet */
    uint32_t level;   /* its period is the plan's, shifted right by this */
};

/*
 * A time at which a vCPU must run, in MHz: a CPU's window is [0, mhz), whatever its length in
 * nanoseconds. Only gangs and split vCPUs are bound to a time. The others fill what is left.
 */
struct piece {
    uint32_t item, cpu;
    uint32_t start, end;
};

struct work {
    const struct planner_input *input;
    size_t vm_count; /* plan the first so many VMs */
    struct item *items;
    size_t item_count;
    struct piece *pieces;
    size_t piece_count, piece_room;
    uint32_t *free;     /* MHz, of each CPU */
    uint32_t *stamp;    /* of each CPU: the VM, plus one, that was placed there last */
    struct spans *busy; /* of each CPU: its pieces' times */
    uint32_t *gang;     /* scratch: CPUs */
    uint32_t *previous; /* of each VM: its index in the previous plan, or WORK_NO_VM */
};

/* Assigns CPUs to items. Returns 0, -ENOSPC or -ENOMEM. */
int place_all(struct work *work);

/* Fills in the plan's tables from the assignments. Returns 0 or -ENOMEM. */
int layout_all(struct work *work, struct planner_plan *plan);

/* Fills in what each vCPU gets from the plan's tables. Returns 0 or -ENOMEM. */
int layout_measure(struct planner_plan *plan);

#endif
