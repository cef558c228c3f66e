/* SPDX-License-Identifier: MIT */
/* The host's local APIC (cpu/apic.c): x2APIC where the CPU has it, else xAPIC. */
#ifndef CLV_CPU_APIC_H
#define CLV_CPU_APIC_H

#include "types.h"

void apic_init_cpu(void);   /* also sets this_cpu()->apic_id */
uint32_t apic_max_id(void); /* of a CPU that can be reached */
void apic_eoi(void);
bool apic_is_requested(unsigned int vector); /* pending in this CPU's IRR */
void apic_recheck(void);                     /* before a halt: see the top of apic.c */
enum { APIC_NMI = 0x400, APIC_INIT = 0x500, APIC_SIPI = 0x600 };
/* command: a vector, APIC_NMI, APIC_INIT, or APIC_SIPI | page */
void apic_send(uint32_t apic_id, uint32_t command);
/*
 * Arms the timer to fire after delta; <= 0: as soon as possible. Under TCG it repeats until armed
 * again or stopped.
 */
void apic_timer_arm(nsec_t delta);
void apic_timer_start(uint32_t count); /* raw ticks, for calibration; 0: stop */
uint32_t apic_timer_current(void);
extern uint32_t apic_timer_khz;

#endif
