/* SPDX-License-Identifier: MIT */
/*
 * A balloon: follows memory/target with pages that the guest does not use. It gives them to the
 * hypervisor, and takes them back, in batches.
 */
#ifndef GUESTS_LIB_BALLOON_H
#define GUESTS_LIB_BALLOON_H

#include "lib.h"

/* The balloon may use the pages from `start` on, the first ones first. */
void balloon_init(uint64_t start, uint64_t pages);

/* Moves towards the target by up to a batch. Returns the pages that it lacks, or has too many. */
int64_t balloon_step(void);

/* Pages given. Those behind them are the guest's. */
uint64_t balloon_size(void);

#endif
