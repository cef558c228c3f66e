/* SPDX-License-Identifier: MIT */
/*
 * A bump allocator over the largest RAM range after the kernel, and the memory hypercalls
 * (xen/memory.h). libxenguest places start_info, modules and command line after the kernel; the
 * allocator starts after all of these.
 */
#include "mem.h"

#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>

#include "hypercall.h"
#include "trap.h"

#define HOLE_START 0xfd000000UL /* between the toolstack's ACPI tables and its special pages */
#define HOLE_END 0xfe000000UL

extern uint8_t guest_end[];
static uint64_t next, end, total;
static uint64_t hole = HOLE_START;
static lock_t lock;

static uint64_t behind(uint64_t top, uint64_t start, uint64_t size)
{
    return start && start + size > top ? start + size : top;
}

/* Returns the first page after kernel, start_info, memory map, modules and command line. */
static uint64_t find_top(const struct hvm_start_info *info)
{
    const struct hvm_modlist_entry *modules = (const void *)info->modlist_paddr;
    uint64_t top = behind(0, (uint64_t)guest_end, 0);

    top = behind(top, (uint64_t)info, sizeof(*info));
    top = behind(top, info->memmap_paddr,
                 info->memmap_entries * sizeof(struct hvm_memmap_table_entry));
    top = behind(top, info->cmdline_paddr, PAGE_SIZE);
    top = behind(top, info->modlist_paddr, info->nr_modules * sizeof(*modules));
    for (uint32_t i = 0; i < info->nr_modules; i++)
        top = behind(top, modules[i].paddr, modules[i].size);
    return (top + PAGE_SIZE - 1) & -PAGE_SIZE;
}

void mem_init(const struct hvm_start_info *info)
{
    const struct hvm_memmap_table_entry *map = (const void *)info->memmap_paddr;
    uint64_t top = find_top(info);

    if (info->version < 1 || !info->memmap_entries)
        trap_panic("start_info version %u has no memory map", info->version);
    for (uint32_t i = 0; i < info->memmap_entries; i++) {
        uint64_t from = map[i].addr, to = map[i].addr + map[i].size;

        if (map[i].type != XEN_HVM_MEMMAP_TYPE_RAM)
            continue;
        total += map[i].size >> PAGE_SHIFT;
        if (to > HOLE_START)
            to = HOLE_START;
        if (from < top)
            from = top;
        if (to > from && to - from > end - next) {
            next = from;
            end = to & -PAGE_SIZE;
        }
    }
}

uint64_t mem_total(void) { return total; }
uint64_t mem_free(void) { return (end - next) >> PAGE_SHIFT; }

uint64_t mem_untouched(unsigned n)
{
    uint64_t at;

    lock_take(&lock);
    at = next;
    if (n > mem_free())
        trap_panic("out of memory: %u pages wanted, %lu of %lu free; give the guest more memory=",
                   n, mem_free(), total);
    next += n * PAGE_SIZE;
    lock_drop(&lock);
    return at;
}

uint64_t mem_pages(unsigned n)
{
    uint64_t at = mem_untouched(n);

    memset((void *)at, 0, n * PAGE_SIZE);
    return at;
}

uint64_t mem_hole(unsigned n)
{
    uint64_t at = __atomic_fetch_add(&hole, n * PAGE_SIZE, __ATOMIC_SEQ_CST);

    if (at + n * PAGE_SIZE > HOLE_END)
        trap_panic("out of address space for shared frames");
    return at;
}

int mem_add_to_physmap(unsigned space, uint64_t index, uint64_t gfn)
{
    struct xen_add_to_physmap arg = {
        .domid = DOMID_SELF, .space = space, .idx = index, .gpfn = gfn
    };

    return hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &arg);
}

void *mem_map_shared(unsigned space, uint64_t index)
{
    uint64_t at = mem_hole(1);
    int rc = mem_add_to_physmap(space, index, at >> PAGE_SHIFT);

    if (rc)
        trap_panic("XENMEM_add_to_physmap space %u index %lu at gfn %lx: %d", space, index,
                   at >> PAGE_SHIFT, rc);
    return (void *)at;
}

static long reservation(unsigned op, uint64_t *gfns, unsigned n)
{
    struct xen_memory_reservation arg = { .nr_extents = n, .domid = DOMID_SELF };

    set_xen_guest_handle(arg.extent_start, gfns);
    return hypercall2(__HYPERVISOR_memory_op, op, &arg);
}

long mem_give(uint64_t *gfns, unsigned n)
{
    return reservation(XENMEM_decrease_reservation, gfns, n);
}
long mem_take(uint64_t *gfns, unsigned n) { return reservation(XENMEM_populate_physmap, gfns, n); }

int mem_get_param(unsigned index, uint64_t *value)
{
    struct xen_hvm_param arg = { .domid = DOMID_SELF, .index = index };
    int rc = hypercall2(__HYPERVISOR_hvm_op, HVMOP_get_param, &arg);

    *value = arg.value;
    return rc;
}

int mem_set_param(unsigned index, uint64_t value)
{
    struct xen_hvm_param arg = { .domid = DOMID_SELF, .index = index, .value = value };

    return hypercall2(__HYPERVISOR_hvm_op, HVMOP_set_param, &arg);
}
