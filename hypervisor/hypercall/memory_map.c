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

/* Writes entries to the caller's buffer as far as it has room, and their number to its structure. */
static int write_map(struct hypercall *hc, struct xen_memory_map *arg,
                     const struct xen_memory_map_entry *entries, uint32_t count)
{
    int rc = 0;

    arg->nr_entries = MIN(arg->nr_entries, count);
    if (arg->nr_entries)
        rc = guest_write(hc->v, HANDLE_VA(arg->buffer), entries, arg->nr_entries * sizeof(*entries));
    return rc ? rc : hypercall_write(hc, hc->arg[1], arg, LAYOUT_MEMORY_MAP);
}

long memory_get_map(struct hypercall *hc)
{
    struct domain *d = hc->v->d;
    struct xen_memory_map arg;
    int rc = hypercall_read(hc, &arg, hc->arg[1], LAYOUT_MEMORY_MAP);

    if (rc)
        return rc;
    spin_lock(&d->lock);
    rc = d->memory_map ? write_map(hc, &arg, d->memory_map, d->memory_map_entries) : -ENOSYS;
    spin_unlock(&d->lock);
    return rc;
}

long memory_set_map(struct hypercall *hc)
{
    struct xen_foreign_memory_map arg;
    struct xen_memory_map_entry *map, *old;
    struct domain *d;
    uint64_t size;
    int rc = memory_target(hc, &arg, sizeof(arg), NULL, &arg.domid, &d);

    if (rc)
        return rc;
    size = (uint64_t)arg.map.nr_entries * sizeof(*map);
    if (arg.map.nr_entries == 0 || arg.map.nr_entries > MAP_ENTRIES_MAX || d->is_dom0) {
        domain_put(d);
        return -EINVAL;
    }
    map = heap_alloc(size);
    if (!map) {
        domain_put(d);
        return -ENOMEM;
    }
    rc = guest_read(hc->v, map, HANDLE_VA(arg.map.buffer), size);
    old = map;
    if (!rc) {
        spin_lock(&d->lock);
        old = d->memory_map;
        d->memory_map = map;
        d->memory_map_entries = arg.map.nr_entries;
        spin_unlock(&d->lock);
    }
    heap_free(old);
    domain_put(d);
    return rc;
}

/* A NULL buffer asks for the number of entries. */
long memory_machine_map(struct hypercall *hc)
{
    struct xen_memory_map_entry map[ARRAY_SIZE(boot_info.range)];
    struct xen_memory_map arg;
    int rc = guest_read(hc->v, &arg, hc->arg[1], sizeof(arg));

    if (rc)
        return rc;
    if (!HANDLE_VA(arg.buffer)) {
        arg.nr_entries = boot_info.ranges;
        return guest_write(hc->v, hc->arg[1], &arg, sizeof(arg));
    }
    if (arg.nr_entries < boot_info.ranges)
        return -EINVAL;
    for (unsigned int i = 0; i < boot_info.ranges; i++) {
        const struct boot_range *r = &boot_info.range[i];

        map[i] = (struct xen_memory_map_entry){ r->start, r->end - r->start, r->type };
    }
    return write_map(hc, &arg, map, boot_info.ranges);
}

/* No device needs addresses of its own in a guest: devices are not passed through. */
long memory_reserved_device_map(struct hypercall *hc)
{
    struct xen_reserved_device_memory_map arg;
    int rc = guest_read(hc->v, &arg, hc->arg[1], sizeof(arg));

    if (rc)
        return rc;
    if (arg.flags & ~XENMEM_RDM_ALL)
        return -EINVAL;
    arg.nr_entries = 0;
    return guest_write(hc->v, hc->arg[1], &arg, sizeof(arg));
}
