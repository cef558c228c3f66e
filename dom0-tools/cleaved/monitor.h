/* SPDX-License-Identifier: MIT */
/* Watches each second whether promises of CPU time are kept (monitor.c). */
#ifndef CLEAVED_MONITOR_H
#define CLEAVED_MONITOR_H

#include "hv.h"

/* Returns a timer that fires each second, for monitor_tick, or -1. */
int monitor_open(void);
void monitor_tick(int timer, struct hv *hv);

/* Writes all histories, when cleaved ends. */
void monitor_close(void);

#endif
