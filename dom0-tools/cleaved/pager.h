/* SPDX-License-Identifier: MIT */
/* The pager of all VMs (pager.c). */
#ifndef CLEAVED_PAGER_H
#define CLEAVED_PAGER_H

#include <stdbool.h>

#include "hv.h"

/* Whether there is something for the pager to do. */
bool pager_is_needed(void);

/*
 * Waits until no other pager runs, then serves all VMs until none has paged pages, nor a goal.
 * Returns 0, or a negative errno after an error line.
 */
int pager_run(struct hv *hv);

#endif
