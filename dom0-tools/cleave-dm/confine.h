/* SPDX-License-Identifier: MIT */
/* Takes from the process that serves the guest all that it does not need. */
#ifndef DM_CONFINE_H
#define DM_CONFINE_H

/*
 * Another user without capabilities, an empty root folder, and only the system calls of a running
 * device model; any other one ends the process. Irrevocable. Returns 0, or a negative errno after
 * an error line.
 */
int confine(void);

#endif
