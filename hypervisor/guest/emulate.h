/* SPDX-License-Identifier: MIT */
/* Emulation of instructions on emulated memory (guest/emulate.c). */
#ifndef CLV_GUEST_EMULATE_H
#define CLV_GUEST_EMULATE_H

#include "guest/decode.h"
#include "types.h"

struct vcpu;

/*
 * Executes the access of the instruction at RIP to gpa, which is not memory, on v's bus. Advances
 * RIP, injects a fault, or makes v wait for a paged page. -EINVAL: not possible on a device.
 * -ENOENT: a frame is absent.
 */
int emulate_access(struct vcpu *v, gpa_t gpa);
/* Returns the mode of the code at RIP. */
enum insn_mode emulate_code_mode(struct vcpu *v);

#endif
