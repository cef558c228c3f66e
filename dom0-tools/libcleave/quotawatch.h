/* SPDX-License-Identifier: MIT */
/* Events of domains that are at a quota of xenstored. */
#ifndef LIBCLEAVE_QUOTAWATCH_H
#define LIBCLEAVE_QUOTAWATCH_H

#include "hv.h"
#include "store.h"

/*
 * Compares what each domain uses with xenstored's limits. Appends an event for each quota that a
 * domain is at, once in the domain's life. Returns 0, or a negative errno after an error line.
 */
int quotawatch_look(struct hv *hv, struct xs_handle *store);

#endif
