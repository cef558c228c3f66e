/* SPDX-License-Identifier: MIT */
/* cleave list and cleave info: VMs with the hypervisor's domains, and the machine. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "domain.h"
#include "report.h"
#include "vms.h"

#define KIB_PER_MIB 1024
#define NS_PER_S 1e9

/* --- list ------------------------------------------------------------------------------------- */

/* A line of the list: a VM of cleave, which may have no domain, or a domain of another tool. */
struct row {
    struct domain domain;
    bool has_domain;
    const char *state;
    char reason[256]; /* why the VM waits or failed */
};

/* Of a VM that has a record, what the record says goes before what the domain says. */
static const char *state_of(const struct vms_record *vm, const struct row *row)
{
    switch (vm->phase) {
    case VMS_BUILDING: return vm->wanted ? "rebooting" : "building";
    case VMS_STARTING:
    case VMS_WAITING:
    case VMS_SAVING:
    case VMS_STOPPED:
    case VMS_FAILED: return vms_phase_name(vm->phase);
    case VMS_RUNNING:
    case VMS_PRESERVED: break;
    }
    return row->has_domain ? domain_state(&row->domain.info) : "ended";
}

/* Takes the VM's domain out of the list, the recorded one if it has two. */
static void take_domain(const struct vms_record *vm, struct domain *domains, int count,
                        struct row *row)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(domains[i].uuid, vm->uuid) != 0)
            continue;
        if (!row->has_domain || domains[i].domid == vm->domid)
            row->domain = domains[i];
        row->has_domain = true;
        domains[i].uuid[0] = '\0';
    }
}

static void fill_row(const struct vms_record *vm, struct domain *domains, int count,
                     struct row *row)
{
    *row = (struct row){ .domain.domid = VMS_NO_DOMAIN };
    take_domain(vm, domains, count, row);
    strcpy(row->domain.name, vm->name);
    strcpy(row->domain.uuid, vm->uuid);
    row->state = state_of(vm, row);
    if (vm->phase == VMS_WAITING || vm->phase == VMS_FAILED)
        strcpy(row->reason, vm->reason);
}

static int compare(const void *a, const void *b)
{
    const struct row *left = a, *right = b;

    if (left->has_domain != right->has_domain)
        return right->has_domain - left->has_domain;
    if (!left->has_domain)
        return strcmp(left->domain.name, right->domain.name);
    return (left->domain.domid > right->domain.domid) - (left->domain.domid < right->domain.domid);
}

/* Lists VMs and domains. The caller frees *rows. Returns their number, or a negative errno. */
static int list_rows(struct session *session, struct row **rows)
{
    struct vms_record *vms = NULL;
    struct domain *domains = NULL;
    /* in this order: a VM that is created meanwhile is only a domain, one that ends has none */
    int vm_count = vms_list(&vms);
    int count = domain_list(&session->hv, session->store, &domains), rc = 0;

    *rows = vm_count < 0 || count < 0 ? NULL : calloc(vm_count + count + 1, sizeof(**rows));
    if (!*rows)
        rc = count < 0 ? count : -ENOMEM;
    for (int i = 0; *rows && i < vm_count; i++)
        fill_row(&vms[i], domains, count, &(*rows)[rc++]);
    for (int i = 0; *rows && i < count; i++)
        if (domains[i].uuid[0])
            (*rows)[rc++] = (struct row){ .domain = domains[i],
                                          .has_domain = true,
                                          .state = domain_state(&domains[i].info) };
    if (*rows)
        qsort(*rows, rc, sizeof(**rows), compare);
    if (count >= 0)
        free(domains);
    if (vm_count >= 0)
        free(vms);
    return rc;
}

/* Keeps the rows of this name, UUID or id. Returns their number, or a negative errno. */
static int select_rows(struct row *rows, int count, const char *who)
{
    bool number = *who && strspn(who, "0123456789") == strlen(who);
    int kept = 0;

    for (int i = 0; i < count; i++) {
        const struct domain *domain = &rows[i].domain;
        bool fits = number ? rows[i].has_domain && domain->domid == strtoul(who, NULL, 10)
                           : *who &&
                                 (strcmp(domain->name, who) == 0 || strcmp(domain->uuid, who) == 0);

        if (fits)
            rows[kept++] = rows[i];
    }
    if (kept)
        return kept;
    report_error(REPORT_NOT_FOUND, "no VM %s \"%s\": see `cleave list`",
                 number ? "with id" : "named", who);
    return -ESRCH;
}

static void print_row(const struct row *row)
{
    const xc_domaininfo_t *info = &row->domain.info;
    const char *name = row->domain.name[0] ? row->domain.name : "(no name)";

    if (!row->has_domain) {
        printf("%-32s %5s %7s %5s  %-9s %9s", name, "-", "-", "-", row->state, "-");
    } else {
        printf("%-32s %5u %7llu %5u  %-9s %9.1f", name, row->domain.domid,
               (unsigned long long)(info->tot_pages + info->outstanding_pages) * HV_PAGE_KIB /
                   KIB_PER_MIB,
               info->nr_online_vcpus, row->state, info->cpu_time / NS_PER_S);
    }
    printf("%s%s\n", row->reason[0] ? "  " : "", row->reason);
}

static void print_table(const struct row *rows, int count)
{
    printf("%-32s %5s %7s %5s  %-9s %9s\n", "Name", "ID", "Mem/MiB", "VCPUs", "State", "Time/s");
    for (int i = 0; i < count; i++)
        print_row(&rows[i]);
}

static void add_rows(json_t *output, const struct row *rows, int count)
{
    json_t *domains = output_list(output, "domains");

    for (int i = 0; i < count; i++) {
        const xc_domaininfo_t *info = &rows[i].domain.info;
        json_t *row = output_item(domains);

        output_vm(row, &rows[i].domain);
        output_text(row, "state", rows[i].state);
        if (rows[i].reason[0])
            output_text(row, "reason", rows[i].reason);
        if (!rows[i].has_domain)
            continue;
        output_number(row, "memory_kib", (uint64_t)info->tot_pages * HV_PAGE_KIB);
        output_number(row, "claimed_kib", (uint64_t)info->outstanding_pages * HV_PAGE_KIB);
        output_number(row, "max_memory_kib", (uint64_t)info->max_pages * HV_PAGE_KIB);
        output_number(row, "vcpus", info->nr_online_vcpus);
        output_number(row, "max_vcpus", info->max_vcpu_id + 1ull);
        output_number(row, "cpu_time_ns", info->cpu_time);
    }
}

int list_run(struct call *call)
{
    struct session session;
    struct row *rows = NULL;
    int count = session_try(&session, "names of other tools are unknown");

    if (count == 0)
        count = list_rows(&session, &rows);
    session_close(&session);
    if (count >= 0 && call->count)
        count = select_rows(rows, count, call->arguments[0]);
    if (count >= 0 && call->json)
        add_rows(call->json, rows, count);
    else if (count >= 0)
        print_table(rows, count);
    free(rows);
    return count < 0 ? count : 0;
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
