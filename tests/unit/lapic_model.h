/* SPDX-License-Identifier: MIT */
/*
 * For tests of vdev/lapic.c and lapic_timer.c: four vcpus and a clock that the test moves. Kicks,
 * INITs and SIPIs are recorded.
 */
#ifndef LAPIC_MODEL_H
#define LAPIC_MODEL_H

#include "harness.h"
#include "vdev/lapic.h"
#include "vdev/lapic_timer.h"

#define VCPUS 4
#define BASE 0xfee00000ull
#define ENABLE (1ull << 11)
#define X2APIC (1ull << 10)
#define BSP (1ull << 8)
#define MSR_BASE 0x1b
#define MSR_TPR 0x808
#define MSR_EOI 0x80b
#define MSR_SVR 0x80f
#define MSR_ESR 0x828
#define MSR_ICR 0x830
#define MSR_LVT_TIMER 0x832
#define MSR_LVT_ERROR 0x837
#define MSR_INITIAL 0x838
#define MSR_CURRENT 0x839
#define MSR_DIVIDE 0x83e
#define MSR_SELF_IPI 0x83f

extern struct domain *d;
extern struct vcpu *v[VCPUS];
extern vcpu_info_t infos[VCPUS];
extern unsigned int kicks[VCPUS], inits[VCPUS];
extern int sipis[VCPUS]; /* vector; -1: none came */
extern nsec_t now;
extern unsigned int expiries; /* of timers */

/* All are in x2APIC mode, or in xAPIC mode, and enabled by software. */
#define LAPIC_TEST(test) \
    cmocka_unit_test_setup_teardown(test, lapic_model_setup, lapic_model_teardown)
#define XAPIC_TEST(test) \
    cmocka_unit_test_setup_teardown(test, lapic_model_setup_xapic, lapic_model_teardown)
int lapic_model_setup(void **state);
int lapic_model_setup_xapic(void **state);
int lapic_model_teardown(void **state);

void write_msr(struct vcpu *of, uint32_t msr, uint64_t val);
uint64_t read_msr(struct vcpu *of, uint32_t msr);
uint64_t irr(unsigned int i); /* nonzero: some vector is pending */
/* mask of the vcpus that have it pending; clears it */
unsigned int who(uint8_t vector);
bool take(struct vcpu *by, uint8_t vector); /* whether it is pending; acknowledges it */
/* advances the clock; the vcpu's timer fires whenever due */
void advance(struct vcpu *of, nsec_t by);

#endif
