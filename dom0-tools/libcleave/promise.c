/* SPDX-License-Identifier: MIT */
/*
 * Keeps the book of promises and the core's tables in step. The book is written first: after a
 * kill, promise_settle hands the core what the book says. dom0 is the first line of every plan, so
 * that no VM can starve it. Read next: ../planner/planner.c, ../../hypervisor/core/sched_table.c.
 */
#include "promise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "domain.h"
#include "overbook.h"
#include "refusal.h"
#include "report.h"

#define KHZ_PER_MHZ 1000
#define DOM0_PERCENT 10 /* of each of dom0's vCPUs, unless the operator says otherwise */
#define GONE_TRIES 5

/* --- planning --------------------------------------------------------------------------------- */

static uint32_t clock_of(const struct book *book, const xc_physinfo_t *info)
{
    return book->mhz ? book->mhz : info->cpu_khz / KHZ_PER_MHZ;
}

int promise_clock(struct hv *hv, const struct book *book)
{
    xc_physinfo_t info;
    int rc = book->mhz ? 0 : hv_physinfo(hv, &info);

    return rc < 0 ? rc : (int)clock_of(book, &info);
}

/* Plans, and overbooks only if not all reservations can be held back in full. */
static int plan_all(struct hv *hv, const struct planner_input *input, const struct book *book,
                    bool admits, struct planner_plan *plan)
{
    const struct planner_refusal *refusal = &plan->refusal;
    int rc = planner_make(input, plan);
    char why[OVERBOOK_TEXT_MAX] = "";

    if (rc == -ENOSPC)
        rc = overbook_plan(hv, input, book, admits, plan, why);
    if (*why)
        report_error(REPORT_CPU,
                     "VM \"%s\" fits by overbooking only, but %s: lower its cpu_mhz, or cpu_slo of "
                     "that VM",
                     book->vms[refusal->vm].name, why);
    else if (rc == -ENOSPC || rc == -EINVAL)
        refusal_report(refusal, &input->vms[refusal->vm], book->vms[refusal->vm].name);
    else if (rc < 0)
        report_error(REPORT_INTERNAL, "no plan of CPU time: %s", strerror(-rc));
    return rc;
}

/*
 * Replaces the book's plan by one for its VMs. -ENOSPC: they do not fit. uuid: whom a refusal is
 * about, or NULL. admits: it asks for more than before, so all SLOs must be predicted to hold.
 */
static int make_plan(struct hv *hv, struct book *book, const char *uuid, bool admits)
{
    struct planner_input input = { .vm_count = book->count };
    struct planner_vm *vms = calloc(book->count + 1, sizeof(*vms));
    const struct book_vm *dom0 = book_find(book, BOOK_DOM0_UUID);
    const struct book_vm *asks = uuid ? book_find(book, uuid) : NULL;
    struct planner_plan plan;
    xc_physinfo_t info;
    int rc = vms ? hv_physinfo(hv, &info) : -ENOMEM;

    if (rc < 0) {
        free(vms);
        return rc;
    }
    for (size_t i = 0; i < book->count; i++)
        vms[i] = book_planner_vm(&book->vms[i]);
    input.vms = vms;
    input.asks = asks ? &vms[asks - book->vms] : NULL;
    input.cpus = info.nr_cpus;
    input.mhz = clock_of(book, &info);
    input.dom0_cpus = dom0 && dom0->pinned ? dom0->cpus : NULL;
    input.previous = book->plan.cpus == input.cpus && book->plan.mhz == input.mhz ? &book->plan
                                                                                  : NULL;
    rc = plan_all(hv, &input, book, admits, &plan);
    if (rc == 0) {
        planner_free(&book->plan);
        book->plan = plan;
    } else {
        planner_free(&plan);
    }
    free(vms);
    return rc;
}

/* --- the core --------------------------------------------------------------------------------- */

/* While a VM reboots it may have two domains: the one that lives counts. */
static uint32_t domid_of(const struct book_vm *vm, const struct domain *list, int count)
{
    uint32_t domid = CORE_NO_DOMAIN;

    if (strcmp(vm->uuid, BOOK_DOM0_UUID) == 0)
        return 0;
    for (int i = 0; i < count; i++)
        if (strcmp(list[i].uuid, vm->uuid) == 0 && list[i].info.max_vcpu_id + 1 >= vm->vcpus &&
            !(list[i].info.flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown)))
            domid = list[i].domid;
    return domid;
}

int promise_domids(struct hv *hv, const struct book *book, uint32_t *domids)
{
    struct domain *list;
    int count = domain_list(hv, NULL, &list);
    bool others = false;

    if (count < 0)
        return count;
    for (size_t i = 0; i < book->count; i++) {
        domids[i] = domid_of(&book->vms[i], list, count);
        others |= domids[i] != CORE_NO_DOMAIN && domids[i] != 0;
    }
    for (size_t i = 0; !others && i < book->count; i++)
        domids[i] = CORE_NO_DOMAIN;
    free(list);
    return 0;
}

/* Returns 1 if the core has the book's tables, 0 if not, -ENOSYS on Xen, which has no tables. */
static int has_tables(struct hv *hv, const struct book *book, const uint32_t *domids)
{
    struct cleave_table now;
    int rc = core_tables(hv, &now);

    if (rc < 0)
        return rc == -ENOSYS ? rc : 0;
    return now.cookie == core_cookie(&book->plan, domids);
}

int promise_installed(struct hv *hv, const struct book *book)
{
    uint32_t *domids = calloc(book->count + 1, sizeof(*domids));
    int rc = domids ? promise_domids(hv, book, domids) : -ENOMEM;

    if (rc == 0)
        rc = has_tables(hv, book, domids) > 0;
    free(domids);
    return rc;
}

/* Hands the core the book's tables, unless it has them. */
static int install(struct hv *hv, const struct book *book)
{
    uint32_t *domids = calloc(book->count + 1, sizeof(*domids));
    int rc = -ESRCH;

    if (!domids)
        return -ENOMEM;
    for (int tries = 0; rc == -ESRCH && tries < GONE_TRIES; tries++) {
        rc = promise_domids(hv, book, domids);
        if (rc == 0 && has_tables(hv, book, domids) == 0)
            rc = core_install(hv, &book->plan, domids);
    }
    if (rc == -ESRCH)
        report_error(REPORT_INTERNAL, "domains come and go too quickly for a table of CPU time: "
                                      "cleaved tries again");
    free(domids);
    return rc;
}

/* As make_plan, and makes the plan hold: in the book first, then in the core. */
static int carry_out(struct hv *hv, struct book *book, const char *uuid, bool admits)
{
    int rc = make_plan(hv, book, uuid, admits);

    if (rc == 0)
        rc = book_save(book);
    return rc == 0 ? install(hv, book) : rc;
}

/* --- the book --------------------------------------------------------------------------------- */

/* Enters dom0's line: with the vCPUs that it has, and a share of them unless that is declared. */
static int put_dom0(struct hv *hv, struct book *book)
{
    const struct book_vm *declared = book_find(book, BOOK_DOM0_UUID);
    struct book_vm vm = { .uuid = BOOK_DOM0_UUID, .name = DOMAIN_0_NAME };
    struct domain dom0;
    int mhz = promise_clock(hv, book);

    if (mhz < 0)
        return mhz;
    if (domain_get(hv, 0, NULL, &dom0) < 0) {
        report_error(REPORT_INTERNAL, "cannot query domain 0");
        return -EIO;
    }
    vm.cpu = (struct vmfile_cpu){ .class = VMFILE_GUARANTEED, .mhz = mhz * DOM0_PERCENT / 100 };
    if (declared && declared->declared)
        vm = *declared;
    vm.vcpus = dom0.info.max_vcpu_id + 1;
    return book_put(book, &vm);
}

/* True if the VM still has or will have a domain. Under the lock of the book. */
static bool is_kept(const struct book_vm *vm)
{
    struct vms_record record;

    if (strcmp(vm->uuid, BOOK_DOM0_UUID) == 0)
        return true;
    return vms_load(vm->uuid, &record) == 0 && !record.earlier_boot &&
           record.phase != VMS_STOPPED && record.phase != VMS_FAILED &&
           record.phase != VMS_PRESERVED;
}

/* Returns whether any was dropped. `except` is about to be promised something. */
static bool drop_gone(struct book *book, const char *except)
{
    size_t before = book->count;

    for (size_t i = book->count; i-- > 0;)
        if (strcmp(book->vms[i].uuid, except) != 0 && !is_kept(&book->vms[i]))
            book_remove(book, &book->vms[i]);
    return book->count != before;
}

static struct book_vm entry_of(const struct vmfile *vm)
{
    struct book_vm entry = {
        .vcpus = vm->vcpus, .cpu = vm->cpu, .weight = vm->weight, .pinned = vm->pinned
    };

    uuid_unparse_lower(vm->uuid, entry.uuid);
    memcpy(entry.name, vm->name, sizeof(entry.name));
    memcpy(entry.cpus, vm->cpus, sizeof(entry.cpus));
    return entry;
}

/* Enters what the VM asks for, behind all others. One of class spare has no entry. */
static int put_vm(struct hv *hv, struct book *book, const struct vmfile *vm)
{
    struct book_vm entry = entry_of(vm), *old;
    int rc;

    drop_gone(book, entry.uuid);
    if (vm->cpu.class != VMFILE_SPARE) {
        rc = put_dom0(hv, book);
        return rc == 0 ? book_put(book, &entry) : rc;
    }
    old = book_find(book, entry.uuid);
    if (old)
        book_remove(book, old);
    return 0;
}

/* True if the book need not be opened for this VM. */
static bool is_spare(const struct vmfile *vm)
{
    return vm->cpu.class == VMFILE_SPARE && access(BOOK_PATH, F_OK) < 0;
}

/* Returns -ENOSYS after an error line if the VM wants what only Cleave's core can keep. */
static int need_core(struct hv *hv, const struct vmfile *vm)
{
    struct cleave_table now;

    if (vm->cpu.class == VMFILE_SPARE || core_tables(hv, &now) != -ENOSYS)
        return 0;
    report_error(REPORT_CPU,
                 "VM \"%s\": this hypervisor cannot keep cpu_mhz, only Cleave can: remove it, or "
                 "boot Cleave",
                 vm->name);
    return -ENOSYS;
}

/* False if the VM, which is in the book, asks for at most the time that it was promised. */
static bool asks_more(struct book *book, const char *uuid, const struct vmfile *vm)
{
    const struct book_vm *old = book_find(book, uuid);

    return vm->cpu.class != VMFILE_SPARE &&
           (!old || vm->cpu.class != old->cpu.class || vm->cpu.slo > old->cpu.slo ||
            vm->vcpus * vm->cpu.mhz > old->vcpus * old->cpu.mhz);
}

int promise_make(struct hv *hv, const struct vmfile *vm)
{
    struct book book;
    char uuid[UUID_STR_LEN];
    int lock, rc;
    bool admits;

    if (is_spare(vm))
        return 0;
    if (need_core(hv, vm) < 0)
        return -ENOSYS;
    lock = book_lock();
    if (lock < 0)
        return lock;
    uuid_unparse_lower(vm->uuid, uuid);
    rc = book_load(&book);
    if (rc == 0 && (vm->cpu.class != VMFILE_SPARE || book_find(&book, uuid))) {
        admits = asks_more(&book, uuid, vm);
        rc = put_vm(hv, &book, vm);
        if (rc == 0)
            rc = carry_out(hv, &book, uuid, admits);
    }
    book_free(&book);
    book_unlock(lock);
    return rc;
}

int promise_check(struct hv *hv, const struct vmfile *vm)
{
    struct book book;
    char uuid[UUID_STR_LEN];
    int rc;

    if (vm->cpu.class == VMFILE_SPARE)
        return 0;
    if (need_core(hv, vm) < 0)
        return -ENOSYS;
    uuid_unparse_lower(vm->uuid, uuid);
    rc = book_load(&book);
    if (rc == 0)
        rc = put_vm(hv, &book, vm);
    if (rc == 0)
        rc = make_plan(hv, &book, uuid, true);
    book_free(&book);
    return rc;
}

/* entry: what is declared, or NULL; mhz likewise, 0 changes nothing. */
static int declare_dom0(struct hv *hv, const struct book_vm *entry, uint32_t mhz)
{
    struct book_vm *dom0;
    struct book book;
    int lock = book_lock(), rc;

    if (lock < 0)
        return lock;
    rc = book_load(&book);
    if (rc == 0 && entry) {
        book.mhz = mhz ? mhz : book.mhz;
        rc = book_put(&book, entry);
    } else if (rc == 0) {
        book.mhz = 0;
        dom0 = book_find(&book, BOOK_DOM0_UUID);
        if (dom0)
            dom0->declared = false;
    }
    if (rc == 0)
        rc = put_dom0(hv, &book);
    if (rc == 0)
        rc = carry_out(hv, &book, BOOK_DOM0_UUID, true);
    book_free(&book);
    book_unlock(lock);
    return rc;
}

int promise_make_dom0(struct hv *hv, const struct vmfile *vm, uint32_t mhz)
{
    struct book_vm entry = entry_of(vm);

    strcpy(entry.uuid, BOOK_DOM0_UUID);
    strcpy(entry.name, DOMAIN_0_NAME);
    entry.declared = true;
    return declare_dom0(hv, &entry, mhz);
}

int promise_default_dom0(struct hv *hv) { return declare_dom0(hv, NULL, 0); }

static int limit_vcpus(struct hv *hv, const struct vmfile *vm, uint32_t domid, uint32_t mhz)
{
    uint64_t ns = vm->cpu.limit_mhz >= mhz ? 0 : (uint64_t)vm->cpu.limit_mhz * PLANNER_PERIOD_NS;
    int rc = 0;

    for (unsigned int vcpu = 0; rc == 0 && vcpu < vm->max_vcpus; vcpu++)
        rc = core_limit(hv, domid, vcpu, ns / mhz);
    if (rc == -ENOSYS && !vm->cpu.limit_mhz)
        return 0;
    if (rc == -ENOSYS)
        report_error(REPORT_CPU,
                     "VM \"%s\": this hypervisor cannot keep cpu_limit_mhz, only Cleave can: "
                     "remove it, or boot Cleave",
                     vm->name);
    else if (rc < 0)
        report_error(report_by_errno(-rc), "VM \"%s\": the core rejects cpu_limit_mhz: %s",
                     vm->name, strerror(-rc));
    return rc;
}

int promise_start(struct hv *hv, const struct vmfile *vm, uint32_t domid)
{
    struct book book;
    int lock, mhz, rc;

    if (is_spare(vm) && !vm->cpu.limit_mhz)
        return 0;
    lock = book_lock();
    if (lock < 0)
        return lock;
    rc = book_load(&book);
    mhz = rc < 0 ? rc : promise_clock(hv, &book);
    if (mhz <= 0)
        rc = mhz < 0 ? mhz : -EIO;
    if (rc == 0 && vm->cpu.limit_mhz)
        rc = limit_vcpus(hv, vm, domid, mhz);
    if (rc == 0 && book.count)
        rc = install(hv, &book);
    book_free(&book);
    book_unlock(lock);
    return rc;
}

int promise_limit(struct hv *hv, const struct vmfile *vm, uint32_t domid)
{
    struct book book;
    int rc = book_load(&book);
    int mhz = rc < 0 ? rc : promise_clock(hv, &book);

    rc = mhz > 0 ? limit_vcpus(hv, vm, domid, mhz) : mhz;
    book_free(&book);
    return rc;
}

/* --- ends ------------------------------------------------------------------------------------- */

/* Drops the VM of this UUID ("": none), and all that are gone. */
static int settle(struct hv *hv, const char *uuid)
{
    struct book_vm *vm;
    struct book book;
    int lock = book_lock(), rc;
    bool changed = false;

    if (lock < 0)
        return lock;
    rc = book_load(&book);
    if (rc == 0) {
        vm = book_find(&book, uuid);
        if (vm)
            book_remove(&book, vm);
        changed = drop_gone(&book, "") || vm;
    }
    if (rc == 0 && changed)
        rc = carry_out(hv, &book, NULL, false);
    else if (rc == 0 && !*uuid)
        rc = install(hv, &book);
    book_free(&book);
    book_unlock(lock);
    return rc;
}

int promise_settle(struct hv *hv) { return access(BOOK_PATH, F_OK) < 0 ? 0 : settle(hv, ""); }

void promise_end(struct hv *hv, const char *uuid)
{
    struct report *outer = report_current(), report = { .echo = NULL };

    if (access(BOOK_PATH, F_OK) < 0)
        return;
    report_begin(&report);
    if (settle(hv, uuid) < 0)
        report_warning("CPU time that was promised is not free yet: %s", report_text(&report));
    report_end(&report);
    report_join(outer);
}

bool promise_dom0_cpus(uint8_t cpus[VMFILE_CPUS_MAX / 8])
{
    const struct book_vm *dom0;
    struct book book;
    bool own;

    if (access(BOOK_PATH, F_OK) < 0 || book_load(&book) < 0)
        return false;
    dom0 = book_find(&book, BOOK_DOM0_UUID);
    own = dom0 && dom0->pinned;
    if (own)
        memcpy(cpus, dom0->cpus, sizeof(dom0->cpus));
    book_free(&book);
    return own;
}
