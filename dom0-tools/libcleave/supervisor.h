/* SPDX-License-Identifier: MIT */
/*
 * How programs talk to cleaved: lines of JSON over a Unix socket. A request is an object
 * {"v":1,"request":"ping"|"status"}, and has one answer, an object with "v" and "ok".
 * Nothing depends on it: cleaved learns what it must know from the disk and the hypervisor.
 */
#ifndef LIBCLEAVE_SUPERVISOR_H
#define LIBCLEAVE_SUPERVISOR_H

#include <stdbool.h>

#define SUPERVISOR_FOLDER "/run/cleave"
#define SUPERVISOR_SOCKET SUPERVISOR_FOLDER "/cleaved.sock"
#define SUPERVISOR_VERSION 1
/* The longest request or answer. */
#define SUPERVISOR_LINE_MAX 4096

/* True if cleaved answers. */
bool supervisor_ping(void);

#endif
