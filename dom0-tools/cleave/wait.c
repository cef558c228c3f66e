/* SPDX-License-Identifier: MIT */
/*
 * cleave wait: until a VM is in a state. The VM may be another domain then, after a reboot, or not
 * exist yet. Read next: ending.c.
 */
#include "deadline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>

#include "booting.h"
#include "cleave-schema.h"
#include "progress.h"
#include "report.h"
#include "vms.h"

struct look {
    struct session session;
    struct domain domain;
    bool exists; /* domain is valid */
    struct vms_record vm;
    bool recorded; /* vm is valid: it is a VM of cleave */
    struct booting booting;
};

static bool is_up(struct look *look)
{
    return look->exists && !domain_is_shut_down(&look->domain.info) &&
           !(look->domain.info.flags & XEN_DOMINF_dying);
}

static bool is_running(struct look *look)
{
    return is_up(look) && !(look->domain.info.flags & XEN_DOMINF_paused);
}

/* The guest's drivers take requests, and its user space can follow them. */
static bool is_booted(struct look *look)
{
    if (is_running(look) &&
        domain_listens(&look->session.hv, look->session.store, &look->domain, "poweroff"))
        return booting_is_over(&look->booting, &look->domain);
    look->booting = (struct booting){ .looks = 0 };
    return false;
}

/* Between two domains of a VM that reboots there may be none. */
static bool comes_back(struct look *look)
{
    if (look->exists && domain_is_shut_down(&look->domain.info))
        return domain_shutdown_reason(&look->domain.info) == SHUTDOWN_reboot && look->recorded &&
               look->vm.phase != VMS_PRESERVED;
    return look->recorded && look->vm.phase != VMS_STOPPED && look->vm.phase != VMS_FAILED &&
           look->vm.phase != VMS_PRESERVED;
}

static bool is_stopped(struct look *look) { return !is_up(look) && !comes_back(look); }

static bool is_gone(struct look *look) { return !look->exists && !look->recorded; }

static bool is_at_target(struct look *look)
{
    uint64_t target = domain_memory_target(look->session.store, look->domain.domid);

    return is_up(look) && target && domain_memory_is_near(&look->session.hv, &look->domain, target);
}

static const struct goal {
    const char *name;
    bool (*reached)(struct look *look);
    bool alive; /* a guest that crashes cannot reach it */
} goals[] = {
    { "running", is_running, true },         { "booted", is_booted, true },
    { "stopped", is_stopped, false },        { "gone", is_gone, false },
    { "memory-target", is_at_target, true },
};

static const struct goal *find_goal(const char *name)
{
    for (size_t i = 0; name && i < sizeof(goals) / sizeof(goals[0]); i++)
        if (strcmp(goals[i].name, name) == 0)
            return &goals[i];
    report_error(REPORT_USAGE,
                 "%s%s: --for must be running, booted, stopped, gone or memory-target",
                 name ? "--for " : "what to wait for is missing", name ? name : "");
    return NULL;
}

static int report_late(const struct look *look, const char *who, const struct goal *goal,
                       const struct deadline *deadline)
{
    report_error(REPORT_TIMEOUT, "\"%s\" is not %s after %ld s: it %s%s", who, goal->name,
                 deadline->seconds, look->exists ? "is " : "does not exist",
                 look->exists ? domain_state(&look->domain.info) : "");
    return -ETIMEDOUT;
}

static int wait_for(struct look *look, const struct call *call, const struct goal *goal,
                    const struct deadline *deadline)
{
    const char *who = call->arguments[0];

    do {
        int rc = domain_search(&look->session.hv, look->session.store, who, &look->domain);

        if (rc < 0 && rc != -ESRCH)
            return rc;
        if (store_is_lost())
            return -ETIMEDOUT;
        look->exists = rc == 0;
        look->recorded =
            (look->exists ? vms_load(look->domain.uuid, &look->vm) : vms_find(who, &look->vm)) == 0;
        if (goal->reached(look))
            return 0;
        if (goal->alive && look->recorded && look->vm.phase == VMS_FAILED) {
            report_error(REPORT_GUEST, "\"%s\" failed: %s", who, look->vm.reason);
            return -EIO;
        }
        if (is_stopped(look) && !look->exists && deadline->seconds == DEADLINE_NONE)
            return domain_find(&look->session.hv, look->session.store, who, &look->domain);
        if (goal->alive && look->exists && domain_is_shut_down(&look->domain.info) &&
            domain_shutdown_reason(&look->domain.info) == SHUTDOWN_crash) {
            report_error(REPORT_GUEST, "\"%s\" crashed: it will not be %s", who, goal->name);
            return -EIO;
        }
        progress_show("%s: waiting until it is %s: it %s%s", who, goal->name,
                      look->exists ? "is " : "has no domain",
                      look->exists ? domain_state(&look->domain.info) : "");
    } while (deadline_step(deadline));
    return report_late(look, who, goal, deadline);
}

int wait_run(struct call *call)
{
    const struct goal *goal = find_goal(call->options[OPTION_FOR]);
    struct look look = { .exists = false };
    struct deadline deadline;
    int rc;

    if (!goal || deadline_begin(call, DEADLINE_NONE, &deadline) < 0)
        return -EINVAL;
    rc = session_open(&look.session);
    if (rc == 0)
        rc = wait_for(&look, call, goal, &deadline);
    session_close(&look.session);
    if (rc == 0 && call->json) {
        output_text(call->json, "vm", call->arguments[0]);
        output_text(call->json, "for", goal->name);
    }
    return rc;
}
