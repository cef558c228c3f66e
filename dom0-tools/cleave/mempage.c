/* SPDX-License-Identifier: MIT */
/*
 * cleave mem page-out, page-in: asks the pager to take pages of a VM out, or to bring all back, and
 * waits until it has. Read next: ../libcleave/paging.c, ../cleaved/pager.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "paging.h"
#include "report.h"

#define MIB_MAX (UINT64_C(1) << 30)

static int check_allowed(const struct vms_record *vm)
{
    struct vmfile file;
    int rc = vms_read_file(vm->uuid, NULL, 0, &file);

    if (rc == 0 && !file.memory.paging) {
        report_error(REPORT_STATE,
                     "\"%s\" must not be paged out: allow it by `cleave mem set %s "
                     "memory_paging=1`",
                     vm->name, vm->name);
        rc = -EPERM;
    }
    vmfile_free(&file);
    return rc;
}

/* mib: NULL: all pages come back. */
static int set_goal(const char *mib, const struct vms_record *vm, uint64_t *goal)
{
    char *end = NULL;
    uint64_t count = 0;

    if (!mib) {
        *goal = 0;
        return 0;
    }
    errno = 0;
    count = strtoull(mib, &end, 10);
    if (*mib < '0' || *mib > '9' || *end || errno || count == 0 || count > MIB_MAX) {
        report_error(REPORT_USAGE, "\"%s\": must be a number of MiB, from 1 on", mib);
        return -EINVAL;
    }
    *goal += count * MEM_KIB_PER_MIB;
    return check_allowed(vm);
}

static int page(struct call *call, struct session *session, const char *mib)
{
    struct vms_record vm;
    uint64_t kib = 0, goal;
    int rc = mem_find(session, call->arguments[1], &vm);

    if (rc == 0)
        rc = paging_paged(&session->hv, &vm, &kib);
    goal = kib;
    if (rc == 0)
        rc = set_goal(mib, &vm, &goal);
    if (rc == 0)
        rc = paging_reach(&session->hv, &vm, goal);
    if (rc == 0 && call->json) {
        rc = paging_paged(&session->hv, &vm, &kib);
        output_text(call->json, "name", vm.name);
        output_text(call->json, "uuid", vm.uuid);
        output_number(call->json, "paged_kib", kib);
    }
    return rc;
}

int mempage_run(struct call *call, const char *mib)
{
    struct session session = { .store = NULL };
    int rc = session_open(&session);

    if (rc == 0)
        rc = page(call, &session, mib);
    session_close(&session);
    return rc;
}
