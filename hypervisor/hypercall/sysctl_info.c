/* SPDX-License-Identifier: MIT */
/*
 * sysctl: what the machine is and how full it is. One node, one socket; each CPU is a core of its own,
 * because the core does not tell siblings apart yet.
 */
#include "alloc.h"
#include "cpu.h"
#include "domctl.h"
#include "lib.h"

#define NODE_DISTANCE_LOCAL 10u /* ACPI SLIT's unit */

long sysctl_info_physinfo(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_physinfo *p = &SYSCTL(arg)->physinfo;
    struct alloc_info memory;

    alloc_info(&memory);
    *p = (struct xen_sysctl_physinfo){
        .threads_per_core = 1,
        .cores_per_socket = nr_cpus,
        .nr_cpus = nr_cpus,
        .max_cpu_id = nr_cpus - 1,
        .nr_nodes = 1,
        .cpu_khz = (uint32_t)tsc_khz,
        .capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap | XEN_SYSCTL_PHYSCAP_gnttab_v1,
        .total_pages = memory.total,
        .free_pages = memory.free,
        .outstanding_pages = memory.claimed,
        .max_mfn = frame_count - 1,
    };
    return cpu_policy_host_words(p->hw_cap, ARRAY_SIZE(p->hw_cap));
}

long sysctl_info_cputopo(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_cputopoinfo *t = &SYSCTL(arg)->cputopoinfo;
    uint32_t room = HANDLE_VA(t->cputopo) != 0 ? t->num_cpus : 0;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < MIN(room, nr_cpus); i++) {
        xen_sysctl_cputopo_t cpu = { .core = i };

        rc = guest_write_array(hc->v, t->cputopo, i, &cpu, 1);
    }
    t->num_cpus = nr_cpus;
    return rc;
}

long sysctl_info_numa(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_numainfo *n = &SYSCTL(arg)->numainfo;
    struct alloc_info memory;
    int rc = 0;

    if (n->num_nodes > 0 && HANDLE_VA(n->meminfo) != 0) {
        xen_sysctl_meminfo_t info;

        alloc_info(&memory);
        info.memsize = memory.total * PAGE_SIZE;
        info.memfree = memory.free * PAGE_SIZE;
        rc = guest_write_array(hc->v, n->meminfo, 0, &info, 1);
    }
    if (rc == 0 && n->num_nodes > 0 && HANDLE_VA(n->distance) != 0) {
        uint32_t distance = NODE_DISTANCE_LOCAL;

        rc = guest_write_array(hc->v, n->distance, 0, &distance, 1);
    }
    n->num_nodes = 1;
    return rc;
}

/* Which node each PCI device is near: the core does not know devices by node. */
long sysctl_info_pcitopo(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_pcitopoinfo *t = &SYSCTL(arg)->pcitopoinfo;
    uint32_t done = 0;

    while (done < t->num_devs) {
        uint32_t node = XEN_INVALID_NODE_ID;
        int rc = guest_write_array(hc->v, t->nodes, done, &node, 1);

        if (rc != 0)
            return rc;
        done++;
        if (preempt_pending())
            break; /* the caller comes back for the rest */
    }
    t->num_devs = done;
    return 0;
}

long sysctl_info_cpus(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_getcpuinfo *c = &SYSCTL(arg)->getcpuinfo;
    uint32_t n = MIN(c->max_cpus, nr_cpus);
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        xen_sysctl_cpuinfo_t info = { .idletime = sched_idle_time(i) };

        rc = guest_write_array(hc->v, c->info, i, &info, 1);
    }
    c->nr_cpus = n;
    return rc;
}

long sysctl_info_availheap(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_availheap *a = &SYSCTL(arg)->availheap;
    struct alloc_info memory;

    if (a->node != 0 && a->node != -1)
        return -EINVAL;
    if (a->min_bitwidth != 0 || a->max_bitwidth != 0)
        return -EOPNOTSUPP; /* free memory is not counted by address */
    alloc_info(&memory);
    a->avail_bytes = memory.free * PAGE_SIZE;
    return 0;
}

long sysctl_info_domains(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_getdomaininfolist *l = &SYSCTL(arg)->getdomaininfolist;
    uint32_t id = l->first_domain;
    int rc = 0;

    for (l->num_domains = 0; rc == 0 && l->num_domains < l->max_domains && id < DOMID_FIRST_RESERVED;) {
        xen_domctl_getdomaininfo_t info;

        d = domain_get_next((domid_t)id);
        if (d == NULL)
            break;
        domctl_info(d, &info);
        id = d->id + 1u;
        domain_put(d);
        rc = guest_write_array(hc->v, l->buffer, l->num_domains, &info, 1);
        l->num_domains += rc == 0;
    }
    return rc;
}

long sysctl_info_no_power_management(struct hypercall *hc, struct domain *d, void *arg)
{
    return -ENODEV;
}
