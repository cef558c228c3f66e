/* SPDX-License-Identifier: MIT */
/*
 * Actions of other CPUs: whenever the core releases its last lock, another CPU may get in. At the
 * n-th such moment, a hypercall of another vcpu runs in the middle of the current one. Also, p2m
 * changes that may fail for lack of memory fail when it is their turn (fakes/inject.c). Both use
 * the linker's --wrap. Next to read: world.c.
 */
#include "world.h"
#include "lib/log.h"
#include "percpu.h"

static struct {
    unsigned int after;
    struct vcpu *v; /* NULL: none */
    struct hypercall call;
} other;

void world_meanwhile(unsigned int n, struct vcpu *v, uint32_t nr,
                     const uint64_t arg[HYPERCALL_ARGS])
{
    other.after = n;
    other.v = v;
    other.call = (struct hypercall){ .v = v, .nr = nr };
    memcpy(other.call.arg, arg, sizeof(other.call.arg));
}

/*
 * A paused domain does not run, and a domain whose vcpu is in the core is not destroyed
 * (domain_pause_sync).
 */
static bool may_run(const struct vcpu *v, const struct vcpu *self)
{
    const struct domain *d = v->d;

    return self && self != v && d->dying == DOMAIN_ALIVE && !d->shut_down && !d->pause_count &&
           (self->d->is_dom0 || other.call.nr != __HYPERVISOR_domctl);
}

static void let_other_in(void)
{
    struct cpu *c = &cpus[0];
    struct vcpu *self = c->current, *v = other.v;
    nsec_t start = c->hypercall_start;

    other.v = NULL;
    if (!may_run(v, self))
        return;
    c->current = v;
    (void)hypercall_dispatch(&other.call);
    c->current = self;
    c->hypercall_start = start;
}

void __real_spin_unlock(struct spinlock *l);
void __wrap_spin_unlock(struct spinlock *l);

void __wrap_spin_unlock(struct spinlock *l)
{
    bool held = false;

    __real_spin_unlock(l);
    for (unsigned int i = 0; i < LOCK_CLASSES; i++)
        held |= cpus[0].held[i];
    if (other.v && !held && (other.after == 0 || --other.after == 0))
        let_other_in();
}

int __real_p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type);
int __wrap_p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type);
int __real_p2m_populate(struct domain *d, gfn_t gfn, unsigned int order);
int __wrap_p2m_populate(struct domain *d, gfn_t gfn, unsigned int order);
int __real_p2m_remove(struct domain *d, gfn_t gfn);
int __wrap_p2m_remove(struct domain *d, gfn_t gfn);

int __wrap_p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
    return harness_fails_now() ? -ENOMEM : __real_p2m_set(d, gfn, mfn, order, type);
}

int __wrap_p2m_populate(struct domain *d, gfn_t gfn, unsigned int order)
{
    return harness_fails_now() ? -ENOMEM : __real_p2m_populate(d, gfn, order);
}

int __wrap_p2m_remove(struct domain *d, gfn_t gfn)
{
    return harness_fails_now() ? -ENOMEM : __real_p2m_remove(d, gfn);
}
