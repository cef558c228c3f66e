/* SPDX-License-Identifier: MIT */
/* Shared by the chapters of guests/evil. Each chapter tries everything of one kind and returns. */
#ifndef GUESTS_EVIL_EVIL_H
#define GUESTS_EVIL_EVIL_H

#include "lib.h"

#include <xen/xen.h>

/* The number of tries, and of those that raised an exception. */
extern uint64_t evil_tries, evil_faults;

/* Runs one try. Returns the exception's vector, or -1. */
int evil_try(void (*run)(void *), void *arg);

/* Counts and reports wrong results. */
extern unsigned evil_wrong;
void evil_expect(bool right, const char *what, long got);

void evil_hypercalls(void);
void evil_msrs(void);
void evil_ports(void);
void evil_privileged(void);
void evil_cpuid(void);
void evil_storms(void);
void evil_races(void);
void evil_wakes(void);
void evil_structures(void);
void evil_locks(void);
void evil_endless(void) __attribute__((noreturn));
void evil_timers(void) __attribute__((noreturn));
void evil_far_timers(void) __attribute__((noreturn));

/* Parts of chapters */
void evil_others(domid_t self);
void evil_counts(void);
void evil_descriptors(void);
void evil_gone(void);
/* Runs these bytes at CPL 3 with access to all ports until an exception, and returns its vector. */
int evil_user(const uint8_t *bytes, unsigned length);

#endif
