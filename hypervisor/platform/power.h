/* SPDX-License-Identifier: MIT */
/* Power-off and reboot of the machine (platform/power.c). */
#ifndef CLV_PLATFORM_POWER_H
#define CLV_PLATFORM_POWER_H

#include "types.h"

noreturn void power_reboot(void);
/* Reboots after a delay, or halts with `noreboot`. */
noreturn void power_reboot_or_stay(void);
/* Acts on dom0's SHUTDOWN_*: powers off, reboots, or dumps and reboots. */
noreturn void power_stop(uint8_t reason);

#endif
