/* SPDX-License-Identifier: MIT */
/* The PV console ring (xenconsoled, `xl console`). */
#ifndef GUESTS_LIB_CONSOLE_H
#define GUESTS_LIB_CONSOLE_H

#include "lib.h"

/*
 * Finds the ring, and registers it as the sink of text (text.h). Needs event channels and time.
 * Text is dropped if the ring stays full for 2 s.
 */
void console_init(void);

#endif
