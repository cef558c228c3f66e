/* SPDX-License-Identifier: MIT */
/*
 * The store (xenstored): reading and writing nodes, whose paths are the printf patterns of
 * cleave-schema.h.
 */
#ifndef LIBCLEAVE_STORE_H
#define LIBCLEAVE_STORE_H

#include <stdbool.h>
#include <xenstore.h>

/*
 * Connects to xenstored. The handle, or NULL after one error line; never waits for a daemon that is
 * not there or does not answer. Not usable after fork.
 */
struct xs_handle *store_open(void);

/*
 * A command must not wait for ever for a store that stops answering. From store_guard() on, such a
 * store is told in an error line, and the last connection that was opened is cut: what waits for an
 * answer on it fails, and so do all later requests. For waits that are no requests there is
 * store_is_lost(). A VM's watcher does without a guard: it can wait.
 */
void store_guard(void);
void store_unguard(void);
bool store_is_lost(void);

/* A node's value, which the caller frees, or NULL. */
char *store_read(struct xs_handle *store, const char *pattern, ...)
    __attribute__((format(printf, 2, 3)));

/* The value into text, cut to size; empty and false where there is none. */
bool store_read_text(struct xs_handle *store, char *text, size_t size, const char *pattern, ...)
    __attribute__((format(printf, 4, 5)));

/* Makes or changes a node. */
bool store_write(struct xs_handle *store, xs_transaction_t transaction, const char *value,
                 const char *pattern, ...) __attribute__((format(printf, 4, 5)));

/* Removes a node and all below it; one that is not there is no failure. */
bool store_remove(struct xs_handle *store, const char *pattern, ...)
    __attribute__((format(printf, 2, 3)));

#endif
