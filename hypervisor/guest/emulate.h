/* SPDX-License-Identifier: MIT */
/* Instructions that access what is no memory (guest/emulate.c). */
#ifndef CLV_GUEST_EMULATE_H
#define CLV_GUEST_EMULATE_H

#include "types.h"

struct vcpu;

/*
 * The access of the instruction at RIP to gpa, where no memory is: executes it on v's bus and
 * advances RIP, or injects a fault. -EINVAL: it cannot be done on a device. -ENOENT: a frame is
 * absent.
 */
int emulate_access(struct vcpu *v, gpa_t gpa);

#endif
