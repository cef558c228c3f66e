/* SPDX-License-Identifier: MIT */
/* guest/emulate.c where a test emulates no instruction. */
#include "guest/emulate.h"

enum insn_mode emulate_code_mode(struct vcpu *v) { return INSN_64; }
