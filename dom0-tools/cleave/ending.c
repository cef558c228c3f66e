/* SPDX-License-Identifier: MIT */
/*
 * shutdown and reboot. A guest is asked by the store (control/shutdown), and its kernel takes the
 * request before its user space may be ready to follow it. So the request is repeated until the
 * guest ends. Read next: ../libcleave/domain.c, wait.c.
 */
#include "deadline.h"

#include <errno.h>
#include <string.h>
#include <xen/sched.h>

#include "booting.h"
#include "life.h"
#include "progress.h"
#include "report.h"
#include "supervisor.h"

#define FALLBACK_S 300
#define ASK_AGAIN_MS 10000
/* Time in which a supervisor has removed what has ended, if there is one. */
#define REMOVAL_MS 2000

struct ending {
    struct call *call;
    struct session session;
    struct domain domain;
    const char *wish;
    struct deadline deadline;
    unsigned int requests;
    struct booting booting;
};

static int report_query(struct ending *ending, int rc)
{
    report_error(report_by_errno(-rc), "cannot query whether \"%s\" has ended: %s",
                 ending->domain.name, hv_reason(&ending->session.hv, -rc));
    return rc;
}

static int report_late(const struct ending *ending)
{
    const char *name = ending->domain.name;

    if (ending->requests == 0) {
        report_error(REPORT_COOPERATION,
                     "\"%s\" did not accept %s requests within %ld s (it is still booting, or has "
                     "no driver for them): `cleave destroy %s`, or --force",
                     name, ending->wish, ending->deadline.seconds, name);
        return -EOPNOTSUPP;
    }
    report_error(REPORT_TIMEOUT,
                 "\"%s\" has not ended within %ld s (asked %u times): wait longer by --timeout, or "
                 "end it by --force or `cleave destroy %s`",
                 name, ending->deadline.seconds, ending->requests, name);
    return -ETIMEDOUT;
}

/* Whether the guest takes requests and can follow them. Without patience the first try tells. */
static bool is_ready(struct ending *ending, const struct domain *now, bool patient)
{
    if (!domain_listens(&ending->session.hv, ending->session.store, now, ending->wish))
        return !patient;
    return ending->requests || booting_is_over(&ending->booting, now);
}

static void show_asking(const struct ending *ending)
{
    long left = (ending->deadline.end - deadline_now()) / 1000;

    if (ending->requests)
        progress_show("%s: asked to %s (%u times); %ld s are left", ending->domain.name,
                      ending->wish, ending->requests, left);
    else
        progress_show("%s: waiting until it takes requests; %ld s are left", ending->domain.name,
                      left);
}

/*
 * Asks, and asks again, until the domain has ended. A guest that takes no requests is an error at
 * once, unless the user gave a time in which it may begin to. Sets *end to what was seen last.
 * Returns 0, -ESRCH if it no longer exists, or another negative errno after an error was reported.
 */
static int ask_until_ended(struct ending *ending, struct domain *end)
{
    const struct call *call = ending->call;
    bool patient = call->options[OPTION_TIMEOUT] || call->options[OPTION_FORCE];
    long long again = 0;
    int rc;

    hv_forget(&ending->session.hv);
    do {
        rc = domain_get(&ending->session.hv, ending->domain.domid, ending->domain.uuid, end);
        if (rc == -ESRCH || (rc == 0 && domain_is_shut_down(&end->info) && ending->requests))
            return rc;
        if (rc < 0)
            return report_query(ending, rc);
        if (store_is_lost()) /* already reported; the guest may never see the request */
            return -ETIMEDOUT;
        strcpy(end->name, ending->domain.name);
        if (deadline_now() >= again && is_ready(ending, end, patient)) {
            rc = domain_ask(&ending->session.hv, ending->session.store, end, ending->wish);
            if (rc < 0)
                return rc;
            ending->requests++;
            again = deadline_now() + ASK_AGAIN_MS;
            patient = true;
        }
        if (call->options[OPTION_NO_WAIT] && ending->requests)
            return 0;
        show_asking(ending);
    } while (deadline_step(&ending->deadline));
    return call->options[OPTION_FORCE] ? -ETIMEDOUT : report_late(ending);
}

/* Ends the domain that did not end in time. */
static int force(struct ending *ending)
{
    struct domain ended;
    int rc = life_destroy(&ending->session.hv, ending->session.store, ending->domain.uuid, &ended);

    if (rc == 0)
        report_note("\"%s\" did not end within %ld s: it was destroyed", ending->domain.name,
                    ending->deadline.seconds);
    return rc;
}

/* How far the end of a guest is settled: the VM is gone, kept or failed. */
enum settled { SETTLED_NOT, SETTLED_DONE, SETTLED_KEPT, SETTLED_FAILED };

/* A VM with a record is cleaved's, another is xl's. */
static enum settled look_settled(struct ending *ending, struct vms_record *vm, bool *recorded)
{
    const struct domain *old = &ending->domain;
    struct domain now;

    *recorded = vms_load(old->uuid, vm) == 0;
    if (!*recorded)
        return domain_get(&ending->session.hv, old->domid, old->uuid, &now) == -ESRCH ? SETTLED_DONE
                                                                                      : SETTLED_NOT;
    switch (vm->phase) {
    case VMS_STOPPED: return SETTLED_DONE;
    case VMS_PRESERVED: return SETTLED_KEPT;
    case VMS_FAILED: return SETTLED_FAILED;
    case VMS_RUNNING: return vm->domid != old->domid ? SETTLED_DONE : SETTLED_NOT;
    case VMS_BUILDING:
    case VMS_STARTING:
    case VMS_SAVING:
    case VMS_WAITING: break;
    }
    return SETTLED_NOT;
}

static int report_unsettled(const struct ending *ending, const struct vms_record *vm)
{
    const char *name = ending->domain.name;
    bool failed = vm->phase == VMS_FAILED;

    report_error(
        failed ? REPORT_STATE : REPORT_TIMEOUT,
        "\"%s\" has ended, but was not started again%s: it is %s: %s: see `cleave list %s`", name,
        failed ? "" : " in time", vms_phase_name(vm->phase), vm->reason, name);
    return -EIO;
}

/*
 * Waits until the supervisor has done what the VM file says: removed the VM, so that its name is
 * free, or started it again, or kept it. Without a supervisor a VM stays as it is.
 */
static int await_settled(struct ending *ending)
{
    long long patience = deadline_now() + REMOVAL_MS;
    const char *name = ending->domain.name;
    struct vms_record vm = { .reason = "" };
    enum settled settled;
    bool recorded;

    while ((settled = look_settled(ending, &vm, &recorded)) == SETTLED_NOT) {
        if (deadline_now() >= patience && (!recorded || !supervisor_ping()))
            break;
        progress_show("%s: has ended; waiting for cleaved%s%s", name, recorded ? ": it is " : "",
                      recorded ? vms_phase_name(vm.phase) : "");
        if (!deadline_step(&ending->deadline))
            return report_unsettled(ending, &vm);
    }
    if (settled == SETTLED_FAILED)
        return report_unsettled(ending, &vm);
    if (settled == SETTLED_NOT && recorded)
        report_note("\"%s\" has ended and stays as it is, because cleaved does not run", name);
    else if (settled != SETTLED_DONE)
        report_note("\"%s\" has ended and is kept: `cleave destroy %s` removes what is left", name,
                    name);
    return 0;
}

static int finish(struct ending *ending, const struct domain *end)
{
    unsigned int reason = domain_shutdown_reason(&end->info);

    if (reason == SHUTDOWN_crash) {
        report_error(REPORT_GUEST,
                     "\"%s\" crashed instead of following the %s request: see "
                     "its console's log",
                     end->name, ending->wish);
        return -EIO;
    }
    return await_settled(ending);
}

static int run(struct call *call, const char *wish)
{
    struct ending ending = { .call = call, .wish = wish };
    struct domain end;
    int rc = deadline_begin(call, FALLBACK_S, &ending.deadline);

    if (rc < 0)
        return rc;
    rc = control_open(call, &ending.session, &ending.domain);
    if (rc == 0) {
        rc = ask_until_ended(&ending, &end);
        if (rc == -ESRCH)
            rc = await_settled(&ending);
        else if (rc == -ETIMEDOUT && call->options[OPTION_FORCE])
            rc = force(&ending);
        else if (rc == 0 && !call->options[OPTION_NO_WAIT])
            rc = finish(&ending, &end);
    }
    return control_close(call, &ending.session, &ending.domain, rc);
}

int ending_shutdown(struct call *call) { return run(call, "poweroff"); }

int ending_reboot(struct call *call) { return run(call, "reboot"); }
