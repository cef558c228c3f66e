/* SPDX-License-Identifier: MIT */
/*
 * Promises of CPU time: which VMs have one, admission, and the tables with which the core keeps
 * them. A promise is made before a VM is built and is the VM's until it ends, also while it
 * reboots. What changes the book takes its lock (book.h); order: after a VM's lock, before the
 * global one.
 */
#ifndef LIBCLEAVE_PROMISE_H
#define LIBCLEAVE_PROMISE_H

#include "book.h"
#include "hv.h"
#include "vmfile.h"

/*
 * Promises to the VM what its file says, in place of what it was promised before. A VM of class
 * spare gets none, which costs nothing. Returns 0; -ENOSPC: it does not fit, and nothing has
 * changed; or another negative errno; after an error line.
 */
int promise_make(struct hv *hv, const struct vmfile *vm);

/* Plans as promise_make does, and changes nothing. */
int promise_check(struct hv *hv, const struct vmfile *vm);

/*
 * The VM has this domain now: hands the core its slots, and its limit (also of class spare).
 * Returns 0, or a negative errno after an error line.
 */
int promise_start(struct hv *hv, const struct vmfile *vm, uint32_t domid);

/* Sets or lifts the limit of its vCPUs. Returns 0, or a negative errno after an error line. */
int promise_limit(struct hv *hv, const struct vmfile *vm, uint32_t domid);

/* Ends the VM's promise, if it has one. Failures are warned about; promise_settle tries again. */
void promise_end(struct hv *hv, const char *uuid);

/*
 * Drops promises of VMs that are gone, and hands the core the tables if it has others. For cleaved,
 * at each look. Returns 0, or a negative errno after an error line.
 */
int promise_settle(struct hv *hv);

/*
 * Declares dom0's line of the plan, from a file as vmfile_read_cpu reads it, and the nominal clock
 * (0: the machine's). Returns as promise_make.
 */
int promise_make_dom0(struct hv *hv, const struct vmfile *vm, uint32_t mhz);

/* Takes both declarations back. Returns as promise_make. */
int promise_default_dom0(struct hv *hv);

/* Returns the nominal clock of a CPU by the book, or a negative errno after an error line. */
int promise_clock(struct hv *hv, const struct book *book);

/* Returns 1 if the core has the book's tables, 0 if not, or a negative errno after an error. */
int promise_installed(struct hv *hv, const struct book *book);

/* True if dom0 has CPUs of its own, for which VMs are not meant: in the bitmap cpus. */
bool promise_dom0_cpus(uint8_t cpus[VMFILE_CPUS_MAX / 8]);

/*
 * Fills in the domain of each VM of the book, CORE_NO_DOMAIN if it has none. Returns 0, or a
 * negative errno after an error line.
 */
int promise_domids(struct hv *hv, const struct book *book, uint32_t *domids);

#endif
