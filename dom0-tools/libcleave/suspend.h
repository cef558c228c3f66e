/* SPDX-License-Identifier: MIT */
/* Suspends a guest that takes part, and lets it run on; saves its state in between. */
#ifndef LIBCLEAVE_SUSPEND_H
#define LIBCLEAVE_SUSPEND_H

#include "domain.h"
#include "statefile.h"

/* Whether the domain is suspended: all its vCPUs have stopped, at the guest's own wish. */
bool suspend_is_suspended(const xc_domaininfo_t *info);

/* Checks, without a change, that the guest can be suspended now. */
int suspend_check(struct xs_handle *store, const struct domain *domain);

/*
 * Suspends the guest and writes its state to the file, which was begun. Returns 0, or a negative
 * errno: then the error may be the file's (statefile_end), and the guest may be suspended.
 */
int suspend_save(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                 struct statefile *file);

/* Lets a suspended guest run on, as if it had never been suspended. Others are left alone. */
int suspend_resume(struct hv *hv, struct xs_handle *store, const struct domain *domain);

/*
 * The requests (poweroff, reboot, suspend) that the guest's kernel offered to take, a bit each. It
 * offers them when it boots, and not again when it is restored: suspend_offer does so for it.
 */
uint32_t suspend_features(struct xs_handle *store, uint32_t domid);
void suspend_offer(struct xs_handle *store, uint32_t domid, uint32_t features);

/* Returns the most bytes that the state of the domain takes now. */
uint64_t suspend_size(struct hv *hv, const struct domain *domain);

#endif
