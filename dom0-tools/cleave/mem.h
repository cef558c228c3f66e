/* SPDX-License-Identifier: MIT */
/* The files of `cleave mem`. */
#ifndef CLEAVE_MEM_H
#define CLEAVE_MEM_H

#include "balance.h"
#include "command.h"

#define MEM_KIB_PER_MIB 1024

/* --- mem.c ------------------------------------------------------------------------------------ */

/*
 * Finds the record of a VM of cleave. Returns 0, or a negative errno after an error was reported.
 */
int mem_find(struct session *session, const char *who, struct vms_record *vm);

/* --- the subverbs ----------------------------------------------------------------------------- */

int memplan_run(struct call *call);
/* mib: how much more is to be paged out; NULL: none at all. */
int mempage_run(struct call *call, const char *mib);
int memset_run(struct call *call);
int memshow_run(struct call *call);
int memshow_why(struct call *call);
int memsimulate_run(struct call *call);

#endif
