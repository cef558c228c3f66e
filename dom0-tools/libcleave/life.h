/* SPDX-License-Identifier: MIT */
/* Watching a VM: reacts when the guest powers off, reboots or crashes. */
#ifndef LIBCLEAVE_LIFE_H
#define LIBCLEAVE_LIFE_H

#include "hv.h"
#include "vmfile.h"

/* Unpauses a VM that was built. Returns 0, or a negative errno after an error line. */
int life_start(struct hv *hv, const struct vmfile *vm, uint32_t domid);

/*
 * Starts the watcher of a built, still paused VM as a separate process that logs to
 * /var/log/cleave/NAME.log. Returns once it watches, so no later end of the guest is missed.
 * Returns 0, or a negative errno after an error line.
 */
int life_watch(const struct vmfile *vm, uint32_t domid);

/*
 * Watches the VM in this process, until it is gone or preserved. The VM may already run. Returns 0,
 * or a negative errno after an error line.
 */
int life_run(const struct vmfile *vm, uint32_t domid);

#endif
