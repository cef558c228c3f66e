/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory is mapped by chunks, when it is used first, at the address base + guest
 * physical address: what is contiguous there is so here. A chunk stays until one of its frames
 * leaves the guest. There are at most CHUNKS_MAX, because each is an area of its own for dom0's
 * kernel, and a process may have 65530. Read next: ioreq.c, main.c.
 */
#include "xen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xentoolcore.h>

#define CHUNKS_MAX 16384u
#define CHUNK_MIN 16u /* pages */
#define CHUNK_MAX 512u
#define HIGH (1ull << 32)

/* Which pages of a chunk are mapped: all bits 0 before it is looked at. */
struct chunk {
    bool tried;
    uint64_t present[CHUNK_MAX / 64];
};

struct xen {
    struct host host;
    struct memory memory;
    uint32_t domid;
    unsigned int vcpus;
    xendevicemodel_handle *model;
    xenforeignmemory_handle *foreign;
    xenevtchn_handle *events;
    xenforeignmemory_resource_handle *resource;
    ioservid_t server;
    shared_iopage_t *shared;
    xenevtchn_port_or_error_t *ports; /* of each vCPU, local */
    char *base;
    uint64_t low, high, span; /* bytes; span: of the addresses at base */
    unsigned int chunk_pages;
    struct chunk *chunks;
    void (*quiet)(void);
};

/* --- the guest's memory ----------------------------------------------------------------------- */

static struct xen *of_memory(struct memory *memory)
{
    return (struct xen *)((char *)memory - offsetof(struct xen, memory));
}

static bool is_ram(const struct xen *xen, uint64_t frame)
{
    uint64_t address = frame * MEMORY_PAGE;

    return frame < xen->span / MEMORY_PAGE &&
           (address < xen->low || (address >= HIGH && address - HIGH < xen->high));
}

static void map_chunk(struct xen *xen, uint64_t index)
{
    struct chunk *chunk = &xen->chunks[index];
    xen_pfn_t frames[CHUNK_MAX];
    int errors[CHUNK_MAX];
    unsigned int count = 0;
    uint64_t first = index * xen->chunk_pages;
    char *at = xen->base + first * MEMORY_PAGE;

    while (count < xen->chunk_pages && is_ram(xen, first + count)) {
        frames[count] = first + count;
        count++;
    }
    chunk->tried = true;
    if (!count || !xenforeignmemory_map2(xen->foreign, xen->domid, at, PROT_READ | PROT_WRITE,
                                         MAP_FIXED, count, frames, errors))
        return;
    for (unsigned int i = 0; i < count; i++)
        if (!errors[i])
            chunk->present[i / 64] |= 1ull << i % 64;
}

static void unmap_chunk(struct xen *xen, uint64_t index)
{
    uint64_t bytes = (uint64_t)xen->chunk_pages * MEMORY_PAGE;

    /* a disk must not miss another frame of the chunk */
    xen->quiet();
    /* as a whole: dom0's kernel frees an area's pages twice if only a part of it goes */
    memset(&xen->chunks[index], 0, sizeof(xen->chunks[index]));
    if (mmap(xen->base + index * bytes, bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        abort(); /* the guest's frames must not stay here */
}

static bool is_present(const struct chunk *chunk, unsigned int page)
{
    return chunk->present[page / 64] >> page % 64 & 1;
}

static void *map(struct memory *memory, uint64_t frame)
{
    struct xen *xen = of_memory(memory);
    uint64_t index = frame / xen->chunk_pages;

    if (!is_ram(xen, frame))
        return NULL;
    if (!xen->chunks[index].tried)
        map_chunk(xen, index);
    if (!is_present(&xen->chunks[index], frame % xen->chunk_pages)) {
        /* it may have come since */
        unmap_chunk(xen, index);
        map_chunk(xen, index);
    }
    return is_present(&xen->chunks[index], frame % xen->chunk_pages)
               ? xen->base + frame * MEMORY_PAGE
               : NULL;
}

static void forget(struct memory *memory, uint64_t frame)
{
    struct xen *xen = of_memory(memory);

    if (is_ram(xen, frame) && xen->chunks[frame / xen->chunk_pages].tried)
        unmap_chunk(xen, frame / xen->chunk_pages);
}

static int open_memory(struct xen *xen, uint64_t low, uint64_t high)
{
    uint64_t chunks;

    xen->low = low;
    xen->high = high;
    xen->span = high ? HIGH + high : low;
    xen->chunk_pages = CHUNK_MIN;
    while (xen->chunk_pages < CHUNK_MAX && xen->span / MEMORY_PAGE / xen->chunk_pages > CHUNKS_MAX)
        xen->chunk_pages *= 2;
    chunks = xen->span / MEMORY_PAGE / xen->chunk_pages + 1;
    xen->chunks = calloc(chunks, sizeof(*xen->chunks));
    xen->base = mmap(NULL, chunks * xen->chunk_pages * MEMORY_PAGE, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    xen->memory = (struct memory){ map, forget };
    return xen->chunks && xen->base != MAP_FAILED ? 0 : -ENOMEM;
}

/* --- the host's functions --------------------------------------------------------------------- */

static int on_range(struct host *host, enum host_space space, uint64_t start, uint64_t end, bool on)
{
    struct xen *xen = (struct xen *)host;
    int rc = on ? xendevicemodel_map_io_range_to_ioreq_server(xen->model, xen->domid, xen->server,
                                                              space == HOST_MEMORY, start, end)
                : xendevicemodel_unmap_io_range_from_ioreq_server(xen->model, xen->domid,
                                                                  xen->server, space == HOST_MEMORY,
                                                                  start, end);

    return rc < 0 ? -errno : 0;
}

static int on_function(struct host *host, unsigned int device, unsigned int function)
{
    struct xen *xen = (struct xen *)host;

    return xendevicemodel_map_pcidev_to_ioreq_server(xen->model, xen->domid, xen->server, 0, 0,
                                                     device, function) < 0
               ? -errno
               : 0;
}

static void on_isa_irq(struct host *host, unsigned int irq, bool level)
{
    struct xen *xen = (struct xen *)host;

    xendevicemodel_set_isa_irq_level(xen->model, xen->domid, irq, level);
}

static void on_intx(struct host *host, unsigned int device, unsigned int line, bool level)
{
    struct xen *xen = (struct xen *)host;

    xendevicemodel_set_pci_intx_level(xen->model, xen->domid, 0, 0, device, line, level);
}

static void on_link(struct host *host, unsigned int link, unsigned int irq)
{
    struct xen *xen = (struct xen *)host;

    xendevicemodel_set_pci_link_route(xen->model, xen->domid, link, irq);
}

static void on_msi(struct host *host, uint64_t address, uint32_t data)
{
    struct xen *xen = (struct xen *)host;

    xendevicemodel_inject_msi(xen->model, xen->domid, address, data);
}

static void on_shutdown(struct host *host, unsigned int reason)
{
    struct xen *xen = (struct xen *)host;

    xendevicemodel_shutdown(xen->model, xen->domid, reason);
}

static void no_quiet(void) {}

static size_t no_balloon(struct host *host, bool give, const uint64_t *frames, size_t count)
{
    (void)host;
    (void)give;
    (void)frames;
    (void)count;
    return 0;
}

/* --- the ioreq server ------------------------------------------------------------------------- */

static int report(const char *what)
{
    int error = errno;

    fprintf(stderr, "cleave-dm: %s: %s\n", what, strerror(error));
    return -error;
}

static int create_server(struct xen *xen)
{
    if (xendevicemodel_create_ioreq_server(xen->model, xen->domid, HVM_IOREQSRV_BUFIOREQ_OFF,
                                           &xen->server) < 0)
        return report("the hypervisor creates no ioreq server for the domain");
    xen->resource = xenforeignmemory_map_resource(xen->foreign, xen->domid,
                                                  XENMEM_resource_ioreq_server, xen->server,
                                                  XENMEM_resource_ioreq_server_frame_ioreq(0), 1,
                                                  (void **)&xen->shared, PROT_READ | PROT_WRITE, 0);
    return xen->resource ? 0 : report("cannot map the page of the ioreq server");
}

struct xen *xen_open(uint32_t domid, unsigned int vcpus, uint64_t low, uint64_t high)
{
    struct xen *xen = calloc(1, sizeof(*xen));

    if (!xen)
        return NULL;
    xen->domid = domid;
    xen->vcpus = vcpus;
    xen->host = (struct host){ on_range, on_function, on_isa_irq,  on_intx,
                               on_link,  on_msi,      on_shutdown, no_balloon };
    xen->quiet = no_quiet;
    xen->model = xendevicemodel_open(NULL, 0);
    xen->foreign = xenforeignmemory_open(NULL, 0);
    xen->events = xenevtchn_open(NULL, 0);
    xen->ports = calloc(vcpus, sizeof(*xen->ports));
    if (!xen->model || !xen->foreign || !xen->events || !xen->ports) {
        report("cannot open the hypervisor");
        return NULL;
    }
    if (open_memory(xen, low, high) < 0) {
        report("no address space for the guest's memory");
        return NULL;
    }
    return create_server(xen) < 0 ? NULL : xen;
}

struct host *xen_host(struct xen *xen) { return &xen->host; }

struct memory *xen_memory(struct xen *xen) { return &xen->memory; }

void xen_set_balloon(struct xen *xen,
                     size_t (*balloon)(struct host *, bool, const uint64_t *, size_t))
{
    xen->host.balloon = balloon;
}

void xen_set_quiet(struct xen *xen, void (*quiet)(void)) { xen->quiet = quiet; }

int xen_restrict(struct xen *xen) { return xentoolcore_restrict_all(xen->domid) < 0 ? -errno : 0; }

int xen_enable(struct xen *xen)
{
    if (xendevicemodel_set_ioreq_server_state(xen->model, xen->domid, xen->server, 1) < 0)
        return report("cannot enable the ioreq server");
    for (unsigned int i = 0; i < xen->vcpus; i++) {
        xen->ports[i] = xenevtchn_bind_interdomain(xen->events, xen->domid,
                                                   xen->shared->vcpu_ioreq[i].vp_eport);
        if (xen->ports[i] < 0)
            return report("cannot bind the event channel of a vCPU");
    }
    return 0;
}

int xen_descriptor(const struct xen *xen) { return xenevtchn_fd(xen->events); }

static void serve_vcpu(struct xen *xen, struct pci_bus *bus, unsigned int vcpu)
{
    ioreq_t *shared = &xen->shared->vcpu_ioreq[vcpu], request;

    if (shared->state != STATE_IOREQ_READY)
        return;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    request = *shared;
    shared->state = STATE_IOREQ_INPROCESS;
    ioreq_serve(bus, &xen->memory, &request);
    shared->data = request.data;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    shared->state = STATE_IORESP_READY;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    xenevtchn_notify(xen->events, xen->ports[vcpu]);
}

bool xen_serve(struct xen *xen, struct pci_bus *bus)
{
    xenevtchn_port_or_error_t port = xenevtchn_pending(xen->events);

    if (port < 0)
        return errno == EAGAIN || errno == EINTR;
    xenevtchn_unmask(xen->events, port);
    for (unsigned int i = 0; i < xen->vcpus; i++)
        if (xen->ports[i] == port)
            serve_vcpu(xen, bus, i);
    return true;
}

bool xen_quiesce(struct xen *xen, struct pci_bus *bus)
{
    bool quiet = true;

    for (unsigned int i = 0; i < xen->vcpus; i++) {
        serve_vcpu(xen, bus, i);
        quiet &= xen->shared->vcpu_ioreq[i].state == STATE_IOREQ_NONE;
    }
    return quiet;
}
