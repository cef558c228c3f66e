/* SPDX-License-Identifier: MIT */
/*
 * memory_op, maps of memory in E820 form: what the builder said of a domain, what the firmware said of the
 * machine.
 */
#include "alloc.h"
#include "domain.h"
#include "lib.h"
#include "memory.h"
#include "platform.h"

#define MAP_ENTRIES_MAX 128u   /* as many as Linux keeps */

/* Writes entries to the caller's buffer as far as it has room. */
static int write_map(struct hypercall *hc, struct xen_memory_map *arg,
                     const struct xen_memory_map_entry *entries, uint32_t count)
{
    arg->nr_entries = MIN(arg->nr_entries, count);
    return guest_write(hc->v, HANDLE_VA(arg->buffer), entries, arg->nr_entries * sizeof(*entries));
}

long memory_get_map(struct hypercall *hc, struct domain *d, void *arg)
{
    int rc;

    spin_lock(&d->lock);
    rc = d->memory_map ? write_map(hc, arg, d->memory_map, d->memory_map_entries) : -ENOSYS;
    spin_unlock(&d->lock);
    return rc;
}

long memory_set_map(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct xen_memory_map *given = &((struct xen_foreign_memory_map *)arg)->map;
    struct xen_memory_map_entry *map, *old;
    uint64_t size = (uint64_t)given->nr_entries * sizeof(*map);
    int rc;

    if (given->nr_entries == 0 || given->nr_entries > MAP_ENTRIES_MAX || d->is_dom0)
        return -EINVAL;
    map = heap_alloc(size);
    if (!map)
        return -ENOMEM;
    rc = guest_read(hc->v, map, HANDLE_VA(given->buffer), size);
    old = map;
    if (!rc) {
        spin_lock(&d->lock);
        old = d->memory_map;
        d->memory_map = map;
        d->memory_map_entries = given->nr_entries;
        spin_unlock(&d->lock);
    }
    heap_free(old);
    return rc;
}

/* A NULL buffer asks for the number of entries. */
long memory_machine_map(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_memory_map_entry map[ARRAY_SIZE(boot_info.range)];
    struct xen_memory_map *asked = arg;

    if (!HANDLE_VA(asked->buffer)) {
        asked->nr_entries = boot_info.ranges;
        return 0;
    }
    if (asked->nr_entries < boot_info.ranges)
        return -EINVAL;
    for (unsigned int i = 0; i < boot_info.ranges; i++) {
        const struct boot_range *r = &boot_info.range[i];

        map[i] = (struct xen_memory_map_entry){ r->start, r->end - r->start, r->type };
    }
    return write_map(hc, asked, map, boot_info.ranges);
}

/* No device needs addresses of its own in a guest: devices are not passed through. */
long memory_reserved_device_map(struct hypercall *hc, struct domain *d, void *arg)
{
    struct xen_reserved_device_memory_map *r = arg;

    r->nr_entries = 0;
    return r->flags & ~XENMEM_RDM_ALL ? -EINVAL : 0;
}
