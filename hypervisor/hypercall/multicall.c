/* SPDX-License-Identifier: MIT */
/*
 * multicall: several hypercalls in one (<xen/xen.h>). The tools make every memory_op through one, because its
 * result is 64 bits wide. Entries are copied one at a time. A call that continues (-ERESTART) has its
 * advanced arguments written back to its entry; the multicall then goes on there when it is executed again.
 *
 * Read next: table.c.
 */
#include "hypercall.h"
#include "lib.h"

struct entry { uint64_t op, result, args[HYPERCALL_ARGS]; };
struct entry_compat { uint32_t op, result, args[HYPERCALL_ARGS]; };

_Static_assert(sizeof(struct entry) == sizeof(struct multicall_entry), "the public layout");
_Static_assert(offsetof(struct entry, args) == offsetof(struct multicall_entry, args), "the public layout");

static int entry_read(struct hypercall *hc, gva_t at, struct entry *e)
{
    struct entry_compat small;
    int rc;

    if (!hc->compat)
        return guest_read(hc->v, e, at, sizeof(*e));
    rc = guest_read(hc->v, &small, at, sizeof(small));
    *e = (struct entry){ .op = small.op, .result = small.result };
    for (unsigned int i = 0; i < HYPERCALL_ARGS; i++)
        e->args[i] = small.args[i];
    return rc;
}

static int args_write(struct hypercall *hc, gva_t at, const struct entry *e)
{
    struct entry_compat small;

    if (!hc->compat)
        return guest_write(hc->v, at + offsetof(struct entry, args), e->args, sizeof(e->args));
    for (unsigned int i = 0; i < HYPERCALL_ARGS; i++)
        small.args[i] = (uint32_t)e->args[i];
    return guest_write(hc->v, at + offsetof(struct entry_compat, args), small.args, sizeof(small.args));
}

static int result_write(struct hypercall *hc, gva_t at, long result)
{
    if (hc->compat) {
        uint32_t small = (uint32_t)result;

        return guest_write(hc->v, at + offsetof(struct entry_compat, result), &small, sizeof(small));
    }
    return guest_write(hc->v, at + offsetof(struct entry, result), &result, sizeof(result));
}

/* One entry. -ERESTART, with its progress written back; -EFAULT: its entry is not there. */
static int call(struct hypercall *hc, gva_t at)
{
    struct hypercall one = { .v = hc->v, .compat = hc->compat };
    struct entry e;
    long result;
    int rc = entry_read(hc, at, &e);

    if (rc != 0)
        return rc;
    one.nr = e.op <= UINT32_MAX ? (uint32_t)e.op : UINT32_MAX;
    memcpy(one.arg, e.args, sizeof(one.arg));
    result = one.nr == __HYPERVISOR_multicall ? -EINVAL : hypercall_dispatch(&one);
    if (result != -ERESTART)
        return result_write(hc, at, result);
    memcpy(e.args, one.arg, sizeof(e.args));
    rc = args_write(hc, at, &e);
    return rc == 0 ? -ERESTART : rc;
}

long hypercall_multicall(struct hypercall *hc)
{
    uint64_t size = hc->compat ? sizeof(struct entry_compat) : sizeof(struct entry);

    hc->arg[1] = (uint32_t)hc->arg[1];
    while (hc->arg[1] > 0) {
        int rc = call(hc, hc->arg[0]);

        if (rc != 0)
            return rc;
        hc->arg[0] += size;
        hc->arg[1]--;
        if (hc->arg[1] > 0 && preempt_pending())
            return -ERESTART;
    }
    return 0;
}
