/* SPDX-License-Identifier: MIT */
/*
 * The grant table of a guest: one frame of version 1 entries. The reserved ones (console, store)
 * are not used.
 */
#include "grant.h"

#include <xen/memory.h>

#include "hypercall.h"
#include "mem.h"
#include "trap.h"

#define ENTRIES (PAGE_SIZE / sizeof(struct grant_entry_v1))

static struct grant_entry_v1 *table;
static grant_ref_t next = GNTTAB_NR_RESERVED_ENTRIES;

void grant_init(void) { table = mem_map_shared(XENMAPSPACE_grant_table, 0); }

grant_ref_t grant_offer(domid_t to, uint64_t gfn, bool readonly)
{
    uint16_t flags = GTF_permit_access | (readonly ? GTF_readonly : 0);

    for (unsigned tries = 0; tries < ENTRIES; tries++) {
        grant_ref_t ref = next++;

        if (next == ENTRIES)
            next = GNTTAB_NR_RESERVED_ENTRIES;
        if (table[ref].flags)
            continue;
        table[ref].domid = to;
        table[ref].frame = gfn;
        __atomic_store_n(&table[ref].flags, flags, __ATOMIC_RELEASE);
        return ref;
    }
    trap_panic("all %lu grant references are in use", ENTRIES);
}

bool grant_end(grant_ref_t ref)
{
    uint16_t *entry = &table[ref].flags, flags = __atomic_load_n(entry, __ATOMIC_ACQUIRE);

    do {
        if (flags & (GTF_reading | GTF_writing))
            return false;
    } while (
        !__atomic_compare_exchange_n(entry, &flags, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return true;
}

int grant_map(domid_t from, grant_ref_t ref, uint64_t address, bool readonly,
              grant_handle_t *handle)
{
    struct gnttab_map_grant_ref arg = {
        .host_addr = address,
        .ref = ref,
        .dom = from,
        .flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0),
    };
    int rc = hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &arg, 1);

    *handle = arg.handle;
    return rc ? rc : arg.status;
}

int grant_unmap(uint64_t address, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref arg = { .host_addr = address, .handle = handle };
    int rc = hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &arg, 1);

    return rc ? rc : arg.status;
}
