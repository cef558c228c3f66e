/* SPDX-License-Identifier: MIT */
/* A period of the memory balancer (rebalance.c). */
#ifndef CLEAVED_REBALANCE_H
#define CLEAVED_REBALANCE_H

#include "hv.h"
#include "store.h"

#define REBALANCE_S 5 /* between two periods, unless cleaved is told another number */

/* Runs one. Returns 0, or a negative errno after an error line. For a worker. */
int rebalance_run(struct hv *hv, struct xs_handle *store);

#endif
