/* SPDX-License-Identifier: MIT */
/*
 * Where a guest's text goes: the PV console ring (xenconsoled, `xl console`), and the hypervisor's own log
 * through port 0xe9. The second is used where there is no ring, for guests started with "debug", and for last
 * words.
 */
#ifndef GUESTS_LIB_CONSOLE_H
#define GUESTS_LIB_CONSOLE_H

#include "lib.h"

/* Finds the ring. Text written before goes to port 0xe9. Needs event channels and time. */
void console_init(void);

/* Also write to port 0xe9 from now on. */
void console_debug(bool on);

/* Writes n bytes whole, against other vCPUs. A ring that stays full for 2 s loses the text. */
void console_write(const char *text, size_t n);

#endif
