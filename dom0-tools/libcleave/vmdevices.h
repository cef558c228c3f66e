/* SPDX-License-Identifier: MIT */
/*
 * The keys disk and vif of a VM file.
 */
#ifndef LIBCLEAVE_VMDEVICES_H
#define LIBCLEAVE_VMDEVICES_H

#include <libxlutil.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* xvda to xvdz; 8 interfaces exceed any common setup. */
#define VMDEVICES_DISKS_MAX 26
#define VMDEVICES_VIFS_MAX 8

struct vmdevices_disk {
    char *path;      /* a raw file or a block device of dom0 */
    char name[8];    /* name in the guest: xvda */
    uint32_t number; /* the same, by xen-vbd-interface(7) */
    bool writable;
    bool direct_io; /* bypasses dom0's page cache */
};

struct vmdevices_vif {
    char mac[18];
    char bridge[IFNAMSIZ];
};

struct vmdevices {
    struct vmdevices_disk disks[VMDEVICES_DISKS_MAX];
    struct vmdevices_vif vifs[VMDEVICES_VIFS_MAX];
    unsigned int disk_count, vif_count;
};

/*
 * Reads both keys of a parsed VM file; errors name their places, "PATH:LINE". Default Ethernet
 * addresses are derived from uuid. Returns 0, or a negative errno after an error line. Call
 * vmdevices_free in either case.
 */
int vmdevices_read(XLU_Config *config, const char *disk_place, const char *vif_place,
                   const uint8_t *uuid, struct vmdevices *devices);
void vmdevices_free(struct vmdevices *devices);

#endif
