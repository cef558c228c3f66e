/* SPDX-License-Identifier: MIT */
/* The folders with the files of VMs that `cleave new` makes: complete, or not there. */
#ifndef LIBCLEAVE_VMFOLDER_H
#define LIBCLEAVE_VMFOLDER_H

#include <limits.h>

struct vmfolder {
    char part[PATH_MAX];  /* while it is filled in: PARENT/UUID.part */
    char whole[PATH_MAX]; /* PARENT/NAME */
    int lock;             /* held until it is whole, so that nobody takes it for a leftover */
};

/*
 * Makes a new folder for a VM below parent, which is made, too, if it is not there. First removes
 * what processes that were killed left there. Returns 0, or a negative errno after an error line;
 * then vmfolder_remove need not be called.
 */
int vmfolder_make(const char *parent, const char *name, const char *uuid, struct vmfolder *folder);

/* Waits until its files are on storage: before the VM is recorded. Returns as vmfolder_make. */
int vmfolder_sync(struct vmfolder *folder);

/* Gives it its name: what is in it is complete. Returns 0, or a negative errno after an error. */
int vmfolder_complete(struct vmfolder *folder);

/* Removes it, complete or not. */
void vmfolder_remove(struct vmfolder *folder);

/* The process no longer works in it. */
void vmfolder_release(struct vmfolder *folder);

#endif
