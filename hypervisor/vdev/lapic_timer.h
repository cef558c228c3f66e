/* SPDX-License-Identifier: MIT */
/* The timer of a guest's local APIC (vdev/lapic_timer.c): counts at 100 MHz / divide. */
#ifndef CLV_VDEV_LAPIC_TIMER_H
#define CLV_VDEV_LAPIC_TIMER_H

#include "types.h"

struct vcpu;

void lapic_timer_setup(struct vcpu *v);
void lapic_timer_load(struct vcpu *v, uint32_t initial_count); /* 0: stop */
/*
 * Arms the timer for the end of this period if v would take its interrupt. Called on v's CPU when
 * that may have changed.
 */
void lapic_timer_resume(struct vcpu *v);
uint32_t lapic_timer_current(const struct vcpu *v);
/* log2 of the divisor */
unsigned int lapic_timer_shift(uint32_t divide);

#endif
