/* SPDX-License-Identifier: MIT */
/* The nodes of a VM in the store, for the guest, xenstored, xenconsoled and xl. */
#ifndef LIBCLEAVE_NODES_H
#define LIBCLEAVE_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

/* Known before the build. */
struct nodes_identity {
    uint32_t domid;
    const char *name;
    const char *uuid;
    unsigned int vcpus; /* online initially */
    unsigned int max_vcpus;
    uint64_t memory_kib;     /* target */
    uint64_t max_memory_kib; /* maximum */
    bool hvm;
};

/* Determined by the build: the rings, and the guest's ports. */
struct nodes_rings {
    unsigned long store_gfn, console_gfn;
    unsigned int store_port, console_port;
    bool hvm; /* the device model serves the console: no ring, no port */
};

/* A disk or a network interface, and what dom0's kernel connects to it. */
struct nodes_disk {
    uint32_t domid;
    unsigned int number;       /* by xen-vbd-interface(7) */
    const char *name;          /* xvda */
    const char *path;          /* the block device in dom0 */
    unsigned int major, minor; /* device numbers of path */
    bool writable;
    bool live; /* the guest runs: an existing device of this number is an error, -EEXIST */
};

struct nodes_vif {
    uint32_t domid;
    unsigned int number;
    const char *mac;
    const char *bridge;
    unsigned int mtu;
    bool live; /* the same */
};

/* Each writes all of its nodes, or none. Return 0, or a negative errno after an error line. */
int nodes_write_identity(struct xs_handle *store, const struct nodes_identity *identity);
int nodes_write_rings(struct xs_handle *store, uint32_t domid, const struct nodes_rings *rings);
int nodes_write_disk(struct xs_handle *store, const struct nodes_disk *disk);
int nodes_write_vif(struct xs_handle *store, const struct nodes_vif *vif);

/*
 * Remove these nodes and those of xl: of the VM and its domain, or of the domain only. Idempotent.
 */
void nodes_remove(struct xs_handle *store, uint32_t domid, const char *uuid);
void nodes_remove_domain(struct xs_handle *store, uint32_t domid);

#endif
