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

/* Nanoseconds since the hypervisor started. Never goes back on one vCPU. */
uint64_t time_now(void);

/* Seconds since 1970. */
uint64_t time_wall(void);

/*
 * Arms this vCPU's timer; its interrupt wakes irq_wait. 0 or negative errno. A time in the past fires at
 * once.
 */
int time_set_timer(uint64_t when);

/* The port that this vCPU's timer is bound to. */
unsigned time_port(void);

/* Busy, without interrupts; and asleep, handling them. */
void time_spin(uint64_t ns);
void time_sleep(uint64_t ns);

#endif
