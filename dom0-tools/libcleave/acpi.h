/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of a PVH guest: they describe its processors and the absence of legacy devices.
 */
#ifndef LIBCLEAVE_ACPI_H
#define LIBCLEAVE_ACPI_H

#include <stddef.h>
#include <stdint.h>

/* The tables' address in the guest; the RSDP is first. The range is E820_ACPI in the memory map. */
#define ACPI_ADDRESS 0xfc000000ull
#define ACPI_SIZE 0x2000

/* Fills tables (ACPI_SIZE bytes) for a guest with at most 128 vCPUs. */
void acpi_build(uint8_t tables[ACPI_SIZE], unsigned int vcpus);

#endif
