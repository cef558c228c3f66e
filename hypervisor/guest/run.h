/* SPDX-License-Identifier: MIT */
/* The run loop (guest/run.c). */
#ifndef CLV_GUEST_RUN_H
#define CLV_GUEST_RUN_H

#include "types.h"

noreturn void run_cpu(void); /* the loop of every CPU: softirqs, pick, enter, handle exits */

#endif
