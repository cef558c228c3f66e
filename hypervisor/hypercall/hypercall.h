/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls. hypercall/table.c has one table: number, handler, who may call it. Anything else
 * returns -ENOSYS.
 *
 * A handler gets the calling vcpu and its arguments in hc. To continue later it stores its progress
 * in hc->arg[] (or in the guest's argument structure, where the ABI requires that) and returns
 * -ERESTART. The dispatcher then writes hc->arg[] to the registers and leaves RIP unchanged, so the
 * guest executes the instruction again. In a multicall, the arguments in the entry are updated
 * instead. For a 32-bit caller hc->compat is set and arguments are zero-extended; structures that
 * differ are copied with a layout (guest_copy.h).
 *
 * If a page of the guest's is paged (mm/p2m_page.c), copies return -ERESTART, and handlers return
 * it. The vcpu then waits for the page. So a handler that has changed something stores its progress
 * before it copies to or from memory that it has not accessed before, or can do all again.
 */
#ifndef CLV_HYPERCALL_HYPERCALL_H
#define CLV_HYPERCALL_HYPERCALL_H

#include "errors.h"
#include "hypercall/guest_copy.h"
#include "types.h"
#include "xenpub.h"

struct vcpu;

#define HYPERCALL_ARGS 6

struct hypercall {
    struct vcpu *v;
    uint32_t nr;
    bool compat;
    uint64_t arg[HYPERCALL_ARGS];
};

typedef long hypercall_fn(struct hypercall *hc);

/*
 * Looks up hc->nr, checks the caller's privilege and calls the handler. Returns its result or
 * -ERESTART.
 */
long hypercall_dispatch(struct hypercall *hc);

/*
 * Called by the exit handler (guest/exit.c). Arguments come from registers and the result goes to
 * RAX; advances RIP unless the call restarts.
 */
void hypercall_exit(struct vcpu *v);

/* One file per family in hypercall/ */
hypercall_fn hypercall_memory_op, hypercall_event_channel_op, hypercall_grant_table_op,
    hypercall_multicall, hypercall_xen_version, hypercall_sched_op, hypercall_vcpu_op,
    hypercall_hvm_op, hypercall_console_io, hypercall_domctl, hypercall_sysctl,
    hypercall_platform_op, hypercall_physdev_op, hypercall_vm_assist, hypercall_set_timer_op,
    hypercall_cleave_op, hypercall_dm_op;

/* Copy a structure that has another layout for 32-bit callers. */
#define hypercall_read(hc, dst, at, layout) \
    guest_read_layout((hc)->v, (dst), (at), sizeof(*(dst)), (layout), (hc)->compat)
#define hypercall_write(hc, at, src, layout) \
    guest_write_layout((hc)->v, (at), (src), sizeof(*(src)), (layout), (hc)->compat)

#endif
