/* SPDX-License-Identifier: MIT */
/* Carries out an access that the hypervisor hands on (xen/hvm/ioreq.h). */
#ifndef DM_IOREQ_H
#define DM_IOREQ_H

#include <stdint.h>
#include <xen/hvm/ioreq.h>

#include "memory.h"
#include "pci.h"

/*
 * Serves request, a copy that nobody else changes, and stores what was read in its data. What it
 * asks for beyond sense is refused: reads of it return ones.
 */
void ioreq_serve(struct pci_bus *bus, struct memory *memory, struct ioreq *request);

#endif
