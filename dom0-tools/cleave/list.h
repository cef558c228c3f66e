/* SPDX-License-Identifier: MIT */
/* What `cleave list` lists, for other verbs that look at all VMs. */
#ifndef CLEAVE_LIST_H
#define CLEAVE_LIST_H

#include <stdbool.h>

#include "command.h"

/* A line of the list: a VM of cleave, which may have no domain, or a domain of another tool. */
struct list_row {
    struct domain domain; /* without a domain: name and uuid only, domid is VMS_NO_DOMAIN */
    bool has_domain;
    const char *state;
    char reason[256]; /* why the VM waits or failed, or what its guest does not do */
};

/*
 * Lists VMs and domains, those with a domain first, by its id. The caller frees *rows. Returns
 * their number, or a negative errno after an error line.
 */
int list_rows(struct session *session, struct list_row **rows);

/*
 * Returns how a domain is called in lists: without a name, which it lacks while it is built or the
 * store is not there, by its UUID.
 */
const char *list_name(const struct domain *domain);

#endif
