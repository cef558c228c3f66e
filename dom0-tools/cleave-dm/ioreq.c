/* SPDX-License-Identifier: MIT */
/*
 * A request is one access, or the repetitions of a string instruction: then data is the
 * guest-physical address of the other operand (data_is_ptr), and df says in which direction it
 * moves. A port stays the same, device memory moves too. Read next: bus.c, xen.c.
 */
#include "ioreq.h"

/* The hypervisor cuts repetitions at the end of a page. */
#define COUNT_MAX MEMORY_PAGE

static uint64_t access_read(struct pci_bus *bus, const struct ioreq *r, uint64_t address)
{
    switch (r->type) {
    case IOREQ_TYPE_PIO: return bus_read(bus->bus, HOST_PORTS, address, r->size);
    case IOREQ_TYPE_COPY: return bus_read(bus->bus, HOST_MEMORY, address, r->size);
    case IOREQ_TYPE_PCI_CONFIG:
        return pci_read(bus, address >> 35 & 0x1f, address >> 32 & 7, (uint32_t)address, r->size);
    default: return bus_ones(r->size);
    }
}

static void access_write(struct pci_bus *bus, const struct ioreq *r, uint64_t address,
                         uint64_t value)
{
    switch (r->type) {
    case IOREQ_TYPE_PIO: bus_write(bus->bus, HOST_PORTS, address, r->size, value); break;
    case IOREQ_TYPE_COPY: bus_write(bus->bus, HOST_MEMORY, address, r->size, value); break;
    case IOREQ_TYPE_PCI_CONFIG:
        pci_write(bus, address >> 35 & 0x1f, address >> 32 & 7, (uint32_t)address, r->size, value);
        break;
    default: break;
    }
}

static bool is_sane(const struct ioreq *r)
{
    bool size = r->size == 1 || r->size == 2 || r->size == 4 ||
                (r->size == 8 && r->type == IOREQ_TYPE_COPY);

    return size && r->count <= COUNT_MAX &&
           (r->data_is_ptr || r->type != IOREQ_TYPE_PCI_CONFIG || r->count == 1);
}

void ioreq_serve(struct pci_bus *bus, struct memory *memory, struct ioreq *request)
{
    struct ioreq *r = request;
    int64_t step = r->df ? -(int64_t)r->size : (int64_t)r->size;
    int64_t moves = r->type == IOREQ_TYPE_COPY ? step : 0;

    if (!is_sane(r)) {
        r->data = ~0ull;
        return;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t address = r->addr + i * moves, value = 0;

        if (r->dir == IOREQ_READ) {
            value = access_read(bus, r, address);
            if (r->data_is_ptr)
                memory_write(memory, r->data + i * step, &value, r->size);
            else
                r->data = value;
        } else {
            if (!r->data_is_ptr)
                value = r->data;
            else if (!memory_read(memory, r->data + i * step, &value, r->size))
                value = bus_ones(r->size);
            access_write(bus, r, address, value);
        }
    }
}
