/* SPDX-License-Identifier: MIT */
/*
 * A xenstored that starts has an empty store. The hypervisor knows the domains and their rings;
 * their names are in cleave's records, and in the files in which xl keeps its VMs' configuration. A
 * guest goes on with its requests, but has lost its watches: it sees no request of the tools any
 * more, so it can be destroyed, but not asked to shut down. Read next: nodes.c, ../cleaved/main.c.
 */
#include "repair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/hvm/params.h>
#include <xen/io/xs_wire.h>
#include <xenforeignmemory.h>

#include "cleave-schema.h"
#include "domain.h"
#include "lock.h"
#include "membook.h"
#include "nodes.h"
#include "report.h"
#include "targets.h"
#include "vms.h"
#include "xlrecord.h"

#define MAX_SLACK_KIB 1024 /* that cleave and xl add to a domain's maximum */

/* Returns whether the domain is complete, and its name. */
static bool find_name(const struct domain *domain, char *name, size_t size)
{
    struct vms_record vm;

    if (vms_load(domain->uuid, &vm) < 0)
        return xlrecord_name(domain->domid, domain->uuid, name, size);
    snprintf(name, size, "%s", vm.name);
    return vm.domid == domain->domid && vm.phase != VMS_BUILDING;
}

static bool is_known(struct xs_handle *store, uint32_t domid)
{
    char name[8];

    return store_read_text(store, name, sizeof(name), SCHEMA_NAME_PATH, domid);
}

/* Reads the rings' places from the domain. False: it is no guest with rings. */
static bool read_rings(struct hv *hv, uint32_t domid, struct nodes_rings *rings)
{
    uint64_t store_gfn, store_port, console_gfn, console_port;

    if (xc_hvm_param_get(hv->xc, domid, HVM_PARAM_STORE_PFN, &store_gfn) < 0 ||
        xc_hvm_param_get(hv->xc, domid, HVM_PARAM_STORE_EVTCHN, &store_port) < 0 ||
        xc_hvm_param_get(hv->xc, domid, HVM_PARAM_CONSOLE_PFN, &console_gfn) < 0 ||
        xc_hvm_param_get(hv->xc, domid, HVM_PARAM_CONSOLE_EVTCHN, &console_port) < 0)
        return false;
    *rings = (struct nodes_rings){ .store_gfn = store_gfn,
                                   .console_gfn = console_gfn,
                                   .store_port = store_port,
                                   .console_port = console_port };
    return store_gfn && console_gfn;
}

/*
 * What the ring holds. The pairs have one place each in the ring, so that xenstored, which may look
 * at any time, sees no half of a change.
 */
struct places {
    uint64_t requests, answers;
};

static uint64_t *pair_at(XENSTORE_RING_IDX *consumer) { return (uint64_t *)(void *)consumer; }

/* Whether a request begins at the next byte that xenstored reads, and not the rest of one. */
static bool begins_with_request(const struct xenstore_domain_interface *ring)
{
    XENSTORE_RING_IDX at = ring->req_cons, length = ring->req_prod - at;
    struct xsd_sockmsg header;

    if (length > XENSTORE_RING_SIZE)
        return false;
    for (size_t i = 0; i < sizeof(header) && i < length; i++)
        ((char *)&header)[i] = ring->req[MASK_XENSTORE_IDX(at + i)];
    return length < sizeof(header) ||
           (header.type < XS_TYPE_COUNT && header.len <= XENSTORE_PAYLOAD_MAX);
}

/*
 * Introduces the domain, whose vCPUs do not run. xenstored empties the ring then, and a guest that
 * waits for the answer to a request would wait for ever. So the indices are put back.
 */
static int introduce_halted(struct xs_handle *store, const struct domain *domain,
                            const struct nodes_rings *rings, struct xenstore_domain_interface *ring)
{
    struct places before = { *pair_at(&ring->req_cons), *pair_at(&ring->rsp_cons) };
    bool whole = begins_with_request(ring);

    if (!xs_introduce_domain(store, domain->domid, rings->store_gfn, rings->store_port))
        return -errno;
    if (!whole) {
        report_warning("domain %u (\"%s\"): xenstored ended in the middle of its request: its "
                       "driver waits for ever: `cleave destroy` ends it",
                       domain->domid, domain->name);
        return 0;
    }
    __atomic_store_n(pair_at(&ring->rsp_cons), before.answers, __ATOMIC_RELEASE);
    __atomic_store_n(pair_at(&ring->req_cons), before.requests, __ATOMIC_RELEASE);
    /* xenstored looks at all rings when it is asked anything */
    xs_is_domain_introduced(store, domain->domid);
    return 0;
}

static int introduce(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                     const struct nodes_rings *rings)
{
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    xen_pfn_t gfn = rings->store_gfn;
    void *ring =
        memory ? xenforeignmemory_map(memory, domain->domid, PROT_READ | PROT_WRITE, 1, &gfn, NULL)
               : NULL;
    int rc = ring && xc_domain_pause(hv->xc, domain->domid) == 0 ? 0 : -errno;

    if (rc == 0) {
        rc = introduce_halted(store, domain, rings, ring);
        xc_domain_unpause(hv->xc, domain->domid);
    }
    if (ring)
        xenforeignmemory_unmap(memory, ring, 1);
    if (memory)
        xenforeignmemory_close(memory);
    if (rc < 0)
        report_error(report_by_errno(-rc), "xenstored cannot serve domain %u (\"%s\"): %s",
                     domain->domid, domain->name, strerror(-rc));
    return rc;
}

static int write_nodes(struct hv *hv, struct xs_handle *store, const struct domain *domain,
                       const char *name)
{
    uint64_t has = domain_memory_held(domain);
    uint64_t max = domain->info.max_pages * HV_PAGE_KIB;
    struct nodes_identity identity = { .domid = domain->domid,
                                       .name = name,
                                       .uuid = domain->uuid,
                                       .vcpus = domain->info.nr_online_vcpus,
                                       .max_vcpus = domain->info.max_vcpu_id + 1 };
    struct nodes_rings rings;
    /* asked first: xenstored also says so of a domain that owns nodes */
    bool introduced = xs_is_domain_introduced(store, domain->domid);
    int rc;

    max -= max > MAX_SLACK_KIB ? MAX_SLACK_KIB : 0;
    identity.max_memory_kib = max;
    identity.memory_kib = has < max ? has : max;
    if (!read_rings(hv, domain->domid, &rings))
        return 0;
    targets_forget(domain);
    membook_note(domain->uuid, identity.memory_kib);
    rc = nodes_write_identity(store, &identity);
    if (rc == 0)
        rc = nodes_write_rings(store, domain->domid, &rings);
    if (rc == 0 && !introduced)
        rc = introduce(hv, store, domain, &rings);
    return rc;
}

int repair_store(struct hv *hv, struct xs_handle *store)
{
    struct domain *list;
    int rc = 0, count, lock = lock_acquire();

    if (lock < 0)
        return lock;
    count = domain_list(hv, NULL, &list);
    for (int i = 0; i < count; i++) {
        char name[sizeof(list[i].name)];
        int one = 0;

        if (list[i].domid == 0 || list[i].info.flags & XEN_DOMINF_dying ||
            is_known(store, list[i].domid) || !find_name(&list[i], name, sizeof(name)))
            continue;
        one = write_nodes(hv, store, &list[i], name);
        rc = rc < 0 ? rc : one;
    }
    if (count >= 0)
        free(list);
    lock_release(lock);
    return count < 0 ? count : rc;
}
