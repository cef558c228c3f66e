/* SPDX-License-Identifier: MIT */
/* One plan of 1,000 vCPUs on 64 CPUs that are 99 % reserved. Counted by `make planner-cost`. */
#include <stdio.h>
#include <string.h>

#include "planner.h"
#include "random.h"

#define CPUS 64
#define CLOCK 2000
#define VMS 250
#define VCPUS 4

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "single";
    struct planner_vm vms[VMS];
    uint64_t seed = 1;
    struct planner_input input = { .cpus = CPUS, .mhz = CLOCK, .vms = vms, .vm_count = VMS };
    struct planner_plan plan;
    int rc;

    for (size_t i = 0; i < VMS; i++) {
        uint32_t mhz = i % 2 ? 253 - vms[i - 1].mhz : random_in(&seed, 1, 252);

        vms[i] = (struct planner_vm){ .id = i, .vcpus = VCPUS, .mhz = mhz };
        vms[i].cosched = strcmp(kind, "gang") == 0;
        if (strcmp(kind, "latency") == 0)
            vms[i].latency_us = i % 8 == 0 ? 1000 : 5000;
    }
    rc = planner_make(&input, &plan);
    printf("%s: %d, %llu MHz reserved, %llu free\n", kind, rc,
           (unsigned long long)plan.reserved_mhz, (unsigned long long)plan.free_mhz);
    planner_free(&plan);
    return rc != 0;
}
