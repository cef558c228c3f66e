/* SPDX-License-Identifier: MIT */
/*
 * PCI functions, by the PCI Local Bus Specification 3.0: a header of type 0, one BAR, MSI-X
 * (section 6.8.2). Read next: chipset.c, virtio.c.
 */
#include "pci.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#define MSIX_CAPABILITY_SIZE 12
#define MSIX_ENTRY_SIZE 16

void pci_put(struct pci_function *function, unsigned int offset, unsigned int size, uint32_t value)
{
    for (unsigned int i = 0; i < size; i++)
        function->config[offset + i] = value >> i * 8;
}

uint32_t pci_get(const struct pci_function *function, unsigned int offset, unsigned int size)
{
    uint32_t value = 0;

    for (unsigned int i = 0; i < size; i++)
        value |= (uint32_t)function->config[offset + i] << i * 8;
    return value;
}

int pci_add(struct pci_bus *bus, struct pci_function *function, unsigned int device,
            unsigned int number, const struct pci_id *id)
{
    struct host *host = bus->bus->host;

    function->bus = bus;
    function->device = device;
    function->function = number;
    function->capabilities = PCI_STD_HEADER_SIZEOF;
    pci_put(function, PCI_VENDOR_ID, 2, id->vendor);
    pci_put(function, PCI_DEVICE_ID, 2, id->device);
    pci_put(function, PCI_CLASS_REVISION, 4, id->class << 8 | id->revision);
    pci_put(function, PCI_SUBSYSTEM_VENDOR_ID, 2, id->subsystem_vendor);
    pci_put(function, PCI_SUBSYSTEM_ID, 2, id->subsystem);
    function->writable[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    function->writable[PCI_COMMAND + 1] = PCI_COMMAND_INTX_DISABLE >> 8;
    function->writable[PCI_CACHE_LINE_SIZE] = 0xff;
    function->writable[PCI_LATENCY_TIMER] = 0xff;
    function->writable[PCI_INTERRUPT_LINE] = 0xff;
    bus->functions[device][number] = function;
    return host->function(host, device, number);
}

void pci_add_bar(struct pci_function *function, uint32_t size, const struct bus_ops *ops,
                 void *owner)
{
    function->bar_size = size;
    function->bar = ops;
    function->owner = owner;
    for (unsigned int i = 0; i < 4; i++)
        function->writable[PCI_BASE_ADDRESS_0 + i] = ~(size - 1) >> i * 8;
}

unsigned int pci_add_capability(struct pci_function *function, const void *bytes,
                                unsigned int length)
{
    unsigned int offset = function->capabilities;

    memcpy(&function->config[offset], bytes, length);
    function->config[offset + PCI_CAP_LIST_NEXT] = function->config[PCI_CAPABILITY_LIST];
    function->config[PCI_CAPABILITY_LIST] = offset;
    function->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    function->capabilities = (offset + length + 3) & ~3u;
    return offset;
}

/* --- MSI-X ------------------------------------------------------------------------------------ */

void pci_add_msix(struct pci_function *function, unsigned int vectors, uint32_t table,
                  uint32_t pending)
{
    uint8_t capability[MSIX_CAPABILITY_SIZE] = { PCI_CAP_ID_MSIX };
    struct pci_msix *msix = &function->msix;

    msix->vectors = vectors;
    msix->capability = pci_add_capability(function, capability, sizeof(capability));
    pci_put(function, msix->capability + PCI_MSIX_FLAGS, 2, vectors - 1);
    pci_put(function, msix->capability + PCI_MSIX_TABLE, 4, table);
    pci_put(function, msix->capability + PCI_MSIX_PBA, 4, pending);
    function->writable[msix->capability + PCI_MSIX_FLAGS + 1] =
        (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
    for (unsigned int i = 0; i < vectors; i++)
        msix->table[i].control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

static uint32_t msix_flags(const struct pci_function *function)
{
    const struct pci_msix *msix = &function->msix;

    return msix->capability ? pci_get(function, msix->capability + PCI_MSIX_FLAGS, 2) : 0;
}

bool pci_uses_msix(const struct pci_function *function)
{
    return msix_flags(function) & PCI_MSIX_FLAGS_ENABLE;
}

static bool is_masked(const struct pci_function *function, unsigned int vector)
{
    return msix_flags(function) & PCI_MSIX_FLAGS_MASKALL ||
           function->msix.table[vector].control & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

static bool is_master(const struct pci_function *function)
{
    return function->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* Delivers what has become unmasked. */
static void deliver(struct pci_function *function)
{
    struct pci_msix *msix = &function->msix;
    struct host *host = function->bus->bus->host;

    if (!pci_uses_msix(function) || !is_master(function))
        return;
    for (unsigned int i = 0; i < msix->vectors; i++) {
        if (!(msix->pending >> i & 1) || is_masked(function, i))
            continue;
        msix->pending &= ~(1ull << i);
        host->msi(host, msix->table[i].address, msix->table[i].data);
    }
}

void pci_msix_raise(struct pci_function *function, unsigned int vector)
{
    if (vector >= function->msix.vectors || !pci_uses_msix(function))
        return;
    function->msix.pending |= 1ull << vector;
    deliver(function);
}

uint64_t pci_msix_read(struct pci_function *function, uint64_t offset, unsigned int size)
{
    const struct pci_msix *msix = &function->msix;
    uint64_t value = 0;

    if (offset + size > msix->vectors * (uint64_t)MSIX_ENTRY_SIZE || offset % size)
        return bus_ones(size);
    memcpy(&value, (const char *)msix->table + offset, size);
    return value;
}

void pci_msix_write(struct pci_function *function, uint64_t offset, unsigned int size,
                    uint64_t value)
{
    struct pci_msix *msix = &function->msix;

    if (size < 4 || offset + size > msix->vectors * (uint64_t)MSIX_ENTRY_SIZE || offset % size)
        return;
    memcpy((char *)msix->table + offset, &value, size);
    deliver(function);
}

uint64_t pci_msix_pending(struct pci_function *function, uint64_t offset, unsigned int size)
{
    return offset < 8 ? function->msix.pending >> offset * 8 & bus_ones(size) : 0;
}

void pci_line(struct pci_function *function, bool level)
{
    struct host *host = function->bus->bus->host;
    bool disabled = function->config[PCI_COMMAND + 1] & PCI_COMMAND_INTX_DISABLE >> 8;

    level = level && !disabled && !pci_uses_msix(function);
    if (level == function->line)
        return;
    function->line = level;
    host->intx(host, function->device, 0, level);
}

/* --- configuration space ---------------------------------------------------------------------- */

/* Lets the BAR answer where the guest wants it, if it is enabled and not at 0. */
static void place_bar(struct pci_function *function)
{
    bool on = function->config[PCI_COMMAND] & PCI_COMMAND_MEMORY;
    uint32_t at = on ? pci_get(function, PCI_BASE_ADDRESS_0, 4) : 0;
    struct bus *bus = function->bus->bus;

    if (!function->bar_size || at == function->mapped_at)
        return;
    if (function->mapped_at)
        bus_remove(bus, HOST_MEMORY, function->mapped_at, function->owner);
    function->mapped_at = 0;
    /* all ones is how its size is asked for */
    if (at && at <= UINT32_MAX - function->bar_size &&
        bus_add(bus, HOST_MEMORY, at, function->bar_size, function->bar, function->owner) == 0)
        function->mapped_at = at;
}

uint32_t pci_read(struct pci_bus *bus, unsigned int device, unsigned int function,
                  unsigned int offset, unsigned int size)
{
    struct pci_function *there =
        device < PCI_SLOTS && function < PCI_FUNCTIONS ? bus->functions[device][function] : NULL;

    if (!there || size > 4 || offset > PCI_CONFIG_SIZE - size)
        return bus_ones(size < 4 ? size : 4);
    if (there->fetched)
        there->fetched(there->owner, offset, size);
    return pci_get(there, offset, size);
}

void pci_write(struct pci_bus *bus, unsigned int device, unsigned int function, unsigned int offset,
               unsigned int size, uint32_t value)
{
    struct pci_function *there =
        device < PCI_SLOTS && function < PCI_FUNCTIONS ? bus->functions[device][function] : NULL;

    if (!there || size > 4 || offset > PCI_CONFIG_SIZE - size)
        return;
    for (unsigned int i = 0; i < size; i++) {
        uint8_t mask = there->writable[offset + i];

        there->config[offset + i] = (there->config[offset + i] & ~mask) | ((value >> i * 8) & mask);
    }
    place_bar(there);
    deliver(there);
    if (there->changed)
        there->changed(there->owner, offset, size);
}

void pci_state(struct pci_function *function, struct state *state)
{
    uint8_t config[PCI_CONFIG_SIZE];

    memcpy(config, function->config, sizeof(config));
    STATE_FIELD(state, config);
    /* what it cannot change is this machine's */
    for (unsigned int i = 0; state->loading && i < PCI_CONFIG_SIZE; i++) {
        uint8_t mask = function->writable[i];

        function->config[i] = (function->config[i] & ~mask) | (config[i] & mask);
    }
    state_expect(state, function->msix.vectors);
    state_bytes(state, function->msix.table,
                function->msix.vectors * sizeof(function->msix.table[0]));
    STATE_FIELD(state, function->msix.pending);
    state_flag(state, &function->line);
    if (state->loading)
        place_bar(function);
}
