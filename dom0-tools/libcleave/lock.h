/* SPDX-License-Identifier: MIT */
/*
 * One lock for all of this project's tools on the machine. Protects: the step from "no domain has
 * this name" to "this domain has it", the one from "nobody writes to this disk" to "this domain
 * does", and the removal of a domain's nodes. Order: none, there is no other.
 */
#ifndef LIBCLEAVE_LOCK_H
#define LIBCLEAVE_LOCK_H

/* Waits for the lock. A descriptor for lock_release, or a negative errno after an error line. */
int lock_acquire(void);
void lock_release(int lock);

#endif
