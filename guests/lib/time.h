/* SPDX-License-Identifier: MIT */
/*
 * The PV clock (struct vcpu_time_info, xen/xen.h) and this vCPU's one-shot timer
 * (VCPUOP_set_singleshot_timer).
 */
#ifndef GUESTS_LIB_TIME_H
#define GUESTS_LIB_TIME_H

#include "lib.h"

/* Binds VIRQ_TIMER of this vCPU. Needs event channels. */
void time_init_vcpu(void);

/* Returns nanoseconds since the hypervisor started. Monotonic on each vCPU. */
uint64_t time_now(void);

/* Returns seconds since 1970. */
uint64_t time_wall(void);

/*
 * Arms this vCPU's timer, whose interrupt wakes irq_wait. A time in the past fires at once. Returns
 * 0 or a negative errno.
 */
int time_set_timer(uint64_t when);

/* Returns the port of this vCPU's timer. */
unsigned time_port(void);

/* Waits busily without handling interrupts; sleeps and handles them. */
void time_spin(uint64_t ns);
void time_sleep(uint64_t ns);

#endif
