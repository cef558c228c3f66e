/* SPDX-License-Identifier: MIT */
/* The debug build's invariant checker (core/check.c). */
#ifndef CLV_CORE_CHECK_H
#define CLV_CORE_CHECK_H

/* Walks everything, logs what disagrees, returns how many. */
unsigned int check_invariants(void);

#endif
