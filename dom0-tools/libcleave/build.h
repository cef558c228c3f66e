/* SPDX-License-Identifier: MIT */
/* Builds a domain from a VM file, with its kernel or with a saved guest. */
#ifndef LIBCLEAVE_BUILD_H
#define LIBCLEAVE_BUILD_H

#include "hv.h"
#include "store.h"
#include "vmfile.h"

/*
 * Builds the VM, paused and known to xenstored and xenconsoled, and sets *domid. All of its memory
 * is reserved first. old is the VM's last domain, which has ended, or NULL: it is destroyed as soon
 * as what can be checked is checked, and the new one has its name. Returns 0, or a negative errno
 * after one error line; then nothing of the new domain remains.
 */
int build_vm(struct hv *hv, struct xs_handle *store, const struct vmfile *vm,
             const struct domain *old, uint32_t *domid);

/* What a VM needs of the machine, in KiB. */
struct build_plan {
    uint64_t memory;   /* its RAM */
    uint64_t overhead; /* special pages, and the pool for page tables */
    uint64_t pool;     /* part of overhead */
    uint64_t free;     /* of the machine, and unclaimed */
};

/* Returns what the VM takes of the machine's memory, in KiB. */
uint64_t build_asked_kib(const struct vmfile *vm);

/*
 * Makes all checks that build_vm makes before it creates the domain, and fills in the plan as far
 * as it got. Returns 0, or a negative errno after an error was reported.
 */
int build_check(struct hv *hv, struct xs_handle *store, const struct vmfile *vm,
                struct build_plan *plan);

/*
 * As build_vm, for a VM whose guest was saved: its state is read from stream, as xc_domain_save
 * wrote it, in place of the VM file's kernel.
 */
int build_restored(struct hv *hv, struct xs_handle *store, const struct vmfile *vm, int stream,
                   uint32_t *domid);

#endif
