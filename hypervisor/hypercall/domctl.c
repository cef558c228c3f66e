/* SPDX-License-Identifier: MIT */
/*
 * domctl: what dom0's tools do with a domain (<xen/domctl.h>, interface version 0x15). This file has the
 * table and the way in and out; the handlers are in domctl_*.c, hvmcontext.c and cpu_policy.c, by subject.
 *
 * The caller's structure is read once to a local copy. Operations that change a domain hold domctl_lock, one
 * at a time; a second one does not wait for it with interrupts off, but is executed again later.
 *
 * Read next: domctl_life.c.
 */
#include "domctl.h"
#include "lib.h"

enum {
    DOMCTL_NO_DOMAIN = 1,    /* the handler looks its domain up itself, or makes it */
    DOMCTL_LOCKED = 2,       /* changes a domain */
    DOMCTL_NOT_SELF = 4,     /* would stop or rebuild its own caller */
    DOMCTL_OUT = 8,          /* the structure goes back on success */
    DOMCTL_OUT_ERROR = 16,   /* ... and on failure */
};

/* Protects: domains against two tools changing them at once. Order: before all. Context: dom0's calls. */
static struct spinlock domctl_lock = SPINLOCK(LOCK_DOMCTL);

static const struct domctl_row {
    domctl_fn *fn;
    uint8_t flags;
} rows[] = {
    [XEN_DOMCTL_createdomain] = { domctl_life_create, DOMCTL_NO_DOMAIN | DOMCTL_LOCKED | DOMCTL_OUT },
    [XEN_DOMCTL_destroydomain] = { domctl_life_destroy, DOMCTL_LOCKED | DOMCTL_NOT_SELF },
    [XEN_DOMCTL_pausedomain] = { domctl_life_pause, DOMCTL_NOT_SELF },
    [XEN_DOMCTL_unpausedomain] = { domctl_life_unpause, DOMCTL_NOT_SELF },
    [XEN_DOMCTL_resumedomain] = { domctl_life_resume, DOMCTL_LOCKED | DOMCTL_NOT_SELF },
    [XEN_DOMCTL_max_vcpus] = { domctl_life_max_vcpus, DOMCTL_LOCKED | DOMCTL_NOT_SELF },
    [XEN_DOMCTL_setdomainhandle] = { domctl_life_set_handle, DOMCTL_LOCKED },
    [XEN_DOMCTL_getdomaininfo] = { domctl_info_get, DOMCTL_NO_DOMAIN | DOMCTL_OUT },

    [XEN_DOMCTL_max_mem] = { domctl_memory_max, DOMCTL_LOCKED },
    [XEN_DOMCTL_getpageframeinfo3] = { domctl_memory_page_types, DOMCTL_OUT },
    [XEN_DOMCTL_shadow_op] = { domctl_memory_shadow, DOMCTL_LOCKED | DOMCTL_NOT_SELF },
    [XEN_DOMCTL_get_paging_mempool_size] = { domctl_memory_get_mempool, DOMCTL_OUT },
    [XEN_DOMCTL_set_paging_mempool_size] = { domctl_memory_set_mempool, 0 },
    [XEN_DOMCTL_getnodeaffinity] = { domctl_memory_get_nodes, 0 },
    [XEN_DOMCTL_setnodeaffinity] = { domctl_memory_set_nodes, 0 },

    [XEN_DOMCTL_getvcpuinfo] = { domctl_vcpu_info, DOMCTL_OUT },
    [XEN_DOMCTL_getvcpuaffinity] = { domctl_vcpu_get_affinity, 0 },
    [XEN_DOMCTL_setvcpuaffinity] = { domctl_vcpu_set_affinity, DOMCTL_LOCKED },
    [XEN_DOMCTL_scheduler_op] = { domctl_vcpu_scheduler, DOMCTL_LOCKED | DOMCTL_OUT },
    [XEN_DOMCTL_sendtrigger] = { domctl_vcpu_trigger, 0 },

    [XEN_DOMCTL_gethvmcontext] = { hvmcontext_get, DOMCTL_LOCKED | DOMCTL_NOT_SELF | DOMCTL_OUT },
    [XEN_DOMCTL_sethvmcontext] = { hvmcontext_set, DOMCTL_LOCKED | DOMCTL_NOT_SELF },
    [XEN_DOMCTL_gethvmcontext_partial] = { hvmcontext_get_partial,
                                          DOMCTL_LOCKED | DOMCTL_NOT_SELF | DOMCTL_OUT },
    [XEN_DOMCTL_get_cpu_policy] = { cpu_policy_get_domain, DOMCTL_OUT },
    [XEN_DOMCTL_set_cpu_policy] = { cpu_policy_set_domain,
                                   DOMCTL_LOCKED | DOMCTL_NOT_SELF | DOMCTL_OUT | DOMCTL_OUT_ERROR },

    [XEN_DOMCTL_gettscinfo] = { domctl_vcpu_get_tsc, DOMCTL_OUT },
    [XEN_DOMCTL_settscinfo] = { domctl_vcpu_set_tsc, 0 },
};

static int run(struct hypercall *hc, const struct domctl_row *row, struct xen_domctl *op)
{
    struct domain *d = NULL;
    int rc = -EINVAL;

    if (!(row->flags & DOMCTL_NO_DOMAIN)) {
        d = domain_get(op->domain);
        if (d == NULL)
            return -ESRCH;
    }
    if (d != NULL && d == hc->v->d && (row->flags & DOMCTL_NOT_SELF))
        goto put;
    if (d != NULL && d->dying != DOMAIN_ALIVE && (row->flags & DOMCTL_LOCKED) &&
        row->fn != domctl_life_destroy)
        goto put; /* nothing changes any more */
    rc = -ERESTART;
    if (!(row->flags & DOMCTL_LOCKED)) {
        rc = row->fn(hc, d, op);
    } else if (spin_trylock(&domctl_lock)) {
        rc = row->fn(hc, d, op);
        spin_unlock(&domctl_lock);
    }
put:
    if (d != NULL)
        domain_put(d);
    return rc;
}

long hypercall_domctl(struct hypercall *hc)
{
    const struct domctl_row *row;
    struct xen_domctl op;
    int rc = guest_read(hc->v, &op, hc->arg[0], sizeof(op));

    if (rc != 0)
        return rc;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -EACCES;
    if (op.cmd >= ARRAY_SIZE(rows) || rows[op.cmd].fn == NULL)
        return -ENOSYS;
    row = &rows[op.cmd];
    rc = run(hc, row, &op);
    if ((row->flags & DOMCTL_OUT) && (rc == 0 || rc == -ERESTART || (row->flags & DOMCTL_OUT_ERROR))) {
        int written = guest_write(hc->v, hc->arg[0], &op, sizeof(op));

        if (written != 0 && (rc == 0 || rc == -ERESTART))
            rc = written;
    }
    return rc;
}
