/* SPDX-License-Identifier: MIT */
/* The start of the other CPUs (boot/secondary.c). */
#ifndef CLV_BOOT_SECONDARY_H
#define CLV_BOOT_SECONDARY_H

#include "types.h"

/* starts the CPUs that the MADT lists; prints how many are up */
void secondary_start_all(void);
noreturn void secondary_main(void); /* C entry of each, from entry.S */

#endif
