/* SPDX-License-Identifier: MIT */
/*
 * dom0's PCI configuration space, through ports 0xcf8 to 0xcff (PCI 3.0, 3.2.2.3.2) and through
 * memory (PCI Express 4.0, 7.2.2; located by the MCFG table). Accesses are passed on to the
 * machine, except for what could affect the core. The MSI and MSI-X capabilities are emulated by
 * msi.c. A function may decode only addresses that are dom0's: a BAR that covers RAM, or devices or
 * ports of the core, is refused when it would take effect. Host bridges, which could move such
 * resources, are read-only. So are bus numbers once msi.c identifies functions by them.
 *
 * The address register is emulated; it reaches the hardware only as part of an access. Port 0xcf9
 * is the chip set's reset. Lock: pci_lock, class LOCK_PCI. The latched address is one word; Linux
 * serialises the pair of accesses itself. Read next: msi.c.
 */
#include "dom0/pci.h"
#include "core/domain_shutdown.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "directmap.h"
#include "dom0/mmio.h"
#include "dom0/msi.h"
#include "hw.h"
#include "lib.h"
#include "mm/pagetable.h"
#include "platform/acpi.h"
#include "vdev/bus.h"

#define PORT_ADDRESS 0xcf8
#define PORT_RESET 0xcf9
#define PORT_DATA 0xcfc
#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_WRITABLE 0x80fffffcu
#define ADDRESS_SEGMENT(a) ((a) >> 24 & 0x7f)
#define RESET_CPU 0x04

#define REG_STATUS 0x06
#define STATUS_CAPABILITIES 0x10
#define REG_CLASS 0x0a
#define CLASS_HOST_BRIDGE 0x0600
#define REG_HEADER_TYPE 0x0e
#define REG_BUS_NUMBERS 0x18 /* of a bridge: 0x18 to 0x1b */
#define REG_CAPABILITIES 0x34
#define REG_CAPABILITIES_CARDBUS 0x14
#define CAP_FIRST 0x40u
#define CAP_LIMIT 48 /* the most that fit; a longer list is a loop */
#define ROM_ENABLE 1u
#define EXTENDED_FIRST 0x100u
#define EXTENDED_LIMIT 480 /* the most that fit */
#define EXTENDED_RESIZABLE 0x15u
#define VENDOR_AMD 0x1022u
#define SMN_INDEX 0x60u
#define SMN_INDEX_2 0xb8u
#define SMN_THERMAL 0x59800u
#define SMN_MEMORY 0x50000u
#define SMN_CHANNELS 0x0ff00000u /* memory channels, each with the same registers */
#define SMN_RANGE 0x1000u
#define COMMAND_DECODE (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

struct spinlock pci_lock = SPINLOCK(LOCK_PCI);
static uint32_t address_register; /* emulated */

/* --- hardware access --- */

static uint32_t all_ones(unsigned int size)
{
    return size == 4 ? 0xffffffff : (1u << size * 8) - 1;
}

static bool is_behind_ports(uint32_t address, unsigned int reg)
{
    return !ADDRESS_SEGMENT(address) && reg < EXTENDED_FIRST;
}

/* Maps a register through the window of its segment and bus; NULL if there is none. */
static volatile uint8_t *window_register(uint32_t address, unsigned int reg)
{
    for (unsigned int i = 0; i < acpi.pci_windows; i++) {
        const struct acpi_pci_window *w = &acpi.pci_window[i];
        paddr_t at = w->start + ((uint64_t)(address & 0xffff00) << 4) -
                     ((uint64_t)w->first_bus << 20);

        if (w->segment == ADDRESS_SEGMENT(address) && at >= w->start && at < w->end)
            return (volatile uint8_t *)pagetable_window(at) + reg;
    }
    return NULL;
}

uint32_t pci_hw_read(uint32_t address, unsigned int reg, unsigned int size)
{
    ASSERT(spin_lock_held(&pci_lock));
    if (!is_behind_ports(address, reg)) {
        const volatile uint8_t *p = window_register(address, reg);

        return p ? (uint32_t)mmio_read(p, size) : all_ones(size);
    }
    outl(PORT_ADDRESS, address | (reg & 0xfc));
    if (size == 1)
        return inb((uint16_t)(PORT_DATA + (reg & 3)));
    return size == 2 ? inw((uint16_t)(PORT_DATA + (reg & 2))) : inl(PORT_DATA);
}

void pci_hw_write(uint32_t address, unsigned int reg, unsigned int size, uint32_t val)
{
    ASSERT(spin_lock_held(&pci_lock));
    if (!is_behind_ports(address, reg)) {
        volatile uint8_t *p = window_register(address, reg);

        if (p)
            mmio_write(p, size, val);
        return;
    }
    outl(PORT_ADDRESS, address | (reg & 0xfc));
    if (size == 1)
        outb((uint16_t)(PORT_DATA + (reg & 3)), (uint8_t)val);
    else if (size == 2)
        outw((uint16_t)(PORT_DATA + (reg & 2)), (uint16_t)val);
    else
        outl(PORT_DATA, val);
}

void pci_log(struct domain *d, uint32_t address, const char *what)
{
    log_guest(d, "PCI %04x:%02x:%02x.%u: %s\n", ADDRESS_SEGMENT(address), address >> 16 & 0xff,
              address >> 11 & 0x1f, address >> 8 & 7, what);
}

/* --- capabilities --- */

static unsigned int header_type(uint32_t address)
{
    return pci_hw_read(address, REG_HEADER_TYPE, 1) & 0x7f;
}

/* Returns the offset of the first capability, or 0 if there is none. */
static unsigned int first_capability(uint32_t address)
{
    unsigned int pointer = header_type(address) == 2 ? REG_CAPABILITIES_CARDBUS : REG_CAPABILITIES;

    if (pci_hw_read(address, 0, 2) == 0xffff ||
        !(pci_hw_read(address, REG_STATUS, 2) & STATUS_CAPABILITIES))
        return 0;
    return pci_hw_read(address, pointer, 1) & 0xfc;
}

/* Finds the capability whose emulated part contains reg. */
static bool find_capability(uint32_t address, unsigned int reg, struct pci_capability *c)
{
    unsigned int at = reg < CAP_FIRST || reg >= EXTENDED_FIRST ? 0 : first_capability(address);

    for (unsigned int n = 0; n < CAP_LIMIT && at >= CAP_FIRST; n++) {
        uint32_t header = pci_hw_read(address, at, 2);

        *c = (struct pci_capability){ address, (uint8_t)at, (uint8_t)header };
        if ((c->id == PCI_CAP_MSI || c->id == PCI_CAP_MSIX) && reg >= at &&
            reg < at + msi_length(c))
            return true;
        at = header >> 8 & 0xfc;
    }
    return false;
}

/*
 * Extended capabilities that let a function decode more than its BARs show at present. dom0 may
 * resize BARs. The others are hidden: SR-IOV, multicast, resizable BARs of SR-IOV.
 */
static const struct {
    uint16_t id, length;
} watched[] = {
    { EXTENDED_RESIZABLE, 0x34 },
    { 0x10, 0x40 },
    { 0x12, 0x30 },
    { 0x24, 0x34 },
};

/*
 * Returns the id of the watched capability that contains reg, and its offset in *at; 0 if none. A
 * header has the id, a version, and from bit 20 on the offset of the next capability.
 */
static unsigned int find_extended(uint32_t address, unsigned int reg, unsigned int *at)
{
    *at = reg < EXTENDED_FIRST ? 0 : EXTENDED_FIRST;
    for (unsigned int n = 0; n < EXTENDED_LIMIT && *at >= EXTENDED_FIRST; n++) {
        uint32_t header = pci_hw_read(address, *at, 4);

        if (header == ~0u)
            return 0;
        for (unsigned int i = 0; i < ARRAY_SIZE(watched); i++)
            if ((header & 0xffff) == watched[i].id && reg >= *at && reg < *at + watched[i].length)
                return watched[i].id;
        *at = header >> 20 & ~3u;
    }
    return 0;
}

/* --- base addresses --- */

struct bar {
    uint64_t base, size; /* size 0: none */
    bool io, wide;
};

/* Returns the writable bits of a BAR; the function decodes the others. Decoding must be off. */
static uint64_t writable_bits(uint32_t address, unsigned int reg, uint32_t ones)
{
    uint32_t val = pci_hw_read(address, reg, 4), mask;

    pci_hw_write(address, reg, 4, ones);
    mask = pci_hw_read(address, reg, 4);
    pci_hw_write(address, reg, 4, val);
    return mask;
}

/* Reads a BAR (PCI 3.0, 6.2.5.1). A disabled ROM has size 0. */
static struct bar read_bar(uint32_t address, unsigned int reg, bool rom)
{
    uint64_t val = pci_hw_read(address, reg, 4);
    uint64_t flags = rom ? 0x7ff : 0xf;
    uint64_t mask = writable_bits(address, reg, rom ? ~ROM_ENABLE : ~0u);
    struct bar b = { .io = !rom && (val & PCI_BAR_IO) };

    b.wide = !rom && !b.io && (val & PCI_BAR_TYPE) == PCI_BAR_64;
    if (b.io)
        flags = 3;
    if (b.wide) {
        val |= (uint64_t)pci_hw_read(address, reg + 4, 4) << 32;
        mask |= writable_bits(address, reg + 4, ~0u) << 32;
    } else if (mask) {
        mask |= b.io ? 0xffffffffffff0000ull : 0xffffffff00000000ull;
    }
    b.base = val & ~flags;
    if (mask & ~flags && !(rom && !(val & ROM_ENABLE)))
        b.size = -(mask & ~flags);
    return b;
}

/* A BAR at 0 is unassigned, and RAM has that address anyway. */
static bool bar_is_harmless(struct domain *d, const struct bar *b)
{
    uint64_t end = b->base + b->size;

    if (!b->base || !b->size)
        return true;
    if (!b->io)
        return end > b->base &&
               mmio_allowed(d, b->base >> PAGE_SHIFT, ROUND_UP(end, PAGE_SIZE) >> PAGE_SHIFT);
    for (uint64_t port = b->base; port < end && port < 0x10000; port++)
        if (!hw_port_allowed(d, (uint16_t)port))
            return false;
    return true;
}

/*
 * The end of the BARs of header types 0 (six registers), 1 (two) and 2 (one). Types 0 and 1 also
 * have a ROM.
 */
static unsigned int bars_end(unsigned int type)
{
    switch (type) {
    case 0: return 0x28;
    case 1: return 0x18;
    default: return 0x14;
    }
}
static unsigned int rom_register(unsigned int type) { return type == 0 ? 0x30 : 0x38; }

static bool bars_are_harmless(struct domain *d, uint32_t address, uint32_t decode)
{
    unsigned int type = header_type(address);
    struct bar b;

    if (!(decode & COMMAND_DECODE))
        return true;
    for (unsigned int reg = PCI_BAR; reg < bars_end(type); reg += b.wide ? 8 : 4) {
        b = read_bar(address, reg, false);
        if ((decode & (b.io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)) && !bar_is_harmless(d, &b))
            return false;
    }
    if (type > 1 || !(decode & PCI_COMMAND_MEMORY))
        return true;
    b = read_bar(address, rom_register(type), true);
    return bar_is_harmless(d, &b);
}

static bool is_bar(uint32_t address, unsigned int reg)
{
    unsigned int type = header_type(address);

    return (reg >= PCI_BAR && reg < bars_end(type)) || (type < 2 && reg - rom_register(type) < 4);
}

/*
 * Handles writes that enable decoding, change a BAR or resize one. A write that would affect the
 * core has no effect: the function decodes no more than before, at the same addresses.
 */
static void write_decoding(struct domain *d, uint32_t address, unsigned int reg, unsigned int size,
                           uint32_t val)
{
    uint32_t command = pci_hw_read(address, PCI_COMMAND, 2),
             before = pci_hw_read(address, reg & ~3u, 4);
    bool is_command = reg == PCI_COMMAND;

    pci_hw_write(address, PCI_COMMAND, 2, command & ~COMMAND_DECODE);
    if (!is_command)
        pci_hw_write(address, reg, size, val);
    if (!bars_are_harmless(d, address, is_command ? val : command)) {
        pci_log(d, address, "refused: a BAR would cover addresses that are not dom0's");
        if (is_command)
            val &= ~COMMAND_DECODE | (command & COMMAND_DECODE);
        else
            pci_hw_write(address, reg & ~3u, 4, before);
    }
    msi_moved(d, address);
    pci_hw_write(address, PCI_COMMAND, 2, command);
    if (is_command)
        pci_hw_write(address, reg, size, val);
}

/* --- accesses --- */

/* Returns whether the write enables decoding that is off now. */
static bool is_enabling(uint32_t address, unsigned int reg, uint32_t val)
{
    return reg == PCI_COMMAND && (val & ~pci_hw_read(address, reg, 1) & COMMAND_DECODE);
}

/*
 * AMD's system management network is accessed through an index and a data register of the root
 * complex (PPR 17h, 2.1.4.1 ff.). dom0 may set the index to registers that its drivers for
 * temperatures and memory errors read. Everything else in a host bridge is read-only.
 */
static bool is_harmless_index(uint32_t address, unsigned int reg, unsigned int size, uint32_t val)
{
    bool is_index = size == 4 && (reg == SMN_INDEX || reg == SMN_INDEX_2) && !(address & 0xff00);
    bool is_thermal = val - SMN_THERMAL < SMN_RANGE;
    bool is_memory = (val & ~SMN_CHANNELS) - SMN_MEMORY < SMN_RANGE;

    return is_index && (is_thermal || is_memory) && pci_hw_read(address, 0, 2) == VENDOR_AMD;
}

static void host_bridge_write(struct domain *d, uint32_t address, unsigned int reg,
                              unsigned int size, uint32_t val)
{
    if (is_harmless_index(address, reg, size, val))
        pci_hw_write(address, reg, size, val);
    else if (reg >= CAP_FIRST) /* not logged below: kernels size BARs that do not exist */
        pci_log(d, address, "write to this host bridge ignored");
}

static uint32_t config_read(struct domain *d, uint32_t address, unsigned int reg, unsigned int size)
{
    unsigned int shift = 8 * (reg & 3), extended, at;
    struct pci_capability c;

    spin_lock_scope(&pci_lock);
    if (find_capability(address, reg, &c))
        return msi_read(d, &c, reg & 0xfc) >> shift & all_ones(size);
    extended = find_extended(address, reg, &at);
    /* id 0, which means none; the link to the next one stays */
    if (extended && extended != EXTENDED_RESIZABLE && at == (reg & ~3u))
        return (pci_hw_read(address, at, 4) & 0xffff0000) >> shift & all_ones(size);
    return pci_hw_read(address, reg, size);
}

static void config_write(struct domain *d, uint32_t address, unsigned int reg, unsigned int size,
                         uint32_t val)
{
    unsigned int shift = 8 * (reg & 3), extended, at;
    struct pci_capability c;

    spin_lock_scope(&pci_lock);
    extended = find_extended(address, reg, &at);
    if (pci_hw_read(address, REG_CLASS, 2) == CLASS_HOST_BRIDGE) {
        host_bridge_write(d, address, reg, size, val);
    } else if (find_capability(address, reg, &c)) {
        uint32_t word = msi_read(d, &c, reg & 0xfc) & ~(all_ones(size) << shift);

        msi_write(d, &c, reg & 0xfc, word | val << shift);
    } else if (extended && extended != EXTENDED_RESIZABLE) {
        pci_log(d, address, "refused: SR-IOV and multicast are not supported");
    } else if (extended || is_bar(address, reg) || is_enabling(address, reg, val)) {
        write_decoding(d, address, reg, size, val);
    } else if (header_type(address) && (reg & ~3u) == REG_BUS_NUMBERS && msi_sources) {
        pci_log(d, address, "refused: the bus numbers are in use");
    } else {
        pci_hw_write(address, reg, size, val);
    }
}

/* --- ports --- */

/* Returns whether an access to the data window is a single register access on the bus. */
static bool is_data(uint16_t port, unsigned int size)
{
    return port >= PORT_DATA && !(port & (size - 1)) && port + size <= PORT_DATA + 4u;
}

static uint32_t read_config_port(struct domain *d, uint16_t port, unsigned int size)
{
    uint32_t latched = READ_ONCE(address_register), address = latched & ~0xffu;

    if (port == PORT_ADDRESS && size == 4)
        return latched;
    if (!is_data(port, size) || !(latched & ADDRESS_ENABLE))
        return all_ones(size);
    return config_read(d, address, (latched & 0xfc) + (port & 3), size);
}

static void write_port(struct domain *d, uint16_t port, unsigned int size, uint32_t val)
{
    uint32_t address = READ_ONCE(address_register);

    if (port == PORT_ADDRESS && size == 4)
        WRITE_ONCE(address_register, val & ADDRESS_WRITABLE);
    else if (port == PORT_RESET && size == 1 && (val & RESET_CPU))
        domain_shutdown(d, SHUTDOWN_reboot);
    else if (is_data(port, size) && (address & ADDRESS_ENABLE))
        config_write(d, address & ~0xffu, (address & 0xfc) + (port & 3), size, val);
}

static void access_port(struct vcpu *v, uint64_t port, unsigned int size, bool write, uint64_t *val)
{
    if (write)
        write_port(v->d, (uint16_t)port, size, (uint32_t)*val);
    else
        *val = read_config_port(v->d, (uint16_t)port, size);
}

/* --- memory --- */

/* Returns the window that contains gpa, or NULL. */
static const struct acpi_pci_window *window_at(gpa_t gpa)
{
    for (unsigned int i = 0; i < acpi.pci_windows; i++)
        if (gpa >= acpi.pci_window[i].start && gpa < acpi.pci_window[i].end)
            return &acpi.pci_window[i];
    return NULL;
}

static bool has_window(const struct vcpu *v, uint64_t gpa)
{
    const struct acpi_pci_window *w = window_at(gpa);

    return w && w->segment <= ADDRESS_SEGMENT(~0u);
}

static void access_window(struct vcpu *v, uint64_t gpa, unsigned int size, bool write,
                          uint64_t *val)
{
    const struct acpi_pci_window *w = window_at(gpa);

    if (gpa & (size - 1))
        return;

    uint64_t function = ((uint64_t)w->first_bus << 8) + ((gpa - w->start) >> 12);
    uint32_t address = ADDRESS_ENABLE | (uint32_t)w->segment << 24 | (uint32_t)function << 8,
             part[2] = { 0 };

    if (write)
        memcpy(part, val, size);
    for (unsigned int i = 0, reg = gpa & 0xfff; 4 * i < size; i++)
        if (write)
            config_write(v->d, address, reg + 4 * i, MIN(size, 4), part[i]);
        else
            part[i] = config_read(v->d, address, reg + 4 * i, MIN(size, 4));
    memcpy(val, part, sizeof(part));
}

void dom0_add_pci(struct domain *d)
{
    static struct bus_range ports, windows;

    ports = (struct bus_range){ PORT_ADDRESS, PORT_DATA + 3, access_port, NULL, NULL };
    windows = (struct bus_range){ 0, ~0ull, access_window, has_window, NULL };
    bus_add_ports(d, &ports);
    bus_add_memory(d, &windows);
}
