/* SPDX-License-Identifier: MIT */
/*
 * Tables of slots (core/sched_table.c). A vcpu runs in its slots of each cycle, whatever others
 * want. The calls below run one at a time (LOCK_DOMCTL).
 */
#ifndef CLV_CORE_SCHED_TABLE_H
#define CLV_CORE_SCHED_TABLE_H

#include "types.h"

struct vcpu;
struct cleave_table;

/*
 * Discards what is staged, and begins new tables, empty ones, with cycles of `period` ns (0: none).
 * -EINVAL: not from 1 ms to 1 s. -EBUSY: the tables committed last are not in effect yet.
 * -ERESTART: call again.
 */
int sched_table_begin(uint32_t period, uint32_t *stage);
/*
 * Adds a slot to a CPU's staged table, behind those that it has. The caller holds a reference to
 * v's domain. -ENOENT: another stage has begun. -EINVAL: no such CPU; the slot is empty, outside
 * the period, or overlaps the one before it. -E2BIG: too many. -ENOMEM.
 */
int sched_table_add(uint32_t stage, uint32_t cpu, struct vcpu *v, uint32_t start, uint32_t end);
/* Puts the staged tables into effect when the current cycle ends. -ENOENT: not the stage begun. */
int sched_table_commit(uint32_t stage, uint64_t cookie);
/* Describes the tables in effect, or those that are about to be. */
void sched_table_info(struct cleave_table *info);

#endif
