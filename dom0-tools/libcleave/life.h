/* SPDX-License-Identifier: MIT */
/*
 * The life of a VM after its start: what happens when the guest powers off, reboots or crashes.
 */
#ifndef LIBCLEAVE_LIFE_H
#define LIBCLEAVE_LIFE_H

#include "vmfile.h"

/*
 * Starts the watcher of a VM that was built and is still paused, as a process of its own, which logs to
 * /var/log/cleave/NAME.log. Returns when it watches: whatever the guest does from then on is seen. 0, or a
 * negative errno after an error line.
 */
int life_watch(const struct vmfile *vm, uint32_t domid);

/*
 * The same in this process, until the VM is gone or preserved. The domain is unpaused unless paused is set;
 * it must not run before. 0, or a negative errno after an error line.
 */
int life_run(const struct vmfile *vm, uint32_t domid, bool paused);

#endif
