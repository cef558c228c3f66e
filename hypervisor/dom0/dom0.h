/* SPDX-License-Identifier: MIT */
/* Between the files of dom0/. Addresses are dom0's physical ones, which are the machine's. */
#ifndef CLV_DOM0_H
#define CLV_DOM0_H

#include "boot.h"
#include "domain.h"
#include "types.h"

/* acpi_tables.c: RSDP, at its begin, XSDT and MADT for dom0 in the given page. */
void dom0_acpi_tables(struct domain *d, paddr_t page);

/* memory.c: its RAM and memory map. Returns its last pages below 1 MiB, the very last for ACPI. */
#define DOM0_LOW_PAGES 3
paddr_t dom0_memory_give(struct domain *d);

#endif
