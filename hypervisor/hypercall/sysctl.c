/* SPDX-License-Identifier: MIT */
/*
 * sysctl: queries of dom0's tools about the machine (<xen/sysctl.h>, interface version 0x15): the
 * console (xl dmesg, debug keys), topology, free memory, and scheduling.
 *
 * Read next: cpu_policy.c.
 */
#include "core/check.h"
#include "core/domain_registry.h"
#include "core/evtchn.h"
#include "core/grant.h"
#include "core/sched.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "hypercall/domctl.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "hypercall/operation.h"
#include "hypercall/xenctl_bitmap.h"
#include "lib.h"
#include "lib/console.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "percpu.h"
#include "vdev/cpuid.h"

#define READCONSOLE_CHUNK 1024u
#define DEBUG_KEYS_MAX 32u
#define NODE_DISTANCE_LOCAL 10u /* ACPI SLIT's unit */

/* --- xl dmesg --- */

static long read_console(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_readconsole *r = &SYSCTL(arg)->readconsole;
    char chunk[READCONSOLE_CHUNK];
    uint32_t room = r->count, got;
    bool incremental = r->incremental != 0;
    int rc = 0;

    r->count = 0;
    do {
        got = MIN(room - r->count, READCONSOLE_CHUNK);
        got = console_ring_read(chunk, got, &r->index, false, incremental);
        rc = guest_write(hc->v, HANDLE_VA(r->buffer) + r->count, chunk, got);
        r->count += got;
        incremental = true;
    } while (rc == 0 && got > 0 && r->count < room);
    if (rc == 0 && r->clear)
        console_ring_read(chunk, 0, &(uint32_t){ r->index }, true, true);
    return rc;
}

/* --- xl debug-keys --- */

static void show_domain(struct domain *d)
{
    log_info("d%u: %lu of at most %lu pages, claim %lu, %lu page tables, paused %u, dying %u, "
             "references %u\n",
             d->id, d->tot_pages, d->max_pages, d->claimed, d->p2m.table_pages, d->pause_count,
             (unsigned int)READ_ONCE(d->dying), d->refs);
}

static void show_memory(void)
{
    struct alloc_info info;

    alloc_info(&info);
    log_info("memory: %lu pages, %lu free, %lu claimed, %lu the core's, heap %lu bytes, largest "
             "free order %lu\n",
             info.total, info.free, info.claimed, info.core, heap_used(), info.largest_free_order);
}

static void show_invariants(void) { log_info("invariants: %u violated\n", check_invariants()); }

static void print_keys(void);

static const struct debug_key {
    char key;
    const char *what;
    void (*fn)(void);
    void (*of_each)(struct domain *d);
} keys[] = {
    { 'h', "this list", .fn = print_keys },
    { 'q', "domains", .of_each = show_domain },
    { 'r', "run queues", .fn = sched_dump },
    { 'e', "event channels", .of_each = evtchn_dump },
    { 'g', "grant tables", .of_each = grant_dump },
    { 'm', "memory", .fn = show_memory },
    { 'I', "check the invariants", .fn = show_invariants },
};

static void print_keys(void)
{
    for (const struct debug_key *k = keys; k < keys + ARRAY_SIZE(keys); k++)
        log_info("key %c: %s\n", k->key, k->what);
}

static void press_key(char key)
{
    for (const struct debug_key *k = keys; k < keys + ARRAY_SIZE(keys); k++) {
        if (k->key == key && k->fn)
            k->fn();
        else if (k->key == key)
            for_each_domain(d)
                k->of_each(d);
    }
}

static long debug_keys(struct hypercall *hc, struct domain *d, void *arg)
{
    char pressed[DEBUG_KEYS_MAX];
    uint32_t n = SYSCTL(arg)->debug_keys.nr_keys;

    if (n > DEBUG_KEYS_MAX)
        return -E2BIG;
    int rc = guest_read_array(hc->v, pressed, SYSCTL(arg)->debug_keys.keys, 0, n);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        press_key(pressed[i]);
    return rc;
}

/* --- the machine: one node, one socket; each CPU is reported as a core (no SMT siblings) --- */

static long get_physinfo(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_physinfo *p = &SYSCTL(arg)->physinfo;
    struct alloc_info memory;
    uint32_t features[CPUID_FEATURE_WORDS];

    alloc_info(&memory);
    cpuid_policy_words(&cpuid_host, features);
    *p = (struct xen_sysctl_physinfo){
        .threads_per_core = 1,
        .cores_per_socket = nr_cpus,
        .nr_cpus = nr_cpus,
        .max_cpu_id = nr_cpus - 1,
        .nr_nodes = 1,
        .cpu_khz = (uint32_t)clock_tsc_khz,
        .capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap |
                        XEN_SYSCTL_PHYSCAP_gnttab_v1,
        .total_pages = memory.total,
        .free_pages = memory.free,
        .outstanding_pages = memory.claimed,
        .max_mfn = frame_count - 1,
    };
    memcpy(p->hw_cap, features, sizeof(p->hw_cap));
    return 0;
}

static long get_cpu_topology(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_cputopoinfo *t = &SYSCTL(arg)->cputopoinfo;
    uint32_t room = HANDLE_VA(t->cputopo) != 0 ? t->num_cpus : 0;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < MIN(room, nr_cpus); i++)
        rc = guest_write_array(hc->v, t->cputopo, i, &(xen_sysctl_cputopo_t){ .core = i }, 1);
    t->num_cpus = nr_cpus;
    return rc;
}

static long numa_info(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_numainfo *n = &SYSCTL(arg)->numainfo;
    const uint32_t distance = NODE_DISTANCE_LOCAL;
    struct alloc_info memory;
    int rc = 0;

    alloc_info(&memory);
    xen_sysctl_meminfo_t info = { .memsize = memory.total * PAGE_SIZE,
                                  .memfree = memory.free * PAGE_SIZE };
    if (n->num_nodes > 0 && HANDLE_VA(n->meminfo) != 0)
        rc = guest_write_array(hc->v, n->meminfo, 0, &info, 1);
    if (rc == 0 && n->num_nodes > 0 && HANDLE_VA(n->distance) != 0)
        rc = guest_write_array(hc->v, n->distance, 0, &distance, 1);
    n->num_nodes = 1;
    return rc;
}

/* The NUMA node of each PCI device is unknown. The caller repeats the call for the rest. */
static long get_pci_topology(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_pcitopoinfo *t = &SYSCTL(arg)->pcitopoinfo;
    const uint32_t node = XEN_INVALID_NODE_ID;
    uint32_t done = 0;
    int rc = 0;

    while (rc == 0 && done < t->num_devs && (done == 0 || !softirq_preempt_pending()))
        rc = guest_write_array(hc->v, t->nodes, done++, &node, 1);
    t->num_devs = done;
    return rc;
}

static long cpus_idle(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_getcpuinfo *c = &SYSCTL(arg)->getcpuinfo;
    int rc = 0;

    c->nr_cpus = MIN(c->max_cpus, nr_cpus);
    for (uint32_t i = 0; rc == 0 && i < c->nr_cpus; i++)
        rc = guest_write_array(hc->v, c->info, i, &(xen_sysctl_cpuinfo_t){ sched_idle_time(i) }, 1);
    return rc;
}

static long list_domains(struct hypercall *hc, struct domain *unused, void *arg)
{
    struct xen_sysctl_getdomaininfolist *l = &SYSCTL(arg)->getdomaininfolist;
    int rc = 0;

    l->num_domains = 0;
    for_each_domain_from(d, l->first_domain) {
        xen_domctl_getdomaininfo_t info;

        if (rc || l->num_domains == l->max_domains)
            break;
        domctl_info(d, &info);
        rc = guest_write_array(hc->v, l->buffer, l->num_domains++, &info, 1);
    }
    return rc;
}

static long no_power_management(struct hypercall *hc, struct domain *d, void *arg)
{
    return -ENODEV;
}

/* --- scheduling: reported as "credit2", with all CPUs in pool 0 --- */

static long get_scheduler(struct hypercall *hc, struct domain *d, void *arg)
{
    SYSCTL(arg)->sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
    return 0;
}

/* The only parameter of credit2: a minimum time for a vcpu to run. Cleave's scheduler has none. */
static long scheduler_parameters(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_scheduler_op *s = &SYSCTL(arg)->scheduler_op;

    if (s->cpupool_id != 0)
        return -ESRCH;
    if (s->sched_id != XEN_SCHEDULER_CREDIT2 || s->cmd > XEN_SYSCTL_SCHEDOP_getinfo)
        return -EINVAL;
    if (s->cmd == XEN_SYSCTL_SCHEDOP_putinfo)
        return s->u.sched_credit2.ratelimit_us == 0 ? 0 : -EOPNOTSUPP;
    s->u.sched_credit2.ratelimit_us = 0;
    return 0;
}

static long run_cpupool_op(struct hypercall *hc, struct domain *unused, void *arg)
{
    struct xen_sysctl_cpupool_op *p = &SYSCTL(arg)->cpupool_op;

    if (p->op == XEN_SYSCTL_CPUPOOL_OP_CREATE)
        return -EOPNOTSUPP;
    if (p->op == XEN_SYSCTL_CPUPOOL_OP_FREEINFO) /* CPUs in no pool */
        return xenctl_bitmap_write(hc->v, &p->cpumap, 0);
    if (p->cpupool_id != 0)
        return -ENOENT; /* no pool with this number or a higher one */
    switch (p->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        p->sched_id = XEN_SCHEDULER_CREDIT2;
        p->n_dom = 0;
        for_each_domain(d)
            p->n_dom++;
        return xenctl_bitmap_write(hc->v, &p->cpumap, xenctl_bitmap_cpus());
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU: return -EBUSY;
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU: return -ENODEV;
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        for_each_domain(d)
            if (d->id == p->domid)
                return 0; /* it is in pool 0 already */
        return -EINVAL;
    default: return -ENOSYS;
    }
}

/* OUT_ALWAYS: on -ENOBUFS the structure holds the required size. */
static const struct operation sysctl_ops[] = {
    [XEN_SYSCTL_readconsole] = { read_console, .out = OUT_SUCCESS },
    [XEN_SYSCTL_physinfo] = { get_physinfo, .out = OUT_SUCCESS },
    [XEN_SYSCTL_sched_id] = { get_scheduler, .out = OUT_SUCCESS },
    [XEN_SYSCTL_getdomaininfolist] = { list_domains, .out = OUT_SUCCESS },
    [XEN_SYSCTL_debug_keys] = { .fn = debug_keys },
    [XEN_SYSCTL_getcpuinfo] = { cpus_idle, .out = OUT_SUCCESS },
    [XEN_SYSCTL_get_pmstat] = { .fn = no_power_management },
    [XEN_SYSCTL_pm_op] = { .fn = no_power_management },
    [XEN_SYSCTL_cputopoinfo] = { get_cpu_topology, .out = OUT_SUCCESS },
    [XEN_SYSCTL_numainfo] = { numa_info, .out = OUT_SUCCESS },
    [XEN_SYSCTL_pcitopoinfo] = { get_pci_topology, .out = OUT_SUCCESS },
    [XEN_SYSCTL_cpupool_op] = { run_cpupool_op, .out = OUT_SUCCESS },
    [XEN_SYSCTL_scheduler_op] = { scheduler_parameters, .out = OUT_SUCCESS },
    [XEN_SYSCTL_get_cpu_featureset] = { cpu_policy_featureset, .out = OUT_ALWAYS },
    [XEN_SYSCTL_get_cpu_policy] = { cpu_policy_get_system, .out = OUT_ALWAYS },
};

long hypercall_sysctl(struct hypercall *hc)
{
    return operation_run_versioned(hc, sysctl_ops, ARRAY_SIZE(sysctl_ops),
                                   sizeof(struct xen_sysctl), XEN_SYSCTL_INTERFACE_VERSION);
}
