/* SPDX-License-Identifier: MIT */
/* Set-up of lib/log.c; printk itself is declared in lib.h. */
#ifndef CLV_LIB_LOG_H
#define CLV_LIB_LOG_H

#include "types.h"

void log_init(void);                     /* parses loglvl= and guest_loglvl= */
void log_set_clock(nsec_t (*now)(void)); /* for rate limits */

#endif
