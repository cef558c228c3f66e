/* SPDX-License-Identifier: MIT */
/* Existing domains, also those created by other tools: find, describe, destroy. */
#ifndef LIBCLEAVE_DOMAIN_H
#define LIBCLEAVE_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <uuid/uuid.h>

#include "hv.h"
#include "store.h"

/* For names in VM files; xl accepts longer ones. */
#define DOMAIN_NAME_MAX 64
/* dom0's name, also where xen-init-dom0 has not written it to the store */
#define DOMAIN_0_NAME "Domain-0"

struct domain {
    uint32_t domid;
    char name[256]; /* empty: none in the store */
    char uuid[UUID_STR_LEN];
    xc_domaininfo_t info;
};

/*
 * Lists all domains in ascending order. The caller frees *list. Returns their number, or a negative
 * errno after an error line. store may be NULL: then only dom0 has a name.
 */
int domain_list(struct hv *hv, struct xs_handle *store, struct domain **list);

/* Finds a domain by id, name or UUID. Returns -ESRCH without an error if there is none. */
int domain_search(struct hv *hv, struct xs_handle *store, const char *who, struct domain *domain);

/* The same, but that is an error. Returns 0, or a negative errno after an error line. */
int domain_find(struct hv *hv, struct xs_handle *store, const char *who, struct domain *domain);

/* The same, but refuses dom0. */
int domain_find_guest(struct hv *hv, struct xs_handle *store, const char *who,
                      struct domain *domain);

/*
 * Fills in all fields but the name. -ESRCH: no such domain, or it has another uuid (NULL: any),
 * since ids are reused. Other negative errno: the query failed. Reports no error.
 */
int domain_get(struct hv *hv, uint32_t domid, const char *uuid, struct domain *domain);

/* Returns the state as one word: "running", "blocked", ..., or the shutdown reason. */
const char *domain_state(const xc_domaininfo_t *info);

/* Whether the domain has shut down, and the reason (SHUTDOWN_*, xen/sched.h). */
bool domain_is_shut_down(const xc_domaininfo_t *info);
unsigned int domain_shutdown_reason(const xc_domaininfo_t *info);

/*
 * Destroys the domain, removes its nodes and waits until its memory is free. Without the store no
 * nodes are removed, and pages that programs still map are only warned about. Returns 0, or a
 * negative errno after an error line.
 */
int domain_destroy(struct hv *hv, struct xs_handle *store, uint32_t domid, const char *uuid);

/* Whether cleave-dm emulates the domain's devices. */
bool domain_has_model(struct xs_handle *store, uint32_t domid);

/* Whether the guest runs and takes requests ("poweroff", "reboot"). */
bool domain_listens(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                    const char *wish);

/* Return the target and the maximum of the domain's memory in KiB by the store. 0: unknown. */
uint64_t domain_memory_target(struct xs_handle *store, uint32_t domid);
uint64_t domain_memory_max(struct xs_handle *store, uint32_t domid);

/* Frames that the domain has or is promised, in KiB: what nobody else can have. */
uint64_t domain_memory_held(const struct domain *domain);
/* The RAM that the guest has in KiB, also what it has not touched yet, and takes no memory. */
uint64_t domain_memory_ram(struct hv *hv, const struct domain *domain);
/* Whether that is this much, give or take what a balloon driver leaves. */
bool domain_memory_is_near(struct hv *hv, const struct domain *domain, uint64_t kib);

/*
 * Writes a request ("poweroff", "reboot") to control/shutdown, or presses the power button of an
 * HVM guest without Xen's drivers. Returns 0, or a negative errno after
 * an error line.
 */
int domain_ask(struct hv *hv, struct xs_handle *store, const struct domain *domain,
               const char *wish);

#endif
