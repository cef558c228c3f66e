/* SPDX-License-Identifier: MIT */
/* What dead domains leave in the store, when nobody removed it. */
#ifndef LIBCLEAVE_SWEEP_H
#define LIBCLEAVE_SWEEP_H

#include "hv.h"
#include "store.h"

/*
 * Removes the nodes and devices of ids that no domain has, VM directories of UUIDs that no domain
 * has, and libxl's records of either. Not while another tool destroys a domain: it would find its
 * work done. Returns 0, or a negative errno after an error line.
 */
int sweep_store(struct hv *hv, struct xs_handle *store);

#endif
