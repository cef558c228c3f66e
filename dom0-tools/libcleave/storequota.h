/* SPDX-License-Identifier: MIT */
/* What a domain uses of xenstored, and what xenstored allows each domain at most. */
#ifndef LIBCLEAVE_STOREQUOTA_H
#define LIBCLEAVE_STOREQUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

enum storequota_kind {
    STOREQUOTA_NODES, /* that the domain owns */
    STOREQUOTA_WATCHES,
    STOREQUOTA_TRANSACTIONS, /* open ones */
    STOREQUOTA_OUTSTANDING,  /* answers and events that the domain has not read */
    STOREQUOTA_MEMORY,       /* bytes of all these */
    STOREQUOTA_KINDS
};

struct storequota {
    uint64_t of[STOREQUOTA_KINDS];
};

/* Returns "nodes", "watches", ... */
const char *storequota_name(enum storequota_kind kind);

/*
 * Reads the lines of xenstored's answer, "nodes : 14" and so on. False: a kind is missing, so it is
 * no such answer.
 */
bool storequota_parse(const char *text, struct storequota *quota);

/* Reads the limits of each domain. Returns 0, or a negative errno after an error line. */
int storequota_limits(struct xs_handle *store, struct storequota *limits);

/*
 * Reads what a domain uses. Returns 0, or a negative errno, of which nothing is reported: -ENOENT:
 * xenstored does not know the domain.
 */
int storequota_usage(struct xs_handle *store, uint32_t domid, struct storequota *usage);

#endif
