/* SPDX-License-Identifier: MIT */
/* Disks and network interfaces of a VM, served by dom0's kernel (xen-blkback, xen-netback). */
#ifndef LIBCLEAVE_DEVICES_H
#define LIBCLEAVE_DEVICES_H

#include <sys/stat.h>

#include "store.h"
#include "vmfile.h"

/*
 * Checks that dom0 has what they need: files, bridges, kernel modules. Called before the domain
 * exists. in_use: the VM's last domain still has its disks open. Returns 0, or a negative errno
 * after an error line.
 */
int devices_check(const struct vmfile *vm, bool in_use);

/*
 * Checks of one disk's file, open as `file` (negative: errno says why not), and of one interface's
 * bridge, whoever serves them. The first fills in *st. Return 0, or a negative errno after an error
 * line.
 */
int devices_check_file(const struct vmfile *vm, const struct vmdevices_disk *disk, int file,
                       struct stat *st);
int devices_check_bridge(const struct vmfile *vm, const struct vmdevices_vif *vif);

/*
 * Refuses a disk, open as fd, that dom0's kernel serves to another VM, if one of the two writes.
 * Under the lock of lock.h. Returns 0, or -EBUSY after an error line.
 */
int devices_check_unshared(struct xs_handle *store, uint32_t domid, const struct vmfile *vm,
                           const struct vmdevices_disk *disk, int fd);

/*
 * Attaches them to a domain that does not run yet. Returns 0, or a negative errno after an error
 * line; then devices_detach removes those already attached.
 */
int devices_attach(struct xs_handle *store, uint32_t domid, const struct vmfile *vm);

/*
 * The same for one device of a running guest. A device of that number is an error, -EEXIST. After
 * any error it is removed.
 */
int devices_attach_live(struct xs_handle *store, uint32_t domid, const struct vmfile *vm);

/*
 * Detaches them from a stopped domain that is to be destroyed, also one of xl's. Waits until dom0's
 * kernel has released its pages and disks. Idempotent.
 */
void devices_detach(struct xs_handle *store, uint32_t domid);

/* --- one device of a running guest ------------------------------------------------------------ */

enum devices_kind { DEVICES_DISK, DEVICES_VIF };

struct devices_id {
    uint32_t domid;
    enum devices_kind kind;
    unsigned int number; /* of a disk by xen-vbd-interface(7); of an interface from 0 */
};

struct devices_state {
    unsigned int back, front; /* XenbusState of both ends (xen/io/xenbus.h); 0: it does not exist */
    bool online;              /* it exists, and nobody wants to remove it */
};

/* Lists the numbers of the domain's devices. The caller frees *numbers. Returns their number. */
unsigned int devices_list(struct xs_handle *store, uint32_t domid, enum devices_kind kind,
                          unsigned int **numbers);

void devices_look(struct xs_handle *store, const struct devices_id *id,
                  struct devices_state *state);

/*
 * Asks both ends to close. A guest that follows closes the front end, and the back end follows
 * that. False: no such device.
 */
bool devices_close(struct xs_handle *store, const struct devices_id *id);

/* Takes that back. False, without a change: the front end is no longer connected. */
bool devices_reopen(struct xs_handle *store, const struct devices_id *id);

/* Removes it, whether the guest lets go or not. Waits for dom0's kernel. Idempotent. */
void devices_remove(struct xs_handle *store, const struct devices_id *id);

#endif
