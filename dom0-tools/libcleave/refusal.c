/* SPDX-License-Identifier: MIT */
/* The words for a plan that was refused. Read next: ../planner/planner.c. */
#include "refusal.h"

#include <inttypes.h>
#include <stdio.h>

#include "report.h"

#define MHZ_PER_GHZ 1000

/* The arguments of a format like "%PRIu64.%03u": whole and thousandths. */
#define GHZ "%" PRIu64 ".%03u GHz"
#define IN_GHZ(mhz) (uint64_t)(mhz) / MHZ_PER_GHZ, (unsigned int)((mhz) % MHZ_PER_GHZ)

/* MHz that are asked together, where they would have to be free, and what would fit. */
static void refuse_time(const struct planner_vm *vm, const char *name,
                        const struct planner_refusal *refusal)
{
    static const char *const places[] = { [PLANNER_TIME] = "on all CPUs",
                                          [PLANNER_ALLOWED] = "on the CPUs that it may use",
                                          [PLANNER_GANG] = "but not at the same time" };
    char remedy[64] = "no smaller reservation fits; cpu_class = \"spare\" needs none";

    if (refusal->nearest)
        snprintf(remedy, sizeof(remedy), "cpu_mhz = %" PRIu64 " fits", refusal->nearest);
    report_error(REPORT_CPU,
                 "VM \"%s\" asks for " GHZ " (vcpus = %u, cpu_mhz = %u%s); " GHZ " are free %s: %s",
                 name, IN_GHZ(refusal->asked), vm->vcpus, vm->mhz,
                 vm->cosched ? ", cosched = 1" : "", IN_GHZ(refusal->free),
                 places[refusal->resource], remedy);
}

void refusal_report(const struct planner_refusal *refusal, const struct planner_vm *vm,
                    const char *name)
{
    switch (refusal->resource) {
    case PLANNER_CLOCK:
        report_error(REPORT_CPU,
                     "VM \"%s\" asks for %" PRIu64 " MHz for each vCPU; a CPU has %" PRIu64
                     ": cpu_mhz = %" PRIu64 " is the most",
                     name, refusal->asked, refusal->free, refusal->nearest);
        break;
    case PLANNER_LATENCY:
        report_error(REPORT_CPU,
                     "VM \"%s\": cpu_latency_us = %" PRIu64
                     " cannot be kept with %u MHz: cpu_latency_us = %" PRIu64 " can",
                     name, refusal->asked, vm->mhz, refusal->nearest);
        break;
    case PLANNER_TIME:
    case PLANNER_ALLOWED:
    case PLANNER_GANG: refuse_time(vm, name, refusal); break;
    default:
        report_error(REPORT_CPU, "VM \"%s\": the planner takes at most %d vCPUs, on %d CPUs", name,
                     PLANNER_VCPUS_MAX, PLANNER_CPUS_MAX);
    }
}
