/* SPDX-License-Identifier: MIT */
/*
 * cleave mem: how much memory VMs have and why, what they are to have, whether more fit, and what a
 * policy would do. Read next: memshow.c, memset.c, mempage.c, memplan.c, memsimulate.c,
 * ../balancer/README.md.
 */
#include "mem.h"

#include <errno.h>
#include <string.h>

#include "events.h"
#include "report.h"

int mem_find(struct session *session, const char *who, struct vms_record *vm)
{
    return session_find_vm(session, who, "its memory is not balanced; `xl mem-set` changes it", vm);
}

/* --- freeze, thaw ----------------------------------------------------------------------------- */

static int hold(struct call *call, const struct vms_record *vm, bool frozen)
{
    struct domain domain = { .domid = vm->domid };
    int rc;

    if (!membook_exists(vm->uuid)) {
        report_error(REPORT_STATE,
                     "\"%s\" is not balanced, and keeps the target that it has: add memory_min by "
                     "`cleave mem set %s memory_min=MIB`",
                     vm->name, vm->name);
        return -EINVAL;
    }
    rc = frozen ? membook_freeze(vm->uuid) : membook_thaw(vm->uuid);
    if (rc < 0) {
        report_error(report_by_errno(-rc), "\"%s\": cannot record that: %s", vm->name,
                     strerror(-rc));
        return rc;
    }
    strcpy(domain.name, vm->name);
    strcpy(domain.uuid, vm->uuid);
    events_balance(&domain, frozen ? "memory-frozen" : "memory-thawed", "as asked");
    if (call->json) {
        output_text(call->json, "name", vm->name);
        output_text(call->json, "uuid", vm->uuid);
    }
    return 0;
}

static int run_hold(struct call *call, bool frozen)
{
    struct session session = { .store = NULL };
    struct vms_record vm;
    int rc = session_open(&session);

    if (rc == 0)
        rc = mem_find(&session, call->arguments[1], &vm);
    if (rc == 0)
        rc = hold(call, &vm, frozen);
    session_close(&session);
    return rc;
}

int mem_run(struct call *call)
{
    const char *what = call->arguments[0];

    if (strcmp(what, "simulate") == 0 && call->count <= 2)
        return memsimulate_run(call);
    if (strcmp(what, "show") == 0 && call->count <= 2)
        return memshow_run(call);
    if (strcmp(what, "why") == 0 && call->count == 2)
        return memshow_why(call);
    if (strcmp(what, "set") == 0 && call->count > 2)
        return memset_run(call);
    if (strcmp(what, "plan") == 0 && call->count > 1)
        return memplan_run(call);
    if ((strcmp(what, "freeze") == 0 || strcmp(what, "thaw") == 0) && call->count == 2)
        return run_hold(call, *what == 'f');
    if (strcmp(what, "page-out") == 0 && call->count == 3)
        return mempage_run(call, call->arguments[2]);
    if (strcmp(what, "page-in") == 0 && call->count == 2)
        return mempage_run(call, NULL);
    report_error(REPORT_USAGE,
                 "mem %s: must be `cleave mem show [VM]`, `why VM`, `set VM KEY=VALUE...`, "
                 "`freeze VM`, `thaw VM`, `page-out VM MIB`, `page-in VM`, `plan FILE...`, "
                 "`simulate TRACE` or `simulate --synthetic SEED`",
                 what);
    return -EINVAL;
}
