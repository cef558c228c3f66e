/* SPDX-License-Identifier: MIT */
/* Saves the guest of a VM to a file (statefile.h), so that it can be restored or goes on. */
#ifndef LIBCLEAVE_SAVING_H
#define LIBCLEAVE_SAVING_H

#include "hv.h"
#include "vms.h"

/*
 * Saves the VM, whose lock the caller holds, to a new file, and sets *domain to its domain, which
 * stays suspended. Returns 0, or a negative errno after an error line: then there is no file, and
 * the guest runs on.
 */
int saving_write(struct hv *hv, struct xs_handle *store, struct vms_record *vm, const char *path,
                 struct domain *domain);

/* Of a VM in the phase VMS_SAVING whose process was killed: whether its file is complete. */
bool saving_is_complete(const struct vms_record *vm);

/* Removes what there is of the file, and lets the guest run on. Writes the record. */
int saving_undo(struct hv *hv, struct xs_handle *store, struct vms_record *vm,
                const struct domain *domain);

#endif
