/* SPDX-License-Identifier: MIT */
/* cleave list and cleave info: the hypervisor's domains, and the machine. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "domain.h"

#define KIB_PER_MIB 1024
#define NS_PER_S 1e9

/* --- list ------------------------------------------------------------------------------------- */

static void print_table(const struct domain *list, int count)
{
    printf("%-32s %5s %7s %5s  %-9s %9s\n", "Name", "ID", "Mem/MiB", "VCPUs", "State", "Time/s");
    for (int i = 0; i < count; i++) {
        const xc_domaininfo_t *info = &list[i].info;

        printf("%-32s %5u %7llu %5u  %-9s %9.1f\n", list[i].name[0] ? list[i].name : "(no name)",
               list[i].domid,
               (unsigned long long)(info->tot_pages + info->outstanding_pages) * HV_PAGE_KIB /
                   KIB_PER_MIB,
               info->nr_online_vcpus, domain_state(info), info->cpu_time / NS_PER_S);
    }
}

static void add_domains(json_t *output, const struct domain *list, int count)
{
    json_t *domains = output_list(output, "domains");

    for (int i = 0; i < count; i++) {
        const xc_domaininfo_t *info = &list[i].info;
        json_t *domain = output_item(domains);

        output_vm(domain, &list[i]);
        output_text(domain, "state", domain_state(info));
        output_number(domain, "memory_kib", (uint64_t)info->tot_pages * HV_PAGE_KIB);
        output_number(domain, "claimed_kib", (uint64_t)info->outstanding_pages * HV_PAGE_KIB);
        output_number(domain, "max_memory_kib", (uint64_t)info->max_pages * HV_PAGE_KIB);
        output_number(domain, "vcpus", info->nr_online_vcpus);
        output_number(domain, "max_vcpus", info->max_vcpu_id + 1ull);
        output_number(domain, "cpu_time_ns", info->cpu_time);
    }
}

int list_run(struct call *call)
{
    struct session session;
    struct domain *list = NULL, one;
    int count = -1;

    if (session_open(&session) == 0) {
        if (call->count == 0) {
            count = domain_list(&session.hv, session.store, &list);
        } else if (domain_find(&session.hv, session.store, call->arguments[0], &one) == 0) {
            count = 1;
        }
    }
    session_close(&session);
    if (count >= 0 && call->json)
        add_domains(call->json, list ? list : &one, count);
    else if (count >= 0)
        print_table(list ? list : &one, count);
    free(list);
    return count < 0;
}

/* --- info ------------------------------------------------------------------------------------- */

struct machine {
    unsigned int major, minor;
    xen_extraversion_t extra;
    xen_capabilities_info_t capabilities;
    xen_commandline_t command_line;
    xc_physinfo_t physical;
    struct hv_memory memory;
    const char *scheduler;
    int domains;
};

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

static int read_machine(struct hv *hv, struct machine *machine)
{
    struct domain *list = NULL;
    int version = xc_version(hv->xc, XENVER_version, NULL);
    int rc = hv_physinfo(hv, &machine->physical);

    if (rc == 0)
        rc = hv_memory(hv, &machine->memory);
    if (rc < 0)
        return rc;
    machine->major = version >> 16;
    machine->minor = version & 0xffff;
    if (xc_version(hv->xc, XENVER_extraversion, machine->extra) < 0)
        machine->extra[0] = '\0';
    if (xc_version(hv->xc, XENVER_capabilities, machine->capabilities) < 0)
        machine->capabilities[0] = '\0';
    if (xc_version(hv->xc, XENVER_commandline, machine->command_line) < 0)
        machine->command_line[0] = '\0';
    machine->scheduler = scheduler_name(hv);
    machine->domains = domain_list(hv, NULL, &list);
    free(list);
    return machine->domains < 0 ? machine->domains : 0;
}

static void print_machine(const struct machine *machine)
{
    const xc_physinfo_t *physical = &machine->physical;
    const struct hv_memory *memory = &machine->memory;

    printf("hypervisor       version %u.%u%s\n", machine->major, machine->minor, machine->extra);
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

static void add_machine(json_t *output, const struct machine *machine)
{
    char version[64];

    snprintf(version, sizeof(version), "%u.%u%s", machine->major, machine->minor, machine->extra);
    output_text(output, "version", version);
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
    struct machine machine = { .major = 0 };
    struct hv hv;
    int rc = hv_open(&hv);

    if (rc == 0)
        rc = read_machine(&hv, &machine);
    hv_close(&hv);
    if (rc == 0 && call->json)
        add_machine(call->json, &machine);
    else if (rc == 0)
        print_machine(&machine);
    return rc;
}
