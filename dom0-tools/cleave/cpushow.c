/* SPDX-License-Identifier: MIT */
/*
 * cleave cpu show: what each VM is promised, what it wanted and what it got, watched for an
 * interval, and how its promise was kept before, as cleaved has recorded it. Read next: sample.c,
 * ../cleaved/monitor.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu.h"
#include "report.h"
#include "sample.h"

#define INTERVAL_MAX 3600
#define NS_PER_MS 1e6

/* Keeps only the VMs to be shown: those with a domain, of this id unless that is negative. */
static void select_vms(struct sample *sample, int domid)
{
    size_t kept = 0;

    for (size_t i = 0; i < sample->count; i++) {
        const struct list_row *row = &sample->vms[i].row;

        if (row->has_domain && (domid < 0 || row->domain.domid == (uint32_t)domid)) {
            sample->vms[kept++] = sample->vms[i];
            continue;
        }
        free(sample->vms[i].times);
    }
    sample->count = kept;
}

/* Returns the id of the domain that the user named, or a negative errno after an error line. */
static int find_domid(const char *who)
{
    struct session session;
    struct domain domain;
    int rc = session_try(&session, "names are not known");

    if (rc == 0)
        rc = domain_find(&session.hv, session.store, who, &domain);
    store_unguard();
    session_close(&session);
    return rc < 0 ? rc : (int)domain.domid;
}

/* --- output ----------------------------------------------------------------------------------- */

/* Percent of the seconds in which it wanted time; text of size 8. */
static const char *percent(const struct usage_kept *kept, char *text)
{
    if (kept->wanted)
        snprintf(text, 8, "%.1f", 100.0 * kept->kept / kept->wanted);
    else
        strcpy(text, "-");
    return text;
}

static void print_vm(const struct sample *sample, const struct sample_vm *vm)
{
    char name[SAMPLE_NAME_MAX], minute[8], hour[8], bound[16] = "-";

    if (vm->bound)
        snprintf(bound, sizeof(bound), "%.3f", vm->bound / NS_PER_MS);
    printf("%-20s %-10s %5u %7u %7u %7u %7u %9.3f %9s %6s %6s\n", sample_name(vm, name),
           sample_class(vm), vm->row.domain.info.max_vcpu_id + 1, sample_asked_mhz(vm),
           sample_mhz(sample, vm, vm->ran), sample_mhz(sample, vm, vm->wanted),
           sample_mhz(sample, vm, vm->lack), vm->longest_wait / NS_PER_MS, bound,
           percent(&vm->usage.minute, minute), percent(&vm->usage.hour, hour));
}

static void print_text(const struct sample *sample)
{
    const struct planner_plan *plan = &sample->book.plan;

    printf("CPUs at %u MHz (nominal; MHz are a share of time)\n", sample->mhz);
    if (plan->cpus)
        printf("reserved %" PRIu64 " MHz, free %" PRIu64 " MHz%s\n", plan->reserved_mhz,
               plan->free_mhz,
               sample->tables == SAMPLE_MISSING ? "; the core does not have this plan's tables"
                                                : "");
    printf("\n%-20s %-10s %5s %7s %7s %7s %7s %9s %9s %6s %6s\n", "VM", "Class", "VCPUs", "Asked",
           "Got", "Wanted", "Unmet", "Waited/ms", "Bound/ms", "Kept/m", "Kept/h");
    for (size_t i = 0; i < sample->count; i++)
        print_vm(sample, &sample->vms[i]);
}

static void print_json(const struct sample *sample, json_t *json)
{
    json_t *out = output_object(json, "promises"), *vms;

    output_number(out, "mhz", sample->mhz);
    output_number(out, "reserved_mhz", sample->book.plan.reserved_mhz);
    output_number(out, "free_mhz", sample->book.plan.free_mhz);
    output_text(out, "tables", sample_tables_word(sample));
    vms = output_list(out, "vms");
    for (size_t i = 0; i < sample->count; i++) {
        json_t *item = output_item(vms);

        output_vm(item, &sample->vms[i].row.domain);
        output_number(item, "vcpus", sample->vms[i].row.domain.info.max_vcpu_id + 1);
        sample_add_cpu(sample, &sample->vms[i], item);
    }
}

/* --- the verb --------------------------------------------------------------------------------- */

static int watch(struct sample *sample, int domid, uint32_t seconds)
{
    struct sample before;
    int rc = sample_take(NULL, true, &before);

    if (rc == 0 && !before.is_cleave) {
        report_error(REPORT_CPU, "this hypervisor does not tell what VMs wanted, only Cleave does: "
                                 "see `cleave top` or `xl vcpu-list`");
        rc = -ENOSYS;
    }
    if (rc == 0) {
        sleep(seconds);
        rc = sample_take(&before, false, sample);
    }
    if (rc == 0)
        select_vms(sample, domid);
    if (rc == 0 && sample->count == 0) {
        report_error(REPORT_NOT_FOUND, "domain %d has ended meanwhile", domid);
        rc = -ESRCH;
    }
    sample_free(&before);
    return rc;
}

int cpushow_run(struct call *call)
{
    const char *who = call->count > 1 ? call->arguments[1] : NULL;
    struct sample sample = { .count = 0 };
    uint32_t seconds = 1;
    int rc = cpu_read_number(call, OPTION_INTERVAL, 1, INTERVAL_MAX, &seconds);
    int domid = rc == 0 && who ? find_domid(who) : -1;

    if (rc == 0 && who && domid < 0)
        rc = domid;
    if (rc == 0)
        rc = watch(&sample, domid, seconds);
    if (rc == 0 && call->json)
        print_json(&sample, call->json);
    else if (rc == 0)
        print_text(&sample);
    sample_free(&sample);
    return rc;
}
