/* SPDX-License-Identifier: MIT */
/* What boot tells lib/log.c; printk itself is in lib.h. */
#ifndef CLV_LIB_LOG_H
#define CLV_LIB_LOG_H

#include "types.h"

void log_init(void);                     /* loglvl= guest_loglvl= */
void log_set_clock(nsec_t (*now)(void)); /* for the limits of messages */

#endif
