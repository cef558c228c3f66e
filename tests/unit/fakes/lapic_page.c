/* SPDX-License-Identifier: MIT */
/* The devices that vdev/bus.c registers for every guest: a local APIC without a page, a console. */
#include "harness.h"
#include "vdev/lapic.h"
#include "vdev/text.h"

bool lapic_has_page(const struct vcpu *v, gpa_t gpa) { return false; }
uint32_t lapic_mmio_read(struct vcpu *v, uint32_t offset) { return 0; }
void lapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t val) {}
void text_print(struct domain *d, const char *text, size_t n) {}
