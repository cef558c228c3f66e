/* SPDX-License-Identifier: MIT */
/*
 * Looks at all VMs, and compares a look with the one before. Each look opens the hypervisor and the
 * store itself, so that a verb that watches for days survives a xenstored that is started anew.
 * Read next: ../libcleave/usage.h, cpushow.c, top.c, metrics.c.
 */
#include "sample.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"
#include "promise.h"
#include "report.h"

#define NS_PER_S 1000000000ull
/* A program that changes the promises writes the book first, and the core has the tables later. */
#define TABLES_WAIT_US 200000

/* --- a VM ------------------------------------------------------------------------------------- */

static void find_promise(const struct book *book, struct sample_vm *vm)
{
    bool dom0 = vm->row.has_domain && vm->row.domain.domid == 0;
    const struct planner_plan *plan = &book->plan;
    size_t index;

    vm->vm = book_find(book, dom0 ? BOOK_DOM0_UUID : vm->row.domain.uuid);
    if (!vm->vm)
        return;
    index = vm->vm - book->vms;
    for (size_t i = plan->cpus ? plan->first[index] : 0; plan->cpus && i < plan->first[index + 1];
         i++)
        if (plan->vcpus[i].cpus && plan->vcpus[i].wait_ns > vm->bound)
            vm->bound = plan->vcpus[i].wait_ns;
    usage_load(vm->vm->uuid, &vm->usage);
}

/* Asks the core for all vCPUs. It does not answer on Xen, and if the domain has gone. */
static void read_times(struct hv *hv, bool reset, struct sample_vm *vm)
{
    uint32_t count = vm->row.domain.info.max_vcpu_id + 1;

    vm->times = calloc(count, sizeof(*vm->times));
    for (vm->vcpus = 0; vm->times && vm->vcpus < count; vm->vcpus++)
        if (core_time(hv, vm->row.domain.domid, vm->vcpus, reset, &vm->times[vm->vcpus]) < 0)
            break;
    if (vm->vcpus == count)
        return;
    free(vm->times);
    vm->times = NULL;
    vm->vcpus = 0;
}

/* --- two looks -------------------------------------------------------------------------------- */

static const struct sample_vm *find_before(const struct sample *before, const struct sample_vm *vm)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct sample_vm *old = &before->vms[i];

        if (old->row.has_domain && old->row.domain.domid == vm->row.domain.domid &&
            strcmp(old->row.domain.uuid, vm->row.domain.uuid) == 0)
            return old;
    }
    return NULL;
}

static void compare_times(const struct sample *sample, const struct sample_vm *old,
                          struct sample_vm *vm)
{
    for (uint32_t vcpu = 0; vcpu < vm->vcpus && vcpu < old->vcpus; vcpu++) {
        uint32_t mhz = vm->vm && vcpu < vm->vm->vcpus ? vm->vm->cpu.mhz : 0;
        struct usage_time time =
            usage_between(&old->times[vcpu], &vm->times[vcpu], mhz, sample->mhz);

        vm->ran += time.ran;
        vm->wanted += time.wanted;
        vm->lack += time.lack;
        vm->elapsed = time.elapsed;
        if (vm->times[vcpu].longest_wait > vm->longest_wait)
            vm->longest_wait = vm->times[vcpu].longest_wait;
    }
}

static void compare(const struct sample *before, const struct sample *sample, struct sample_vm *vm)
{
    const struct sample_vm *old = vm->row.has_domain ? find_before(before, vm) : NULL;

    if (old && vm->times && old->times) {
        compare_times(sample, old, vm);
    } else if (old) {
        vm->elapsed = sample->when - before->when;
        vm->ran = vm->row.domain.info.cpu_time - old->row.domain.info.cpu_time;
    }
}

/* --- a look ----------------------------------------------------------------------------------- */

static int take_vms(struct session *session, const struct sample *before, bool reset,
                    struct sample *sample)
{
    struct list_row *rows = NULL;
    int count = list_rows(session, &rows);

    sample->vms = count < 0 ? NULL : calloc(count + 1, sizeof(*sample->vms));
    for (int i = 0; sample->vms && i < count; i++) {
        struct sample_vm *vm = &sample->vms[sample->count++];

        vm->row = rows[i];
        find_promise(&sample->book, vm);
        if (vm->row.has_domain && sample->is_cleave)
            read_times(&session->hv, reset, vm);
        if (before)
            compare(before, sample, vm);
    }
    free(rows);
    if (count >= 0 && !sample->vms)
        return -ENOMEM;
    return count < 0 ? count : 0;
}

static int look_for_tables(struct hv *hv, struct sample *sample)
{
    struct book book;
    int installed;

    if (!sample->is_cleave || !sample->book.plan.cpus)
        return 0;
    installed = promise_installed(hv, &sample->book);
    if (installed == 0) {
        usleep(TABLES_WAIT_US);
        installed = book_load(&book);
        if (installed == 0)
            installed = promise_installed(hv, &book);
        book_free(&book);
    }
    sample->tables = installed > 0 ? SAMPLE_INSTALLED : SAMPLE_MISSING;
    return installed < 0 ? installed : 0;
}

/* Fills in what is the same for all VMs. */
static int take_machine(struct session *session, struct sample *sample)
{
    struct hv *hv = &session->hv;
    struct cleave_table table;
    struct timespec now;
    int mhz, rc = book_load(&sample->book);

    if (rc == 0)
        rc = hv_physinfo(hv, &sample->machine);
    if (rc == 0)
        rc = hv_memory(hv, &sample->memory);
    mhz = rc < 0 ? rc : promise_clock(hv, &sample->book);
    if (mhz < 0)
        return mhz;
    clock_gettime(CLOCK_BOOTTIME, &now);
    sample->when = now.tv_sec * NS_PER_S + now.tv_nsec;
    sample->mhz = mhz ? mhz : 1;
    sample->is_cleave = core_tables(hv, &table) == 0;
    return look_for_tables(hv, sample);
}

int sample_take(const struct sample *before, bool reset, struct sample *sample)
{
    struct session session;
    int rc = session_try(&session, "names of other tools are unknown");

    *sample = (struct sample){ .count = 0 };
    if (rc == 0)
        rc = take_machine(&session, sample);
    if (rc == 0)
        rc = take_vms(&session, before, reset, sample);
    store_unguard();
    session_close(&session);
    return rc;
}

void sample_free(struct sample *sample)
{
    for (size_t i = 0; i < sample->count; i++)
        free(sample->vms[i].times);
    free(sample->vms);
    book_free(&sample->book);
    *sample = (struct sample){ .count = 0 };
}

/* --- for output ------------------------------------------------------------------------------- */

uint32_t sample_mhz(const struct sample *sample, const struct sample_vm *vm, uint64_t ns)
{
    return vm->elapsed ? (ns * sample->mhz + vm->elapsed / 2) / vm->elapsed : 0;
}

uint32_t sample_asked_mhz(const struct sample_vm *vm)
{
    return vm->vm ? vm->vm->vcpus * vm->vm->cpu.mhz : 0;
}

const char *sample_class(const struct sample_vm *vm)
{
    return cpuprint_classes[vm->vm ? (enum planner_class)vm->vm->cpu.class : PLANNER_SPARE];
}

const char *sample_name(const struct sample_vm *vm, char text[SAMPLE_NAME_MAX])
{
    snprintf(text, SAMPLE_NAME_MAX, "%s", list_name(&vm->row.domain));
    for (char *c = text; *c; c++)
        if (!isascii(*c) || !isprint(*c))
            *c = '?';
    return text;
}

const char *sample_tables_word(const struct sample *sample)
{
    static const char *const words[] = {
        [SAMPLE_NO_TABLES] = "none", [SAMPLE_INSTALLED] = "installed", [SAMPLE_MISSING] = "missing"
    };

    return words[sample->tables];
}

static void add_kept(json_t *object, const char *key, const struct usage_kept *kept)
{
    json_t *member = output_object(object, key);

    output_number(member, "wanted_s", kept->wanted);
    output_number(member, "kept_s", kept->kept);
}

void sample_add_cpu(const struct sample *sample, const struct sample_vm *vm, json_t *object)
{
    output_text(object, "class", sample_class(vm));
    output_number(object, "asked_mhz", sample_asked_mhz(vm));
    if (vm->row.has_domain)
        output_number(object, "got_mhz", sample_mhz(sample, vm, vm->ran));
    if (vm->times) {
        output_number(object, "wanted_mhz", sample_mhz(sample, vm, vm->wanted));
        output_number(object, "unmet_mhz", sample_mhz(sample, vm, vm->lack));
        output_number(object, "longest_wait_ns", vm->longest_wait);
    }
    if (vm->bound)
        output_number(object, "bound_ns", vm->bound);
    add_kept(object, "minute", &vm->usage.minute);
    add_kept(object, "hour", &vm->usage.hour);
}
