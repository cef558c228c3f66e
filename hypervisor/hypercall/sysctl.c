/* SPDX-License-Identifier: MIT */
/*
 * sysctl: what dom0's tools ask of the whole machine (<xen/sysctl.h>, interface version 0x15). The table, the
 * way in and out, and the two that speak with the core's console: its ring (xl dmesg) and the debug keys.
 *
 * Read next: sysctl_info.c, sysctl_sched.c, cpu_policy.c.
 */
#include "alloc.h"
#include "domctl.h"
#include "lib.h"
#include "platform.h"

#define READCONSOLE_CHUNK 1024u
#define DEBUG_KEYS_MAX 32u

static operation_fn read_console, debug_keys;

/* OUT_ALWAYS: when room was missing, its size is in the structure. */
static const struct operation rows[] = {
    [XEN_SYSCTL_readconsole] = { .fn = read_console, .out = OUT_SUCCESS },
    [XEN_SYSCTL_physinfo] = { .fn = sysctl_info_physinfo, .out = OUT_SUCCESS },
    [XEN_SYSCTL_sched_id] = { .fn = sysctl_sched_id, .out = OUT_SUCCESS },
    [XEN_SYSCTL_getdomaininfolist] = { .fn = sysctl_info_domains, .out = OUT_SUCCESS },
    [XEN_SYSCTL_debug_keys] = { .fn = debug_keys },
    [XEN_SYSCTL_getcpuinfo] = { .fn = sysctl_info_cpus, .out = OUT_SUCCESS },
    [XEN_SYSCTL_availheap] = { .fn = sysctl_info_availheap, .out = OUT_SUCCESS },
    [XEN_SYSCTL_get_pmstat] = { .fn = sysctl_info_no_power_management },
    [XEN_SYSCTL_pm_op] = { .fn = sysctl_info_no_power_management },
    [XEN_SYSCTL_cputopoinfo] = { .fn = sysctl_info_cputopo, .out = OUT_SUCCESS },
    [XEN_SYSCTL_numainfo] = { .fn = sysctl_info_numa, .out = OUT_SUCCESS },
    [XEN_SYSCTL_pcitopoinfo] = { .fn = sysctl_info_pcitopo, .out = OUT_SUCCESS },
    [XEN_SYSCTL_cpupool_op] = { .fn = sysctl_sched_cpupool, .out = OUT_SUCCESS },
    [XEN_SYSCTL_scheduler_op] = { .fn = sysctl_sched_params, .out = OUT_SUCCESS },
    [XEN_SYSCTL_get_cpu_levelling_caps] = { .fn = cpu_policy_levelling_caps, .out = OUT_SUCCESS },
    [XEN_SYSCTL_get_cpu_featureset] = { .fn = cpu_policy_featureset, .out = OUT_ALWAYS },
    [XEN_SYSCTL_get_cpu_policy] = { .fn = cpu_policy_get_system, .out = OUT_ALWAYS },
};

long hypercall_sysctl(struct hypercall *hc)
{
    return operation_run_versioned(hc, rows, ARRAY_SIZE(rows), sizeof(struct xen_sysctl),
                                   XEN_SYSCTL_INTERFACE_VERSION);
}

/* --- xl dmesg --- */

static long read_console(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_sysctl_readconsole *r = &SYSCTL(arg)->readconsole;
    char *chunk = heap_alloc(READCONSOLE_CHUNK);
    uint32_t room = r->count, got;
    bool incremental = r->incremental != 0;
    int rc = 0;

    if (chunk == NULL)
        return -ENOMEM;
    r->count = 0;
    do {
        got = MIN(room - r->count, READCONSOLE_CHUNK);
        got = console_ring_read(chunk, got, &r->index, false, incremental);
        rc = guest_write(hc->v, HANDLE_VA(r->buffer) + r->count, chunk, got);
        r->count += got;
        incremental = true;
    } while (rc == 0 && got > 0 && r->count < room);
    if (rc == 0 && r->clear) {
        uint32_t index = r->index;

        console_ring_read(chunk, 0, &index, true, true);
    }
    heap_free(chunk);
    return rc;
}

/* --- xl debug-keys --- */

static void key_domains(void)
{
    for_each_domain(d)
        log_info("d%u: %lu of at most %lu pages, claim %lu, %lu page tables, paused %u, dying %u, "
                 "references %u\n", d->id, d->tot_pages, d->max_pages, d->claimed, d->p2m.table_pages,
                 d->pause_count, (unsigned int)d->dying, d->refs);
}

static void key_events(void)
{
    for_each_domain(d)
        evtchn_dump(d);
}

static void key_grants(void)
{
    for_each_domain(d)
        grant_dump(d);
}

static void key_memory(void)
{
    struct alloc_info info;

    alloc_info(&info);
    log_info(
        "memory: %lu pages, %lu free, %lu claimed, %lu the core's, heap %lu bytes, largest free order %lu\n",
        info.total, info.free, info.claimed, info.core, heap_used(), info.largest_free_order);
}

static void key_invariants(void)
{
    log_info("invariants: %u violated\n", invariants_check());
}

static void key_help(void);

static const struct debug_key {
    char key;
    void (*fn)(void);
    const char *what;
} keys[] = {
    { 'h', key_help, "this list" },
    { 'q', key_domains, "domains" },
    { 'r', sched_dump, "run queues" },
    { 'e', key_events, "event channels" },
    { 'g', key_grants, "grant tables" },
    { 'm', key_memory, "memory" },
    { 'I', key_invariants, "check the invariants (debug build)" },
};

static void key_help(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
        log_info("key %c: %s\n", keys[i].key, keys[i].what);
}

static long debug_keys(struct hypercall *hc, struct domain *d, void *arg)
{
    char pressed[DEBUG_KEYS_MAX];
    uint32_t n = SYSCTL(arg)->debug_keys.nr_keys;
    int rc;

    if (n > DEBUG_KEYS_MAX)
        return -E2BIG;
    rc = guest_read(hc->v, pressed, HANDLE_VA(SYSCTL(arg)->debug_keys.keys), n);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < n; i++) {
        for (unsigned int k = 0; k < ARRAY_SIZE(keys); k++) {
            if (keys[k].key == pressed[i])
                keys[k].fn();
        }
    }
    return 0;
}
