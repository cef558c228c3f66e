/* SPDX-License-Identifier: MIT */
/* Resolves the domain that a hypercall names (hypercall/target.c). */
#ifndef CLV_HYPERCALL_TARGET_H
#define CLV_HYPERCALL_TARGET_H

#include "types.h"
#include "xenpub.h"

struct domain;
struct hypercall;

/*
 * Returns the domain with a reference (domain_put), or NULL and an errno in *rc. Only dom0 may name
 * another domain.
 */
struct domain *hypercall_target(struct hypercall *hc, domid_t id, int *rc);

#endif
