/* SPDX-License-Identifier: MIT */
/* The start of the boot CPU (boot/entry.S, boot/main.c). */
#ifndef CLV_BOOT_MAIN_H
#define CLV_BOOT_MAIN_H

#include "types.h"

noreturn void boot_main(uint32_t magic, uint32_t information); /* called by entry.S */

extern char boot_stack_guard[], boot_stack_top[];

#endif
