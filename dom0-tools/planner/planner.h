/* SPDX-License-Identifier: MIT */
/*
 * The planner: turns reservations of clock frequency into a cyclic table for each CPU, or refuses
 * with numbers. A pure library: no input or output, no global state, exact integers. Each promise
 * is listed in README.md.
 */
#ifndef PLANNER_PLANNER_H
#define PLANNER_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLANNER_CPUS_MAX 1024
#define PLANNER_VCPUS_MAX 65536 /* of all VMs */
#define PLANNER_MHZ_MAX 100000
#define PLANNER_PERIOD_NS 10000000
#define PLANNER_LEVELS 7 /* periods: the whole one, its half, ... its 64th */

#define PLANNER_NO_BOUND UINT64_MAX /* the wait of a vCPU without a reservation */

enum planner_class { PLANNER_GUARANTEED, PLANNER_RELAXED, PLANNER_SPARE };

struct planner_vm {
    uint32_t id; /* identifies the VM in the previous plan */
    uint32_t vcpus;
    uint32_t mhz; /* of each vCPU; ignored for PLANNER_SPARE */
    enum planner_class class;
    uint32_t limit_mhz;  /* 0: none */
    uint32_t weight;     /* of each vCPU, for time outside of slots; only demand.h looks at it */
    uint32_t latency_us; /* longest wait; 0: no requirement */
    bool cosched;        /* all vCPUs run at the same time */
    const uint8_t *cpus; /* bitmap of the CPUs allowed; NULL: all but dom0's */
};

struct planner_input {
    uint32_t cpus;
    uint32_t mhz;             /* nominal clock of each CPU */
    const uint8_t *dom0_cpus; /* bitmap of CPUs for VMs that name them only; NULL: none */
    const struct planner_vm *vms;
    size_t vm_count;
    const struct planner_vm *asks; /* that of vms which a refusal is about; NULL: the first */
    uint64_t spare_weight; /* of all vCPUs that are not in vms, and take what is left; demand.h */
    const struct planner_plan *previous; /* move little against it; NULL: there is none */
};

/* The vCPU runs in [start, end) of each period, in nanoseconds. */
struct planner_slot {
    uint32_t vm; /* index in the input */
    uint32_t vcpu;
    uint64_t start, end;
};

/* Slots are sorted and do not overlap. Time outside them is free. */
struct planner_table {
    struct planner_slot *slots;
    size_t count;
};

struct planner_vcpu {
    uint32_t vm, vcpu;
    uint32_t mhz;     /* reserved */
    uint64_t time_ns; /* run time in each period; each slot is exact to the nanosecond */
    uint64_t wait_ns; /* longest time without a slot, or PLANNER_NO_BOUND */
    uint32_t cpu;     /* the lowest CPU with a slot of it */
    uint32_t cpus;    /* number of CPUs with slots of it; 0: none has any */
};

enum planner_resource {
    PLANNER_FITS,
    PLANNER_INVALID, /* the request contradicts itself or exceeds a limit of this library */
    PLANNER_CLOCK,   /* MHz of one vCPU above a CPU's clock */
    PLANNER_LATENCY, /* microseconds; free and nearest: the shortest wait that can be promised */
    PLANNER_TIME,    /* MHz of all CPUs together */
    PLANNER_ALLOWED, /* MHz of the CPUs that the VM is allowed to use */
    PLANNER_GANG     /* MHz at the same time on as many CPUs as the VM has vCPUs */
};

struct planner_refusal {
    enum planner_resource resource;
    size_t vm;        /* who asks; else the first in the input's order that does not fit */
    uint64_t asked;   /* by the whole VM; PLANNER_CLOCK: by a vCPU */
    uint64_t free;    /* before this VM is added */
    uint64_t nearest; /* for each vCPU: planned with success; 0: no smaller request fits */
};

struct planner_plan {
    uint64_t period_ns; /* PLANNER_PERIOD_NS */
    uint32_t mhz;
    uint32_t cpus;
    struct planner_table *tables; /* one for each CPU */
    struct planner_vcpu *vcpus;   /* VM by VM in the input's order */
    size_t vcpu_count;
    uint32_t *ids; /* of the VMs, in the input's order */
    size_t *first; /* index of each VM's vCPU 0 in vcpus; one more for the end */
    size_t vm_count;
    uint64_t reserved_mhz; /* sum */
    uint64_t free_mhz;     /* of CPUs that are not dom0's */
    struct planner_refusal refusal;
};

/*
 * Makes a plan for all VMs. Returns 0; -ENOSPC if they do not fit, -EINVAL if a request is invalid,
 * and both fill in plan->refusal only; or -ENOMEM. Call planner_free in any case.
 */
int planner_make(const struct planner_input *input, struct planner_plan *plan);
void planner_free(struct planner_plan *plan);

/* True if the VM may use the CPU. */
bool planner_allowed(const struct planner_input *input, const struct planner_vm *vm, uint32_t cpu);

/* Number of vCPUs of both plans with one CPU in each, and not the same one. */
size_t planner_moved(const struct planner_plan *from, const struct planner_plan *to);

/* What verify_plan found. */
enum verify_fault {
    VERIFY_GOOD,
    VERIFY_SHAPE,   /* period, counts or indices are wrong */
    VERIFY_ORDER,   /* a slot is empty, outside the period, or overlaps its predecessor */
    VERIFY_ALLOWED, /* a slot is on a CPU that the VM may not use */
    VERIFY_SHARE,   /* a vCPU's run time is not its reservation */
    VERIFY_TWICE,   /* a vCPU is in two places at once */
    VERIFY_WAIT,    /* the wait is not the table's, or longer than the VM's latency */
    VERIFY_GANG,    /* the vCPUs of a gang do not start and end together */
    VERIFY_MEMORY   /* out of memory: nothing is known */
};

/*
 * Checks a plan against its input. Shares no code with planner_make. vcpu: index in plan->vcpus of
 * the first vCPU that breaks a promise, if one does.
 */
enum verify_fault verify_plan(const struct planner_input *input, const struct planner_plan *plan,
                              size_t *vcpu);

#endif
