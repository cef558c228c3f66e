/* SPDX-License-Identifier: MIT */
/* The invariant checker (core/check.c). */
#ifndef CLV_CORE_CHECK_H
#define CLV_CORE_CHECK_H

/* Runs all checks, logs each violation and returns their number. */
unsigned int check_invariants(void);

#endif
