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

#endif
