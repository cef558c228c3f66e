/* SPDX-License-Identifier: MIT */
/* What boot tells lib/printk.c; printk itself is in lib.h. */
#ifndef CLV_PRINTK_H
#define CLV_PRINTK_H

#include "types.h"

void printk_init(void);                          /* loglvl= guest_loglvl= */
void printk_set_clock(nsec_t (*now)(void));      /* for the limits of messages */

#endif
