/* SPDX-License-Identifier: MIT */
/* The order of VMs in `cleave top`, and their lines as text. Read next: top.c, topscreen.c. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top.h"

#define KIB_PER_MIB 1024
#define NS_PER_MS 1e6

const char *const toplines_keys[TOP_KEYS] = {
    [TOP_UNMET] = "unmet",     [TOP_GOT] = "got",       [TOP_WANTED] = "wanted",
    [TOP_LONGEST] = "longest", [TOP_MEMORY] = "memory", [TOP_NAME] = "name"
};

/* --- order ------------------------------------------------------------------------------------ */

struct order {
    const struct sample *sample;
    enum top_key key;
};

static uint64_t weight_of(const struct order *order, const struct sample_vm *vm)
{
    switch (order->key) {
    case TOP_UNMET: return sample_mhz(order->sample, vm, vm->lack);
    case TOP_GOT: return sample_mhz(order->sample, vm, vm->ran);
    case TOP_WANTED: return sample_mhz(order->sample, vm, vm->wanted);
    case TOP_LONGEST: return vm->longest_wait;
    case TOP_MEMORY: return vm->row.has_domain ? domain_memory_held(&vm->row.domain) : 0;
    case TOP_NAME:
    case TOP_KEYS: break;
    }
    return 0;
}

static int compare_numbers(uint64_t left, uint64_t right)
{
    return (left < right) - (left > right); /* the larger one first */
}

static int compare_vms(const void *a, const void *b, void *data)
{
    const struct sample_vm *left = a, *right = b;
    const struct order *order = data;
    int result = compare_numbers(left->row.has_domain, right->row.has_domain);

    if (result == 0)
        result = compare_numbers(weight_of(order, left), weight_of(order, right));
    if (result == 0 && order->key != TOP_NAME)
        result = compare_numbers(sample_mhz(order->sample, left, left->ran),
                                 sample_mhz(order->sample, right, right->ran));
    if (result == 0)
        result = strcmp(left->row.domain.name, right->row.domain.name);
    return result ? result : strcmp(left->row.domain.uuid, right->row.domain.uuid);
}

void toplines_sort(struct sample *sample, enum top_key key)
{
    struct order order = { sample, key };

    qsort_r(sample->vms, sample->count, sizeof(*sample->vms), compare_vms, &order);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Percent of all CPUs that the domains, dom0 among them, have used. */
static double used_percent(const struct sample *sample)
{
    double used = 0, all = (double)sample->mhz * sample->machine.nr_cpus;

    for (size_t i = 0; i < sample->count; i++)
        used += sample_mhz(sample, &sample->vms[i], sample->vms[i].ran);
    /* the looks at two domains are not at the same moment */
    return used >= all ? 100 : 100 * used / all;
}

void toplines_head(const struct sample *sample, enum top_key key, int line, char text[TOP_LINE_MAX])
{
    const struct hv_memory *memory = &sample->memory;
    time_t now = time(NULL);
    char clock[16] = "";
    struct tm utc;

    if (line == 0) {
        strftime(clock, sizeof(clock), "%T", gmtime_r(&now, &utc));
        snprintf(text, TOP_LINE_MAX,
                 "%s UTC  %u CPUs at %u MHz: %.1f %% used; %" PRIu64 " MHz reserved, %" PRIu64
                 " free",
                 clock, sample->machine.nr_cpus, sample->mhz, used_percent(sample),
                 sample->book.plan.reserved_mhz,
                 sample->book.plan.cpus ? sample->book.plan.free_mhz
                                        : (uint64_t)sample->mhz * sample->machine.nr_cpus);
        return;
    }
    snprintf(text, TOP_LINE_MAX,
             "memory %" PRIu64 " MiB, %" PRIu64 " free, %" PRIu64
             " claimed; %zu VMs, by %s; in MHz, waits in ms",
             memory->total / KIB_PER_MIB, memory->free / KIB_PER_MIB, memory->claimed / KIB_PER_MIB,
             sample->count, toplines_keys[key]);
}

void toplines_columns(int name_width, char text[TOP_LINE_MAX])
{
    snprintf(text, TOP_LINE_MAX, "%-*s %-9s %5s %4s %6s %6s %6s %6s %6s %6s %3s", name_width, "VM",
             "State", "MiB", "CPUs", "Asked", "Got", "Wanted", "Unmet", "Wait", "Bound", "Ok%");
}

struct cell {
    char text[24];
};

static struct cell number(bool known, uint64_t value)
{
    struct cell cell = { "-" };

    if (known)
        snprintf(cell.text, sizeof(cell.text), "%" PRIu64, value);
    return cell;
}

/* Milliseconds, in six characters up to a minute. */
static struct cell milliseconds(bool known, uint64_t ns)
{
    struct cell cell = { "-" };
    double ms = ns / NS_PER_MS;

    if (known)
        snprintf(cell.text, sizeof(cell.text), "%.*f", ms < 100 ? 2 : 0, ms);
    return cell;
}

/* A promise that was broken is never rounded to 100. */
static struct cell kept(const struct usage_kept *minute)
{
    return number(minute->wanted > 0, minute->wanted ? minute->kept * 100 / minute->wanted : 0);
}

void toplines_vm(const struct sample *sample, const struct sample_vm *vm, int name_width,
                 char text[TOP_LINE_MAX])
{
    const xc_domaininfo_t *info = &vm->row.domain.info;
    bool lives = vm->row.has_domain, timed = vm->elapsed && vm->times;
    struct cell memory = number(lives, domain_memory_held(&vm->row.domain) / KIB_PER_MIB);
    struct cell vcpus = number(lives, info->nr_online_vcpus);
    struct cell asked = number(vm->vm != NULL, sample_asked_mhz(vm));
    struct cell got = number(vm->elapsed != 0, sample_mhz(sample, vm, vm->ran));
    struct cell wanted = number(timed, sample_mhz(sample, vm, vm->wanted));
    struct cell unmet = number(timed && vm->vm, sample_mhz(sample, vm, vm->lack));
    struct cell wait = milliseconds(timed, vm->longest_wait);
    struct cell bound = milliseconds(vm->bound != 0, vm->bound);
    struct cell ok = kept(&vm->usage.minute);
    char name[SAMPLE_NAME_MAX];

    snprintf(text, TOP_LINE_MAX, "%-*.*s %-9.9s %5s %4s %6s %6s %6s %6s %6s %6s %3s", name_width,
             name_width, sample_name(vm, name), vm->row.state, memory.text, vcpus.text, asked.text,
             got.text, wanted.text, unmet.text, wait.text, bound.text, ok.text);
}

const char *toplines_warning(const struct sample *sample)
{
    if (!sample->is_cleave)
        return "this hypervisor does not tell what VMs wanted: only Cleave does";
    if (sample->tables == SAMPLE_MISSING)
        return "the core does not have the plan's tables: promises may not be kept";
    return NULL;
}
