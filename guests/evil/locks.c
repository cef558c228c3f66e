/* SPDX-License-Identifier: MIT */
/*
 * Takes shared locks of the core as often as possible: by ports and grants that do not exist, of
 * this domain and of others, and by console output. The core must not hold any of them for long,
 * which tests/system/stretch.c measures.
 */
#include "evil.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>

#include "hypercall.h"
#include "mem.h"

#define ROUNDS 500
#define NO_PORT 4000
#define NO_REF (1u << 20)
#define TEXT 256

static void ports(void)
{
    struct evtchn_close close = { .port = NO_PORT };
    struct evtchn_bind_interdomain bind = { .remote_dom = 0, .remote_port = NO_PORT };
    struct evtchn_alloc_unbound offer = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    long rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &close);

    evil_expect(rc == -XEN_EINVAL, "closing no port", rc);
    rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &bind);
    evil_expect(rc == -XEN_EINVAL, "binding no port of dom0's", rc);
    /* A binding of two own ports, which is always possible. */
    rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &offer);
    evil_expect(rc == 0, "offering a port to itself", rc);
    bind = (struct evtchn_bind_interdomain){ .remote_dom = DOMID_SELF, .remote_port = offer.port };
    rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &bind);
    evil_expect(rc == 0, "binding its own port", rc);
    close.port = bind.local_port;
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &close);
    close.port = offer.port;
    rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &close);
    evil_expect(rc == 0, "closing what was bound", rc);
}

static void grants(void *page)
{
    static const uint32_t refs[] = { NO_REF, 8, 500 };

    for (unsigned i = 0; i < ARRAY_SIZE(refs); i++) {
        struct gnttab_copy copy = {
            .source = { .u.ref = refs[i], .domid = 0 },
            .dest = { .u.gmfn = (uint64_t)page / PAGE_SIZE, .domid = DOMID_SELF },
            .len = 16,
            .flags = GNTCOPY_source_gref,
        };
        struct gnttab_map_grant_ref map = {
            .host_addr = 0x70000000,
            .flags = GNTMAP_host_map,
            .ref = refs[i],
        };

        hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, &copy, 1);
        evil_expect(copy.status < 0, "copying from a grant that is none", copy.status);
        hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &map, 1);
        evil_expect(map.status < 0, "mapping a grant that is none", map.status);
    }
}

void evil_locks(void)
{
    static char text[TEXT];
    void *page = mem_page();

    memset(text, 'x', sizeof(text));
    for (unsigned i = 0; i < ROUNDS; i++) {
        ports();
        grants(page);
        evil_tries += 11;
        if (i % 16 == 0)
            hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, sizeof(text), (uint64_t)text, 0, 0);
    }
}
