/* SPDX-License-Identifier: MIT */
/*
 * One lock for all Cleave tools on the machine. Protects: checking and taking a domain name,
 * checking and taking a disk for writing, and removing a domain's nodes. Order: the only lock.
 */
#ifndef LIBCLEAVE_LOCK_H
#define LIBCLEAVE_LOCK_H

/*
 * Waits for the lock. Returns a descriptor for lock_release, or a negative errno after an error
 * line.
 */
int lock_acquire(void);
void lock_release(int lock);

#endif
