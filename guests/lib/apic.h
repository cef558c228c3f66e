/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of this vCPU: x2APIC MSRs if CPUID offers them and "xapic" is not given, else the
 * page at 0xfee00000.
 */
#ifndef GUESTS_LIB_APIC_H
#define GUESTS_LIB_APIC_H

#include "lib.h"

/* Registers by x2APIC number: MSR 0x800 + number, or offset number * 16 in the page. */
#define APIC_ID 0x02
#define APIC_VERSION 0x03
#define APIC_TPR 0x08
#define APIC_EOI 0x0b
#define APIC_SVR 0x0f
#define APIC_ICR 0x30

#define APIC_ICR_FIXED 0x4000
#define APIC_ICR_INIT 0x4500
#define APIC_ICR_SIPI 0x4600

#define APIC_MMIO 0xfee00000UL

/* Enables this vCPU's APIC, in x2APIC mode if available. */
void apic_init(void);
bool apic_is_x2apic(void);

uint32_t apic_id(void);
void apic_eoi(void);

/*
 * Sends an interrupt command (APIC_ICR_*, with a vector or SIPI page in its low byte) to an APIC
 * id.
 */
void apic_icr(uint32_t to, uint32_t command);

#endif
