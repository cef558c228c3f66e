/* SPDX-License-Identifier: MIT */
/*
 * set-memory and set-vcpus: the guest is told by the store (memory/target, cpu/N/availability), and
 * its balloon and hot-plug drivers follow. Read next: wait.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleave-schema.h"
#include "deadline.h"
#include "events.h"
#include "membook.h"
#include "memory.h"
#include "progress.h"
#include "promise.h"
#include "report.h"
#include "targets.h"
#include "xlrecord.h"

#define KIB_PER_MIB 1024
#define FALLBACK_S 60
#define SLACK_KIB 1024 /* of the limit beyond the maximum, as in build.c */
#define MIB_MAX (1l << 30)

/* Parses the second argument. Returns it, or -EINVAL after an error was reported. */
static long parse_number(const struct call *call, const char *what, long max)
{
    const char *text = call->arguments[1];
    long number = strtol(text, NULL, 10);

    if (*text && strspn(text, "0123456789") == strlen(text) && number >= 1 && number <= max)
        return number;
    report_error(REPORT_USAGE, "\"%s\": must be a whole number of %s from 1 to %ld", text, what,
                 max);
    return -EINVAL;
}

static int report_unwritten(const struct domain *domain)
{
    report_error(REPORT_INTERNAL, "cannot write to the store for \"%s\": %s", domain->name,
                 strerror(errno));
    return -EIO;
}

static int write_number(struct session *session, const struct domain *domain, uint64_t number,
                        const char *pattern)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    if (store_write(session->store, XBT_NULL, text, pattern, domain->domid))
        return 0;
    return report_unwritten(domain);
}

static bool is_alive(const struct domain *domain)
{
    if (!(domain->info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
        return true;
    report_error(REPORT_STATE, "\"%s\" has ended (%s): `cleave destroy %s` removes what is left",
                 domain->name, domain_state(&domain->info), domain->name);
    return false;
}

/* Opens the session and finds the VM, which must not have ended. Pairs with control_close. */
static int open_living(struct call *call, struct session *session, struct domain *domain)
{
    int rc = control_open(call, session, domain);

    return rc == 0 && !is_alive(domain) ? -EALREADY : rc;
}

/* Reads again what the domain has. Returns -ESRCH after an error was reported. */
static int refresh(struct session *session, struct domain *domain)
{
    struct domain seen;

    if (domain_get(&session->hv, domain->domid, domain->uuid, &seen) < 0) {
        report_error(REPORT_GUEST, "\"%s\" ended meanwhile", domain->name);
        return -ESRCH;
    }
    domain->info = seen.info;
    return 0;
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Up to where its file lets the VM grow beyond the maximum with which it was started. 0: not. */
static uint64_t hotplug_of(const struct domain *domain)
{
    struct vms_record vm;
    struct vmfile file;
    char path[128];
    uint64_t kib = 0;

    if (vms_load(domain->uuid, &vm) < 0)
        return 0; /* a VM of xl */
    vms_config_path(vm.uuid, path, sizeof(path));
    if (vmfile_read_memory(path, &file) == 0)
        kib = file.memory.hotplug_kib;
    vmfile_free(&file);
    return kib;
}

/* Returns -ENOMEM after an error was reported. */
static int check_max(const struct domain *domain, uint64_t max, uint64_t kib)
{
    uint64_t hotplug = hotplug_of(domain);

    if (kib <= max || kib <= hotplug)
        return 0;
    report_error(REPORT_MEMORY,
                 "\"%s\": %llu MiB is more than its %s of %llu MiB: --max raises that",
                 domain->name, (unsigned long long)kib / KIB_PER_MIB,
                 hotplug > max ? "memory_hotplug" : "maximum",
                 (unsigned long long)(hotplug > max ? hotplug : max) / KIB_PER_MIB);
    return -ENOMEM;
}

/* Checks the target against the VM's maximum and the machine's free memory. */
static int check_memory(struct session *session, const struct call *call,
                        const struct domain *domain, uint64_t kib)
{
    uint64_t has = domain_memory_held(domain);
    uint64_t max = domain_memory_max(session->store, domain->domid);
    struct hv_memory memory;
    int rc = hv_memory(&session->hv, &memory);

    if (rc == 0 && max && !call->options[OPTION_MAX])
        rc = check_max(domain, max, kib);
    if (rc < 0)
        return rc;
    if (kib > has && kib - has > memory.free - memory.claimed) {
        report_error(REPORT_MEMORY,
                     "\"%s\": not enough memory: it has %llu MiB and would need %llu more, of "
                     "which %llu are free: end or shrink another VM (`cleave list`)",
                     domain->name, (unsigned long long)has / KIB_PER_MIB,
                     (unsigned long long)(kib - has) / KIB_PER_MIB,
                     (unsigned long long)(memory.free - memory.claimed) / KIB_PER_MIB);
        return -ENOMEM;
    }
    return 0;
}

/* Refuses what the guest of a balanced VM does not live with, unless the user insists. */
static int check_floor(const struct call *call, const struct domain *domain, uint64_t kib)
{
    struct membook book;
    struct vmfile file;
    char path[128];
    uint64_t floor = 0;
    int rc;

    if (call->options[OPTION_FORCE_BELOW] || membook_load(domain->uuid, &book) < 0)
        return 0;
    vms_config_path(domain->uuid, path, sizeof(path));
    rc = vmfile_read_memory(path, &file);
    if (rc == 0)
        floor = balancer_lowest(&(struct balancer_vm){ .min = file.memory.min_kib,
                                                       .max = file.max_memory_kib,
                                                       .floor = file.memory.floor_kib,
                                                       .history = book.history });
    vmfile_free(&file);
    if (rc < 0 || kib >= floor)
        return rc;
    report_error(REPORT_MEMORY,
                 "\"%s\": %llu MiB is less than the %llu MiB that it is promised or needs to live: "
                 "--force sets it all the same",
                 domain->name, (unsigned long long)kib / KIB_PER_MIB,
                 (unsigned long long)(floor + KIB_PER_MIB - 1) / KIB_PER_MIB);
    return -ENOMEM;
}

/* An operator's target holds: the balancer leaves it alone until `cleave mem thaw`. */
static void freeze(const struct domain *domain)
{
    if (membook_exists(domain->uuid))
        membook_freeze(domain->uuid);
}

/* Lets the hypervisor give as much, and no more, and raises the maximum if it is less. */
static int set_limit(struct session *session, const struct call *call, const struct domain *domain,
                     uint64_t kib)
{
    uint64_t max = domain_memory_max(session->store, domain->domid);
    int rc;

    hv_forget(&session->hv);
    if ((domain->info.max_pages * HV_PAGE_KIB < kib + SLACK_KIB &&
         xc_domain_setmaxmem(session->hv.xc, domain->domid, kib + SLACK_KIB) < 0) ||
        xc_domain_set_pod_target(session->hv.xc, domain->domid, kib / HV_PAGE_KIB, NULL, NULL,
                                 NULL) < 0) {
        rc = -errno;
        report_error(report_by_errno(-rc), "\"%s\": cannot set its memory limit: %s", domain->name,
                     hv_reason(&session->hv, -rc));
        return rc;
    }
    if (kib <= max || (!max && !call->options[OPTION_MAX]))
        return 0;
    return write_number(session, domain, kib, SCHEMA_MEMORY_STATIC_MAX_PATH);
}

static int set_target(struct session *session, const struct domain *domain, uint64_t kib, bool tell)
{
    int rc = targets_set_memory(&session->hv, session->store, domain, kib, NULL, tell);

    if (rc < 0)
        report_error(report_by_errno(-rc), "\"%s\": cannot write its target to the store: %s",
                     domain->name, strerror(-rc));
    return rc;
}

/* Notes the size for xl, which takes it from the store where it matters: no error is one here. */
static void note_memory(const struct session *session, const struct domain *domain, uint64_t kib)
{
    struct xlrecord_change change = {
        .memory_kib = kib,
        .max_memory_kib = domain_memory_max(session->store, domain->domid),
    };

    xlrecord_change(domain->domid, domain->uuid, &change);
}

/* `before`: what it had before the target was set. It may have followed before the first look. */
static int await_memory(struct session *session, struct domain *domain, uint64_t before,
                        uint64_t kib, const struct deadline *deadline)
{
    uint64_t has;

    do {
        int rc = refresh(session, domain);

        if (rc < 0)
            return rc;
        has = domain_memory_ram(&session->hv, domain);
        if (domain_memory_is_near(&session->hv, domain, kib)) {
            if (before != has)
                events_memory(domain, "memory-reached", before, has);
            return 0;
        }
        progress_show("%s: has %llu MiB, its target is %llu MiB", domain->name,
                      (unsigned long long)has / KIB_PER_MIB, (unsigned long long)kib / KIB_PER_MIB);
    } while (deadline_step(deadline));
    events_memory(domain, "memory-missed", before, has);
    report_error(has == before ? REPORT_COOPERATION : REPORT_TIMEOUT,
                 "\"%s\" has %llu MiB after %ld s, its target is %llu MiB: %s", domain->name,
                 (unsigned long long)has / KIB_PER_MIB, deadline->seconds,
                 (unsigned long long)kib / KIB_PER_MIB,
                 has == before
                     ? "it does not follow: it is paused, still booting, or has no balloon driver"
                     : "it follows slowly: `cleave wait --for memory-target`");
    return -ETIMEDOUT;
}

int resize_memory(struct call *call)
{
    long mib = parse_number(call, "MiB", MIB_MAX);
    uint64_t kib = (uint64_t)mib * KIB_PER_MIB;
    struct deadline deadline;
    struct session session;
    struct domain domain;
    uint64_t before = 0;
    int rc;

    if (mib < 0 || deadline_begin(call, FALLBACK_S, &deadline) < 0)
        return -EINVAL;
    rc = open_living(call, &session, &domain);
    if (rc == 0)
        rc = check_memory(&session, call, &domain, kib);
    if (rc == 0)
        rc = check_floor(call, &domain, kib);
    if (rc == 0) {
        before = domain_memory_ram(&session.hv, &domain);
        freeze(&domain);
    }
    if (rc == 0)
        rc = set_limit(&session, call, &domain, kib);
    if (rc == 0)
        rc = set_target(&session, &domain, kib, call->options[OPTION_NO_WAIT]);
    if (rc == 0)
        note_memory(&session, &domain, kib);
    if (rc == 0 && !call->options[OPTION_NO_WAIT])
        rc = await_memory(&session, &domain, before, kib, &deadline);
    if (rc == 0 && call->json) {
        output_number(call->json, "target_kib", kib);
        output_number(call->json, "memory_kib", domain_memory_ram(&session.hv, &domain));
    }
    return control_close(call, &session, &domain, rc);
}

/* --- vCPUs ------------------------------------------------------------------------------------ */

/* Writes only what changes, because each write is an event for the guest. */
static int write_availability(struct session *session, const struct domain *domain, long vcpus)
{
    for (unsigned int i = 0; i <= domain->info.max_vcpu_id; i++) {
        const char *wanted = i < vcpus ? "online" : "offline";
        char now[16];

        store_read_text(session->store, now, sizeof(now), SCHEMA_CPU_AVAILABILITY_PATH,
                        domain->domid, i);
        if (strcmp(now, wanted) == 0)
            continue;
        if (!store_write(session->store, XBT_NULL, wanted, SCHEMA_CPU_AVAILABILITY_PATH,
                         domain->domid, i))
            return report_unwritten(domain);
    }
    return 0;
}

static int await_vcpus(struct session *session, struct domain *domain, long vcpus,
                       const struct deadline *deadline)
{
    unsigned int before = domain->info.nr_online_vcpus;

    do {
        int rc = refresh(session, domain);

        if (rc < 0)
            return rc;
        if (domain->info.nr_online_vcpus == vcpus) {
            if (vcpus != before)
                events_vcpus(domain, "vcpus-reached", before, vcpus);
            return 0;
        }
        progress_show("%s: has %u vCPUs online, is to have %ld", domain->name,
                      domain->info.nr_online_vcpus, vcpus);
    } while (deadline_step(deadline));
    events_vcpus(domain, "vcpus-missed", before, domain->info.nr_online_vcpus);
    report_error(domain->info.nr_online_vcpus == before ? REPORT_COOPERATION : REPORT_TIMEOUT,
                 "\"%s\" has %u vCPUs online after %ld s instead of %ld: it is paused, still "
                 "booting, or its kernel or user space (udev) does not take vCPUs on and off",
                 domain->name, domain->info.nr_online_vcpus, deadline->seconds, vcpus);
    return -ETIMEDOUT;
}

/* A VM with a reservation needs it for each vCPU that comes. */
static int promise_vcpus(struct session *session, const struct domain *domain, long vcpus)
{
    struct vms_record vm;
    struct vmfile file;
    int rc;

    if (vms_load(domain->uuid, &vm) < 0)
        return 0; /* a VM of xl */
    rc = vms_read_file(vm.uuid, NULL, 0, &file);
    file.vcpus = vcpus;
    if (rc == 0 && file.cpu.class != VMFILE_SPARE)
        rc = promise_make(&session->hv, &file);
    vmfile_free(&file);
    return rc;
}

int resize_vcpus(struct call *call)
{
    long vcpus = parse_number(call, "vCPUs", MIB_MAX);
    struct deadline deadline;
    struct session session;
    struct domain domain;
    int rc;

    if (vcpus < 0 || deadline_begin(call, FALLBACK_S, &deadline) < 0)
        return -EINVAL;
    rc = open_living(call, &session, &domain);
    if (rc == 0 && vcpus > domain.info.max_vcpu_id + 1l) {
        report_error(REPORT_CPU,
                     "\"%s\": %ld vCPUs are more than its maximum of %u: maxvcpus of "
                     "its VM file sets that",
                     domain.name, vcpus, domain.info.max_vcpu_id + 1);
        rc = -EINVAL;
    }
    if (rc == 0)
        rc = promise_vcpus(&session, &domain, vcpus);
    if (rc == 0)
        rc = write_availability(&session, &domain, vcpus);
    if (rc == 0 && vcpus != domain.info.nr_online_vcpus)
        events_vcpus(&domain, "vcpus-target", domain.info.nr_online_vcpus, vcpus);
    if (rc == 0 && call->options[OPTION_NO_WAIT])
        targets_expect_vcpus(&domain, vcpus);
    if (rc == 0)
        xlrecord_change(domain.domid, domain.uuid, &(struct xlrecord_change){ .vcpus = vcpus });
    if (rc == 0 && !call->options[OPTION_NO_WAIT])
        rc = await_vcpus(&session, &domain, vcpus, &deadline);
    if (rc == 0 && call->json)
        output_number(call->json, "vcpus", domain.info.nr_online_vcpus);
    return control_close(call, &session, &domain, rc);
}
