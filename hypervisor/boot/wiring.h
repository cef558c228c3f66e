/* SPDX-License-Identifier: MIT */
/* What lower floors call upwards is registered here (boot/wiring.c). */
#ifndef CLV_BOOT_WIRING_H
#define CLV_BOOT_WIRING_H

void wiring_init(void);

#endif
