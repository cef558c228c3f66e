/* SPDX-License-Identifier: MIT */
/*
 * A VM's nodes in the store: what the guest, xenstored, xenconsoled and xl find there.
 */
#ifndef LIBCLEAVE_NODES_H
#define LIBCLEAVE_NODES_H

#include <stdint.h>

#include "store.h"

/* What is known before the build. */
struct nodes_identity {
    uint32_t domid;
    const char *name;
    const char *uuid;
    unsigned int vcpus; /* online at the start */
    unsigned int max_vcpus;
    uint64_t memory_kib;     /* what it is to have */
    uint64_t max_memory_kib; /* what it may have */
};

/* What the build decided: where the rings are, and the guest's ports. */
struct nodes_rings {
    unsigned long store_gfn, console_gfn;
    unsigned int store_port, console_port;
};

/* A disk, and a network interface, with what dom0's kernel is to put behind it. */
struct nodes_disk {
    uint32_t domid;
    unsigned int number;       /* as xen-vbd-interface(7) counts */
    const char *name;          /* xvda */
    const char *path;          /* the block device in dom0 */
    unsigned int major, minor; /* its numbers */
    bool writable;
};

struct nodes_vif {
    uint32_t domid;
    unsigned int number;
    const char *mac;
    const char *bridge;
    unsigned int mtu;
};

/* Each writes all of its nodes or none. 0, or a negative errno after an error line. */
int nodes_write_identity(struct xs_handle *store, const struct nodes_identity *identity);
int nodes_write_rings(struct xs_handle *store, uint32_t domid, const struct nodes_rings *rings);
int nodes_write_disk(struct xs_handle *store, const struct nodes_disk *disk);
int nodes_write_vif(struct xs_handle *store, const struct nodes_vif *vif);

/*
 * Remove them, and those that xl writes: of the VM and its domain, or of the domain only. Can be
 * called twice.
 */
void nodes_remove(struct xs_handle *store, uint32_t domid, const char *uuid);
void nodes_remove_domain(struct xs_handle *store, uint32_t domid);

#endif
