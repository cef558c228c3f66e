/* SPDX-License-Identifier: MIT */
/* dom0's message-signalled interrupts (dom0/msi.c). */
#ifndef CLV_DOM0_MSI_H
#define CLV_DOM0_MSI_H

#include "types.h"

struct domain;
struct msi_source;
struct pci_capability;

void dom0_add_msi(struct domain *d); /* adds its ranges to d's bus */
/* Whether one of these frames has a table of MSI-X. Takes no lock. */
bool msi_emulates(const struct domain *d, uint64_t start, uint64_t end);

/* For pci.c, under pci_lock. */
extern struct msi_source *msi_sources;
/*
 * How much of a capability is emulated, by msi_read and msi_write: words of 4 bytes, reg a multiple
 * of 4.
 */
unsigned int msi_length(const struct pci_capability *c);
uint32_t msi_read(struct domain *d, const struct pci_capability *c, unsigned int reg);
void msi_write(struct domain *d, const struct pci_capability *c, unsigned int reg, uint32_t val);
/* The base addresses of a function have changed; it does not decode memory at the moment. */
void msi_moved(struct domain *d, uint32_t address);

#endif
