/* SPDX-License-Identifier: MIT */
/*
 * Devices that come and go while a guest runs. Each call takes the lock of the VM, if it is one of
 * cleave, and keeps both records true: libxl's (xlrecord.h) and the VM file, by which the VM is
 * built again. Nothing waits for the guest here.
 */
#ifndef LIBCLEAVE_HOTPLUG_H
#define LIBCLEAVE_HOTPLUG_H

#include "devices.h"
#include "domain.h"
#include "vms.h"

struct hotplug {
    struct hv *hv;
    struct xs_handle *store;
    const struct domain *domain;
    struct vmfile one; /* the domain's name and UUID, and the one device */
    struct devices_id id;
};

/* These return 0, or a negative errno after an error line. */

/*
 * Checks the device as a build does, connects dom0's side of it, and offers it to the guest. After
 * an error nothing of it remains.
 */
int hotplug_attach(struct hotplug *h);

/* Asks the guest to let go of it. The VM is built again without it. */
int hotplug_close(struct hotplug *h);

/* Takes that back. -EBUSY, without an error line: the guest is about to let go. */
int hotplug_reopen(struct hotplug *h);

/* Removes what there is of it, whether the guest has let go or not. */
int hotplug_remove(struct hotplug *h);

/*
 * Writes into the VM file which devices the domain has, as other tools may have changed them. Of a
 * VM whose lock the caller holds. A failure is a warning: then the VM file stays as it is.
 */
void hotplug_keep(struct xs_handle *store, const struct vms_record *vm, uint32_t domid);

#endif
