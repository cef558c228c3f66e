/* SPDX-License-Identifier: MIT */
/* How many VMs are built at a time: a build takes dom0's memory, for the kernel that it unpacks. */
#ifndef LIBCLEAVE_BUILDSLOT_H
#define LIBCLEAVE_BUILDSLOT_H

/*
 * Waits until the VM `who` may be built. Returns a descriptor for buildslot_release, or a negative
 * errno after an error line.
 */
int buildslot_take(const char *who);
void buildslot_release(int slot);

#endif
