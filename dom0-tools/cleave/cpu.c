/* SPDX-License-Identifier: MIT */
/*
 * cleave cpu plan: do the VMs of these files fit, and which table would each CPU get? Needs no
 * machine if its CPUs and their clock are given. Read next: cpuprint.c, cpusimulate.c,
 * ../planner/README.md.
 */
#include "cpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define KHZ_PER_MHZ 1000

/* --- the machine ------------------------------------------------------------------------------ */

int cpu_read_number(const struct call *call, enum command_option option, unsigned long least,
                    uint32_t most, uint32_t *number)
{
    uint64_t value = *number;
    int rc = option_number(call, option, least, most, &value);

    *number = value;
    return rc;
}

/* Fills in what is not given from this machine. */
static int ask_machine(struct planner_input *input)
{
    struct session session = { .store = NULL };
    xc_physinfo_t info;
    int rc;

    if (input->cpus && input->mhz)
        return 0;
    rc = session_open(&session);
    if (rc == 0)
        rc = hv_physinfo(&session.hv, &info);
    session_close(&session);
    if (rc < 0)
        return rc;
    if (!input->cpus)
        input->cpus = info.nr_cpus;
    if (!input->mhz)
        input->mhz = info.cpu_khz / KHZ_PER_MHZ;
    return 0;
}

int cpu_read_machine(const struct call *call, struct cpu_scene *scene)
{
    struct planner_input *input = &scene->input;
    uint32_t dom0 = 0;
    int rc = cpu_read_number(call, OPTION_HOST_CPUS, 1, PLANNER_CPUS_MAX, &input->cpus);

    if (rc == 0)
        rc = cpu_read_number(call, OPTION_HOST_MHZ, 1, PLANNER_MHZ_MAX, &input->mhz);
    if (rc == 0)
        rc = ask_machine(input);
    if (rc == 0)
        rc = cpu_read_number(call, OPTION_DOM0_CPUS, 0, input->cpus - 1, &dom0);
    for (uint32_t cpu = input->cpus - dom0; rc == 0 && cpu < input->cpus; cpu++)
        scene->dom0[cpu / 8] |= 1u << cpu % 8;
    input->dom0_cpus = scene->dom0;
    return rc;
}

/* --- the VMs ---------------------------------------------------------------------------------- */

static struct planner_vm to_planner(const struct vmfile *file, uint32_t id)
{
    static const enum planner_class classes[] = { [VMFILE_GUARANTEED] = PLANNER_GUARANTEED,
                                                  [VMFILE_RELAXED] = PLANNER_RELAXED,
                                                  [VMFILE_SPARE] = PLANNER_SPARE };

    return (struct planner_vm){ .id = id,
                                .vcpus = file->vcpus,
                                .mhz = file->cpu.mhz,
                                .class = classes[file->cpu.class],
                                .limit_mhz = file->cpu.limit_mhz,
                                .latency_us = file->cpu.latency_us,
                                .cosched = file->cpu.cosched,
                                .cpus = file->pinned ? file->cpus : NULL };
}

/* Two VMs of one name could not run side by side, and their lines could not be told apart. */
static int check_name(const struct cpu_scene *scene, char *const *paths)
{
    size_t last = scene->count - 1;

    for (size_t i = 0; i < last; i++) {
        if (strcmp(scene->files[i].name, scene->files[last].name) != 0)
            continue;
        report_error(REPORT_USAGE, "VM files %s and %s both have the name \"%s\"", paths[i],
                     paths[last], scene->files[i].name);
        return -EINVAL;
    }
    return 0;
}

static int read_files(struct cpu_scene *scene, char *const *paths, int count)
{
    int rc = 0;

    scene->files = calloc(count, sizeof(*scene->files));
    scene->vms = calloc(count, sizeof(*scene->vms));
    if (!scene->files || !scene->vms)
        return -ENOMEM;
    for (int i = 0; rc == 0 && i < count; i++) {
        scene->count++;
        rc = vmfile_read(paths[i], NULL, 0, &scene->files[i]);
        if (rc == 0)
            rc = check_name(scene, paths);
        scene->vms[i] = to_planner(&scene->files[i], i);
    }
    scene->input.vms = scene->vms;
    scene->input.vm_count = scene->count;
    return rc;
}

static void scene_free(struct cpu_scene *scene)
{
    for (size_t i = 0; i < scene->count; i++)
        vmfile_free(&scene->files[i]);
    free(scene->files);
    free(scene->vms);
}

/* --- plan ------------------------------------------------------------------------------------- */

static int plan_once(struct call *call, const struct cpu_scene *scene)
{
    struct planner_plan plan;
    int rc = planner_make(&scene->input, &plan);

    if (rc == -ENOSPC || rc == -EINVAL) {
        cpuprint_refusal(scene, &plan);
    } else if (rc == 0) {
        if (call->options[OPTION_SVG])
            rc = cpusvg_write(scene, &plan, call->options[OPTION_SVG]);
        if (rc == 0 && call->json)
            cpuprint_json(scene, &plan, call->json);
        else if (rc == 0)
            cpuprint_text(scene, &plan);
    }
    planner_free(&plan);
    return rc;
}

/* --- how many more ---------------------------------------------------------------------------- */

/* Returns 0 if the last VM fits so many times beside the others; -ENOSPC or -ENOMEM. */
static int try_copies(struct planner_input *input, size_t others, size_t copies)
{
    struct planner_plan plan;
    int rc;

    input->vm_count = others + copies;
    rc = planner_make(input, &plan);
    planner_free(&plan);
    return rc;
}

/* Finds how many of at most limit copies fit. Returns 0 or -ENOMEM. */
static int count_copies(struct planner_input *input, size_t others, size_t limit, size_t *count)
{
    size_t fit = 0, fail = limit + 1;

    while (fail - fit > 1) {
        size_t middle = fit + (fail - fit) / 2;
        int rc = try_copies(input, others, middle);

        if (rc == -ENOMEM)
            return rc;
        if (rc == 0)
            fit = middle;
        else
            fail = middle;
    }
    *count = fit;
    return 0;
}

/* Counts for one class. A VM of class spare asks for nothing but its vCPUs. */
static int count_class(const struct cpu_scene *scene, enum planner_class class, size_t limit,
                       size_t *count)
{
    struct planner_input input = scene->input;
    size_t others = scene->count - 1;
    struct planner_vm *vms = calloc(others + limit, sizeof(*vms));
    int rc;

    if (!vms)
        return -ENOMEM;
    memcpy(vms, scene->vms, others * sizeof(*vms));
    for (size_t i = others; i < others + limit; i++) {
        vms[i] = scene->vms[others];
        vms[i].id = i;
        vms[i].class = class;
        vms[i].cosched = vms[i].cosched && class != PLANNER_SPARE;
    }
    input.vms = vms;
    rc = count_copies(&input, others, limit, count);
    free(vms);
    return rc;
}

static int plan_copies(struct call *call, const struct cpu_scene *scene)
{
    const struct planner_vm *last = &scene->vms[scene->count - 1];
    uint32_t limit = 0;
    json_t *fits = NULL;
    int rc = cpu_read_number(call, OPTION_COPIES, 1, PLANNER_VCPUS_MAX / last->vcpus, &limit);

    if (rc == 0 && call->json)
        fits = output_object(call->json, "count");
    for (enum planner_class class = PLANNER_GUARANTEED; rc == 0 && class <= PLANNER_SPARE;
         class ++) {
        size_t count = 0;

        if (class != PLANNER_SPARE && last->mhz == 0)
            continue;
        rc = count_class(scene, class, limit, &count);
        if (rc == 0 && fits)
            output_number(fits, cpuprint_classes[class], count);
        else if (rc == 0)
            printf("%-10s %zu of %u fit\n", cpuprint_classes[class], count, limit);
    }
    return rc;
}

static int run_plan(struct call *call)
{
    struct cpu_scene scene = { .count = 0 };
    int rc = read_files(&scene, call->arguments + 1, call->count - 1);

    if (rc == 0)
        rc = cpu_read_machine(call, &scene);
    if (rc == 0)
        rc = call->options[OPTION_COPIES] ? plan_copies(call, &scene) : plan_once(call, &scene);
    scene_free(&scene);
    return rc;
}

int cpu_run(struct call *call)
{
    const char *what = call->arguments[0];

    if (strcmp(what, "plan") == 0 && call->count > 1)
        return run_plan(call);
    if (strcmp(what, "simulate") == 0 && call->count <= 2)
        return cpusimulate_run(call);
    if (strcmp(what, "set") == 0 && call->count > 1)
        return cpuset_run(call);
    if (strcmp(what, "show") == 0 && call->count <= 2)
        return cpushow_run(call);
    report_error(REPORT_USAGE,
                 "cpu %s: must be `cleave cpu show [VM]`, `cleave cpu set VM KEY=VALUE...`, "
                 "`cleave cpu plan FILE...`, `cleave cpu simulate TRACE` or `cleave cpu simulate "
                 "--synthetic SEED`",
                 what);
    return -EINVAL;
}
