/* SPDX-License-Identifier: MIT */
/* What memory and vCPUs domains are to have, and who tells when they have it. */
#ifndef LIBCLEAVE_TARGETS_H
#define LIBCLEAVE_TARGETS_H

#include "domain.h"

/*
 * Writes a memory target to the store, and the event with its reason (NULL: none) if it is a new
 * one. tell: cleaved writes another event when the domain has reached it or has not; else the
 * caller does. Returns 0, -ESRCH if the domain has ended, or another negative errno. Reports
 * nothing.
 */
int targets_set_memory(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                       uint64_t kib, const char *reason, bool tell);

/* cleaved writes an event when the domain has this number of vCPUs online, or has not. */
void targets_expect_vcpus(const struct domain *domain, unsigned int vcpus);

/* The target in the store is about to be written anew: that is no event. */
void targets_forget(const struct domain *domain);

/*
 * cleaved's part: writes an event for each memory target that somebody else has set, and for each
 * domain that has reached its targets, or had enough time. Returns 0, or a negative errno after an
 * error was reported.
 */
int targets_look(struct hv *hv, struct xs_handle *store);

/* Whether targets_look waits for a domain. */
bool targets_are_awaited(void);

#endif
