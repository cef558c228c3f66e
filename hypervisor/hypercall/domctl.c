/* SPDX-License-Identifier: MIT */
/*
 * domctl: operations of dom0's tools on a domain (<xen/domctl.h>, interface version 0x15). This
 * file has the dispatch table and the handlers for a domain's lifecycle: create, pause, unpause,
 * destroy, query. The other handlers are in domctl_*.c, hvmcontext.c and cpu_policy.c.
 *
 * Pauses by the tools have their own count (controller_pauses), so an unmatched unpause is an error
 * and cannot undo a pause of the core. A new domain starts with a count of one.
 *
 * Read next: operation.c, core/domain.c.
 */
#include "hypercall/domctl.h"
#include "core/domain.h"
#include "core/domain_registry.h"
#include "core/domain_shutdown.h"
#include "core/grant.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "cpu/clock.h"
#include "cpu/features.h"
#include "errors.h"
#include "hypercall/hypercall.h"
#include "lib.h"
#include "mm/owner.h"
#include "spinlock.h"

/* Tools nest pauses a few levels deep. A larger count is a bug, or an attempt to overflow it. */
#define MAX_CONTROLLER_PAUSES 255
/* Which devices the hypervisor emulates: as in Xen, there are two sets. */
#define EMULATES_PVH XEN_X86_EMU_LAPIC
#define EMULATES_HVM (XEN_X86_EMU_ALL & ~XEN_X86_EMU_VPCI)
#define TSC_MODE_MAX 2 /* default, always emulated, never emulated */

/*
 * Returns the first requested feature that the ABI defines but Cleave does not implement, with its
 * name in a VM file. NULL if there is none.
 */
static const char *not_offered(const struct xen_domctl_createdomain *c)
{
    const struct {
        bool asked;
        const char *name;
    } all[] = {
        { !(c->flags & XEN_DOMCTL_CDF_hvm), "type=\"pv\"" },
        { c->arch.emulation_flags != EMULATES_PVH && c->arch.emulation_flags != EMULATES_HVM,
          "these emulated devices" },
        { !(c->flags & XEN_DOMCTL_CDF_hap), "shadow page tables (hap=0)" },
        { c->flags & XEN_DOMCTL_CDF_nested_virt, "nested virtualisation (nestedhvm=1)" },
        { (c->flags & XEN_DOMCTL_CDF_iommu) || c->iommu_opts, "device passthrough" },
        { XEN_DOMCTL_GRANT_version(c->grant_opts) != 1, "grant tables of a version other than 1" },
        { c->vmtrace_size, "processor tracing (vmtrace_buf_kb)" },
        { c->flags & XEN_DOMCTL_CDF_vpmu, "performance counters (vpmu)" },
        { c->flags & XEN_DOMCTL_CDF_s3_integrity, "S3 integrity checks" },
        { c->flags & XEN_DOMCTL_CDF_xs_domain, "a domain for xenstored" },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
        if (all[i].asked)
            return all[i].name;
    return NULL;
}

/* -EINVAL: not defined by the ABI. -EOPNOTSUPP: defined, but not implemented. */
static int check_config(const struct xen_domctl_createdomain *c)
{
    const uint32_t known = (XEN_DOMCTL_CDF_MAX << 1) - 1;
    const char *missing = not_offered(c);

    if ((c->flags & ~known) != 0 || c->max_vcpus == 0 ||
        (c->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) != 0 ||
        (c->iommu_opts & ~XEN_DOMCTL_IOMMU_MAX) != 0 ||
        (c->arch.emulation_flags & ~XEN_X86_EMU_ALL) != 0 ||
        (c->arch.misc_flags & ~XEN_X86_MISC_FLAGS_MAX) != 0)
        return -EINVAL;
    if (c->max_vcpus > MAX_VCPUS)
        return -ERANGE;
    if (missing != NULL) {
        log_info("cannot create a domain with %s: only type=\"pvh\" and type=\"hvm\" with "
                 "hap=1 and max_grant_version=1 are supported\n",
                 missing);
        return -EOPNOTSUPP;
    }
    if (c->max_grant_frames > GRANT_MAX_FRAMES || c->max_maptrack_frames > GRANT_MAX_MAPTRACK)
        return -EINVAL;
    return c->cpupool_id == 0 ? 0 : -ENOENT;
}

static long create_domain(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl *op = arg;
    bool any = op->domain == DOMID_DOM0 || op->domain >= DOMID_FIRST_RESERVED;
    int rc = check_config(&op->u.createdomain);

    if (rc == 0)
        rc = domain_create(&op->u.createdomain, any ? DOMID_INVALID : op->domain, &d);
    if (rc == 0)
        op->domain = d->id;
    return rc;
}

/* --- queries --- */

void domctl_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    /* Xen also counts the cache of a domain that is populated on demand as its own */
    uint64_t owed = READ_ONCE(d->owed), claimed = READ_ONCE(d->claimed);

    *info = (struct xen_domctl_getdomaininfo){
        .domain = d->id,
        .flags = XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_blocked,
        .tot_pages = d->tot_pages + owed,
        .max_pages = d->max_pages,
        .outstanding_pages = claimed - MIN(owed, claimed),
        .shared_info_frame = ~0ull, /* the guest has it at a gfn of its choice */
        .max_vcpu_id = XEN_INVALID_MAX_VCPU_ID,
        .gpaddr_bits = (uint8_t)cpu_features.physical_bits,
        .arch_config.emulation_flags = d->hvm ? EMULATES_HVM : EMULATES_PVH,
    };
    for_each_vcpu(d, v) {
        struct vcpu_runstate_info rs = sched_runstate(v);

        info->cpu_time += rs.time[RUNSTATE_running];
        info->max_vcpu_id = v->id;
        if (!vcpu_is_up(v))
            continue;
        info->nr_online_vcpus++;
        if (!vcpu_is_blocked(v))
            info->flags &= ~XEN_DOMINF_blocked;
        if (rs.state == RUNSTATE_running)
            info->flags |= XEN_DOMINF_running;
    }
    if (info->nr_online_vcpus == 0)
        info->flags &= ~XEN_DOMINF_blocked;
    spin_lock_scope(&d->lock);
    memcpy(info->handle, d->handle, sizeof(info->handle));
    info->flags |= READ_ONCE(d->dying) == DOMAIN_DEAD ? XEN_DOMINF_dying : 0;
    info->flags |= d->controller_pauses > 0 ? XEN_DOMINF_paused : 0;
    if (READ_ONCE(d->shut_down))
        info->flags |= XEN_DOMINF_shutdown | (uint32_t)d->shutdown_code << XEN_DOMINF_shutdownshift;
}

/*
 * Returns the first domain with an id >= the given one. The tools iterate over domains with this.
 */
static long get_info(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl *op = arg;
    struct domain *domain_scope next = domain_get_next(op->domain);

    if (next == NULL)
        return -ESRCH;
    domctl_info(next, &op->u.getdomaininfo);
    op->domain = next->id;
    return 0;
}

static long destroy_domain(struct hypercall *hc, struct domain *d, void *arg)
{
    return domain_kill(d);
}

static long pause_domain(struct hypercall *hc, struct domain *d, void *arg)
{
    if (d->controller_pauses == MAX_CONTROLLER_PAUSES)
        return -EBUSY;
    d->controller_pauses++;
    domain_pause_sync(d);
    return 0;
}

static long unpause_domain(struct hypercall *hc, struct domain *d, void *arg)
{
    if (d->controller_pauses == 0)
        return -EINVAL;
    d->controller_pauses--;
    domain_unpause(d);
    return 0;
}

static long resume_domain(struct hypercall *hc, struct domain *d, void *arg)
{
    if (!READ_ONCE(d->shut_down))
        return -EINVAL;
    domain_resume(d);
    return 0;
}

static long alloc_vcpus(struct hypercall *hc, struct domain *d, void *arg)
{
    return domain_alloc_vcpus(d, ((struct xen_domctl *)arg)->u.max_vcpus.max);
}

static long set_handle(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_domctl *op = arg;

    spin_lock_scope(&d->lock);
    memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
    return 0;
}

/* The guest's TSC is always the host's, so all modes are equivalent. */
static long get_tsc(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_domctl *op = arg;

    op->u.tsc_info = (struct xen_domctl_tsc_info){ .gtsc_khz = (uint32_t)clock_tsc_khz,
                                                   .elapsed_nsec = (uint64_t)clock_now() };
    return 0;
}

static long set_tsc(struct hypercall *hc, struct domain *d, void *arg)
{
    return ((struct xen_domctl *)arg)->u.tsc_info.tsc_mode <= TSC_MODE_MAX ? 0 : -EINVAL;
}

#define DOMAIN OPERATION_DOMAIN(struct xen_domctl, domain)
#define CHANGE DOMAIN, .change = CHANGE_LIVING
#define REBUILD DOMAIN, .change = CHANGE_LIVING | CHANGE_OTHER

static const struct operation domctl_ops[] = {
    [XEN_DOMCTL_createdomain] = { create_domain, .change = CHANGE_ANY,
                                  .out = OUT_CHECKED }, /* else the new id would be lost */
    [XEN_DOMCTL_destroydomain] = { destroy_domain, DOMAIN, .change = CHANGE_OTHER },
    [XEN_DOMCTL_pausedomain] = { pause_domain, DOMAIN, .change = CHANGE_OTHER },
    [XEN_DOMCTL_unpausedomain] = { unpause_domain, DOMAIN, .change = CHANGE_OTHER },
    [XEN_DOMCTL_resumedomain] = { resume_domain, REBUILD },
    [XEN_DOMCTL_max_vcpus] = { alloc_vcpus, REBUILD },
    [XEN_DOMCTL_setdomainhandle] = { set_handle, CHANGE },
    [XEN_DOMCTL_getdomaininfo] = { get_info, .out = OUT_SUCCESS },

    [XEN_DOMCTL_max_mem] = { domctl_memory_max, CHANGE },
    [XEN_DOMCTL_getpageframeinfo3] = { domctl_memory_page_types, DOMAIN, .out = OUT_SUCCESS },
    [XEN_DOMCTL_shadow_op] = { domctl_memory_shadow, REBUILD, .out = OUT_SUCCESS },
    [XEN_DOMCTL_get_paging_mempool_size] = { domctl_memory_get_mempool, DOMAIN,
                                             .out = OUT_SUCCESS },
    [XEN_DOMCTL_set_paging_mempool_size] = { domctl_memory_set_mempool, DOMAIN },
    [XEN_DOMCTL_getnodeaffinity] = { domctl_memory_get_nodes, DOMAIN },
    [XEN_DOMCTL_setnodeaffinity] = { domctl_memory_set_nodes, DOMAIN },

    [XEN_DOMCTL_getvcpuinfo] = { domctl_vcpu_info, DOMAIN, .out = OUT_SUCCESS },
    [XEN_DOMCTL_getvcpucontext] = { domctl_vcpu_get_context, REBUILD },
    [XEN_DOMCTL_getvcpuaffinity] = { domctl_vcpu_get_affinity, DOMAIN },
    [XEN_DOMCTL_setvcpuaffinity] = { domctl_vcpu_set_affinity, CHANGE },
    [XEN_DOMCTL_scheduler_op] = { domctl_vcpu_scheduler, CHANGE, .out = OUT_SUCCESS },
    [XEN_DOMCTL_sendtrigger] = { domctl_vcpu_trigger, DOMAIN },

    [XEN_DOMCTL_gethvmcontext] = { hvmcontext_get, REBUILD, .out = OUT_SUCCESS },
    [XEN_DOMCTL_sethvmcontext] = { hvmcontext_set, REBUILD },
    [XEN_DOMCTL_get_cpu_policy] = { cpu_policy_get_domain, DOMAIN, .out = OUT_SUCCESS },
    [XEN_DOMCTL_set_cpu_policy] = { cpu_policy_set_domain, REBUILD, .out = OUT_ALWAYS },

    [XEN_DOMCTL_gettscinfo] = { get_tsc, DOMAIN, .out = OUT_SUCCESS },
    [XEN_DOMCTL_settscinfo] = { set_tsc, DOMAIN },
};

long hypercall_domctl(struct hypercall *hc)
{
    return operation_run_versioned(hc, domctl_ops, ARRAY_SIZE(domctl_ops),
                                   sizeof(struct xen_domctl), XEN_DOMCTL_INTERFACE_VERSION);
}
