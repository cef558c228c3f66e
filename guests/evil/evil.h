/* SPDX-License-Identifier: MIT */
/* What the chapters of guests/evil share: each tries everything of one kind and comes back alive. */
#ifndef GUESTS_EVIL_EVIL_H
#define GUESTS_EVIL_EVIL_H

#include "lib.h"

/* How much was tried, and how much of it was answered by an exception. */
extern uint64_t evil_tries, evil_faults;

/* Runs one try; the exception's vector, or -1. */
int evil_try(void (*run)(void *), void *arg);

void evil_hypercalls(void);
void evil_msrs(void);
void evil_ports(void);
void evil_privileged(void);
void evil_cpuid(void);
void evil_storms(void);
void evil_races(void);

#endif
