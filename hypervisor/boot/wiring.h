/* SPDX-License-Identifier: MIT */
/* Registers the handlers that lower folders call upwards (boot/wiring.c). */
#ifndef CLV_BOOT_WIRING_H
#define CLV_BOOT_WIRING_H

void wiring_init(void);

#endif
