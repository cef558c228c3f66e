/* SPDX-License-Identifier: MIT */
/* A plan as text and as JSON, and the words of a refusal. Read next: cpusvg.c. */
#include <inttypes.h>
#include <stdio.h>

#include "cpu.h"
#include "refusal.h"

#define NS_PER_US 1000
#define NS_PER_MS 1000000
#define MHZ_PER_GHZ 1000

/* The arguments of a format like "%PRIu64.%03u": whole and thousandths. */
#define GHZ "%" PRIu64 ".%03u GHz"
#define IN_GHZ(mhz) (uint64_t)(mhz) / MHZ_PER_GHZ, (unsigned int)((mhz) % MHZ_PER_GHZ)
#define MS "%" PRIu64 ".%06u"
#define IN_MS(ns) (uint64_t)(ns) / NS_PER_MS, (unsigned int)((ns) % NS_PER_MS)

const char *const cpuprint_classes[] = {
    [PLANNER_GUARANTEED] = "guaranteed", [PLANNER_RELAXED] = "relaxed", [PLANNER_SPARE] = "spare"
};

/* --- text ------------------------------------------------------------------------------------- */

static void print_vcpu(const struct cpu_scene *scene, const struct planner_vcpu *vcpu)
{
    printf("%-20s %-10s %4u %6u ", scene->files[vcpu->vm].name,
           cpuprint_classes[scene->vms[vcpu->vm].class], vcpu->vcpu, vcpu->mhz);
    if (vcpu->cpus == 0)
        printf("%7s %10s\n", "-", "unbounded");
    else if (vcpu->cpus == 1)
        printf("%7u " MS " ms\n", vcpu->cpu, IN_MS(vcpu->wait_ns));
    else
        printf("%4u CPUs"
               " " MS " ms\n",
               vcpu->cpus, IN_MS(vcpu->wait_ns));
}

static void print_table(const struct cpu_scene *scene, const struct planner_table *table,
                        uint32_t cpu)
{
    printf("CPU %u:", cpu);
    for (size_t i = 0; i < table->count; i++)
        printf("%s %s/%u " MS "-" MS, i ? "," : "", scene->files[table->slots[i].vm].name,
               table->slots[i].vcpu, IN_MS(table->slots[i].start), IN_MS(table->slots[i].end));
    printf("%s\n", table->count ? "" : " free");
}

void cpuprint_text(const struct cpu_scene *scene, const struct planner_plan *plan)
{
    uint64_t total = plan->reserved_mhz + plan->free_mhz;

    printf("%u CPUs at %u MHz (nominal), period " MS " ms\n", plan->cpus, plan->mhz,
           IN_MS(plan->period_ns));
    printf("fits: " GHZ " of " GHZ " reserved, " GHZ " free\n\n", IN_GHZ(plan->reserved_mhz),
           IN_GHZ(total), IN_GHZ(plan->free_mhz));
    printf("%-20s %-10s %4s %6s %7s %s\n", "VM", "Class", "VCPU", "MHz", "CPU", "Longest wait");
    for (size_t i = 0; i < plan->vcpu_count; i++)
        print_vcpu(scene, &plan->vcpus[i]);
    printf("\nEach CPU's slots, VM/VCPU from-to in ms:\n");
    for (uint32_t cpu = 0; cpu < plan->cpus; cpu++)
        print_table(scene, &plan->tables[cpu], cpu);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void add_vcpu(json_t *vcpus, const struct planner_vcpu *vcpu)
{
    json_t *item = output_item(vcpus);

    output_number(item, "vcpu", vcpu->vcpu);
    output_number(item, "time_ns", vcpu->time_ns);
    output_number(item, "cpus", vcpu->cpus);
    if (vcpu->cpus == 0)
        return;
    output_number(item, "cpu", vcpu->cpu);
    output_number(item, "wait_ns", vcpu->wait_ns);
}

static void add_vms(const struct cpu_scene *scene, const struct planner_plan *plan, json_t *json)
{
    json_t *vms = output_list(json, "vms");

    for (size_t vm = 0; vm < plan->vm_count; vm++) {
        json_t *item = output_item(vms), *vcpus;

        output_text(item, "name", scene->files[vm].name);
        output_text(item, "class", cpuprint_classes[scene->vms[vm].class]);
        output_number(item, "mhz", scene->vms[vm].mhz);
        vcpus = output_list(item, "vcpus");
        for (size_t i = plan->first[vm]; i < plan->first[vm + 1]; i++)
            add_vcpu(vcpus, &plan->vcpus[i]);
    }
}

static void add_table(const struct cpu_scene *scene, const struct planner_table *table,
                      json_t *tables)
{
    json_t *slots = json_array();

    for (size_t i = 0; i < table->count; i++) {
        json_t *slot = output_item(slots);

        output_text(slot, "vm", scene->files[table->slots[i].vm].name);
        output_number(slot, "vcpu", table->slots[i].vcpu);
        output_number(slot, "start_ns", table->slots[i].start);
        output_number(slot, "end_ns", table->slots[i].end);
    }
    json_array_append_new(tables, slots);
}

void cpuprint_json(const struct cpu_scene *scene, const struct planner_plan *plan, json_t *json)
{
    json_t *out = output_object(json, "plan"), *tables;

    output_number(out, "cpus", plan->cpus);
    output_number(out, "mhz", plan->mhz);
    output_number(out, "period_ns", plan->period_ns);
    output_number(out, "reserved_mhz", plan->reserved_mhz);
    output_number(out, "free_mhz", plan->free_mhz);
    add_vms(scene, plan, out);
    tables = output_list(out, "tables");
    for (uint32_t cpu = 0; cpu < plan->cpus; cpu++)
        add_table(scene, &plan->tables[cpu], tables);
}

/* --- refusals --------------------------------------------------------------------------------- */

void cpuprint_refusal(const struct cpu_scene *scene, const struct planner_plan *plan)
{
    size_t vm = plan->refusal.vm;

    refusal_report(&plan->refusal, &scene->vms[vm], vm < scene->count ? scene->files[vm].name : "");
}
