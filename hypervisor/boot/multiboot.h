/* SPDX-License-Identifier: MIT */
/* What the loader hands over, as multiboot, multiboot2 or PVH have it (boot/multiboot.c). */
#ifndef CLV_BOOT_MULTIBOOT_H
#define CLV_BOOT_MULTIBOOT_H

#include "types.h"

void multiboot_parse(uint32_t magic, paddr_t information);

#endif
