/* SPDX-License-Identifier: MIT */
/*
 * cleave info: what the hypervisor reports of the machine. It needs nothing else, so it works
 * without the daemons, too. Read next: host.c.
 */
#include "info.h"

#include <stdio.h>
#include <stdlib.h>

#include "command.h"

#define KIB_PER_MIB 1024

static const char *scheduler_name(struct hv *hv)
{
    static const char *const names[] = {
        [XEN_SCHEDULER_CREDIT] = "credit",     [XEN_SCHEDULER_CREDIT2] = "credit2",
        [XEN_SCHEDULER_ARINC653] = "arinc653", [XEN_SCHEDULER_RTDS] = "rtds",
        [XEN_SCHEDULER_NULL] = "null",
    };
    int id = -1;

    if (xc_sched_id(hv->xc, &id) < 0 || id < 0 || id >= (int)(sizeof(names) / sizeof(names[0])) ||
        !names[id])
        return "unknown";
    return names[id];
}

int info_read(struct hv *hv, struct info_machine *machine)
{
    struct domain *list = NULL;
    xen_extraversion_t extra;
    int version = xc_version(hv->xc, XENVER_version, NULL);
    int rc = hv_physinfo(hv, &machine->physical);

    if (rc == 0)
        rc = hv_memory(hv, &machine->memory);
    if (rc < 0)
        return rc;
    if (xc_version(hv->xc, XENVER_extraversion, extra) < 0)
        extra[0] = '\0';
    snprintf(machine->version, sizeof(machine->version), "%u.%u%s", version >> 16, version & 0xffff,
             extra);
    if (xc_version(hv->xc, XENVER_capabilities, machine->capabilities) < 0)
        machine->capabilities[0] = '\0';
    if (xc_version(hv->xc, XENVER_commandline, machine->command_line) < 0)
        machine->command_line[0] = '\0';
    machine->scheduler = scheduler_name(hv);
    machine->domains = domain_list(hv, NULL, &list);
    free(list);
    return machine->domains < 0 ? machine->domains : 0;
}

static void print_machine(const struct info_machine *machine)
{
    const xc_physinfo_t *physical = &machine->physical;
    const struct hv_memory *memory = &machine->memory;

    printf("hypervisor       version %s\n", machine->version);
    printf("guest kinds      %s\n", machine->capabilities);
    printf("command line     %s\n", machine->command_line);
    printf("CPUs             %u at %u.%03u MHz\n", physical->nr_cpus, physical->cpu_khz / 1000,
           physical->cpu_khz % 1000);
    printf("scheduler        %s\n", machine->scheduler);
    printf("domains          %d\n", machine->domains);
    printf("memory           %llu MiB\n", (unsigned long long)memory->total / KIB_PER_MIB);
    printf("  free           %llu MiB\n", (unsigned long long)memory->free / KIB_PER_MIB);
    printf("  claimed of it  %llu MiB\n", (unsigned long long)memory->claimed / KIB_PER_MIB);
}

static void add_machine(json_t *output, const struct info_machine *machine)
{
    output_text(output, "version", machine->version);
    output_text(output, "guest_kinds", machine->capabilities);
    output_text(output, "command_line", machine->command_line);
    output_number(output, "cpus", machine->physical.nr_cpus);
    output_number(output, "cpu_khz", machine->physical.cpu_khz);
    output_text(output, "scheduler", machine->scheduler);
    output_number(output, "domains", machine->domains);
    output_number(output, "memory_total_kib", machine->memory.total);
    output_number(output, "memory_free_kib", machine->memory.free);
    output_number(output, "memory_claimed_kib", machine->memory.claimed);
}

int info_run(struct call *call)
{
    struct info_machine machine = { .domains = 0 };
    struct hv hv;
    int rc = hv_open(&hv);

    if (rc == 0)
        rc = info_read(&hv, &machine);
    hv_close(&hv);
    if (rc == 0 && call->json)
        add_machine(call->json, &machine);
    else if (rc == 0)
        print_machine(&machine);
    return rc;
}
