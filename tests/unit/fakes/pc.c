/* SPDX-License-Identifier: MIT */
/* vdev/pc*.c where a test has no HVM guests. */
#include "vdev/pc.h"

int pc_highest(struct vcpu *v) { return -1; }
void pc_accept(struct vcpu *v, uint8_t vector) {}
uint32_t pc_config_index(struct domain *d) { return 0; }
void pc_set_config_index(struct domain *d, uint32_t val) {}
void pc_save(struct domain *d, unsigned int code, unsigned int instance, void *record) {}
void pc_load(struct domain *d, unsigned int code, unsigned int instance, const void *record) {}
void pc_press_button(struct domain *d, bool sleep) {}
