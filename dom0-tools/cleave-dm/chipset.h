/* SPDX-License-Identifier: MIT */
/* What firmware expects of a PC's chips besides devices: bridges, power management, reset. */
#ifndef DM_CHIPSET_H
#define DM_CHIPSET_H

#include "pci.h"

struct chipset {
    struct bus *bus;
    struct pci_function host_bridge, isa_bridge, power;
    uint32_t pci_address; /* port cf8 */
    uint16_t pm_control;  /* PM1a_CNT */
    uint8_t gpe_enable[2];
    uint8_t reset, gate; /* ports cf9 and 92 */
    bool ended;          /* the guest has been told to end: once is enough */
};

/* Returns 0 or a negative errno. */
int chipset_add(struct chipset *chipset, struct pci_bus *bus);
/* Writes or loads the registers; the hypervisor keeps how links are routed. */
void chipset_state(struct chipset *chipset, struct state *state);

#endif
