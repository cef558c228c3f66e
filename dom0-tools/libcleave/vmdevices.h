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

/* xvda to xvdz; 8 interfaces are more than anybody has bridges for. */
#define VMDEVICES_DISKS_MAX 26
#define VMDEVICES_VIFS_MAX 8

struct vmdevices_disk {
    char *path;      /* a raw file or a block device of dom0 */
    char name[8];    /* the guest's name for it, xvda */
    uint32_t number; /* the same as xen-vbd-interface(7) counts */
    bool writable;
    bool direct_io; /* past dom0's page cache */
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
 * Reads both keys of a parsed VM file. uuid: from it come the Ethernet addresses that the file does
 * not give. 0, or a negative errno after an error line; vmdevices_free in any case.
 */
int vmdevices_read(XLU_Config *config, const char *path, const uint8_t *uuid,
                   struct vmdevices *devices);
void vmdevices_free(struct vmdevices *devices);

#endif
