/* SPDX-License-Identifier: MIT */
/*
 * dom0's PCI configuration space by ports 0xcf8 to 0xcff (PCI 3.0, 3.2.2.3.2): passed on to the machine,
 * except for what could reach the core. The MSI and MSI-X capabilities are msi.c's. A function decodes only
 * addresses that are dom0's: an address that covers RAM, the core's devices or ports is refused when it would
 * come into effect. A host bridge, which could move such things, and the bus numbers that msi.c knows
 * functions by, stay as they are.
 *
 * The address register is dom0's own and reaches the hardware only together with an access. Port 0xcf9 is the
 * chipset's reset. Lock: pci_lock, class LOCK_PCI. The latched address is one word; Linux has its own lock
 * around the pair. Read next: msi.c.
 */
#include "pci.h"
#include "cpu.h"
#include "domain.h"
#include "lib.h"
#include "p2m.h"
#include "svm.h"
#include "vdev.h"

#define PORT_ADDRESS 0xcf8
#define PORT_RESET 0xcf9
#define PORT_DATA 0xcfc
#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_WRITABLE 0x80fffffcu
#define RESET_CPU 0x04

#define REG_STATUS 0x06
#define STATUS_CAPABILITIES 0x10
#define REG_CLASS 0x0a
#define CLASS_HOST_BRIDGE 0x0600
#define REG_HEADER_TYPE 0x0e
#define REG_BUS_NUMBERS 0x18      /* of a bridge: 0x18 to 0x1b */
#define REG_CAPABILITIES 0x34
#define REG_CAPABILITIES_CARDBUS 0x14
#define CAP_FIRST 0x40u
#define CAP_LIMIT 48 /* that many fit; a longer list is a loop */
#define ROM_ENABLE 1u
#define COMMAND_DECODE (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

struct spinlock pci_lock = SPINLOCK(LOCK_PCI);
static uint32_t address_register; /* dom0's */

/* --- the real ports --- */

uint32_t pci_hw_read(uint32_t address, unsigned int reg, unsigned int size)
{
    ASSERT(spin_lock_held(&pci_lock));
    outl(PORT_ADDRESS, address | (reg & 0xfc));
    if (size == 1)
        return inb((uint16_t)(PORT_DATA + (reg & 3)));
    return size == 2 ? inw((uint16_t)(PORT_DATA + (reg & 2))) : inl(PORT_DATA);
}

void pci_hw_write(uint32_t address, unsigned int reg, unsigned int size, uint32_t val)
{
    ASSERT(spin_lock_held(&pci_lock));
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
    guest_log(d, "PCI %02x:%02x.%u: %s\n", address >> 16 & 0xff, address >> 11 & 0x1f, address >> 8 & 7,
              what);
}

/* --- capabilities --- */

static unsigned int header_type(uint32_t address) { return pci_hw_read(address, REG_HEADER_TYPE, 1) & 0x7f; }

/* The list's first, or 0: no list. */
static unsigned int first_capability(uint32_t address)
{
    unsigned int pointer = header_type(address) == 2 ? REG_CAPABILITIES_CARDBUS : REG_CAPABILITIES;

    if (pci_hw_read(address, 0, 2) == 0xffff || !(pci_hw_read(address, REG_STATUS, 2) & STATUS_CAPABILITIES))
        return 0;
    return pci_hw_read(address, pointer, 1) & 0xfc;
}

/* Whether reg is in the emulated part of a capability, and of which. */
static bool find_capability(uint32_t address, unsigned int reg, struct pci_capability *c)
{
    unsigned int at = reg < CAP_FIRST ? 0 : first_capability(address);

    for (unsigned int n = 0; n < CAP_LIMIT && at >= CAP_FIRST; n++) {
        uint32_t header = pci_hw_read(address, at, 2);

        *c = (struct pci_capability){ address, (uint8_t)at, (uint8_t)header };
        if ((c->id == PCI_CAP_MSI || c->id == PCI_CAP_MSIX) && reg >= at && reg < at + msi_length(c))
            return true;
        at = header >> 8 & 0xfc;
    }
    return false;
}

/* --- base addresses --- */

struct bar {
    uint64_t base, size;           /* size 0: none */
    bool io, wide;
};

/* The bits of a register that can be set: it decodes the others. The function decodes nothing meanwhile. */
static uint64_t writable_bits(uint32_t address, unsigned int reg, uint32_t ones)
{
    uint32_t val = pci_hw_read(address, reg, 4), mask;

    pci_hw_write(address, reg, 4, ones);
    mask = pci_hw_read(address, reg, 4);
    pci_hw_write(address, reg, 4, val);
    return mask;
}

/* PCI 3.0, 6.2.5.1. A ROM is one if it is enabled. */
static struct bar read_bar(uint32_t address, unsigned int reg, bool rom)
{
    uint64_t val = pci_hw_read(address, reg, 4), flags;
    uint64_t mask = writable_bits(address, reg, rom ? ~ROM_ENABLE : ~0u);
    struct bar b = { .io = !rom && (val & PCI_BAR_IO) };

    b.wide = !rom && !b.io && (val & PCI_BAR_TYPE) == PCI_BAR_64;
    flags = rom ? 0x7ff : b.io ? 3 : 0xf;
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

/* At 0 nothing was placed, and RAM has that address anyway. */
static bool bar_is_harmless(struct domain *d, const struct bar *b)
{
    uint64_t end = b->base + b->size;

    if (!b->base || !b->size)
        return true;
    if (!b->io)
        return end > b->base &&
               p2m_mmio_allowed(d, b->base >> PAGE_SHIFT, ROUND_UP(end, PAGE_SIZE) >> PAGE_SHIFT);
    for (uint64_t port = b->base; port < end && port < 0x10000; port++)
        if (!svm_port_allowed(d, (uint16_t)port))
            return false;
    return true;
}

/* Of header types 0 (six registers), 1 (two) and 2 (one); and the ROM of types 0 and 1. */
static unsigned int bars_end(unsigned int type) { return type == 0 ? 0x28 : type == 1 ? 0x18 : 0x14; }
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
 * A write to the command register that makes the function decode, or to a base address. What would reach the
 * core does not come into effect: it decodes no more than before, or where it did before.
 */
static void write_decoding(struct domain *d, uint32_t address, unsigned int reg, unsigned int size,
                           uint32_t val)
{
    uint32_t command = pci_hw_read(address, PCI_COMMAND, 2), before = pci_hw_read(address, reg & 0xfc, 4);
    bool is_command = reg == PCI_COMMAND;

    pci_hw_write(address, PCI_COMMAND, 2, command & ~COMMAND_DECODE);
    if (!is_command)
        pci_hw_write(address, reg, size, val);
    if (!bars_are_harmless(d, address, is_command ? val : command)) {
        pci_log(d, address, "refused: one of its base addresses would cover what is not dom0's");
        if (is_command)
            val &= ~COMMAND_DECODE | (command & COMMAND_DECODE);
        else
            pci_hw_write(address, reg & 0xfc, 4, before);
    }
    msi_moved(d, address);
    pci_hw_write(address, PCI_COMMAND, 2, command);
    if (is_command)
        pci_hw_write(address, reg, size, val);
}

/* --- accesses --- */

static uint32_t ones(unsigned int size) { return size == 4 ? 0xffffffff : (1u << size * 8) - 1; }

/* It makes the function decode something that it does not decode now. */
static bool is_enabling(uint32_t address, unsigned int reg, uint32_t val)
{
    return reg == PCI_COMMAND && (val & ~pci_hw_read(address, reg, 1) & COMMAND_DECODE);
}

static void config_write(struct domain *d, uint32_t address, unsigned int reg, unsigned int size,
                         uint32_t val)
{
    unsigned int shift = 8 * (reg & 3);
    struct pci_capability c;

    spin_lock_scope(&pci_lock);
    if (pci_hw_read(address, REG_CLASS, 2) == CLASS_HOST_BRIDGE)
        return;
    if (find_capability(address, reg, &c)) {
        uint32_t word = msi_read(d, &c, reg & 0xfc) & ~(ones(size) << shift);

        msi_write(d, &c, reg & 0xfc, word | val << shift);
    } else if (is_bar(address, reg) || is_enabling(address, reg, val)) {
        write_decoding(d, address, reg, size, val);
    } else if (header_type(address) && (reg & 0xfc) == REG_BUS_NUMBERS && msi_sources) {
        pci_log(d, address, "refused: its bus numbers are in use");
    } else {
        pci_hw_write(address, reg, size, val);
    }
}

/* --- ports --- */

/* An access to the data window that a single register access of the bus can be. */
static bool is_data(uint16_t port, unsigned int size)
{
    return port >= PORT_DATA && !(port & (size - 1)) && port + size <= PORT_DATA + 4u;
}

uint32_t pci_port_read(struct domain *d, uint16_t port, unsigned int size)
{
    uint32_t latched = READ_ONCE(address_register), address = latched & ~0xffu;
    unsigned int reg = (latched & 0xfc) + (port & 3);
    struct pci_capability c;

    if (port == PORT_ADDRESS && size == 4)
        return latched;
    if (!is_data(port, size) || !(latched & ADDRESS_ENABLE))
        return ones(size);
    spin_lock_scope(&pci_lock);
    if (find_capability(address, reg, &c))
        return msi_read(d, &c, reg & 0xfc) >> 8 * (reg & 3) & ones(size);
    return pci_hw_read(address, reg, size);
}

void pci_port_write(struct domain *d, uint16_t port, unsigned int size, uint32_t val)
{
    uint32_t address = READ_ONCE(address_register);

    if (port == PORT_ADDRESS && size == 4)
        WRITE_ONCE(address_register, val & ADDRESS_WRITABLE);
    else if (port == PORT_RESET && size == 1 && (val & RESET_CPU))
        domain_shutdown(d, SHUTDOWN_reboot);
    else if (is_data(port, size) && (address & ADDRESS_ENABLE))
        config_write(d, address & ~0xffu, (address & 0xfc) + (port & 3), size, val);
}
