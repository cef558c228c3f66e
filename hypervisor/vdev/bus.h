/* SPDX-License-Identifier: MIT */
/*
 * Emulated ports and memory: finds the range of a domain that handles an address. An address in no
 * range reads as all ones and ignores writes, like an empty bus.
 */
#ifndef CLV_VDEV_BUS_H
#define CLV_VDEV_BUS_H

#include "types.h"

struct domain;
struct vcpu;

/* Performs one access by v, the current vcpu. For a read, *val is preset to all ones. */
typedef void bus_access_fn(struct vcpu *v, uint64_t at, unsigned int size, bool write,
                           uint64_t *val);

struct bus_range {
    uint64_t first, last; /* inclusive */
    bus_access_fn *access;
    /* Tells whether the range currently contains this address; NULL: always. Must take no lock. */
    bool (*has)(const struct vcpu *v, uint64_t at);
    const struct bus_range *next;
};

/*
 * Sets up the ranges that every guest has. A range added later takes precedence, and must live as
 * long as d.
 */
void bus_init(struct domain *d);
/* The console at port 0xe9, and the local APIC at LAPIC_PAGE, which only some modes have. */
bus_access_fn bus_access_debug, bus_access_lapic;
bool bus_has_lapic(const struct vcpu *v, uint64_t gpa);
void bus_add_ports(struct domain *d, struct bus_range *r);
void bus_add_memory(struct domain *d, struct bus_range *r);

/* size: 1, 2 or 4 bytes for ports; 1, 2, 4 or 8 for memory. */
uint32_t bus_port_read(struct vcpu *v, uint16_t port, unsigned int size);
void bus_port_write(struct vcpu *v, uint16_t port, unsigned int size, uint32_t val);
uint64_t bus_memory_read(struct vcpu *v, gpa_t gpa, unsigned int size);
void bus_memory_write(struct vcpu *v, gpa_t gpa, unsigned int size, uint64_t val);
bool bus_has_port(const struct vcpu *v, uint16_t port);
bool bus_has_memory(const struct vcpu *v, gpa_t gpa);

#endif
