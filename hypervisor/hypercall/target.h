/* SPDX-License-Identifier: MIT */
/* The domain that a hypercall names (hypercall/target.c). */
#ifndef CLV_HYPERCALL_TARGET_H
#define CLV_HYPERCALL_TARGET_H

#include "types.h"
#include "xenpub.h"

struct domain;
struct hypercall;

/* DOMID_SELF or an id to a domain with a reference (domain_put). Only dom0 may name another. */
struct domain *hypercall_target(struct hypercall *hc, domid_t id, int *rc);

#endif
