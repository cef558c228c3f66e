/* SPDX-License-Identifier: MIT */
/* Guest MSRs outside the VMCB (vdev/msr.c). */
#ifndef CLV_VDEV_MSR_H
#define CLV_VDEV_MSR_H

#include "types.h"

struct vcpu;

#define MTRR_CAP_WC (1u << 10) /* no variable and no fixed ranges */
#define MTRR_DEFAULT 0x806u    /* enabled, write-back */

/* Return 0, -EFAULT (#GP), or -ENOENT for an MSR not handled here. v must be current. */
int msr_guest_read(struct vcpu *v, uint32_t msr, uint64_t *val);
int msr_guest_write(struct vcpu *v, uint32_t msr, uint64_t val);

#endif
