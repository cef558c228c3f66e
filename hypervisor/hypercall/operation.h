/* SPDX-License-Identifier: MIT */
/*
 * The operations of a hypercall family that take one structure, as a table: what the structure is,
 * where it names a domain, who may call and when, whether it goes back.
 */
#ifndef CLV_HYPERCALL_OPERATION_H
#define CLV_HYPERCALL_OPERATION_H

#include "hypercall/hypercall.h"

struct domain;

enum operation_out {
    OUT_NONE,
    /* the structure goes back after success, and with -ERESTART, when it has the progress */
    OUT_SUCCESS,
    /* ... and that this is possible is seen before, because what is made would be lost */
    OUT_CHECKED,
    OUT_ALWAYS,
};

/* Of operations that change a domain, one at a time; a second one is executed again later. */
enum operation_change {
    CHANGE_ANY = 1,
    CHANGE_OTHER = 2,  /* would stop or rebuild its own caller: -EINVAL */
    CHANGE_LIVING = 4, /* not a domain that is ending: -EINVAL */
};

/*
 * d: the domain that the structure names, with a reference during the call, or else the caller's.
 */
typedef long operation_fn(struct hypercall *hc, struct domain *d, void *arg);

struct operation {
    operation_fn *fn;
    const char *layout; /* of the structure, where 32-bit callers have another (guest.h) */
    uint8_t size;
    uint8_t domid_at;
    bool names_domain;
    bool dom0;      /* only for dom0, whose kernel is a 64-bit one */
    uint8_t change; /* enum operation_change */
    enum operation_out out;
};

#define OPERATION_ARG(type) .size = sizeof(type)
#define OPERATION_DOMAIN(type, field) .names_domain = true, .domid_at = offsetof(type, field)
#define OPERATION_TARGET(type, field) .size = sizeof(type), OPERATION_DOMAIN(type, field)

/* Operation `op` of a table of n, its structure at va. -ENOSYS: there is none. */
long operation_run(struct hypercall *hc, const struct operation *table, unsigned int n, uint32_t op,
                   gva_t va);
/*
 * The same for dom0's tools: one structure for all, at arg[0], begins with operation and version.
 * -EACCES
 */
long operation_run_versioned(struct hypercall *hc, const struct operation *table, unsigned int n,
                             uint8_t size, uint32_t version);

#endif
