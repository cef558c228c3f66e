/* SPDX-License-Identifier: MIT */
/* The loader's information and the memory map (platform/boot_info.c). */
#ifndef CLV_PLATFORM_BOOT_INFO_H
#define CLV_PLATFORM_BOOT_INFO_H

#include "types.h"
#include "xenpub.h"

/* E820 types, then RAM in use: by the core (image, modules, page tables), by dom0 */
enum { BOOT_RAM = 1, BOOT_RESERVED, BOOT_ACPI, BOOT_ACPI_NVS, BOOT_UNUSABLE, BOOT_CORE, BOOT_DOM0 };
struct boot_range {
    paddr_t start, end;
    uint32_t type;
};
struct boot_module {
    paddr_t start, end;
    const char *args;
};
struct boot_info {
    const char *cmdline;
    unsigned int ranges;
    struct boot_range range[1024]; /* sorted, not overlapping; more than seen on any UEFI */
    unsigned int modules;
    struct boot_module module[8];        /* [0] dom0's kernel (ELF), [1] its initrd */
    paddr_t rsdp;                        /* from multiboot2 or PVH; 0: unknown */
    struct dom0_vga_console_info screen; /* from multiboot2; type 0: unknown */
};
extern struct boot_info boot_info;
/*
 * Adds a range to the map, which stays sorted and merged. On overlap it replaces RAM, also dom0's;
 * other types are kept.
 */
void boot_info_add_range(paddr_t start, paddr_t end, uint32_t type);

#endif
