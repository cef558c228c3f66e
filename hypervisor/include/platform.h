/* SPDX-License-Identifier: MIT */
/*
 * The machine around the CPUs: ACPI tables, host I/O APICs, boot information.
 */
#ifndef CLV_PLATFORM_H
#define CLV_PLATFORM_H

#include "types.h"
#include "xenpub.h"

/* --- platform/acpi.c: read once at boot --- */
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
    uint32_t cpu_apic_id[64];
    unsigned int ioapics;
    paddr_t ioapic[16];            /* [0] has line 0 */
    uint16_t pm_timer_port;        /* 0: none */
    uint16_t pm1_control[2];       /* ports; 0: none */
    uint8_t s5[2];                 /* SLP_TYP of \_S5 for each, found in the DSDT */
    bool has_s5;
    uint16_t reset_port;           /* 0: none */
    uint8_t reset_value;
    unsigned int tables;           /* of the RSDT/XSDT */
    const struct acpi_header **table, *madt;
    unsigned int pci_windows;      /* memory-mapped PCI configuration space */
    struct acpi_pci_window { paddr_t start, end; uint16_t segment; uint8_t first_bus; } pci_window[32];
};
extern struct acpi_info acpi;
/* Types of the MADT's entries: type, length, ... */
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9, MADT_FIRST_ENTRY = 44 };
void acpi_init(paddr_t rsdp_hint);  /* 0: search the BIOS area */
uint8_t acpi_checksum(const void *p, uint32_t length); /* 0 for a correct table */
const struct acpi_header *acpi_find(const char *signature); /* NULL: there is none */
/* `width` bytes at `offset`; 0 where the table is shorter, or is none. */
uint64_t acpi_field(const struct acpi_header *h, uint32_t offset, uint32_t width);
/* Ends the power: writes S5 to PM1. Returns when it did not work. */
void acpi_power_off(void);

/* --- platform/ioapic.c: the host's I/O APIC. Route and mask are for gsi < lines, one caller at a time --- */
struct host_route { uint8_t vector; bool level, active_low, masked; uint32_t apic_id; };
void host_ioapic_init(void);        /* all lines masked */
unsigned int host_ioapic_lines(void);
void host_ioapic_route(unsigned int gsi, const struct host_route *r);
void host_pic_disable(void);

/* --- platform/iommu.c --- */
void iommu_off(void);               /* those that firmware left on */

/* --- boot/: what the loader told us --- */
/* E820's numbers, then RAM that is in use: image, modules and page tables of the core; dom0's */
enum { BOOT_RAM = 1, BOOT_RESERVED, BOOT_ACPI, BOOT_ACPI_NVS, BOOT_UNUSABLE, BOOT_CORE, BOOT_DOM0 };
struct boot_range { paddr_t start, end; uint32_t type; };
struct boot_module { paddr_t start, end; const char *args; };
struct boot_info {
    const char *cmdline;
    unsigned int ranges;
    struct boot_range range[1024];  /* sorted, not overlapping; more than UEFI was ever seen with */
    unsigned int modules;
    struct boot_module module[8];   /* [0] dom0's kernel (ELF), [1] its initrd */
    paddr_t rsdp;                   /* multiboot2, UEFI; 0: unknown */
    struct dom0_vga_console_info screen; /* multiboot2; of type 0: unknown */
};
extern struct boot_info boot_info;

/* mm/memory.c: after alloc_add_range, where the core's image, modules and low pages are */
extern char image_start[], image_end[], text_end[], rodata_end[];
#define AP_TRAMPOLINE 0x8000ull     /* the page below 1 MiB that starts second CPUs; hidden from dom0 */

/* --- dom0/ --- */
void dom0_build(void);              /* panics readably when it cannot */
/* RSDP, which comes first, MADT and XSDT for dom0. */
void dom0_acpi_tables(unsigned int vcpus, paddr_t page);

#endif
