/* SPDX-License-Identifier: MIT */
/*
 * cleave cpu set: what a VM, running or not, or dom0 is promised, its limit, its weight and its
 * CPUs. The plan comes first: if it refuses, nothing has changed. Read next:
 * ../libcleave/promise.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "events.h"
#include "promise.h"
#include "report.h"
#include "resources.h"
#include "vms.h"

struct change {
    struct session session;
    char **settings; /* quoted */
    int count;
};

/* Takes the settings behind the VM's name. Returns 0, or a negative errno after an error. */
static int read_settings(const struct call *call, struct change *change)
{
    int count = call->count - 2;

    change->settings = calloc(count + 1, sizeof(*change->settings));
    if (!change->settings)
        return -ENOMEM;
    for (int i = 0; i < count; i++) {
        const char *setting = call->arguments[i + 2], *equals = strchr(setting, '=');

        if (!equals || !vmfile_is_cpu_key(setting, equals - setting) || strpbrk(equals, "\"'\n")) {
            report_error(REPORT_USAGE,
                         "\"%s\": must be KEY=VALUE, with cpu_mhz, cpu_class, cpu_slo, "
                         "cpu_limit_mhz, cpu_latency_us, cosched, cpu_weight or cpus",
                         setting);
            return -EINVAL;
        }
        change->settings[change->count++] = create_quote(setting);
    }
    return 0;
}

/* --- a VM ------------------------------------------------------------------------------------- */

static int record_settings(const struct call *call, const struct vms_record *vm)
{
    int rc = 0;

    for (int i = 2; rc == 0 && i < call->count; i++)
        rc = session_record(vm, call->arguments[i]);
    return rc;
}

/* Promises again what was promised before, as what should replace it could not be recorded. */
static void take_back(struct change *change, const struct vms_record *vm)
{
    struct vmfile before;

    if (vms_read_file(vm->uuid, NULL, 0, &before) == 0)
        promise_make(&change->session.hv, &before);
    vmfile_free(&before);
}

static bool has_domain(const struct vms_record *vm)
{
    return vm->phase == VMS_RUNNING || vm->phase == VMS_STARTING;
}

/* Under the VM's lock. */
static int change_vm(struct call *call, struct change *change, const struct vms_record *vm)
{
    struct hv *hv = &change->session.hv;
    struct vmfile file;
    bool lives = has_domain(vm) && !vm->earlier_boot;
    int rc = vms_read_file(vm->uuid, change->settings, change->count, &file);

    if (rc == 0 && lives)
        rc = promise_make(hv, &file);
    else if (rc == 0)
        rc = promise_check(hv, &file);
    if (rc == 0) {
        rc = record_settings(call, vm);
        if (rc < 0 && lives)
            take_back(change, vm);
    }
    if (rc == 0 && lives)
        rc = promise_limit(hv, &file, vm->domid);
    if (rc == 0 && lives)
        rc = resources_schedule(hv, vm->domid, &file);
    if (rc == 0)
        events_promise(vm, "cpu", "%u MHz a vCPU, limit %u, weight %u", file.cpu.mhz,
                       file.cpu.limit_mhz, file.weight);
    vmfile_free(&file);
    return rc;
}

static int set_vm(struct call *call, struct change *change)
{
    struct vms_record vm;
    int rc = session_find_vm(&change->session, call->arguments[1],
                             "`xl sched-credit2` changes its weight and cap", &vm),
        lock;

    if (rc < 0)
        return rc;
    lock = session_lock_vm(&vm);
    if (lock < 0)
        return lock;
    rc = change_vm(call, change, &vm);
    vms_unlock(lock);
    if (rc == 0 && call->json) {
        output_text(call->json, "name", vm.name);
        output_text(call->json, "uuid", vm.uuid);
    }
    return rc;
}

/* --- dom0 ------------------------------------------------------------------------------------- */

/* True for `cleave cpu set Domain-0 default`. */
static bool wants_default(const struct call *call)
{
    return call->count == 3 && strcmp(call->arguments[2], "default") == 0;
}

static int set_dom0(struct call *call, struct change *change)
{
    struct hv *hv = &change->session.hv;
    struct vmfile file;
    struct domain dom0;
    uint32_t mhz = 0;
    bool reset = wants_default(call);
    int rc = cpu_read_number(call, OPTION_HOST_MHZ, 1, PLANNER_MHZ_MAX, &mhz);

    if (rc == 0)
        rc = vmfile_read_cpu(DOMAIN_0_NAME, change->settings, change->count, &file);
    if (rc == 0 && domain_get(hv, 0, NULL, &dom0) < 0) {
        report_error(REPORT_INTERNAL, "cannot query domain 0");
        rc = -EIO;
    }
    if (rc < 0)
        return rc;
    strcpy(file.name, DOMAIN_0_NAME);
    file.max_vcpus = dom0.info.max_vcpu_id + 1;
    rc = reset ? promise_default_dom0(hv) : promise_make_dom0(hv, &file, mhz);
    if (reset) { /* it may use all CPUs again */
        file.pinned = true;
        memset(file.cpus, 0xff, sizeof(file.cpus));
    }
    if (rc == 0)
        rc = resources_schedule(hv, 0, &file);
    if (rc == 0 && call->json)
        output_text(call->json, "name", DOMAIN_0_NAME);
    return rc;
}

int cpuset_run(struct call *call)
{
    const char *who = call->arguments[1];
    bool dom0 = strcmp(who, DOMAIN_0_NAME) == 0 || strcmp(who, "0") == 0;
    struct change change = { .count = 0 };
    int rc = dom0 && wants_default(call) ? 0 : read_settings(call, &change);

    if (rc == 0 && call->options[OPTION_HOST_MHZ] && !dom0) {
        report_error(REPORT_USAGE, "--host-mhz is the machine's clock: it belongs to `cleave cpu "
                                   "set Domain-0`");
        rc = -EINVAL;
    }
    if (rc == 0 && change.count == 0 && !call->options[OPTION_HOST_MHZ] &&
        !(dom0 && wants_default(call))) {
        report_error(REPORT_USAGE, "nothing to set: give KEY=VALUE after \"%s\"", who);
        rc = -EINVAL;
    }
    if (rc == 0)
        rc = session_open(&change.session);
    if (rc == 0)
        rc = dom0 ? set_dom0(call, &change) : set_vm(call, &change);
    session_close(&change.session);
    for (int i = 0; i < change.count; i++)
        free(change.settings[i]);
    free(change.settings);
    return rc;
}
