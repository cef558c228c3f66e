/* SPDX-License-Identifier: MIT */
/*
 * A client of xenstored: requests one at a time over the store ring (xen/io/xs_wire.h), on the first vCPU
 * only. Relative paths lie under /local/domain/ID. Errors are negative errno (-XEN_ENOENT, -XEN_EACCES, ...).
 */
#ifndef GUESTS_LIB_STORE_H
#define GUESTS_LIB_STORE_H

#include "lib.h"

/* false: this domain has no store. */
bool store_init(void);

/* The value, terminated and cut to size; its length, or an error. */
int store_read(const char *path, char *value, size_t size);

/* Replaces the value (or makes the node); 0 or an error. */
int store_write(const char *path, const char *value);
int store_write_number(const char *path, uint64_t value);

/* Lets domain reader read a node that belongs to owner (this domain). 0 or an error. */
int store_allow(const char *path, unsigned owner, unsigned reader);

/* The names under path, each terminated, one after the other; their length together, or an error. */
int store_list(const char *path, char *names, size_t size);

/*
 * Reads a number, waiting up to ns until the node is there and may be read (xenstored tells a stranger EACCES
 * in both cases); otherwise -XEN_ETIME or the error.
 */
int store_await_number(const char *path, uint64_t *value, uint64_t ns);

/* Watches path under a number 0..31; it fires once at once. 0 or an error. */
int store_watch(const char *path, unsigned number);

/* Which watches have fired since the last call, as bits. */
uint32_t store_fired(void);

#endif
