/* SPDX-License-Identifier: MIT */
/*
 * The life of a VM. Its record (vms.h) says in which phase it is, and is written before and after
 * each step that cannot be taken back, so that life_settle can go on wherever a process was killed.
 * A domain that is not the recorded one, but has the VM's UUID, was being built by such a process.
 *
 * For a reboot the next domain is created, with the VM's name, before the last one is destroyed:
 * the name stays taken for xl, too. What can be checked is checked before (build.h). What then
 * fails is tried again after 1 s, 2 s, 4 s and so on. Read next: build.c, vms.c, ../cleaved/main.c.
 */
#include "life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/sched.h>

#include "build.h"
#include "events.h"
#include "hotplug.h"
#include "lock.h"
#include "membook.h"
#include "memory.h"
#include "promise.h"
#include "report.h"
#include "saving.h"
#include "suspend.h"

#define LOCK_MS 60000
/* For a moment others take it only to see whether it is free. */
#define SETTLE_MS 200
/* A guest that ends sooner after its start may be in a loop: it is started again with delays. */
#define EARLY_S 20
#define EARLY_MAX 5
#define RETRIES_MAX 20
#define RETRY_MAX_S 60
#define FOREGROUND_STEP_MS 200

/* The operation on one VM. */
struct life {
    struct hv *hv;
    struct xs_handle *store;
    struct vms_record vm;
};

/* --- domains of a VM -------------------------------------------------------------------------- */

/* Destroys the VM's domains but the recorded one, which is destroyed too if all is set. */
static int destroy_domains(struct life *life, bool all)
{
    struct domain *list;
    int count = domain_list(life->hv, NULL, &list);
    int rc = 0;

    if (count < 0)
        return count;
    for (int i = 0; i < count && rc == 0; i++)
        if (strcmp(list[i].uuid, life->vm.uuid) == 0 && list[i].domid != life->vm.domid)
            rc = domain_destroy(life->hv, life->store, list[i].domid, list[i].uuid);
    free(list);
    /* also if it is gone: then it left its nodes */
    if (rc == 0 && all && life->vm.domid != VMS_NO_DOMAIN)
        rc = domain_destroy(life->hv, life->store, life->vm.domid, life->vm.uuid);
    return rc;
}

/* --- ends ------------------------------------------------------------------------------------- */

/* Writes a phase in which no guest runs: the VM's CPU time is free for others. */
static int save_idle(struct life *life)
{
    int rc = vms_save(&life->vm);

    promise_end(life->hv, life->vm.uuid);
    return rc;
}

/* Writes a phase that has no domain. */
static int save_ended(struct life *life, enum vms_phase phase)
{
    life->vm.phase = phase;
    life->vm.domid = VMS_NO_DOMAIN;
    life->vm.wanted = false;
    return save_idle(life);
}

static int remove_vm(struct life *life)
{
    int rc = vms_remove(&life->vm);

    promise_end(life->hv, life->vm.uuid);
    return rc;
}

/* Destroys what is left of the VM, which is then stopped, or no more. */
static int end_vm(struct life *life, const char *why)
{
    int rc = destroy_domains(life, true);

    if (rc < 0)
        return rc;
    events_append(&life->vm, "destroyed", "%s", why);
    life->vm.failed_builds = life->vm.early_ends = 0;
    life->vm.reason[0] = '\0';
    return life->vm.defined ? save_ended(life, VMS_STOPPED) : remove_vm(life);
}

/* Gives up. The VM keeps its name and says why, until it is destroyed or started. */
static int fail_vm(struct life *life)
{
    int rc = destroy_domains(life, true);

    if (rc < 0)
        return rc;
    events_append(&life->vm, "failed", "%s", life->vm.reason);
    return save_ended(life, VMS_FAILED);
}

/* Returns the delay before the next attempt after so many failures. */
static int64_t delay_after(unsigned int failures)
{
    return failures > 6 ? RETRY_MAX_S : 1 << (failures - 1);
}

/* Returns 0 if the VM waits now, or a negative errno. */
static int retry_later(struct life *life, int64_t delay)
{
    life->vm.phase = VMS_WAITING;
    life->vm.wanted = true;
    life->vm.retry_at = vms_now() + delay;
    events_append(&life->vm, "waiting", "built again in %lld s: %s", (long long)delay,
                  life->vm.reason);
    return vms_save(&life->vm);
}

/* --- building --------------------------------------------------------------------------------- */

static int unpause(struct life *life)
{
    int rc;

    hv_forget(life->hv);
    if (xc_domain_unpause(life->hv->xc, life->vm.domid) == 0)
        return 0;
    rc = -errno;
    report_error(report_by_errno(-rc), "VM \"%s\": cannot unpause it: %s", life->vm.name,
                 hv_reason(life->hv, -rc));
    return rc;
}

/* Writes a state that nothing depends on: after a failure life_settle finds what it needs. */
static void try_save(struct life *life)
{
    struct report *outer = report_current(), report = { .echo = NULL };
    int rc;

    report_begin(&report);
    rc = vms_save(&life->vm);
    report_join(outer);
    if (rc < 0)
        report_warning("%s", report_text(&report));
    free(report.text);
}

static void record_start(struct life *life, const char *event, const char *detail)
{
    life->vm.phase = VMS_RUNNING;
    life->vm.wanted = true;
    life->vm.started = vms_now();
    try_save(life);
    events_append(&life->vm, event, "%s", detail);
}

/* Records the complete domain and starts it. */
static int start_domain(struct life *life, const char *event)
{
    int rc;

    life->vm.phase = VMS_STARTING;
    try_save(life);
    rc = unpause(life);
    if (rc == 0)
        record_start(life, event, "");
    return rc;
}

/*
 * The balancer begins anew with each domain of a VM that it may change. An operator's target holds
 * if the VM is built in place of its last domain.
 */
static void begin_memory(const struct life *life, const struct vmfile *vm, bool again)
{
    bool frozen = again && membook_is_frozen(life->vm.uuid);

    if (vm->memory.min_kib < vm->max_memory_kib)
        membook_begin(life->vm.uuid, life->vm.domid, vm->memory_kib);
    else
        membook_end(life->vm.uuid);
    if (frozen)
        membook_freeze(life->vm.uuid);
}

/*
 * Builds the VM with its kernel, in place of its last domain old, or from a saved guest; both may
 * be NULL. It has the CPU time that its file asks for before it is built.
 */
static int build_promised(struct life *life, const struct vmfile *vm, const struct domain *old,
                          const struct statefile *saved)
{
    int rc = promise_make(life->hv, vm);

    if (rc == 0 && saved)
        rc = build_restored(life->hv, life->store, vm, saved->fd, &life->vm.domid);
    else if (rc == 0)
        rc = build_vm(life->hv, life->store, vm, old, &life->vm.domid);
    if (rc == 0)
        begin_memory(life, vm, old);
    return rc == 0 ? promise_start(life->hv, vm, life->vm.domid) : rc;
}

/* Builds the VM from its recorded file, and starts it. */
static int build_recorded(struct life *life, const struct domain *old)
{
    struct vmfile vm;
    int rc;

    if (old)
        hotplug_keep(life->store, &life->vm, old->domid);
    rc = vms_read_file(life->vm.uuid, NULL, 0, &vm);
    if (rc == 0 && old)
        memory_keep(life->hv, life->store, old, &vm);
    if (rc == 0)
        rc = build_promised(life, &vm, old, NULL);
    vmfile_free(&vm);
    return rc < 0 ? rc : start_domain(life, "started");
}

/* Builds and starts the VM again, in place of its last domain, if that still exists. */
static int build_again(struct life *life, const struct domain *old)
{
    struct report *outer = report_current();
    struct report report = { .echo = outer ? outer->echo : stderr };
    int rc;

    life->vm.phase = VMS_BUILDING;
    life->vm.wanted = true;
    rc = vms_save(&life->vm);
    if (rc < 0)
        return rc;
    report_begin(&report);
    rc = build_recorded(life, old);
    snprintf(life->vm.reason, sizeof(life->vm.reason), "%s", report_text(&report));
    report_end(&report);
    report_join(outer);
    life->vm.failed_builds = rc == 0 ? 0 : life->vm.failed_builds + 1;
    if (rc == 0)
        return 0;
    return life->vm.failed_builds > RETRIES_MAX
               ? fail_vm(life)
               : retry_later(life, delay_after(life->vm.failed_builds));
}

/* --- settling --------------------------------------------------------------------------------- */

static const char *reason_text(unsigned int reason)
{
    static const char *const reasons[] = {
        [SHUTDOWN_poweroff] = "powered off",
        [SHUTDOWN_reboot] = "rebooted",
        [SHUTDOWN_crash] = "crashed",
        [SHUTDOWN_watchdog] = "was shut down by its watchdog",
    };

    return reason < sizeof(reasons) / sizeof(reasons[0]) && reasons[reason] ? reasons[reason]
                                                                            : "ended";
}

static int read_action(const struct life *life, unsigned int reason, enum vmfile_action *action)
{
    struct vmfile vm;
    int rc = vms_read_file(life->vm.uuid, NULL, 0, &vm);

    switch (reason) {
    case SHUTDOWN_poweroff: *action = vm.on_poweroff; break;
    case SHUTDOWN_reboot: *action = vm.on_reboot; break;
    case SHUTDOWN_watchdog: *action = vm.on_watchdog; break;
    default: *action = vm.on_crash; break;
    }
    vmfile_free(&vm);
    return rc;
}

/* Starts the guest again: at once, or later if it ended soon after its start, as often before. */
static int restart(struct life *life, const struct domain *old, unsigned int reason)
{
    int64_t lived = vms_now() - life->vm.started;
    bool asked = vms_take_asked(life->vm.uuid) && reason == SHUTDOWN_reboot;

    if (asked || lived >= EARLY_S)
        life->vm.early_ends = 0;
    else
        life->vm.early_ends++;
    if (life->vm.early_ends < 2)
        return build_again(life, old);
    snprintf(life->vm.reason, sizeof(life->vm.reason),
             "%s %lld s after its start, %u times in a row%s", reason_text(reason),
             (long long)lived, life->vm.early_ends,
             life->vm.early_ends > EARLY_MAX ? ": destroyed instead of started again" : "");
    return life->vm.early_ends > EARLY_MAX
               ? fail_vm(life)
               : retry_later(life, delay_after(life->vm.early_ends - 1));
}

static int settle_shut_down(struct life *life, const struct domain *domain, bool build)
{
    unsigned int reason = domain_shutdown_reason(&domain->info);
    enum vmfile_action action;
    int rc = read_action(life, reason, &action);

    if (rc < 0 || (action == VMFILE_RESTART && !build))
        return rc;
    events_append(&life->vm, "ended", "%s", reason_text(reason));
    switch (action) {
    case VMFILE_PRESERVE:
        life->vm.phase = VMS_PRESERVED;
        events_append(&life->vm, "preserved", "until `cleave destroy %s`", life->vm.name);
        return save_idle(life);
    case VMFILE_DESTROY: return end_vm(life, reason_text(reason));
    case VMFILE_RESTART: return restart(life, domain, reason);
    }
    return 0;
}

static bool has_ended(const struct domain *domain)
{
    return domain_is_shut_down(&domain->info) &&
           domain_shutdown_reason(&domain->info) != SHUTDOWN_suspend;
}

/* The process that was building has died. Only what should run is built again. */
static int settle_build(struct life *life, const struct domain *old, bool build)
{
    int rc = destroy_domains(life, false);

    if (rc == 0 && !life->vm.wanted)
        return end_vm(life, "its build was interrupted");
    if (rc == 0 && build)
        rc = build_again(life, old);
    return rc;
}

/* The process that was saving has died. */
static int settle_saving(struct life *life, const struct domain *domain)
{
    if (!domain || saving_is_complete(&life->vm))
        return end_vm(life, domain ? "saved" : "by another tool");
    return saving_undo(life->hv, life->store, &life->vm, domain);
}

static int settle_started(struct life *life, const struct domain *domain, bool build)
{
    if (!domain || domain->info.flags & XEN_DOMINF_dying)
        return end_vm(life, "by another tool");
    if (life->vm.phase == VMS_STARTING) {
        /* unpaused twice, it would run though its user paused it meanwhile */
        if (domain->info.cpu_time == 0)
            unpause(life);
        record_start(life, "started", "");
        return 0;
    }
    if (life->vm.phase == VMS_RUNNING && has_ended(domain))
        return settle_shut_down(life, domain, build);
    return 0;
}

/* dom0 has booted since: the domain is gone. The next state to be written is of this boot. */
static int settle_earlier_boot(struct life *life, bool build)
{
    if (life->vm.defined && life->vm.autostart)
        return build ? build_again(life, NULL) : 0;
    return life->vm.phase == VMS_STOPPED ? vms_save(&life->vm)
                                         : end_vm(life, "together with the machine");
}

static int settle_locked(struct life *life, const struct domain *domain, bool build)
{
    if (life->vm.earlier_boot)
        return settle_earlier_boot(life, build);
    switch (life->vm.phase) {
    case VMS_BUILDING: return settle_build(life, domain, build);
    case VMS_SAVING: return settle_saving(life, domain);
    case VMS_STARTING:
    case VMS_RUNNING:
    case VMS_PRESERVED: return settle_started(life, domain, build);
    case VMS_WAITING:
        return build && vms_now() >= life->vm.retry_at ? build_again(life, domain) : 0;
    case VMS_STOPPED:
    case VMS_FAILED: break;
    }
    return 0;
}

int life_settle(struct hv *hv, struct xs_handle *store, const char *uuid, bool build)
{
    struct life life = { .hv = hv, .store = store };
    struct domain *list;
    int lock = vms_lock(uuid, SETTLE_MS);
    int rc, count;

    if (lock < 0)
        return lock == -EBUSY || lock == -ESRCH ? 0 : lock;
    rc = vms_load(uuid, &life.vm);
    if (rc == 0) {
        count = domain_list(hv, NULL, &list);
        rc = count;
        if (count >= 0) {
            rc = settle_locked(&life, vms_domain(&life.vm, list, count), build);
            free(list);
        }
    }
    vms_unlock(lock);
    return rc == -ESRCH ? 0 : rc;
}

int64_t life_due(const struct vms_record *vm, const struct domain *domains, int count)
{
    const struct domain *domain = vms_domain(vm, domains, count);

    if (vm->earlier_boot)
        return vm->phase != VMS_STOPPED || vm->autostart ? 0 : LIFE_NEVER;
    switch (vm->phase) {
    case VMS_BUILDING:
    case VMS_SAVING:
    case VMS_STARTING: return 0;
    case VMS_WAITING: return vm->retry_at;
    case VMS_RUNNING:
        if (domain && has_ended(domain))
            return 0;
        /* fall through */
    case VMS_PRESERVED: return domain && !(domain->info.flags & XEN_DOMINF_dying) ? LIFE_NEVER : 0;
    case VMS_STOPPED:
    case VMS_FAILED: break;
    }
    return LIFE_NEVER;
}

/* --- verbs ------------------------------------------------------------------------------------ */

static int report_taken(const struct vms_record *vm, const struct vms_record *other)
{
    const char *what = strcmp(vm->name, other->name) == 0 ? "name" : "uuid";

    if (other->domid != VMS_NO_DOMAIN)
        report_error(REPORT_STATE,
                     "VM \"%s\": the %s is in use by domain %u (\"%s\", %s): choose another one, "
                     "or `cleave destroy %s`",
                     vm->name, what, other->domid, other->name, vms_phase_name(other->phase),
                     other->name);
    else
        report_error(REPORT_STATE,
                     "VM \"%s\": the %s is in use by the VM \"%s\", which is %s and has no "
                     "domain: choose another one, or `cleave %s %s`",
                     vm->name, what, other->name, vms_phase_name(other->phase),
                     other->defined ? "undefine" : "destroy", other->name);
    return -EEXIST;
}

/* Adds the VM, after a VM of its name that nobody looked after was settled. */
static int add_vm(struct life *life, const char *config)
{
    struct report *outer = report_current(), report = { .echo = NULL };
    struct vms_record other;
    int lock = vms_add(&life->vm, config, &other);

    if (lock == -EEXIST) {
        report_begin(&report);
        life_settle(life->hv, life->store, other.uuid, false);
        report_end(&report);
        report_join(outer);
        lock = vms_add(&life->vm, config, &other);
    }
    return lock == -EEXIST ? report_taken(&life->vm, &other) : lock;
}

/* Forgets a VM that was not built, or stops it if it is defined. */
static int drop_vm(struct life *life)
{
    if (life->vm.domid != VMS_NO_DOMAIN)
        destroy_domains(life, true);
    return life->vm.defined ? save_ended(life, VMS_STOPPED) : remove_vm(life);
}

/* Takes the record of a defined VM whose guest was saved. -ESRCH: there is none. */
static int take_stopped(struct life *life)
{
    struct vms_record vm;
    int lock = vms_lock(life->vm.uuid, LOCK_MS);
    int rc = lock < 0 ? -ESRCH : vms_load(life->vm.uuid, &vm);

    if (rc == 0 && vm.phase == VMS_STOPPED && strcmp(vm.name, life->vm.name) == 0) {
        life->vm = vm;
        life->vm.phase = VMS_BUILDING;
        life->vm.failed_builds = life->vm.early_ends = 0;
        rc = vms_save(&life->vm);
        if (rc == 0)
            return lock;
    } else {
        rc = -ESRCH;
    }
    if (lock >= 0)
        vms_unlock(lock);
    return rc;
}

/* Builds the VM with its kernel, or from a saved guest, if that is not NULL. */
static int create(struct hv *hv, struct xs_handle *store, const struct vmfile *vm,
                  const char *config, const struct statefile *saved, bool paused, uint32_t *domid)
{
    const char *event = !saved ? "created" : "restored";
    struct life life = { .hv = hv, .store = store };
    int lock, rc;

    life.vm = (struct vms_record){ .phase = VMS_BUILDING, .domid = VMS_NO_DOMAIN };
    strcpy(life.vm.name, vm->name);
    uuid_unparse_lower(vm->uuid, life.vm.uuid);
    lock = saved ? take_stopped(&life) : -ESRCH;
    if (lock == -ESRCH)
        lock = add_vm(&life, config);
    if (lock < 0)
        return lock;
    rc = build_promised(&life, vm, NULL, saved);
    if (rc == 0 && saved)
        suspend_offer(store, life.vm.domid, saved->vm.features);
    if (rc == 0 && lock_is_interrupted()) {
        report_error(REPORT_INTERNAL, "VM \"%s\": interrupted: the VM was removed", vm->name);
        rc = -EINTR;
    }
    if (rc == 0 && paused)
        record_start(&life, event, "paused");
    else if (rc == 0)
        rc = start_domain(&life, event);
    *domid = life.vm.domid;
    if (rc < 0)
        drop_vm(&life);
    vms_unlock(lock);
    return rc;
}

int life_create(struct hv *hv, struct xs_handle *store, const struct vmfile *vm, const char *config,
                bool paused, uint32_t *domid)
{
    return create(hv, store, vm, config, NULL, paused, domid);
}

int life_restore(struct hv *hv, struct xs_handle *store, const struct vmfile *vm,
                 const char *config, const struct statefile *saved, bool paused, uint32_t *domid)
{
    return create(hv, store, vm, config, saved, paused, domid);
}

/* Finds the VM's record, by the UUID of a domain if need be. -ESRCH: it has none. */
static int find_vm(struct hv *hv, struct xs_handle *store, const char *who, struct domain *domain,
                   struct vms_record *vm)
{
    int rc = vms_find(who, vm);

    if (rc != -ESRCH)
        return rc;
    rc = domain_find_guest(hv, store, who, domain);
    if (rc < 0)
        return rc == -ESRCH ? -ENOENT : rc;
    return vms_load(domain->uuid, vm);
}

static int report_locked(const struct vms_record *vm, int error)
{
    if (error == EBUSY)
        report_error(REPORT_TIMEOUT,
                     "VM \"%s\": another program has changed it for %d s already: `ps` shows "
                     "which `cleave` that is; wait, or end it",
                     vm->name, LOCK_MS / 1000);
    else if (error == EINTR)
        report_error(REPORT_INTERNAL, "VM \"%s\": interrupted while another program changes it",
                     vm->name);
    else
        report_error(report_by_errno(error), "VM \"%s\": cannot lock it: %s", vm->name,
                     strerror(error));
    return -error;
}

/* Locks the VM and reads its record again. Returns the lock, or a negative errno after an error. */
static int lock_record(struct vms_record *vm)
{
    int lock = vms_lock(vm->uuid, LOCK_MS);
    int rc;

    if (lock == -ESRCH)
        return lock;
    if (lock < 0)
        return report_locked(vm, -lock);
    rc = vms_load(vm->uuid, vm);
    if (rc == 0)
        return lock;
    vms_unlock(lock);
    return rc;
}

int life_destroy(struct hv *hv, struct xs_handle *store, const char *who, struct domain *ended)
{
    struct life life = { .hv = hv, .store = store };
    int rc = find_vm(hv, store, who, ended, &life.vm);
    int lock;

    if (rc == -ESRCH)
        return domain_destroy(hv, store, ended->domid, ended->uuid);
    if (rc < 0)
        return rc;
    *ended = (struct domain){ .domid = life.vm.domid };
    strcpy(ended->name, life.vm.name);
    strcpy(ended->uuid, life.vm.uuid);
    lock = lock_record(&life.vm);
    if (lock == -ESRCH) /* it ended meanwhile */
        return 0;
    if (lock < 0)
        return lock;
    rc = life.vm.phase == VMS_STOPPED ? 0 : end_vm(&life, "as asked");
    vms_unlock(lock);
    return rc;
}

int life_define(const struct vmfile *vm, const char *config, bool autostart)
{
    struct vms_record record = {
        .phase = VMS_STOPPED, .domid = VMS_NO_DOMAIN, .defined = true, .autostart = autostart
    };
    struct vms_record other;
    int lock;

    strcpy(record.name, vm->name);
    uuid_unparse_lower(vm->uuid, record.uuid);
    lock = vms_add(&record, config, &other);
    if (lock == -EEXIST)
        return report_taken(&record, &other);
    if (lock < 0)
        return lock;
    events_append(&record, "defined", "%s", autostart ? "starts with the machine" : "");
    vms_unlock(lock);
    return 0;
}

/* Finds and locks a VM on disk. Returns the lock, or a negative errno after an error. */
static int find_record(const char *who, struct vms_record *vm)
{
    int rc = vms_find(who, vm);

    if (rc == 0)
        rc = lock_record(vm);
    if (rc == -ESRCH)
        report_error(REPORT_NOT_FOUND, "no VM \"%s\" of cleave: see `cleave list`", who);
    return rc;
}

int life_undefine(const char *who, struct vms_record *vm)
{
    int lock = find_record(who, vm);
    int rc;

    if (lock < 0)
        return lock;
    if (!vm->defined) {
        report_error(REPORT_STATE,
                     "\"%s\" is not defined: it was made by `cleave create`, and is gone when it "
                     "ends",
                     vm->name);
        rc = -EINVAL;
    } else {
        bool ended = vm->phase == VMS_STOPPED || vm->phase == VMS_FAILED;

        events_append(vm, "undefined", "%s", ended ? "" : "removed when it ends");
        vm->defined = vm->autostart = false;
        rc = ended ? vms_remove(vm) : vms_save(vm);
    }
    vms_unlock(lock);
    return rc;
}

int life_start(struct hv *hv, struct xs_handle *store, const char *who, struct vms_record *vm)
{
    struct life life = { .hv = hv, .store = store };
    int lock = find_record(who, &life.vm);
    int rc;

    if (lock < 0)
        return lock;
    if (life.vm.phase != VMS_STOPPED && life.vm.phase != VMS_FAILED) {
        report_error(REPORT_STATE, "\"%s\" is %s already: see `cleave list`", life.vm.name,
                     vms_phase_name(life.vm.phase));
        rc = -EALREADY;
    } else {
        enum vms_phase before = life.vm.phase;

        life.vm.phase = VMS_BUILDING;
        life.vm.failed_builds = life.vm.early_ends = 0;
        rc = vms_save(&life.vm);
        if (rc == 0)
            rc = build_recorded(&life, NULL);
        if (rc == 0 && lock_is_interrupted()) {
            report_error(REPORT_INTERNAL, "VM \"%s\": interrupted: it was ended again", who);
            rc = -EINTR;
        }
        if (rc < 0) {
            destroy_domains(&life, true);
            save_ended(&life, before);
        }
    }
    vms_unlock(lock);
    *vm = life.vm;
    return rc;
}

int life_run(struct hv *hv, struct xs_handle *store, const char *uuid)
{
    struct vms_record vm;
    int watch = vms_watch(uuid);
    int rc = 0;

    while (rc == 0 && vms_load(uuid, &vm) == 0 && vm.phase != VMS_STOPPED &&
           vm.phase != VMS_FAILED && vm.phase != VMS_PRESERVED) {
        rc = life_settle(hv, store, uuid, true);
        usleep(FOREGROUND_STEP_MS * 1000);
    }
    if (watch >= 0)
        vms_unlock(watch);
    return rc;
}

/* --- save ------------------------------------------------------------------------------------- */

int life_save(struct hv *hv, struct xs_handle *store, const char *who, const char *path,
              struct domain *domain)
{
    struct life life = { .hv = hv, .store = store };
    int rc = find_vm(hv, store, who, domain, &life.vm);
    int lock;

    if (rc == -ESRCH)
        report_error(REPORT_STATE, "\"%s\" was not made by cleave: `xl save` saves it",
                     domain->name);
    if (rc < 0)
        return rc;
    lock = lock_record(&life.vm);
    if (lock == -ESRCH)
        report_error(REPORT_NOT_FOUND, "\"%s\" has just ended", who);
    if (lock < 0)
        return lock;
    rc = saving_write(hv, store, &life.vm, path, domain);
    if (rc == 0) {
        events_append(&life.vm, "saved", "%s", path);
        rc = end_vm(&life, "saved");
    }
    vms_unlock(lock);
    return rc;
}
