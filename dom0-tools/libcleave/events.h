/* SPDX-License-Identifier: MIT */
/* The journal of what happened to VMs: one JSON object a line. */
#ifndef LIBCLEAVE_EVENTS_H
#define LIBCLEAVE_EVENTS_H

#include <stdbool.h>

#include "vms.h"

#define EVENTS_PATH VMS_HOME "/events.jsonl"
#define EVENTS_OLD_PATH VMS_HOME "/events.1.jsonl"

/*
 * Appends an event of the kind "lifecycle". what is one word; the text behind it is for people, and
 * may be empty. An event that cannot be written is warned about once: it never stops a VM's life.
 */
void events_append(const struct vms_record *vm, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Also prints each event to standard error, for people. */
void events_echo(void);

#endif
