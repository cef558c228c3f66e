/* SPDX-License-Identifier: MIT */
/*
 * The life of a VM: created, ended, built again. Each operation takes the VM's lock, and can be
 * repeated after a process was killed in it.
 */
#ifndef LIBCLEAVE_LIFE_H
#define LIBCLEAVE_LIFE_H

#include "hv.h"
#include "statefile.h"
#include "vmfile.h"
#include "vms.h"

#define LIFE_NEVER INT64_MAX

/*
 * Records the VM, builds it and, unless paused is set, unpauses it. config is the text of its VM
 * file, for later builds. Signals that end programs must be blocked: one that is pending at the end
 * of the build undoes it. On failure nothing of the VM remains. Returns 0, or a negative errno
 * after an error line.
 */
int life_create(struct hv *hv, struct xs_handle *store, const struct vmfile *vm, const char *config,
                bool paused, uint32_t *domid);

/*
 * The same with a guest from a file that statefile_open has checked. A defined VM that was saved is
 * stopped: its record becomes running, and keeps its VM file.
 */
int life_restore(struct hv *hv, struct xs_handle *store, const struct vmfile *vm,
                 const char *config, const struct statefile *saved, bool paused, uint32_t *domid);

/*
 * Saves a running VM to a new file and ends it. After a failure there is no file, and the guest
 * runs on. Signals are treated as by life_create. Sets *domain to what was saved. Returns 0, or a
 * negative errno after an error line.
 */
int life_save(struct hv *hv, struct xs_handle *store, const char *who, const char *path,
              struct domain *domain);

/* Records a VM that starts when asked, and with the machine if autostart is set. */
int life_define(const struct vmfile *vm, const char *config, bool autostart);

/* Removes a defined VM, whose record it returns. One that runs is removed when it ends. */
int life_undefine(const char *who, struct vms_record *vm);

/* Builds and starts a VM that has no domain. Signals are treated as by life_create. */
int life_start(struct hv *hv, struct xs_handle *store, const char *who, struct vms_record *vm);

/*
 * Ends the VM of this name, UUID or domain id, also one of xl, or one without a domain. Sets the
 * identity in *ended. Returns 0, or a negative errno after an error line.
 */
int life_destroy(struct hv *hv, struct xs_handle *store, const char *who, struct domain *ended);

/*
 * Does what is due for a VM: acts on the end of its guest as its VM file wants, builds it again,
 * cleans up after a process that was killed. Does nothing while another process does. build:
 * whether it may also build the VM. Returns 0, or a negative errno after an error line; later calls
 * try again.
 */
int life_settle(struct hv *hv, struct xs_handle *store, const char *uuid, bool build);

/* Returns when life_settle has something to do, by vms_now: 0: now; LIFE_NEVER. */
int64_t life_due(const struct vms_record *vm, const struct domain *domains, int count);

/*
 * Settles the VM in this process, in place of cleaved, until it is gone, stopped or preserved.
 * Returns 0, or a negative errno after an error line.
 */
int life_run(struct hv *hv, struct xs_handle *store, const char *uuid);

#endif
