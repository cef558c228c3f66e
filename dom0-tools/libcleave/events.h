/* SPDX-License-Identifier: MIT */
/* The journal of what happened to VMs: one JSON object a line. */
#ifndef LIBCLEAVE_EVENTS_H
#define LIBCLEAVE_EVENTS_H

#include <stdbool.h>

#include "vms.h"

#define EVENTS_PATH VMS_HOME "/events.jsonl"
#define EVENTS_OLD_PATH VMS_HOME "/events.1.jsonl"

/*
 * Each function appends one event. what is one word of dom0-tools/schema/events.json; the text
 * behind it is for people, and may be empty. An event that cannot be written is warned about once:
 * it never stops a VM's life. The journal also says which program wrote it, and for whom, if that
 * user called it by sudo.
 */
void events_append(const struct vms_record *vm, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same of the kind "promise". */
void events_promise(const struct vms_record *vm, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for any domain, also one of another tool. Its name, uuid and domid must be set. */
void events_domain(const struct domain *domain, const char *what, const char *detail);

/*
 * Its memory target: what is "memory-target" when it changes from old_kib, "memory-reached" or
 * "memory-missed" when its memory, old_kib then, became new_kib within the time that a verb waits.
 */
void events_memory(const struct domain *domain, const char *what, uint64_t old_kib,
                   uint64_t new_kib);

/* "memory-target" of the balancer, with its reason. */
void events_target(const struct domain *domain, uint64_t old_kib, uint64_t new_kib,
                   const char *reason);

/*
 * "memory-uncooperative": the guest does not follow; "memory-min-missed": the VM cannot have its
 * minimum. Of the kind "memory", with a text for people.
 */
void events_balance(const struct domain *domain, const char *what, const char *detail);

/* Its online vCPUs, likewise: "vcpus-target", "vcpus-reached", "vcpus-missed". */
void events_vcpus(const struct domain *domain, const char *what, unsigned int before,
                  unsigned int after);

/* "quota", with what is used up, of the kind "store". */
void events_store(const struct domain *domain, const char *what, const char *detail);

/* "attached" or "detached", with the device in words: "disk xvdb: /disk.img", "vif 0". */
void events_device(const struct domain *domain, const char *what, const char *device);

/* Names who made the next events happen, in place of this program. NULL: this program. */
void events_by(const char *who);

/* Also prints each event to standard error, for people. */
void events_echo(void);

#endif
