/* SPDX-License-Identifier: MIT */
/*
 * A client of xenstored: one request at a time on the store ring (xen/io/xs_wire.h), on the first
 * vCPU only. Relative paths are below /local/domain/ID. Errors are negative errno values
 * (-XEN_ENOENT, -XEN_EACCES, ...).
 */
#ifndef GUESTS_LIB_STORE_H
#define GUESTS_LIB_STORE_H

#include "lib.h"

/* False: this domain has no store. */
bool store_init(void);

/* Reads the value, terminated and truncated to size. Returns its length, or an error. */
int store_read(const char *path, char *value, size_t size);

/* Sets the value, creating the node if needed. Returns 0 or an error. */
int store_write(const char *path, const char *value);
int store_write_number(const char *path, uint64_t value);

/* Removes a node and what is below it. Returns 0 or an error. */
int store_remove(const char *path);

/*
 * Transactions: store_begin starts one, requests belong to that of the last store_use (0: none),
 * and store_end ends one. Return 0 or an error; -XEN_EAGAIN: a conflict.
 */
int store_begin(uint32_t *id);
void store_use(uint32_t id);
int store_end(uint32_t id, bool commit);

/*
 * For guests that do not read their answers: store_post sends a write, unless the ring has no room
 * for it; store_take reads one message, unless there is none. They return whether they did so.
 */
bool store_post(const char *path, const char *value);
bool store_take(void);

/* Lets domain reader read a node owned by owner (this domain). Returns 0 or an error. */
int store_allow(const char *path, unsigned owner, unsigned reader);

/* Lists the names under path, each terminated. Returns their total length, or an error. */
int store_list(const char *path, char *names, size_t size);

/*
 * Reads a number, waiting up to ns until the node exists and is readable (xenstored returns EACCES
 * for both to other domains). Returns 0, -XEN_ETIME or another error.
 */
int store_await_number(const char *path, uint64_t *value, uint64_t ns);

/* Watches path under a number 0..31. The watch fires once immediately. Returns 0 or an error. */
int store_watch(const char *path, unsigned number);

/* Returns the watches that fired since the last call, as bits. */
uint32_t store_fired(void);

#endif
