/* SPDX-License-Identifier: MIT */
/* What is lost when xenstored dies, as far as it can be made anew. */
#ifndef LIBCLEAVE_REPAIR_H
#define LIBCLEAVE_REPAIR_H

#include "hv.h"
#include "store.h"

/*
 * Writes names and the other nodes of running domains that the store has not, and introduces these
 * domains to xenstored. Those of devices are not written: dom0's kernel would not see them. Returns
 * 0, or a negative errno after an error line.
 */
int repair_store(struct hv *hv, struct xs_handle *store);

#endif
