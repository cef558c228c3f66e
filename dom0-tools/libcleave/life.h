/* SPDX-License-Identifier: MIT */
/*
 * The life of a VM after its start: what happens when the guest powers off, reboots or crashes.
 */
#ifndef LIBCLEAVE_LIFE_H
#define LIBCLEAVE_LIFE_H

#include "hv.h"
#include "vmfile.h"

/* Lets a VM that was built run. 0, or a negative errno after an error line. */
int life_start(struct hv *hv, const struct vmfile *vm, uint32_t domid);

/*
 * Starts the watcher of a VM that was built and is still paused, as a process of its own, which
 * logs to /var/log/cleave/NAME.log. Returns when it watches: whatever the guest does from then on
 * is seen. 0, or a negative errno after an error line.
 */
int life_watch(const struct vmfile *vm, uint32_t domid);

/*
 * The same in this process, until the VM is gone or preserved; it may run already. 0, or a negative
 * errno after an error line.
 */
int life_run(const struct vmfile *vm, uint32_t domid);

#endif
