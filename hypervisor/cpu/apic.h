/* SPDX-License-Identifier: MIT */
/* The host's local APIC (cpu/apic.c): x2APIC where the CPU has it, else xAPIC. */
#ifndef CLV_CPU_APIC_H
#define CLV_CPU_APIC_H

#include "types.h"

void apic_init_cpu(void); /* this_cpu()->apic_id is known from here on */
void apic_eoi(void);
bool apic_is_requested(unsigned int vector); /* it is on its way to this CPU */
void apic_recheck(void);                     /* before a halt: see the top of apic.c */
enum { APIC_NMI = 0x400, APIC_INIT = 0x500, APIC_SIPI = 0x600 };
/* a vector, APIC_NMI, APIC_INIT, APIC_SIPI | page */
void apic_send(uint32_t apic_id, uint32_t command);
/*
 * Interrupts after delta, under TCG again and again until armed or stopped; <= 0: as soon as
 * possible.
 */
void apic_timer_arm(nsec_t delta);
void apic_timer_start(uint32_t count); /* raw ticks, for calibration; 0: stop */
uint32_t apic_timer_current(void);
extern uint32_t apic_timer_khz;

#endif
