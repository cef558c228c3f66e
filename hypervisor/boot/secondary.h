/* SPDX-License-Identifier: MIT */
/* Starts the secondary CPUs (boot/secondary.c). */
#ifndef CLV_BOOT_SECONDARY_H
#define CLV_BOOT_SECONDARY_H

#include "types.h"

/* Starts the CPUs that the MADT lists, and logs how many are online. */
void secondary_start_all(void);
noreturn void secondary_main(void); /* C entry, called by entry.S */

#endif
