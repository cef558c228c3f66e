/* SPDX-License-Identifier: MIT */
/*
 * A table describes the operations of a hypercall family that take one structure: its size and
 * layout, the field that names a domain, who may call, and whether it is written back.
 */
#ifndef CLV_HYPERCALL_OPERATION_H
#define CLV_HYPERCALL_OPERATION_H

#include "hypercall/hypercall.h"

struct domain;

enum operation_out {
    OUT_NONE,
    /* written back on success, and on -ERESTART, when it holds the progress */
    OUT_SUCCESS,
    /* OUT_SUCCESS, and checked to be writable first: else the new object would be lost */
    OUT_CHECKED,
    OUT_ALWAYS,
};

/* Operations that change a domain run one at a time; a concurrent one is restarted. */
enum operation_change {
    CHANGE_ANY = 1,
    CHANGE_OTHER = 2,  /* not on the caller's own domain: -EINVAL */
    CHANGE_LIVING = 4, /* not on a dying domain: -EINVAL */
};

/* d: the domain named by the structure, referenced during the call; else the caller's. */
typedef long operation_fn(struct hypercall *hc, struct domain *d, void *arg);

struct operation {
    operation_fn *fn;
    const char *layout; /* NULL if the same for 32-bit callers (guest_copy.h) */
    uint8_t size;
    uint8_t domid_at;
    bool names_domain;
    bool dom0;      /* for dom0 only, from 64-bit mode */
    uint8_t change; /* enum operation_change */
    enum operation_out out;
};

#define OPERATION_ARG(type) .size = sizeof(type)
#define OPERATION_DOMAIN(type, field) .names_domain = true, .domid_at = offsetof(type, field)
#define OPERATION_TARGET(type, field) .size = sizeof(type), OPERATION_DOMAIN(type, field)

/*
 * Runs operation `op` of a table of n rows, with its structure at va. -ENOSYS: no such operation.
 */
long operation_run(struct hypercall *hc, const struct operation *table, unsigned int n, uint32_t op,
                   gva_t va);
/*
 * The same for dom0's tools: one structure for all operations, at arg[0], beginning with operation
 * and version. -EACCES: wrong version.
 */
long operation_run_versioned(struct hypercall *hc, const struct operation *table, unsigned int n,
                             uint8_t size, uint32_t version);

#endif
