/* SPDX-License-Identifier: MIT */
/* Accesses of a guest to emulated ports and memory (guest/access.c). */
#ifndef CLV_GUEST_ACCESS_H
#define CLV_GUEST_ACCESS_H

#include "types.h"

struct vcpu;

/*
 * Make one access, with *val as the value to write or the value read: all ones where there is no
 * device. 0: done. -EAGAIN: v waits for a device model, and the exit will be handled again, from
 * its beginning: the accesses that were made then return what they did. -EIO: the domain was
 * crashed. Each exit that may make some calls ioreq_begin() first.
 */
int must_check access_port(struct vcpu *v, uint16_t port, unsigned int size, bool write,
                           uint32_t *val);
int must_check access_memory(struct vcpu *v, gpa_t gpa, unsigned int size, bool write,
                             uint64_t *val);
/* Whether there is a device. */
bool access_has_memory(struct vcpu *v, gpa_t gpa);

#endif
