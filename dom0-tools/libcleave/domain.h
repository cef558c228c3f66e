/* SPDX-License-Identifier: MIT */
/*
 * The domains that live now, whoever made them: finding, describing and ending them.
 */
#ifndef LIBCLEAVE_DOMAIN_H
#define LIBCLEAVE_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <uuid/uuid.h>

#include "hv.h"
#include "store.h"

/* Of a VM file; xl takes longer ones. */
#define DOMAIN_NAME_MAX 64

struct domain {
    uint32_t domid;
    char name[256]; /* empty: the store has none */
    char uuid[UUID_STR_LEN];
    xc_domaininfo_t info;
};

/*
 * All domains in ascending order into *list, which the caller frees. Their number, or a negative
 * errno after an error line. store may be NULL: then there are no names.
 */
int domain_list(struct hv *hv, struct xs_handle *store, struct domain **list);

/* The domain of this number or name. 0, or a negative errno after an error line. */
int domain_find(struct hv *hv, struct xs_handle *store, const char *who, struct domain *domain);

/* The same for what dom0 must never be asked. */
int domain_find_guest(struct hv *hv, struct xs_handle *store, const char *who,
                      struct domain *domain);

/*
 * Fills in all but the name. 0; -ESRCH when there is no such domain, or when it has another
 * identity than uuid (NULL: any), for numbers are used again; another negative errno when the
 * hypervisor does not say. No error line.
 */
int domain_get(struct hv *hv, uint32_t domid, const char *uuid, struct domain *domain);

/* "running", "blocked", ... : one word; a domain that ended is called by its reason. */
const char *domain_state(const xc_domaininfo_t *info);

/* Whether it has ended by itself; its reason (SHUTDOWN_*, xen/sched.h). */
bool domain_is_shut_down(const xc_domaininfo_t *info);
unsigned int domain_shutdown_reason(const xc_domaininfo_t *info);

/*
 * Ends the domain, takes its nodes away and waits until its memory is free again. 0, or a negative
 * errno after an error line.
 */
int domain_destroy(struct hv *hv, struct xs_handle *store, uint32_t domid, const char *uuid);

/*
 * What control/shutdown is to say ("poweroff", "reboot"). 0, or a negative errno after an error
 * line.
 */
int domain_ask(struct hv *hv, struct xs_handle *store, const struct domain *domain,
               const char *wish);

#endif
