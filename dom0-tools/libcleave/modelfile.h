/* SPDX-License-Identifier: MIT */
/*
 * A file for each device model, which its two processes keep locked (flock) as long as one of them
 * lives. The kernel frees the lock at their death, whatever its cause. The file is empty: its name
 * is the domain's number.
 */
#ifndef LIBCLEAVE_MODELFILE_H
#define LIBCLEAVE_MODELFILE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Creates the domain's file, which appears locked. Returns a descriptor for the device model to
 * inherit, or a negative errno, and reports nothing. The caller closes its own.
 */
int modelfile_hold(uint32_t domid);

/* Whether a process of the domain's device model lives. */
bool modelfile_is_held(uint32_t domid);

void modelfile_remove(uint32_t domid);

/* Calls visit for each file. It may remove that file. */
void modelfile_each(void (*visit)(uint32_t domid, void *data), void *data);

#endif
