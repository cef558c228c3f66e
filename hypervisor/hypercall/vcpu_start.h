/* SPDX-License-Identifier: MIT */
/* vcpu_start.c, for vcpu_op.c. */
#ifndef CLV_HYPERCALL_VCPU_START_H
#define CLV_HYPERCALL_VCPU_START_H

#include "guest_fwd.h"
#include "types.h"

struct vcpu_hvm_context;

/* Gives a vcpu that was never started its registers; it waits for VCPUOP_up. -EEXIST: started before; -EINVAL: no such state. */
int must_check vcpu_start(struct vcpu *v, const struct vcpu_hvm_context *context);

#endif
