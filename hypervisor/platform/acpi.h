/* SPDX-License-Identifier: MIT */
/* The machine's ACPI tables, read once at boot (platform/acpi.c). */
#ifndef CLV_PLATFORM_ACPI_H
#define CLV_PLATFORM_ACPI_H

#include "cpumask.h"
#include "types.h"

struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem_id[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __packed_;
struct acpi_rsdp {
    char signature[8];
    uint8_t checksum;
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt, length;
    uint64_t xsdt;
    uint8_t extended_checksum, reserved[3];
} __packed_;
struct acpi_info {
    unsigned int cpus;
    uint32_t cpu_apic_id[MAX_CPUS];
    unsigned int cpus_ignored; /* that did not fit */
    unsigned int ioapics;
    paddr_t ioapic[16];      /* [0] has GSI 0 */
    uint16_t pm_timer_port;  /* 0: none */
    uint16_t pm1_control[2]; /* ports; 0: none */
    uint8_t s5[2];           /* SLP_TYP of \_S5 for each PM1 control */
    bool has_s5;
    uint16_t reset_port; /* 0: none */
    uint8_t reset_value;
    unsigned int tables; /* entries of table[] */
    const struct acpi_header **table, *madt;
    unsigned int pci_windows; /* memory-mapped configuration space (MCFG) */
    struct acpi_pci_window {
        paddr_t start, end;
        uint16_t segment;
        uint8_t first_bus;
    } pci_window[32];
};
extern struct acpi_info acpi;
/* Types of MADT entries (each begins with type and length), and the offset of the first entry. */
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9, MADT_FIRST_ENTRY = 44 };
void acpi_init(paddr_t rsdp_hint);                          /* 0: searches the BIOS area */
uint8_t acpi_checksum(const void *p, uint32_t length);      /* 0 for a correct table */
const struct acpi_header *acpi_find(const char *signature); /* NULL if absent */
/* Reads `width` bytes at `offset`; 0 if h is NULL or too short. */
uint64_t acpi_field(const struct acpi_header *h, uint32_t offset, uint32_t width);
/* Enters S5 through PM1 control. Returns on failure. */
void acpi_power_off(void);

#endif
