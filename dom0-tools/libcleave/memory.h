/* SPDX-License-Identifier: MIT */
/* What is known of a domain's memory, and its target. Sizes are in KiB. */
#ifndef LIBCLEAVE_MEMORY_H
#define LIBCLEAVE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "domain.h"
#include "vmfile.h"

#define MEMORY_SLACK_KIB 1024 /* of a limit beyond the target: special pages */

struct memory_figures {
    uint64_t current, target, max; /* target and max by the store; 0: unknown */
    bool touches;                  /* the core knows what was touched: */
    uint64_t touched;              /* has a frame */
    uint64_t paged;                /* dom0 keeps its contents */
    bool sampled;                  /* a working set is known: */
    uint64_t working;              /* estimate, */
    uint64_t low, high;            /* and its interval at 95 % */
    uint64_t own;                  /* the guest's figure: what it could not give; 0: unknown */
};

/*
 * Reads what is known, but for the working set. What is not known is left empty: none of it is an
 * error.
 */
void memory_look(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                 struct memory_figures *figures);

/*
 * Draws a sample of the pages that the domain has; and evaluates it later, for the working set of
 * the time between. Without a core that samples, both do nothing.
 */
void memory_begin_sample(struct hv *hv, uint32_t domid, uint64_t seed);
void memory_end_sample(struct hv *hv, uint32_t domid, struct memory_figures *figures);

/*
 * What a sample says: of so many pages, so many were used, and the domain has so much memory. Fills
 * in the working set and its interval.
 */
void memory_estimate(uint32_t pages, uint32_t used, uint64_t current,
                     struct memory_figures *figures);

/*
 * Writes the target, and the event with its reason (NULL: none), and lets the hypervisor keep it:
 * the domain cannot take more. min is promised by the core, where it can. The domain must still be
 * that of the VM: a node of a dead one is never written. Returns 0; -ESRCH: it has gone; or another
 * negative errno. Reports nothing.
 */
int memory_write(struct hv *hv, struct xs_handle *store, const struct domain *domain, uint64_t min,
                 uint64_t target, const char *reason);

/* RAM beyond its target that the domain has not touched is not promised to it any more. */
void memory_withdraw(struct hv *hv, const struct domain *domain, uint64_t min, uint64_t target);

/*
 * A VM that is built in place of its last domain keeps the memory that this was told to have, if
 * its guest followed: what its balloon gave may be others' now. Changes vm->memory_kib, to its
 * floor at least and its maximum at most.
 */
void memory_keep(struct hv *hv, struct xs_handle *store, const struct domain *old,
                 struct vmfile *vm);

#endif
