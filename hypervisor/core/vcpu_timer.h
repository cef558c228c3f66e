/* SPDX-License-Identifier: MIT */
/* A vcpu's own timers (core/vcpu_timer.c). */
#ifndef CLV_CORE_VCPU_TIMER_H
#define CLV_CORE_VCPU_TIMER_H

struct vcpu;

void vcpu_timer_init(struct vcpu *v);
void vcpu_timer_suspend(struct vcpu *v); /* v leaves its CPU */
void vcpu_timer_resume(struct vcpu *v);  /* v has got a CPU */

#endif
