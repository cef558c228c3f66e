/* SPDX-License-Identifier: MIT */
/* Parses the loader's information: multiboot, multiboot2 or PVH (boot/multiboot.c). */
#ifndef CLV_BOOT_MULTIBOOT_H
#define CLV_BOOT_MULTIBOOT_H

#include "types.h"

void multiboot_parse(uint32_t magic, paddr_t information);

#endif
