/* SPDX-License-Identifier: MIT */
/*
 * dom0's PCI configuration space: the interface between pci.c (ports, BARs) and msi.c (MSI, MSI-X).
 */
#ifndef CLV_DOM0_PCI_H
#define CLV_DOM0_PCI_H

#include "spinlock.h"
#include "types.h"

struct domain;

struct msi_source;

#define PCI_COMMAND 0x04
#define PCI_COMMAND_IO 0x01u
#define PCI_COMMAND_MEMORY 0x02u
#define PCI_BAR 0x10
#define PCI_BAR_IO 0x1u
#define PCI_BAR_TYPE 0x6u
#define PCI_BAR_64 0x4u
#define PCI_CAP_MSI 0x05
#define PCI_CAP_MSIX 0x11

/*
 * A function's MSI or MSI-X capability. A function is identified by its value of the address
 * register, with register 0. Reserved bits there hold the segment; the ports reach segment 0 only.
 */
struct pci_capability {
    uint32_t address;
    uint8_t at, id;
};

void dom0_add_pci(struct domain *d); /* adds its ranges to d's bus */

/* LOCK_PCI: protects the hardware's ports and all sources; held for all functions below. */
extern struct spinlock pci_lock;
uint32_t pci_hw_read(uint32_t address, unsigned int reg, unsigned int size);
void pci_hw_write(uint32_t address, unsigned int reg, unsigned int size, uint32_t val);
void pci_log(struct domain *d, uint32_t address, const char *what);

#endif
