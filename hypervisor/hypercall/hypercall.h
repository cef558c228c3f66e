/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls. One table (hypercall/table.c): number, handler, who may call it. What is not in it
 * is -ENOSYS.
 *
 * A handler gets the calling vcpu and its arguments by reference. Continuation: it stores its
 * progress in hc->arg[] (or in the guest's argument structure, where the ABI says so) and returns
 * -ERESTART; the dispatcher then leaves RIP on the instruction and the registers as hc says, and
 * the guest executes it again. In a multicall the entry's args are rewritten in the same way.
 * 32-bit callers: hc->compat, arguments already zero-extended; their structures are read and
 * written with a layout (guest.h) where they differ.
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

/* Looks hc->nr up, checks the caller, calls. Returns the result or -ERESTART. */
long hypercall_dispatch(struct hypercall *hc);

/*
 * The exit handler's entry (guest/exit.c): arguments from registers, result to RAX, RIP advanced
 * or not.
 */
void hypercall_exit(struct vcpu *v);

/* One file each in hypercall/ */
hypercall_fn hypercall_memory_op, hypercall_event_channel_op, hypercall_grant_table_op,
    hypercall_multicall, hypercall_xen_version, hypercall_sched_op, hypercall_vcpu_op,
    hypercall_hvm_op, hypercall_console_io, hypercall_domctl, hypercall_sysctl,
    hypercall_platform_op, hypercall_physdev_op, hypercall_vm_assist, hypercall_set_timer_op,
    hypercall_cleave_op;

/* A structure that 32-bit callers have in another layout. */
#define hypercall_read(hc, dst, at, layout) \
    guest_read_layout((hc)->v, (dst), (at), sizeof(*(dst)), (layout), (hc)->compat)
#define hypercall_write(hc, at, src, layout) \
    guest_write_layout((hc)->v, (at), (src), sizeof(*(src)), (layout), (hc)->compat)

#endif
