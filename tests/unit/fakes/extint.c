/* SPDX-License-Identifier: MIT */
/* The mark of vdev/lapic.c for interrupts of the PIC pair, where a test has no local APIC. */
#include "core/vcpu.h"
#include "vdev/lapic.h"

void lapic_raise_extint(struct vcpu *v) { v->vdev.lapic.irr[0] |= 1; }
void lapic_clear_extint(struct vcpu *v) { v->vdev.lapic.irr[0] &= ~1ull; }
