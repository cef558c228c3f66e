/* SPDX-License-Identifier: MIT */
/*
 * Overbooking by the histories that cleaved keeps. Read next: ../planner/demand.c, and its README
 * for the rule.
 */
#include "overbook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demand.h"
#include "domain.h"
#include "usage.h"

#define WEIGHT_DEFAULT 256 /* of a vCPU */

struct overbook {
    struct planner_input input; /* with the weights of vms */
    struct usage *usages;
    const struct demand **demands; /* NULL: no history */
    uint32_t *slos;
    struct planner_vm *vms, *shrunk;
    bool any;
};

/*
 * Enters who takes how much of the time that is left: the weights of the book's VMs, and of all
 * other domains. dom0 counts with its reservation only. Returns 0 or a negative errno.
 */
static int weigh(struct hv *hv, const struct book *book, struct overbook *o)
{
    struct xen_domctl_sched_credit2 params;
    struct domain *list;
    int count = domain_list(hv, NULL, &list);

    if (count < 0)
        return count;
    for (size_t i = 0; i < book->count; i++)
        if (strcmp(book->vms[i].uuid, BOOK_DOM0_UUID) != 0)
            o->vms[i].weight = book->vms[i].weight ? book->vms[i].weight : WEIGHT_DEFAULT;
    for (int i = 0; i < count; i++) {
        const struct book_vm *vm = book_find(book, list[i].uuid);

        if (list[i].domid == 0 || (list[i].info.flags & XEN_DOMINF_dying) ||
            xc_sched_credit2_domain_get(hv->xc, list[i].domid, &params) < 0)
            continue;
        if (!vm)
            o->input.spare_weight += (uint64_t)params.weight * (list[i].info.max_vcpu_id + 1);
        else if (!vm->weight)
            o->vms[vm - book->vms].weight = params.weight;
    }
    free(list);
    return 0;
}

/* Returns 0 or a negative errno. Call end in any case. */
static int begin(struct overbook *o, struct hv *hv, const struct planner_input *input,
                 const struct book *book)
{
    size_t count = input->vm_count + 1;

    *o = (struct overbook){ .input = *input };
    o->usages = calloc(count, sizeof(*o->usages));
    o->demands = calloc(count, sizeof(*o->demands));
    o->slos = calloc(count, sizeof(*o->slos));
    o->input.vms = o->vms = calloc(count, sizeof(*o->vms));
    o->shrunk = calloc(count, sizeof(*o->shrunk));
    if (!o->usages || !o->demands || !o->slos || !o->vms || !o->shrunk)
        return -ENOMEM;
    for (size_t i = 0; i < input->vm_count; i++) {
        const struct planner_vm *vm = &input->vms[i];

        o->vms[i] = *vm;
        o->slos[i] = book->vms[i].cpu.slo;
        if (vm->class != PLANNER_RELAXED)
            continue;
        usage_load(book->vms[i].uuid, &o->usages[i]);
        /* a history of another reservation tells nothing about this one */
        if (o->usages[i].demand.reserved_mhz != vm->vcpus * vm->mhz ||
            o->usages[i].demand.seconds < DEMAND_SECONDS_MIN)
            continue;
        o->demands[i] = &o->usages[i].demand;
        o->any = true;
    }
    return o->any ? weigh(hv, book, o) : 0;
}

static void end(struct overbook *o)
{
    free(o->usages);
    free(o->demands);
    free(o->slos);
    free(o->vms);
    free(o->shrunk);
}

int overbook_predict(struct hv *hv, const struct book *book, bool *holds,
                     struct demand_forecast *forecast)
{
    struct planner_vm *vms = calloc(book->count + 1, sizeof(*vms));
    const struct book_vm *dom0 = book_find(book, BOOK_DOM0_UUID);
    struct planner_input input = { .cpus = book->plan.cpus,
                                   .mhz = book->plan.mhz,
                                   .dom0_cpus = dom0 && dom0->pinned ? dom0->cpus : NULL,
                                   .vms = vms,
                                   .vm_count = book->count };
    struct overbook o;
    int rc;

    if (!vms)
        return -ENOMEM;
    for (size_t i = 0; i < book->count; i++)
        vms[i] = book_planner_vm(&book->vms[i]);
    rc = begin(&o, hv, &input, book);
    if (rc == 0)
        rc = demand_predict(&o.input, o.demands, o.slos, holds, forecast);
    end(&o);
    free(vms);
    return rc;
}

static void explain(const struct demand_forecast *forecast, const struct book *book,
                    char why[OVERBOOK_TEXT_MAX])
{
    const struct book_vm *vm = &book->vms[forecast->refused];
    char others[80] = "";

    if (forecast->share < 100)
        snprintf(others, sizeof(others),
                 " with %u %% of their unused time, which other VMs may take by cpu_weight",
                 100 - forecast->share);
    snprintf(why, OVERBOOK_TEXT_MAX,
             "VM \"%s\" could no longer have its reservation in %u %% of the seconds in which it "
             "wants time: relaxed VMs reserve %" PRIu64 " MHz of %" PRIu64
             ", and are predicted to want %" PRIu64 " MHz or more in 1 %% of all seconds%s",
             vm->name, vm->cpu.slo, forecast->reserved_mhz, forecast->capacity_mhz,
             forecast->peak_mhz, others);
}

int overbook_plan(struct hv *hv, const struct planner_input *input, const struct book *book,
                  bool admits, struct planner_plan *plan, char why[OVERBOOK_TEXT_MAX])
{
    struct demand_forecast forecast = { .refused = input->vm_count };
    struct planner_input reduced = *input;
    struct planner_plan fresh;
    struct overbook o;
    int rc = begin(&o, hv, input, book);

    why[0] = '\0';
    if (rc == 0 && !o.any)
        rc = -ENOSPC;
    for (size_t i = 0; rc == 0 && !admits && i < input->vm_count; i++)
        o.slos[i] = 0; /* they may break, and need the plan all the more */
    if (rc == 0) {
        rc = demand_shrink(&o.input, o.demands, o.slos, o.shrunk, &forecast);
        if (rc == -ENOSPC && forecast.refused < input->vm_count)
            explain(&forecast, book, why);
    }
    if (rc == 0) {
        reduced.vms = o.shrunk;
        reduced.asks = NULL; /* this plan's refusal is not used */
        rc = planner_make(&reduced, &fresh);
        if (rc == 0) {
            planner_free(plan);
            *plan = fresh;
        } else {
            planner_free(&fresh);
        }
    }
    end(&o);
    return rc;
}
