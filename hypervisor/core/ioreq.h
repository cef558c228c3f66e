/* SPDX-License-Identifier: MIT */
/*
 * Device models: programs in dom0 that emulate devices of an HVM guest (core/ioreq.c). Each is an
 * "ioreq server" of <xen/hvm/dm_op.h> with ranges of ports, memory and PCI functions, and gets the
 * accesses to these by the shared pages of <xen/hvm/ioreq.h>.
 */
#ifndef CLV_CORE_IOREQ_H
#define CLV_CORE_IOREQ_H

#include "errors.h"
#include "types.h"
#include "xenpub.h"

#include <xen/hvm/dm_op.h>

struct domain;
struct ioreq_domain;
struct ioreq_server;
struct vcpu;

/* An exit makes at most two accesses, e.g. a read and a write. */
#define IOREQ_ANSWERS 2

/*
 * What the exit that v handles has accessed so far. It is handled again after each wait, and then
 * finds these answers.
 */
struct ioreq_vcpu {
    struct ioreq_server *server; /* has v's request; changed under ioreq_domain's lock */
    bool sent;                   /* a request is with a device model, or was when that ended */
    bool stale;                  /* of an exit that has ended: its answer is ignored */
    uint8_t done, at;            /* accesses with an answer; next one when handled again */
    uint64_t answer[IOREQ_ANSWERS];
    uint32_t count[IOREQ_ANSWERS]; /* elements of each, also of the one that was sent */
};

/* One access of v: the fields of struct ioreq that the core sets. */
struct ioreq_access {
    uint64_t addr; /* PCI configuration: sbdf << 32 | register */
    uint64_t data; /* written; or, if data_is_ptr, the guest physical address of the data */
    uint32_t count, size;
    uint8_t type; /* IOREQ_TYPE_* */
    bool write, data_is_ptr, down;
};

int must_check ioreq_init(struct domain *d); /* -ENOMEM */
/* Ends all servers of d, which may have none. Its vcpus do not run. */
void ioreq_teardown(struct domain *d);

/* Called before the first access of each exit. again: the exit is handled again. */
void ioreq_begin(struct vcpu *v, bool again);
/*
 * Makes an access by the device model that has the address. 0: done, with the value read in *val,
 * all ones where nobody answers. -ENOENT: more than one element, and nobody has all. -EAGAIN: v
 * waits, and the exit will be handled again. -EIO: the device model has answered nonsense, and the
 * domain was crashed.
 */
int must_check ioreq_access(struct vcpu *v, const struct ioreq_access *a, uint64_t *val);
/* Whether a device model has the memory at gpa. */
bool ioreq_has_memory(struct domain *d, gpa_t gpa);

/*
 * Operations of dm_op. They return 0, or: -EINVAL bad argument, -ENOENT no such server or range,
 * -EEXIST overlaps a range of the same server, -ENOSPC too many servers or ranges, -ENOMEM.
 */
int ioreq_create(struct domain *d, domid_t emulator, bool buffered, ioservid_t *id);
int ioreq_destroy(struct domain *d, ioservid_t id);
int ioreq_get_port(struct domain *d, ioservid_t id, evtchn_port_t *buffered);
int ioreq_set_enabled(struct domain *d, ioservid_t id, bool enabled);
/* type: XEN_DMOP_IO_RANGE_*; first and last are inclusive. */
int ioreq_map_range(struct domain *d, ioservid_t id, uint32_t type, uint64_t first, uint64_t last);
int ioreq_unmap_range(struct domain *d, ioservid_t id, uint32_t type, uint64_t first,
                      uint64_t last);
/* Takes a reference on a page of a server: 0: buffered requests, 1: the requests of each vcpu. */
#define IOREQ_FRAMES 2
int must_check ioreq_get_frame(struct domain *d, ioservid_t id, uint64_t index, mfn_t *mfn);

#endif
