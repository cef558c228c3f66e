/* SPDX-License-Identifier: MIT */
/* dom0's message-signalled interrupts (dom0/msi.c). */
#ifndef CLV_DOM0_MSI_H
#define CLV_DOM0_MSI_H

#include "types.h"

struct domain;
struct msi_source;
struct pci_capability;

void dom0_add_msi(struct domain *d); /* adds its ranges to d's bus */
/* Returns whether one of these frames contains an MSI-X table. Takes no lock. */
bool msi_emulates(const struct domain *d, uint64_t start, uint64_t end);

/* For pci.c, under pci_lock. */
extern struct msi_source *msi_sources;
/*
 * The length of a capability that msi_read and msi_write emulate: words of 4 bytes, reg a multiple
 * of 4.
 */
unsigned int msi_length(const struct pci_capability *c);
uint32_t msi_read(struct domain *d, const struct pci_capability *c, unsigned int reg);
void msi_write(struct domain *d, const struct pci_capability *c, unsigned int reg, uint32_t val);
/* Called when a function's BARs have changed, while it does not decode memory. */
void msi_moved(struct domain *d, uint32_t address);

#endif
