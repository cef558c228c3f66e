/* SPDX-License-Identifier: MIT */
/* The hypervisor, by Xen's libraries: an ioreq server, the guest's memory, interrupts. */
#ifndef DM_XEN_H
#define DM_XEN_H

#include "host.h"
#include "ioreq.h"
#include "memory.h"

struct xen;

/*
 * Opens everything for domain domid with vcpus, whose RAM is low bytes from 0 and high bytes from 4
 * GiB, and creates an ioreq server, not yet enabled. Returns NULL after an error line.
 */
struct xen *xen_open(uint32_t domid, unsigned int vcpus, uint64_t low, uint64_t high);
struct host *xen_host(struct xen *xen);
struct memory *xen_memory(struct xen *xen);

/* For ballooning, which another process does (keeper.h). */
void xen_set_balloon(struct xen *xen,
                     size_t (*balloon)(struct host *, bool, const uint64_t *, size_t));

/*
 * quiet is called before mappings go that the kernel may be using: it waits for all that does.
 */
void xen_set_quiet(struct xen *xen, void (*quiet)(void));

/* From now on all handles work for this domain only. Returns 0, or a negative errno. */
int xen_restrict(struct xen *xen);

/* Lets the guest's accesses come. Returns 0, or a negative errno after an error line. */
int xen_enable(struct xen *xen);
/* A descriptor that is readable when accesses wait, for xen_serve. */
int xen_descriptor(const struct xen *xen);
/* Serves accesses of all vCPUs. False: the hypervisor no longer answers. */
bool xen_serve(struct xen *xen, struct pci_bus *bus);
/*
 * While the guest is paused: answers all accesses. False: a vCPU has not taken its answer yet, so
 * the guest must run a little longer to be between two accesses.
 */
bool xen_quiesce(struct xen *xen, struct pci_bus *bus);

#endif
