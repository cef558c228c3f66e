/* SPDX-License-Identifier: MIT */
/*
 * Resolves the domain that a hypercall names: DOMID_SELF or the caller's id for any caller, other
 * ids for dom0 only. Read next: operation.c.
 */
#include "hypercall/target.h"
#include "core/domain_registry.h"
#include "core/vcpu.h"
#include "errors.h"
#include "hypercall/hypercall.h"
#include "mm/owner.h"

struct domain *hypercall_target(struct hypercall *hc, domid_t id, int *rc)
{
    struct domain *self = hc->v->d, *d;

    if (id == DOMID_SELF || id == self->id) {
        domain_ref(self);
        return self;
    }
    d = self->is_dom0 ? domain_get(id) : NULL;
    if (!d)
        *rc = self->is_dom0 ? -ESRCH : -EPERM;
    return d;
}
