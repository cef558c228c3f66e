/* SPDX-License-Identifier: MIT */
/* cleave list: VMs together with the hypervisor's domains. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "domain.h"
#include "list.h"
#include "membook.h"
#include "report.h"
#include "vms.h"

#define KIB_PER_MIB 1024
#define NS_PER_S 1e9

/* Of a VM that has a record, what the record says goes before what the domain says. */
static const char *state_of(const struct vms_record *vm, const struct list_row *row)
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
                        struct list_row *row)
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

static bool is_uncooperative(const struct vms_record *vm)
{
    struct membook book;

    return !vm->earlier_boot && membook_load(vm->uuid, &book) == 0 &&
           book.history.balloon == BALANCER_UNCOOPERATIVE;
}

static void fill_row(const struct vms_record *vm, struct domain *domains, int count,
                     struct list_row *row)
{
    *row = (struct list_row){ .domain.domid = VMS_NO_DOMAIN };
    take_domain(vm, domains, count, row);
    strcpy(row->domain.name, vm->name);
    strcpy(row->domain.uuid, vm->uuid);
    row->state = state_of(vm, row);
    if (vm->phase == VMS_WAITING || vm->phase == VMS_FAILED)
        strcpy(row->reason, vm->reason);
    else if (vm->phase == VMS_RUNNING && is_uncooperative(vm))
        strcpy(row->reason, "its balloon does not follow");
}

static int compare(const void *a, const void *b)
{
    const struct list_row *left = a, *right = b;

    if (left->has_domain != right->has_domain)
        return right->has_domain - left->has_domain;
    if (!left->has_domain)
        return strcmp(left->domain.name, right->domain.name);
    return (left->domain.domid > right->domain.domid) - (left->domain.domid < right->domain.domid);
}

int list_rows(struct session *session, struct list_row **rows)
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
            (*rows)[rc++] = (struct list_row){ .domain = domains[i],
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
static int select_rows(struct list_row *rows, int count, const char *who)
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

const char *list_name(const struct domain *domain)
{
    return domain->name[0] ? domain->name : domain->uuid;
}

static void print_row(const struct list_row *row)
{
    const xc_domaininfo_t *info = &row->domain.info;
    const char *name = list_name(&row->domain);

    if (!row->has_domain) {
        printf("%-32s %5s %7s %5s  %-9s %9s", name, "-", "-", "-", row->state, "-");
    } else {
        printf("%-32s %5u %7llu %5u  %-9s %9.1f", name, row->domain.domid,
               (unsigned long long)domain_memory_held(&row->domain) / KIB_PER_MIB,
               info->nr_online_vcpus, row->state, info->cpu_time / NS_PER_S);
    }
    printf("%s%s\n", row->reason[0] ? "  " : "", row->reason);
}

static void print_table(const struct list_row *rows, int count)
{
    printf("%-32s %5s %7s %5s  %-9s %9s\n", "Name", "ID", "Mem/MiB", "VCPUs", "State", "Time/s");
    for (int i = 0; i < count; i++)
        print_row(&rows[i]);
}

static void add_rows(json_t *output, const struct list_row *rows, int count)
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
        output_number(row, "memory_kib", domain_memory_held(&rows[i].domain));
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
    struct list_row *rows = NULL;
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
