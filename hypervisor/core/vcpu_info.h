/* SPDX-License-Identifier: MIT */
/* Registration of vcpu_info (core/vcpu_info.c). */
#ifndef CLV_CORE_VCPU_INFO_H
#define CLV_CORE_VCPU_INFO_H

#include "types.h"

struct vcpu;

/* The caller must then write the clock at the new place (pvclock_update). */
int vcpu_info_register(struct vcpu *v, gfn_t gfn, uint32_t offset);

#endif
