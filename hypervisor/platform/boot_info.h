/* SPDX-License-Identifier: MIT */
/* What the loader told (platform/boot_info.c). */
#ifndef CLV_PLATFORM_BOOT_INFO_H
#define CLV_PLATFORM_BOOT_INFO_H

#include "types.h"
#include "xenpub.h"

/* E820's numbers, then RAM that is in use: image, modules and page tables of the core; dom0's */
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
    struct boot_range range[1024]; /* sorted, not overlapping; more than UEFI was ever seen with */
    unsigned int modules;
    struct boot_module module[8];        /* [0] dom0's kernel (ELF), [1] its initrd */
    paddr_t rsdp;                        /* multiboot2, UEFI; 0: unknown */
    struct dom0_vga_console_info screen; /* multiboot2; of type 0: unknown */
};
extern struct boot_info boot_info;
/*
 * Into boot_info's map, kept sorted and merged; where it overlaps RAM it wins unless it is RAM
 * itself.
 */
void boot_info_add_range(paddr_t start, paddr_t end, uint32_t type);

#endif
