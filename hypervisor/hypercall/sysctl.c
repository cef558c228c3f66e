/* SPDX-License-Identifier: MIT */
/*
 * sysctl: what dom0's tools ask of the whole machine (<xen/sysctl.h>, interface version 0x15). The table, the
 * way in and out, and the two that speak with the core's console: its ring (xl dmesg) and the debug keys.
 *
 * Read next: sysctl_info.c, sysctl_sched.c, cpu_policy.c.
 */
#include "alloc.h"
#include "cpu.h"
#include "domctl.h"
#include "lib.h"

#define READCONSOLE_CHUNK 1024u
#define DEBUG_KEYS_MAX 32u

static sysctl_fn read_console, debug_keys;

/* out: the structure goes back on success, and when room was missing (its size is in it then). */
static const struct sysctl_row {
    sysctl_fn *fn;
    bool out;
} rows[] = {
    [XEN_SYSCTL_readconsole] = { read_console, true },
    [XEN_SYSCTL_physinfo] = { sysctl_info_physinfo, true },
    [XEN_SYSCTL_sched_id] = { sysctl_sched_id, true },
    [XEN_SYSCTL_getdomaininfolist] = { sysctl_info_domains, true },
    [XEN_SYSCTL_debug_keys] = { debug_keys, false },
    [XEN_SYSCTL_getcpuinfo] = { sysctl_info_cpus, true },
    [XEN_SYSCTL_availheap] = { sysctl_info_availheap, true },
    [XEN_SYSCTL_get_pmstat] = { sysctl_info_no_power_management, false },
    [XEN_SYSCTL_pm_op] = { sysctl_info_no_power_management, false },
    [XEN_SYSCTL_cputopoinfo] = { sysctl_info_cputopo, true },
    [XEN_SYSCTL_numainfo] = { sysctl_info_numa, true },
    [XEN_SYSCTL_pcitopoinfo] = { sysctl_info_pcitopo, true },
    [XEN_SYSCTL_cpupool_op] = { sysctl_sched_cpupool, true },
    [XEN_SYSCTL_scheduler_op] = { sysctl_sched_params, true },
    [XEN_SYSCTL_get_cpu_levelling_caps] = { cpu_policy_levelling_caps, true },
    [XEN_SYSCTL_get_cpu_featureset] = { cpu_policy_featureset, true },
    [XEN_SYSCTL_get_cpu_policy] = { cpu_policy_get_system, true },
};

long hypercall_sysctl(struct hypercall *hc)
{
    const struct sysctl_row *row;
    struct xen_sysctl op;
    int rc = guest_read(hc->v, &op, hc->arg[0], sizeof(op));

    if (rc != 0)
        return rc;
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -EACCES;
    if (op.cmd >= ARRAY_SIZE(rows) || rows[op.cmd].fn == NULL)
        return -ENOSYS;
    row = &rows[op.cmd];
    rc = row->fn(hc, &op);
    if (row->out && (rc == 0 || rc == -ENOBUFS || rc == -ERESTART)) {
        int written = guest_write(hc->v, hc->arg[0], &op, sizeof(op));

        if (written != 0)
            rc = written;
    }
    return rc;
}

/* --- xl dmesg --- */

static int read_console(struct hypercall *hc, struct xen_sysctl *op)
{
    struct xen_sysctl_readconsole *r = &op->u.readconsole;
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

static int debug_keys(struct hypercall *hc, struct xen_sysctl *op)
{
    char pressed[DEBUG_KEYS_MAX];
    uint32_t n = op->u.debug_keys.nr_keys;
    int rc;

    if (n > DEBUG_KEYS_MAX)
        return -E2BIG;
    rc = guest_read(hc->v, pressed, HANDLE_VA(op->u.debug_keys.keys), n);
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
