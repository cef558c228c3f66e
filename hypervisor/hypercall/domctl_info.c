/* SPDX-License-Identifier: MIT */
/*
 * domctl getdomaininfo, and what sysctl getdomaininfolist prints of each domain. The tools go through all
 * domains by it: the answer is the first existing domain from the given id on.
 */
#include "cpu.h"
#include "domctl.h"
#include "lib.h"

static void add_vcpu(struct vcpu *v, struct xen_domctl_getdomaininfo *info)
{
    struct vcpu_runstate_info rs = sched_runstate(v);

    info->cpu_time += rs.time[RUNSTATE_running];
    info->max_vcpu_id = v->id;
    if (!v->initialised || v->down)
        return;
    info->nr_online_vcpus++;
    if (!v->blocked)
        info->flags &= ~XEN_DOMINF_blocked;
    if (rs.state == RUNSTATE_running)
        info->flags |= XEN_DOMINF_running;
}

void domctl_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    *info = (struct xen_domctl_getdomaininfo){
        .domain = d->id,
        .flags = XEN_DOMINF_blocked,
        .tot_pages = d->tot_pages,
        .max_pages = d->max_pages,
        .outstanding_pages = d->claimed,
        .shared_info_frame = ~0ull, /* the guest knows it by its own frame number only */
        .max_vcpu_id = XEN_INVALID_MAX_VCPU_ID,
        .gpaddr_bits = (uint8_t)cpu_features.physical_bits,
        .arch_config.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    for_each_vcpu(d, v)
        add_vcpu(v, info);
    if (info->nr_online_vcpus == 0)
        info->flags = 0;
    spin_lock(&d->lock);
    memcpy(info->handle, d->handle, sizeof(info->handle));
    info->flags |= XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
    info->flags |= d->dying == DOMAIN_DEAD ? XEN_DOMINF_dying : 0;
    info->flags |= d->controller_pauses > 0 ? XEN_DOMINF_paused : 0;
    if (d->shut_down)
        info->flags |= XEN_DOMINF_shutdown | (uint32_t)d->shutdown_code << XEN_DOMINF_shutdownshift;
    spin_unlock(&d->lock);
}

int domctl_info_get(struct hypercall *hc, struct domain *d, struct xen_domctl *op)
{
    d = domain_get_next(op->domain);
    if (d == NULL)
        return -ESRCH;
    domctl_info_fill(d, &op->u.getdomaininfo);
    op->domain = d->id;
    domain_put(d);
    return 0;
}
