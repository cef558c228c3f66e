/* SPDX-License-Identifier: MIT */
/* The PV console ring (xenconsoled, `xl console`). */
#ifndef GUESTS_LIB_CONSOLE_H
#define GUESTS_LIB_CONSOLE_H

#include "lib.h"

/*
 * Finds the ring, and registers it as where text goes (text.h). Needs event channels and time. A ring that
 * stays full for 2 s loses the text.
 */
void console_init(void);

#endif
