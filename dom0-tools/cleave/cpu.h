/* SPDX-License-Identifier: MIT */
/* The files of `cleave cpu` share this: the VMs of a plan, and its forms of output. */
#ifndef CLEAVE_CPU_H
#define CLEAVE_CPU_H

#include "command.h"
#include "planner.h"
#include "vmfile.h"

struct cpu_scene {
    struct planner_input input;
    struct planner_vm *vms;
    struct vmfile *files; /* one for each VM */
    size_t count;
    uint8_t dom0[PLANNER_CPUS_MAX / 8];
};

/* --- cpu.c ------------------------------------------------------------------------------------ */

/* The same as option_number, for numbers of 32 bits. */
int cpu_read_number(const struct call *call, enum command_option option, unsigned long least,
                    uint32_t most, uint32_t *number);

/* Fills in the scene's CPUs from the options and this machine. Returns 0 or a negative errno. */
int cpu_read_machine(const struct call *call, struct cpu_scene *scene);

/* --- cpusimulate.c ---------------------------------------------------------------------------- */

int cpusimulate_run(struct call *call);

/* --- cpuset.c --------------------------------------------------------------------------------- */

int cpuset_run(struct call *call);

/* --- cpushow.c -------------------------------------------------------------------------------- */

int cpushow_run(struct call *call);

/* --- cpuprint.c ------------------------------------------------------------------------------- */

extern const char *const cpuprint_classes[]; /* by enum planner_class */

void cpuprint_text(const struct cpu_scene *scene, const struct planner_plan *plan);
void cpuprint_json(const struct cpu_scene *scene, const struct planner_plan *plan, json_t *json);

/* Reports why the plan was refused. */
void cpuprint_refusal(const struct cpu_scene *scene, const struct planner_plan *plan);

/* --- cpusvg.c --------------------------------------------------------------------------------- */

/* Returns 0, or a negative errno after an error was reported. */
int cpusvg_write(const struct cpu_scene *scene, const struct planner_plan *plan, const char *path);

#endif
