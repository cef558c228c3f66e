/* SPDX-License-Identifier: MIT */
/*
 * The store (xenstored): reads and writes nodes. Paths are the printf patterns of cleave-schema.h.
 */
#ifndef LIBCLEAVE_STORE_H
#define LIBCLEAVE_STORE_H

#include <stdbool.h>
#include <xenstore.h>

/*
 * Connects to xenstored. Returns the handle, or NULL after one error line. Never hangs on a daemon
 * that is missing or does not answer. Not usable after fork.
 */
struct xs_handle *store_open(void);

/*
 * The same, but instead of the error there is a warning, which begins with the consequence. The
 * calls below find and write nothing then: they take NULL for the handle.
 */
struct xs_handle *store_try(const char *consequence);

/*
 * store_guard() keeps a command from waiting forever for a store that stops answering. The guard
 * then prints an error line and shuts down the last opened connection, so that pending and later
 * requests fail. Waits other than requests poll store_is_lost(). The watcher of a VM needs no
 * guard: it can wait.
 */
void store_guard(void);
void store_unguard(void);
bool store_is_lost(void);

/* Returns a node's value, which the caller frees, or NULL. */
char *store_read(struct xs_handle *store, const char *pattern, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads the value into text, truncated to size. False, and empty text: no such node. */
bool store_read_text(struct xs_handle *store, char *text, size_t size, const char *pattern, ...)
    __attribute__((format(printf, 4, 5)));

/* Creates or changes a node. */
bool store_write(struct xs_handle *store, xs_transaction_t transaction, const char *value,
                 const char *pattern, ...) __attribute__((format(printf, 4, 5)));

/* Removes a node and its children. A missing node is not an error. */
bool store_remove(struct xs_handle *store, const char *pattern, ...)
    __attribute__((format(printf, 2, 3)));

/* A node as store_walk reads it. A zero byte follows the value. */
struct store_node {
    const char *path;
    const char *value;
    unsigned int length; /* of the value, in bytes */
    const struct xs_permissions *permissions;
    unsigned int permission_count;
};

/*
 * Calls visit for a node, and then for those below it, at most depth levels down. "/" itself is not
 * visited. A node that is removed meanwhile is left out. Returns 0; or a negative errno, of which
 * nothing is reported: -ENOENT: there is no such path; else the store does not answer.
 */
int store_walk(struct xs_handle *store, const char *path, unsigned int depth,
               void (*visit)(const struct store_node *node, void *data), void *data);

#endif
