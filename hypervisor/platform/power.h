/* SPDX-License-Identifier: MIT */
/* The ways to leave a machine (platform/power.c). */
#ifndef CLV_PLATFORM_POWER_H
#define CLV_PLATFORM_POWER_H

#include "types.h"

noreturn void power_reboot(void);
/* after a while; `noreboot` keeps the machine as it is */
noreturn void power_reboot_or_stay(void);
/* dom0's SHUTDOWN_*: power-off, reboot, or a dump and a reboot. */
noreturn void power_stop(uint8_t reason);

#endif
