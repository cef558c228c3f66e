/* SPDX-License-Identifier: MIT */
/* The ACPI tables that dom0 sees (dom0/acpi_tables.c). */
#ifndef CLV_DOM0_ACPI_TABLES_H
#define CLV_DOM0_ACPI_TABLES_H

#include "types.h"

/* Writes the RSDP (at the start of the page), MADT and XSDT for dom0. */
void dom0_acpi_tables(unsigned int vcpus, paddr_t page);

#endif
