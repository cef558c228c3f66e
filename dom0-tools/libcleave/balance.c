/* SPDX-License-Identifier: MIT */
/*
 * Collects what the balancer is told, and carries out what it says. A VM may end at any moment: its
 * target is then told to nobody. Room for a new VM is made by whoever builds it, without cleaved.
 * Read next: memory.c, membook.c, ../balancer/balancer.c.
 */
#define _GNU_SOURCE
#include "balance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core.h"
#include "events.h"
#include "lock.h"
#include "obey.h"
#include "paging.h"
#include "progress.h"
#include "report.h"

#ifndef LOCK_PATH /* tests have another */
#define LOCK_PATH "/run/cleave-memory.lock"
#endif
#define KIB_PER_MIB 1024
#define YOUNG_S 30       /* a guest boots, and has no balloon driver yet */
#define RESERVE_KIB 8192 /* for the tables of those that grow */
#define ROOM_STEP_MS 50
#define ROOM_QUIET_MS (BALANCER_OBEY_MS + 1000) /* nobody has given anything for so long */
#define PATH_SIZE 128
#define GIVERS_MAX 5 /* that an error names */

/* --- looking ---------------------------------------------------------------------------------- */

/* A paused guest cannot follow, no more than one that boots. */
static bool is_young(const struct vms_record *record, const struct domain *domain)
{
    return domain->info.flags & XEN_DOMINF_paused || vms_now() - record->started < YOUNG_S;
}

static void look_at_working_set(struct hv *hv, bool fresh, struct balance_vm *known)
{
    struct membook_working *shown = &known->book.shown;
    struct memory_figures *figures = &known->figures;

    if (fresh) {
        memory_end_sample(hv, known->domain.domid, figures);
        *shown = (struct membook_working){ figures->sampled, figures->working, figures->low,
                                           figures->high };
    } else if (shown->sampled) {
        figures->sampled = true;
        figures->working = shown->working;
        figures->low = shown->low;
        figures->high = shown->high;
    }
}

/* Returns false if the VM's file cannot be read. */
static bool look_at_vm(struct hv *hv, struct xs_handle *store, bool fresh,
                       const struct vms_record *record, struct balance_vm *known,
                       struct balancer_vm *vm)
{
    struct memory_figures *figures = &known->figures;
    struct vmfile file;
    char path[PATH_SIZE];
    int rc;

    vms_config_path(record->uuid, path, sizeof(path));
    rc = vmfile_read_memory(path, &file);
    if (rc == 0)
        *vm = (struct balancer_vm){ .min = file.memory.min_kib,
                                    .max = file.max_memory_kib,
                                    .shares = file.memory.shares,
                                    .priority = file.memory.priority,
                                    .floor = file.memory.floor_kib };
    known->paging = rc == 0 && file.memory.paging;
    vmfile_free(&file);
    if (rc < 0)
        return false;
    strcpy(known->domain.name, record->name);
    known->balanced = vm->min < vm->max && membook_load(record->uuid, &known->book) == 0 &&
                      known->book.domid == known->domain.domid;
    if (!known->balanced)
        vm->min = vm->max;
    memory_look(hv, store, &known->domain, figures);
    look_at_working_set(hv, fresh, known);
    vm->current = figures->current;
    vm->target = figures->target;
    vm->sampled = figures->sampled;
    vm->working = figures->working;
    vm->low = figures->low;
    vm->high = figures->high;
    vm->own = figures->own;
    vm->frozen = membook_is_frozen(record->uuid);
    vm->young = is_young(record, &known->domain);
    vm->history = known->book.history;
    return true;
}

static void look_at_vms(struct hv *hv, struct xs_handle *store, bool fresh,
                        const struct domain *domains, int domain_count, struct balance *balance)
{
    struct report *outer = report_current(), report = { .echo = NULL };
    struct vms_record *list = NULL;
    int count;

    report_begin(&report); /* the errors of one VM are not those of the others */
    count = vms_list(&list);
    balance->vms = calloc(count > 0 ? count : 1, sizeof(*balance->vms));
    balance->known = calloc(count > 0 ? count : 1, sizeof(*balance->known));
    for (int i = 0; i < count && balance->vms && balance->known; i++) {
        const struct domain *domain = vms_domain(&list[i], domains, domain_count);
        struct balance_vm *known = &balance->known[balance->count];

        if (list[i].earlier_boot || list[i].phase != VMS_RUNNING || !domain ||
            domain->info.flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown))
            continue;
        *known = (struct balance_vm){ .domain = *domain };
        if (!look_at_vm(hv, store, fresh, &list[i], known, &balance->vms[balance->count]))
            continue;
        balance->host.reclaiming |= known->book.reclaiming;
        balance->count++;
    }
    free(list);
    report_end(&report);
    report_join(outer);
}

/*
 * Takes pages that a VM has not touched yet, and may touch within its target, out of what is free.
 * Those that the core has promised it are not among what is free.
 */
static void set_untouched_aside(struct balance *balance)
{
    for (size_t i = 0; i < balance->count; i++) {
        const struct balancer_vm *vm = &balance->vms[i];
        uint64_t held = domain_memory_held(&balance->known[i].domain), aside;
        uint64_t may = vm->target + CLEAVE_MEMORY_SLACK * HV_PAGE_KIB;

        if (!balance->known[i].figures.touches)
            continue;
        may = vm->current < may ? vm->current : may;
        aside = may > held ? may - held : 0;
        aside = aside < balance->host.free ? aside : balance->host.free;
        balance->host.free -= aside;
        balance->host.total += may > held + aside ? may - held - aside : 0;
    }
}

int balance_take(struct hv *hv, struct xs_handle *store, bool fresh, struct balance *balance)
{
    struct domain *domains = NULL;
    struct hv_memory memory;
    int count = domain_list(hv, NULL, &domains);
    int rc = count < 0 ? count : hv_memory(hv, &memory);

    *balance = (struct balance){ .count = 0 };
    if (rc == 0) {
        balance->host.free = memory.free > memory.claimed ? memory.free - memory.claimed : 0;
        balance->host.total = balance->host.free;
        balance->host.reserve = RESERVE_KIB;
        for (int i = 0; i < count; i++)
            if (domains[i].domid != 0)
                balance->host.total += domain_memory_held(&domains[i]);
        look_at_vms(hv, store, fresh, domains, count, balance);
        set_untouched_aside(balance);
        if (!balance->vms || !balance->known)
            rc = -ENOMEM;
    }
    free(domains);
    return rc;
}

void balance_free(struct balance *balance)
{
    free(balance->vms);
    free(balance->known);
    *balance = (struct balance){ .count = 0 };
}

/* --- telling ---------------------------------------------------------------------------------- */

/* The book is written first: a target that cleaved finds and has not recorded is an operator's. */
static bool tell(struct hv *hv, struct xs_handle *store, const struct balancer_host *host,
                 struct balance_vm *known, const struct balancer_vm *vm,
                 const struct balancer_verdict *verdict)
{
    struct membook_target target = { .at = time(NULL),
                                     .before = vm->target,
                                     .target = verdict->target,
                                     .reason = verdict->reason,
                                     .current = vm->current,
                                     .need = verdict->need,
                                     .lowest = verdict->lowest,
                                     .goal = verdict->goal,
                                     .free = host->free,
                                     .working = vm->sampled ? vm->working : 0 };
    int rc;

    membook_add(&known->book, &target);
    if (membook_save(known->domain.uuid, &known->book) < 0)
        return false;
    rc = memory_write(hv, store, &known->domain, vm->min, verdict->target,
                      balancer_reason_text(verdict->reason));
    if (rc < 0)
        return false;
    known->book.before = verdict->target;
    membook_save(known->domain.uuid, &known->book);
    return true;
}

size_t balance_tell(struct hv *hv, struct xs_handle *store, struct balance *balance,
                    const struct balancer_verdict *verdicts)
{
    size_t told = 0;

    for (size_t i = 0; i < balance->count; i++)
        if (balance->known[i].balanced && verdicts[i].target != balance->vms[i].target)
            told +=
                tell(hv, store, &balance->host, &balance->known[i], &balance->vms[i], &verdicts[i]);
    return told;
}

bool balance_page_out(struct hv *hv, const struct balance_vm *known, const struct balancer_vm *vm)
{
    const struct memory_figures *figures = &known->figures;
    bool deaf = vm->history.balloon == BALANCER_UNCOOPERATIVE ||
                vm->history.balloon == BALANCER_NONE;

    if (!known->balanced || !known->paging || !figures->touches || !deaf ||
        vm->current <= vm->target)
        return false;
    memory_withdraw(hv, &known->domain, vm->min, vm->target);
    if (figures->touched > vm->target + BALANCER_NEAR)
        paging_ask(known->domain.uuid, figures->paged + figures->touched - vm->target);
    return true;
}

int64_t balance_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

void balance_tell_failure(const struct balance_vm *known, const struct balancer_vm *vm)
{
    char text[200];

    snprintf(text, sizeof(text),
             "it has %llu MiB, and comes no nearer to its target of %llu MiB: %s",
             (unsigned long long)vm->current / KIB_PER_MIB,
             (unsigned long long)vm->target / KIB_PER_MIB,
             vm->history.balloon == BALANCER_NONE ? "it has no balloon driver"
                                                  : "its guest cannot give or take more now");
    events_balance(&known->domain, "memory-uncooperative", text);
}

/* --- the lock --------------------------------------------------------------------------------- */

int balance_lock(unsigned int ms)
{
    int fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int rc = fd < 0 ? -errno : lock_take(fd, ms);

    if (rc == 0)
        return fd;
    if (rc != -EBUSY)
        report_error(report_by_errno(-rc), "cannot lock %s: %s", LOCK_PATH, strerror(-rc));
    if (fd >= 0)
        close(fd);
    return rc;
}

void balance_unlock(int lock) { close(lock); }

/* --- room ------------------------------------------------------------------------------------- */

/* Names who gives, as far as the text has room for. */
static void name_givers(const struct balance *balance, const struct balancer_verdict *verdicts,
                        struct balance_room *room)
{
    size_t size = sizeof(room->givers), length = 0, named = 0;

    for (size_t i = 0; i < balance->count && named < GIVERS_MAX; i++) {
        uint64_t given = balance->vms[i].target - verdicts[i].target;

        if (!verdicts[i].movable || given == 0 || length >= size)
            continue;
        length += snprintf(room->givers + length, size - length, "%s\"%s\" %llu", named ? ", " : "",
                           balance->known[i].domain.name, (unsigned long long)given / KIB_PER_MIB);
        named++;
    }
}

/* Begins to look whether those that were told follow. */
static void begin_to_judge(struct balance *balance, const struct balancer_verdict *verdicts)
{
    for (size_t i = 0; i < balance->count; i++) {
        struct balance_vm *known = &balance->known[i];

        if (!known->balanced || verdicts[i].target == balance->vms[i].target)
            continue;
        balance->vms[i].target = verdicts[i].target;
        obey_judge(&balance->vms[i], balance_now());
        known->book.history = balance->vms[i].history;
        membook_save(known->domain.uuid, &known->book);
    }
}

/* Those that have not followed are set aside, and told what they have, or paged out. */
static void judge_givers(struct hv *hv, struct xs_handle *store)
{
    struct balancer_verdict *verdicts = NULL;
    struct balance balance;

    if (balance_take(hv, store, false, &balance) == 0)
        verdicts = calloc(balance.count + 1, sizeof(*verdicts));
    for (size_t i = 0; verdicts && i < balance.count; i++) {
        struct balancer_vm *vm = &balance.vms[i];

        verdicts[i] = (struct balancer_verdict){ .target = vm->target,
                                                 .reason = BALANCER_RELEASED,
                                                 .lowest = balancer_lowest(vm) };
        if (!balance.known[i].balanced || !obey_judge(vm, balance_now()))
            continue;
        balance.known[i].book.history = vm->history;
        membook_save(balance.known[i].domain.uuid, &balance.known[i].book);
        balance_tell_failure(&balance.known[i], vm);
        if (vm->current > vm->target && vm->current <= vm->max &&
            !balance_page_out(hv, &balance.known[i], vm))
            verdicts[i].target = vm->current - vm->current % BALANCER_PAGE;
    }
    if (verdicts)
        balance_tell(hv, store, &balance, verdicts);
    free(verdicts);
    balance_free(&balance);
}

/* Plans room, and tells it if `act` is set. Returns 1 if it is there now, or as the others. */
static int plan_room(struct hv *hv, struct xs_handle *store, uint64_t kib, bool act,
                     struct balance_room *room)
{
    struct balancer_verdict *verdicts = NULL;
    struct balance balance;
    int rc = balance_take(hv, store, false, &balance);

    *room = (struct balance_room){ .free = balance.host.free };
    if (rc == 0)
        verdicts = calloc(balance.count + 1, sizeof(*verdicts));
    if (rc == 0 && !verdicts)
        rc = -ENOMEM;
    if (rc == 0) {
        balance.host.reserve = 0; /* what is asked for has its overhead in it */
        room->possible = balancer_reclaim(&balance.host, balance.vms, balance.count, kib, verdicts);
        name_givers(&balance, verdicts, room);
        if (balance.host.free >= kib)
            rc = 1;
        else if (room->possible < kib)
            rc = -ENOMEM;
        else if (act && balance_tell(hv, store, &balance, verdicts) > 0)
            begin_to_judge(&balance, verdicts);
    }
    free(verdicts);
    balance_free(&balance);
    return rc;
}

int balance_check_room(struct hv *hv, struct xs_handle *store, uint64_t kib,
                       struct balance_room *room)
{
    int rc = plan_room(hv, store, kib, false, room);

    return rc < 0 ? rc : 0;
}

static uint64_t free_now(struct hv *hv)
{
    struct hv_memory memory;

    return hv_memory(hv, &memory) == 0 && memory.free > memory.claimed
               ? memory.free - memory.claimed
               : 0;
}

int balance_make_room(struct hv *hv, struct xs_handle *store, const char *who, uint64_t kib,
                      struct balance_room *room)
{
    int rc = plan_room(hv, store, kib, true, room);
    unsigned int quiet = 0;

    while (rc == 0 && quiet < ROOM_QUIET_MS) {
        uint64_t now = free_now(hv);

        if (now >= kib)
            return 0;
        quiet = now > room->free ? 0 : quiet + ROOM_STEP_MS;
        room->free = now;
        if (lock_is_interrupted()) {
            report_error(REPORT_INTERNAL, "VM \"%s\": interrupted before it was built", who);
            return -EINTR;
        }
        progress_show("%s: other VMs give memory: %llu of %llu MiB are free", who,
                      (unsigned long long)now / KIB_PER_MIB, (unsigned long long)kib / KIB_PER_MIB);
        usleep(ROOM_STEP_MS * 1000);
    }
    room->asked = rc == 0;
    if (rc == 0) {
        judge_givers(hv, store);
        return -ENOMEM;
    }
    return rc < 0 ? rc : 0;
}
