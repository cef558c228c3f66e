/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of a PVH guest: they tell it how many processors it has and which legacy devices
 * it has not.
 */
#ifndef LIBCLEAVE_ACPI_H
#define LIBCLEAVE_ACPI_H

#include <stddef.h>
#include <stdint.h>

/*
 * Where the tables lie in the guest; the RSDP comes first. The range is E820_ACPI in its memory
 * map.
 */
#define ACPI_ADDRESS 0xfc000000ull
#define ACPI_SIZE 0x2000

/* Fills tables (ACPI_SIZE bytes), for a guest with this many vCPUs (at most 128). */
void acpi_build(uint8_t tables[ACPI_SIZE], unsigned int vcpus);

#endif
