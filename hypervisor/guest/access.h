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
/*
 * Make accesses to consecutive elements in one request, if a device model has them: to one port, or
 * to memory from gpa on, upwards or (down) downwards. data: the guest physical address of the
 * elements in RAM; or, for memory with by_value, the value that is written to each. Else as above;
 * -ENOENT: no device model has all of them.
 */
struct access_block {
    uint64_t data;
    uint32_t count;
    unsigned int size;
    bool write, down, by_value;
};
int must_check access_port_block(struct vcpu *v, uint16_t port, const struct access_block *b);
int must_check access_memory_block(struct vcpu *v, gpa_t gpa, const struct access_block *b);
/* Whether there is a device. */
bool access_has_memory(struct vcpu *v, gpa_t gpa);

#endif
