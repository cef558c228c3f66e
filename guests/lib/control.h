/* SPDX-License-Identifier: MIT */
/* Requests of the tools by the store node control/shutdown (`xl shutdown`, `xl reboot`). */
#ifndef GUESTS_LIB_CONTROL_H
#define GUESTS_LIB_CONTROL_H

#include "lib.h"

/* Watches the node and announces support in the store. Returns 0 or a negative errno. */
int control_init(void);

/* Performs a pending request, and then does not return. Call it after irq_wait or a sleep. */
void control_poll(void);

/* Sleeps for ns, and performs requests immediately. */
void control_sleep(uint64_t ns);

#endif
