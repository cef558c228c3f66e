/* SPDX-License-Identifier: MIT */
/*
 * Runs an operation that takes one structure. The structure is read once to a local copy, the
 * handler works on the copy, and it is written back if the operation's row requests it. Read next:
 * sched_op.c, memory.c.
 */
#include "hypercall/operation.h"
#include "core/domain.h"
#include "core/domain_registry.h"
#include "core/vcpu.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "hypercall/target.h"
#include "mm/owner.h"
#include "spinlock.h"

/* As large as `size` of a row can be. */
typedef uint64_t argument[(UINT8_MAX + 1) / sizeof(uint64_t)];

/*
 * Protects: domains, against concurrent changes by tools. Order: before all others. Context:
 * hypercalls of dom0.
 */
static struct spinlock change_lock = SPINLOCK(LOCK_DOMCTL);

static long run_serialised(struct hypercall *hc, const struct operation *o, struct domain *d,
                           void *arg)
{
    long result = -EINVAL;

    if (!spin_trylock(&change_lock)) /* held for long: do not spin with interrupts off */
        return -ERESTART;
    if (!(o->change & CHANGE_OTHER && d == hc->v->d) &&
        !(o->change & CHANGE_LIVING && READ_ONCE(d->dying) != DOMAIN_ALIVE))
        result = o->fn(hc, d, arg);
    spin_unlock(&change_lock);
    return result;
}

static long run_checked(struct hypercall *hc, const struct operation *o, gva_t va, void *arg,
                        uint64_t size)
{
    struct domain *d = hc->v->d;
    int rc = 0;

    if (o->out == OUT_CHECKED)
        rc = guest_write_layout(hc->v, va, arg, size, o->layout, hc->compat);
    if (!rc && o->names_domain)
        d = hypercall_target(hc, *(domid_t *)((uint8_t *)arg + o->domid_at), &rc);
    if (rc)
        return rc;
    long result = unlikely(o->change) ? run_serialised(hc, o, d, arg) : o->fn(hc, d, arg);
    if (o->names_domain)
        domain_put(d);
    if (o->out == OUT_ALWAYS || (o->out && (result == 0 || result == -ERESTART)))
        rc = guest_write_layout(hc->v, va, arg, size, o->layout, hc->compat);
    return rc ? rc : result;
}

long operation_run(struct hypercall *hc, const struct operation *table, unsigned int n, uint32_t op,
                   gva_t va)
{
    bool privileged = hc->v->d->is_dom0;
    argument arg;
    int rc = 0;

    if (op >= n || !table[op].fn)
        return -ENOSYS;
    const struct operation *o = &table[index_nospec(op, n)];
    if (o->dom0 && (!privileged || hc->compat))
        return privileged ? -ENOSYS : -EPERM;
    if (o->size)
        rc = guest_read_layout(hc->v, arg, va, o->size, o->layout, hc->compat);
    if (!rc && !o->names_domain && !o->change && !o->out) /* fast path */
        return o->fn(hc, hc->v->d, arg);
    return rc ? rc : run_checked(hc, o, va, arg, o->size);
}

long operation_run_versioned(struct hypercall *hc, const struct operation *table, unsigned int n,
                             uint8_t size, uint32_t version)
{
    argument arg;
    const struct {
        uint32_t cmd, version;
    } *head = (void *)arg;
    int rc = guest_read(hc->v, arg, hc->arg[0], size);

    if (rc)
        return rc;
    if (head->version != version)
        return -EACCES;
    if (head->cmd >= n || !table[head->cmd].fn)
        return -ENOSYS;
    return run_checked(hc, &table[head->cmd], hc->arg[0], arg, size);
}
