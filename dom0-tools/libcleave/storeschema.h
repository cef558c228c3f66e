/* SPDX-License-Identifier: MIT */
/* What the schema of the store (xenstore-schema/schema.txt) says about a node. */
#ifndef LIBCLEAVE_STORESCHEMA_H
#define LIBCLEAVE_STORESCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <xenstore.h>

/* A row of schema.txt, which describes the columns. */
struct storeschema_row {
    const char *name;
    const char *pattern;
    const char *type;
    const char *writer;
    const char *lifetime;
};

/*
 * Returns the row that covers a path, or NULL. Sets *domid to the number in place of the last
 * {domid} of its pattern, or to -1 if it has none.
 */
const struct storeschema_row *storeschema_find(const char *path, long *domid);

/* Whether a value of so many bytes, which a zero byte follows, has the row's type. */
bool storeschema_fits(const struct storeschema_row *row, const char *value, size_t length);

/*
 * Calls fault with a sentence for each way in which a node's permissions are not those of its row.
 * domid is that of storeschema_find.
 */
void storeschema_check_permissions(const struct storeschema_row *row, long domid,
                                   const struct xs_permissions *permissions, unsigned int count,
                                   void (*fault)(void *data, const char *text), void *data);

/* Whether the path is the directory of a domain, or of a VM: what must not outlive it. */
bool storeschema_is_of_domain(const struct storeschema_row *row);
bool storeschema_is_of_vm(const struct storeschema_row *row);

#endif
