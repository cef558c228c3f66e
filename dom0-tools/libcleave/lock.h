/* SPDX-License-Identifier: MIT */
/*
 * One lock for all Cleave tools on the machine. Protects: checking and taking a name or a UUID,
 * checking and taking a disk for writing, and removing a domain's nodes. Order: after a VM's lock
 * (vms.h). Held for milliseconds: nobody waits for a guest or for dom0's kernel under it.
 */
#ifndef LIBCLEAVE_LOCK_H
#define LIBCLEAVE_LOCK_H

#include <stdbool.h>

/*
 * Waits for the lock. Returns a descriptor for lock_release, or a negative errno after an error
 * line.
 */
int lock_acquire(void);
void lock_release(int lock);

/*
 * Waits for a lock on an open file. Returns 0, or a negative errno: -EBUSY: another process holds
 * it for longer than ms; -EINTR: lock_is_interrupted. Reports nothing.
 */
int lock_take(int fd, unsigned int ms);

/*
 * True if a signal that ends programs is pending: verbs block these signals until what they began
 * is complete or undone.
 */
bool lock_is_interrupted(void);

#endif
