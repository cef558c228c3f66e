/* SPDX-License-Identifier: MIT */
/*
 * Accesses to others: every operation that names a domain, for dom0, the neighbours and the special
 * domain ids; frame numbers of the machine, of dom0 or of no domain; and dom0's hypercalls, with
 * arguments that would be valid from dom0. All must be refused.
 */
#define __XEN_TOOLS__
#include "evil.h"

#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

#include "hypercall.h"
#include "mem.h"

#define NEIGHBOURS 12
#define REFS 16
#define PORTS 32
#define RAM_END_GFN 0x1000 /* above this guest's RAM, below the tools' special pages */
#define SPECIAL_GFN 0xfc000
#define ONES 0xffffffffffffffffUL

static uint64_t own_gfn; /* an own page for calls that need one */
static uint64_t hole_gfn;

static long memory_op(unsigned op, void *argument)
{
    evil_tries++;
    return hypercall2(__HYPERVISOR_memory_op, op, argument);
}

static void refused(long rc, const char *what, unsigned id)
{
    if (rc >= 0)
        printf("evil: domain %u:\n", id);
    evil_expect(rc < 0, what, rc);
}

static void memory_of(domid_t id)
{
    xen_pfn_t gfn = own_gfn;
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = id };
    struct xen_memory_domain domain = { id };
    struct xen_add_to_physmap add = {
        .domid = id, .space = XENMAPSPACE_gmfn, .idx = gfn, .gpfn = hole_gfn
    };
    struct xen_remove_from_physmap remove = { .domid = id, .gpfn = gfn };
    struct xen_mem_acquire_resource resource = { .domid = id,
                                                 .type = XENMEM_resource_grant_table,
                                                 .nr_frames = 1 };
    xen_ulong_t index = 1;
    xen_pfn_t place = hole_gfn;
    int error = 0;
    struct xen_add_to_physmap_batch batch = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = id
    };

    set_xen_guest_handle(r.extent_start, &gfn);
    set_xen_guest_handle(resource.frame_list, &place);
    set_xen_guest_handle(batch.idxs, &index);
    set_xen_guest_handle(batch.gpfns, &place);
    set_xen_guest_handle(batch.errs, &error);
    refused(memory_op(XENMEM_populate_physmap, &r), "populate of another domain", id);
    refused(memory_op(XENMEM_decrease_reservation, &r), "decrease of another domain", id);
    refused(memory_op(XENMEM_claim_pages, &r), "claim for another domain", id);
    refused(memory_op(XENMEM_current_reservation, &domain), "reservation of another domain", id);
    refused(memory_op(XENMEM_maximum_gpfn, &domain), "maximum gpfn of another domain", id);
    refused(memory_op(XENMEM_add_to_physmap, &add), "move in another domain", id);
    refused(memory_op(XENMEM_remove_from_physmap, &remove), "removal from another domain", id);
    refused(memory_op(XENMEM_acquire_resource, &resource), "grant table of another domain", id);
    refused(memory_op(XENMEM_add_to_physmap_batch, &batch) ? -1 : error, "foreign map", id);
}

static long grant_op(unsigned op, void *argument)
{
    evil_tries++;
    return hypercall3(__HYPERVISOR_grant_table_op, op, argument, 1);
}

static void grants_of(domid_t id)
{
    for (grant_ref_t ref = 0; ref < REFS; ref++) {
        struct gnttab_map_grant_ref map = { .host_addr = hole_gfn << PAGE_SHIFT,
                                            .ref = ref,
                                            .dom = id,
                                            .flags = GNTMAP_host_map |
                                                     (ref & 1 ? GNTMAP_readonly : 0) };
        struct gnttab_copy in = { .source = { .u.ref = ref, .domid = id },
                                  .len = 8,
                                  .dest = { .u.gmfn = own_gfn, .domid = DOMID_SELF },
                                  .flags = GNTCOPY_source_gref };
        struct gnttab_copy out = { .source = { .u.gmfn = own_gfn, .domid = DOMID_SELF },
                                   .len = 8,
                                   .dest = { .u.ref = ref, .domid = id },
                                   .flags = GNTCOPY_dest_gref };
        long rc = grant_op(GNTTABOP_map_grant_ref, &map);

        refused(rc ? rc : map.status, "mapping what was not granted to us", id);
        rc = grant_op(GNTTABOP_copy, &in);
        refused(rc ? rc : in.status, "copying what was not granted to us", id);
        rc = grant_op(GNTTABOP_copy, &out);
        refused(rc ? rc : out.status, "writing to what was not granted to us", id);
    }
    struct gnttab_copy own = { .source = { .u.gmfn = 0x1000, .domid = id },
                               .len = 8,
                               .dest = { .u.gmfn = own_gfn, .domid = DOMID_SELF } };
    struct gnttab_query_size size = { .dom = id };
    long rc = grant_op(GNTTABOP_copy, &own);

    refused(rc ? rc : own.status, "copying a frame of another domain", id);
    rc = grant_op(GNTTABOP_query_size, &size);
    refused(rc ? rc : size.status, "the grant table's size of another domain", id);
}

static long event_op(unsigned op, void *argument)
{
    evil_tries++;
    return hypercall2(__HYPERVISOR_event_channel_op, op, argument);
}

/* Tries to bind and reset ports of others. */
static void events_of(domid_t id)
{
    struct evtchn_alloc_unbound unbound = { .dom = id, .remote_dom = DOMID_SELF };
    struct evtchn_reset reset = { .dom = id };

    for (evtchn_port_t port = 1; port < PORTS; port++) {
        struct evtchn_bind_interdomain bind = { .remote_dom = id, .remote_port = port };
        struct evtchn_status status = { .dom = id, .port = port };

        refused(event_op(EVTCHNOP_bind_interdomain, &bind), "binding to a port not meant for us",
                id);
        refused(event_op(EVTCHNOP_status, &status), "status of another's port", id);
    }
    refused(event_op(EVTCHNOP_alloc_unbound, &unbound), "a port in another domain", id);
    refused(event_op(EVTCHNOP_reset, &reset), "reset of another domain's ports", id);
}

static void life_of(domid_t id)
{
    static const uint32_t verbs[] = {
        XEN_DOMCTL_destroydomain,  XEN_DOMCTL_pausedomain,   XEN_DOMCTL_unpausedomain,
        XEN_DOMCTL_getdomaininfo,  XEN_DOMCTL_max_mem,       XEN_DOMCTL_createdomain,
        XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_gethvmcontext,
    };
    struct xen_hvm_param param = { .domid = id, .index = HVM_PARAM_STORE_PFN };
    struct sched_remote_shutdown shutdown = { id, SHUTDOWN_poweroff };

    for (unsigned i = 0; i < ARRAY_SIZE(verbs); i++) {
        struct xen_domctl domctl = { .cmd = verbs[i],
                                     .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                                     .domain = id };

        refused(hypercall(__HYPERVISOR_domctl, (uint64_t)&domctl, 0, 0, 0, 0), "domctl", id);
    }
    refused(hypercall2(__HYPERVISOR_hvm_op, HVMOP_get_param, &param), "another's parameter", id);
    refused(hypercall2(__HYPERVISOR_hvm_op, HVMOP_set_param, &param), "setting another's parameter",
            id);
    refused(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &shutdown),
            "remote shutdown", id);
}

static void machine(void)
{
    static const uint32_t sysctls[] = {
        XEN_SYSCTL_readconsole,
        XEN_SYSCTL_physinfo,
        XEN_SYSCTL_getdomaininfolist,
        XEN_SYSCTL_debug_keys,
    };
    struct xen_platform_op platform = { .cmd = XENPF_settime64,
                                        .interface_version = XENPF_INTERFACE_VERSION };

    for (unsigned i = 0; i < ARRAY_SIZE(sysctls); i++) {
        struct xen_sysctl sysctl = { .cmd = sysctls[i],
                                     .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

        refused(hypercall(__HYPERVISOR_sysctl, (uint64_t)&sysctl, 0, 0, 0, 0), "sysctl",
                DOMID_SELF);
    }
    refused(hypercall(__HYPERVISOR_platform_op, (uint64_t)&platform, 0, 0, 0, 0), "platform_op",
            DOMID_SELF);
}

static void read_word(void *arg)
{
    uint64_t **word = arg;

    *word = (uint64_t *)**word;
}

/* Tries machine frame numbers as gfns: neither hypercalls nor accesses may reach anything. */
static void frame(uint64_t gfn)
{
    struct gnttab_copy copy = { .source = { .u.gmfn = gfn, .domid = DOMID_SELF },
                                .len = 64,
                                .dest = { .u.gmfn = own_gfn, .domid = DOMID_SELF } };
    struct gnttab_copy back = { .source = copy.dest, .dest = copy.source, .len = 64 };
    uint64_t *word = (uint64_t *)(gfn << PAGE_SHIFT);
    long rc = grant_op(GNTTABOP_copy, &copy);

    evil_expect(rc || copy.status != GNTST_okay, "copying from a frame that is not ours", gfn);
    rc = grant_op(GNTTABOP_copy, &back);
    evil_expect(rc || back.status != GNTST_okay, "copying to a frame that is not ours", gfn);
    rc = mem_add_to_physmap(XENMAPSPACE_gmfn, gfn, hole_gfn);
    evil_expect(rc < 0, "moving a frame that is not ours", gfn);
    if (gfn < SPECIAL_GFN && evil_try(read_word, &word) < 0)
        evil_expect((uint64_t)word == ONES, "reading a frame that is not ours", gfn);
}

static void frames(void)
{
    static const uint64_t beyond[] = {
        1UL << 20, 1UL << 24, 1UL << 28, (1UL << 36) - 1, 1UL << 36, (1UL << 40) - 1,
        1UL << 40, 1UL << 51, 1UL << 52, 1UL << 63,       ONES - 1,  ONES,
    };

    for (uint64_t gfn = RAM_END_GFN; gfn < SPECIAL_GFN; gfn += 0x333)
        frame(gfn);
    for (unsigned i = 0; i < ARRAY_SIZE(beyond); i++) {
        uint64_t gfn = beyond[i];

        frame(gfn);
        evil_expect(mem_give(&gfn, 1) <= 0, "giving back what is not ours", gfn);
        if (gfn >> 40) /* below this, the guest may populate address space */
            evil_expect(mem_take(&gfn, 1) <= 0, "memory where no address is", gfn);
    }
}

void evil_others(domid_t self)
{
    static const domid_t special[] = { DOMID_IO,   DOMID_XEN, DOMID_COW, DOMID_INVALID,
                                       DOMID_IDLE, 0x7fef,    0x8000,    0xffff };

    own_gfn = (uint64_t)mem_page() >> PAGE_SHIFT;
    hole_gfn = mem_hole(1) >> PAGE_SHIFT;
    for (unsigned i = 0; i < NEIGHBOURS + ARRAY_SIZE(special); i++) {
        domid_t id = i < NEIGHBOURS ? i : special[i - NEIGHBOURS];

        if (id == self)
            continue;
        memory_of(id);
        grants_of(id);
        events_of(id);
        life_of(id);
    }
    machine();
    frames();
}
