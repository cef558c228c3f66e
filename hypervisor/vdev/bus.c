/* SPDX-License-Identifier: MIT */
/*
 * The bus of a domain: a chain of port ranges and one of memory ranges (bus.h). Every guest has its
 * local APIC, a console on port 0xe9, and a stub for the PIT. dom0's devices are added in front of
 * these (../dom0/build.c).
 *
 * The chains change only before the domain first runs, so no lock protects them.
 *
 * Read next: lapic.c; ../guest/emulate.c.
 */
#include "vdev/bus.h"
#include "core/domain.h"
#include "core/vcpu.h"
#include "vdev/lapic.h"
#include "vdev/text.h"

#define PORT_PIT_COUNTER 0x42
#define PORT_PIT_OUTPUT 0x61
#define PIT_OUTPUT 0x20
#define PORT_DEBUG 0xe9

static uint64_t ones_of_size(unsigned int bytes)
{
    return bytes >= 8 ? ~0ull : (1ull << bytes * 8) - 1;
}

/*
 * A stub: guests have no PIT. A kernel that calibrates its clock with channel 2 sees at once that
 * the counter does not start where it was set, and that the interval has ended. With all ones it
 * would wait for seconds.
 */
static void access_pit(struct vcpu *v, uint64_t port, unsigned int size, bool write, uint64_t *val)
{
    if (!write && size == 1)
        *val = port == PORT_PIT_OUTPUT ? PIT_OUTPUT : 0;
}

/* Reads return the port number, by which software detects the port. */
void bus_access_debug(struct vcpu *v, uint64_t port, unsigned int size, bool write, uint64_t *val)
{
    char letter = (char)*val;

    if (size != 1)
        return;
    if (write)
        text_print(v->d, &letter, 1);
    else
        *val = PORT_DEBUG;
}

bool bus_has_lapic(const struct vcpu *v, uint64_t gpa) { return lapic_has_page(v, gpa); }

/* The local APIC accepts only 4-byte accesses. */
void bus_access_lapic(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val)
{
    uint32_t offset = gpa & ~PAGE_MASK;

    if (size != 4)
        return;
    if (write)
        lapic_mmio_write(v, offset, (uint32_t)*val);
    else
        *val = lapic_mmio_read(v, offset);
}

static const struct bus_range pit_counter = { PORT_PIT_COUNTER, PORT_PIT_COUNTER, access_pit, NULL,
                                              NULL };
static const struct bus_range pit_output = { PORT_PIT_OUTPUT, PORT_PIT_OUTPUT, access_pit, NULL,
                                             &pit_counter };
static const struct bus_range debug_port = { PORT_DEBUG, PORT_DEBUG, bus_access_debug, NULL,
                                             &pit_output };
static const struct bus_range lapic_page = { LAPIC_PAGE, LAPIC_PAGE + PAGE_SIZE - 1,
                                             bus_access_lapic, bus_has_lapic, NULL };

void bus_init(struct domain *d)
{
    d->vdev.ports = &debug_port;
    d->vdev.memory = &lapic_page;
}

void bus_add_ports(struct domain *d, struct bus_range *r)
{
    r->next = d->vdev.ports;
    d->vdev.ports = r;
}

void bus_add_memory(struct domain *d, struct bus_range *r)
{
    r->next = d->vdev.memory;
    d->vdev.memory = r;
}

/* Returns the first range of chain r that contains `at`, or NULL. */
static const struct bus_range *find_range(const struct bus_range *r, const struct vcpu *v,
                                          uint64_t at)
{
    while (r && (at < r->first || at > r->last || (r->has && !r->has(v, at))))
        r = r->next;
    return r;
}

static uint64_t access_range(const struct bus_range *r, struct vcpu *v, uint64_t at,
                             unsigned int size, bool write, uint64_t val)
{
    if (r)
        r->access(v, at, size, write, &val);
    return val & ones_of_size(size);
}

uint32_t bus_port_read(struct vcpu *v, uint16_t port, unsigned int size)
{
    return (uint32_t)access_range(find_range(v->d->vdev.ports, v, port), v, port, size, false,
                                  ~0ull);
}

void bus_port_write(struct vcpu *v, uint16_t port, unsigned int size, uint32_t val)
{
    access_range(find_range(v->d->vdev.ports, v, port), v, port, size, true, val);
}

uint64_t bus_memory_read(struct vcpu *v, gpa_t gpa, unsigned int size)
{
    return access_range(find_range(v->d->vdev.memory, v, gpa), v, gpa, size, false, ~0ull);
}

void bus_memory_write(struct vcpu *v, gpa_t gpa, unsigned int size, uint64_t val)
{
    access_range(find_range(v->d->vdev.memory, v, gpa), v, gpa, size, true, val);
}

bool bus_has_port(const struct vcpu *v, uint16_t port)
{
    return find_range(v->d->vdev.ports, v, port);
}

bool bus_has_memory(const struct vcpu *v, gpa_t gpa)
{
    return find_range(v->d->vdev.memory, v, gpa);
}
