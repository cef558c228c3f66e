/* SPDX-License-Identifier: MIT */
/*
 * multicall: several hypercalls in one (<xen/xen.h>). The tools issue every memory_op through it,
 * because its result is 64 bits wide. Entries are copied one at a time. If a call returns
 * -ERESTART, its updated arguments are written back to its entry, and the restarted multicall
 * continues there.
 *
 * Read next: table.c.
 */
#include "cpu/softirq.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "lib.h"

_Static_assert(sizeof(((struct multicall_entry *)0)->args) == sizeof(((struct hypercall *)0)->arg),
               "copied");

/*
 * Executes one entry. -ERESTART: its progress was written back. -EFAULT: the entry is not
 * accessible.
 */
static int call_entry(struct hypercall *hc, gva_t at)
{
    struct hypercall one = { .v = hc->v, .compat = hc->compat };
    struct multicall_entry e;
    long result;
    int rc = hypercall_read(hc, &e, at, LAYOUT_MULTICALL_ENTRY);

    if (rc != 0)
        return rc;
    one.nr = e.op <= UINT32_MAX ? (uint32_t)e.op : UINT32_MAX;
    memcpy(one.arg, e.args, sizeof(one.arg));
    result = one.nr == __HYPERVISOR_multicall ? -EINVAL : hypercall_dispatch(&one);
    if (result == -ERESTART)
        memcpy(e.args, one.arg, sizeof(e.args));
    else
        e.result = (xen_ulong_t)result;
    rc = hypercall_write(hc, at, &e, LAYOUT_MULTICALL_ENTRY);
    return rc == 0 && result == -ERESTART ? -ERESTART : rc;
}

long hypercall_multicall(struct hypercall *hc)
{
    uint64_t size =
        guest_layout_size(sizeof(struct multicall_entry), LAYOUT_MULTICALL_ENTRY, hc->compat);

    hc->arg[1] = (uint32_t)hc->arg[1];
    while (hc->arg[1] > 0) {
        int rc = call_entry(hc, hc->arg[0]);

        if (rc != 0)
            return rc;
        hc->arg[0] += size;
        hc->arg[1]--;
        if (hc->arg[1] > 0 && softirq_preempt_pending())
            return -ERESTART;
    }
    return 0;
}
