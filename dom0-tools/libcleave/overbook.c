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

#include "demand.h"
#include "usage.h"

struct overbook {
    struct usage *usages;
    const struct demand **demands; /* NULL: no history */
    uint32_t *slos;
    struct planner_vm *vms;
    bool any;
};

static bool begin(struct overbook *o, const struct planner_input *input, const struct book *book)
{
    size_t count = input->vm_count + 1;

    o->usages = calloc(count, sizeof(*o->usages));
    o->demands = calloc(count, sizeof(*o->demands));
    o->slos = calloc(count, sizeof(*o->slos));
    o->vms = calloc(count, sizeof(*o->vms));
    if (!o->usages || !o->demands || !o->slos || !o->vms)
        return false;
    for (size_t i = 0; i < input->vm_count; i++) {
        const struct planner_vm *vm = &input->vms[i];

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
    return true;
}

static void end(struct overbook *o)
{
    free(o->usages);
    free(o->demands);
    free(o->slos);
    free(o->vms);
}

int overbook_predict(const struct book *book, bool *holds, struct demand_forecast *forecast)
{
    struct planner_vm *vms = calloc(book->count + 1, sizeof(*vms));
    const struct book_vm *dom0 = book_find(book, BOOK_DOM0_UUID);
    struct planner_input input = { .cpus = book->plan.cpus,
                                   .mhz = book->plan.mhz,
                                   .dom0_cpus = dom0 && dom0->pinned ? dom0->cpus : NULL,
                                   .vms = vms,
                                   .vm_count = book->count };
    struct overbook o = { .any = false };
    int rc = -ENOMEM;

    for (size_t i = 0; vms && i < book->count; i++)
        vms[i] = book_planner_vm(&book->vms[i]);
    if (vms && begin(&o, &input, book))
        rc = demand_predict(&input, o.demands, o.slos, holds, forecast);
    end(&o);
    free(vms);
    return rc;
}

static void explain(const struct demand_forecast *forecast, const struct book *book, char why[256])
{
    const struct book_vm *vm = &book->vms[forecast->refused];

    snprintf(why, 256,
             "VM \"%s\" could no longer have its reservation in %u %% of the seconds in which it "
             "wants time: relaxed VMs reserve %" PRIu64 " MHz of %" PRIu64
             ", and are predicted to want %" PRIu64 " MHz or more in 1 %% of all seconds",
             vm->name, vm->cpu.slo, forecast->reserved_mhz, forecast->capacity_mhz,
             forecast->peak_mhz);
}

int overbook_plan(const struct planner_input *input, const struct book *book, bool admits,
                  struct planner_plan *plan, char why[256])
{
    struct overbook o = { .any = false };
    struct demand_forecast forecast = { .refused = input->vm_count };
    struct planner_input reduced = *input;
    struct planner_plan fresh;
    int rc = begin(&o, input, book) ? 0 : -ENOMEM;

    why[0] = '\0';
    if (rc == 0 && !o.any)
        rc = -ENOSPC;
    for (size_t i = 0; rc == 0 && !admits && i < input->vm_count; i++)
        o.slos[i] = 0; /* they may break, and need the plan all the more */
    if (rc == 0) {
        rc = demand_shrink(input, o.demands, o.slos, o.vms, &forecast);
        if (rc == -ENOSPC && forecast.refused < input->vm_count)
            explain(&forecast, book, why);
    }
    if (rc == 0) {
        reduced.vms = o.vms;
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
