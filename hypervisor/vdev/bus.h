/* SPDX-License-Identifier: MIT */
/*
 * Ports and memory that are emulated: which range of a domain is answered by whom. An address that
 * no range claims reads as all ones and ignores writes, like an empty bus.
 */
#ifndef CLV_VDEV_BUS_H
#define CLV_VDEV_BUS_H

#include "types.h"

struct domain;
struct vcpu;

/*
 * One access by v, the current vcpu. A read finds all ones in *val; the owner leaves them, or sets
 * it.
 */
typedef void bus_access_fn(struct vcpu *v, uint64_t at, unsigned int size, bool write,
                           uint64_t *val);

struct bus_range {
    uint64_t first, last; /* both included */
    bus_access_fn *access;
    /* Whether this address belongs to the range now; NULL: always. Takes no lock. */
    bool (*has)(const struct vcpu *v, uint64_t at);
    const struct bus_range *next;
};

/*
 * Gives d the ranges of every guest. A range that is added later comes first; it lives as long as
 * d.
 */
void bus_init(struct domain *d);
void bus_add_ports(struct domain *d, struct bus_range *r);
void bus_add_memory(struct domain *d, struct bus_range *r);

/* size: 1, 2 or 4 bytes for ports; 1, 2, 4 or 8 for memory. */
uint32_t bus_port_read(struct vcpu *v, uint16_t port, unsigned int size);
void bus_port_write(struct vcpu *v, uint16_t port, unsigned int size, uint32_t val);
uint64_t bus_memory_read(struct vcpu *v, gpa_t gpa, unsigned int size);
void bus_memory_write(struct vcpu *v, gpa_t gpa, unsigned int size, uint64_t val);
bool bus_has_memory(const struct vcpu *v, gpa_t gpa);

#endif
