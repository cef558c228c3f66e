/* SPDX-License-Identifier: MIT */
/* What the tools ask of a guest through its store node control/shutdown (`xl shutdown`, `xl reboot`). */
#ifndef GUESTS_LIB_CONTROL_H
#define GUESTS_LIB_CONTROL_H

#include "lib.h"

/* Watches the node and says that this guest follows it. 0 or negative errno. */
int control_init(void);

/* Obeys a request that has come: does not return then. Call it whenever irq_wait or a sleep comes back. */
void control_poll(void);

/* Sleeps ns, obeying requests at once. */
void control_sleep(uint64_t ns);

#endif
