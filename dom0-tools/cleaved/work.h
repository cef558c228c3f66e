/* SPDX-License-Identifier: MIT */
/* Worker processes: one for each VM that is being settled. */
#ifndef CLEAVED_WORK_H
#define CLEAVED_WORK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * In place of a UUID: the worker cleans the store after dead domains; writes what a new xenstored
 * lacks; looks for domains that are at a quota; tells of targets (targets.h); balances memory;
 * pages (pager.h), also without xenstored.
 */
#define WORK_SWEEP "sweep"
#define WORK_REPAIR "repair"
#define WORK_QUOTAS "quotas"
#define WORK_TARGETS "targets"
#define WORK_BALANCE "balance"
#define WORK_PAGER "pager"

/* Starts a worker that settles the VM. False: not now. */
bool work_start(const char *uuid);

/* Collects the workers that have ended. */
void work_reap(void);

bool work_is_running(const char *uuid);
unsigned int work_count(void);

/* Returns when a VM whose worker failed may have another, by vms_now. */
int64_t work_not_before(const char *uuid);

#endif
