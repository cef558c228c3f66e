/* SPDX-License-Identifier: MIT */
/*
 * dom0's PCI configuration space by ports 0xcf8 to 0xcff (PCI 3.0, 3.2.2.3.2): passed on to the machine,
 * except for what would let a driver write a host vector into a device: the MSI and MSI-X capabilities are
 * unlinked from the list that dom0 sees, read as zero and cannot be written.
 *
 * The address register is dom0's own and reaches the hardware only together with an access. Port 0xcf9 is the
 * chipset's reset. Lock: hardware_lock, class LOCK_HW, for the pair of real ports. The latched address is one
 * word; Linux has its own lock around the pair.
 */
#include "alloc.h"
#include "cpu.h"
#include "domain.h"
#include "errors.h"
#include "lib.h"
#include "vdev.h"

#define PORT_ADDRESS 0xcf8
#define PORT_RESET 0xcf9
#define PORT_DATA 0xcfc
#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_WRITABLE 0x80fffffcu
#define RESET_CPU 0x04

#define REG_STATUS 0x06
#define STATUS_CAPABILITIES 0x10
#define REG_HEADER_TYPE 0x0e
#define REG_CAPABILITIES 0x34
#define CAP_FIRST 0x40u
#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define CAP_LIMIT 48 /* that many fit; a longer list is a loop */

struct pci_config {
    uint32_t address;
};

static struct spinlock hardware_lock = SPINLOCK(LOCK_HW);

/* --- the real ports; hardware_lock held, address without the register --- */

static uint32_t hw_read(uint32_t address, unsigned int reg, unsigned int size)
{
    outl(PORT_ADDRESS, address | (reg & 0xfc));
    if (size == 1)
        return inb((uint16_t)(PORT_DATA + (reg & 3)));
    return size == 2 ? inw((uint16_t)(PORT_DATA + (reg & 2))) : inl(PORT_DATA);
}

static void hw_write(uint32_t address, unsigned int reg, unsigned int size, uint32_t val)
{
    outl(PORT_ADDRESS, address | (reg & 0xfc));
    if (size == 1)
        outb((uint16_t)(PORT_DATA + (reg & 3)), (uint8_t)val);
    else if (size == 2)
        outw((uint16_t)(PORT_DATA + (reg & 2)), (uint16_t)val);
    else
        outl(PORT_DATA, val);
}

/* --- hiding --- */

static bool is_hidden(uint8_t id) { return id == CAP_MSI || id == CAP_MSIX; }

static unsigned int hidden_length(uint32_t address, unsigned int at, uint8_t id)
{
    uint32_t control;

    if (id == CAP_MSIX)
        return 12;
    control = hw_read(address, at + 2, 2);
    return 10 + (control & 0x80 ? 4 : 0) + (control & 0x100 ? 10 : 0); /* 64-bit address; per-vector masks */
}

/* The real list's pointer that starts it, or 0: no list (or a CardBus bridge's, which dom0 does without). */
static unsigned int first_capability(uint32_t address)
{
    if (hw_read(address, 0, 2) == 0xffff || !(hw_read(address, REG_STATUS, 2) & STATUS_CAPABILITIES) ||
        (hw_read(address, REG_HEADER_TYPE, 1) & 0x7f) > 1)
        return 0;
    return hw_read(address, REG_CAPABILITIES, 1) & 0xfc;
}

/*
 * What dom0 sees of one byte. link: value replaces it, a pointer past hidden capabilities; masked: zero, not
 * writable.
 */
struct view { bool link, masked; uint8_t value; };

/* Walks the list once and says it for the `size` bytes at reg. */
static void look(uint32_t address, unsigned int reg, unsigned int size, struct view view[4])
{
    unsigned int at = first_capability(address), link = REG_CAPABILITIES;

    for (unsigned int n = 0; n < CAP_LIMIT && at >= CAP_FIRST; n++) {
        uint32_t header = hw_read(address, at, 2);
        uint8_t id = (uint8_t)header;
        unsigned int next = header >> 8 & 0xfc, length = is_hidden(id) ? hidden_length(address, at, id) : 0;

        for (unsigned int i = 0; i < size; i++)
            view[i].masked |= reg + i >= at && reg + i < at + length;
        if (is_hidden(id)) {
            if (link >= reg && link < reg + size) {
                view[link - reg].link = true;
                view[link - reg].value = (uint8_t)next;
            }
        } else {
            link = at + 1;
        }
        at = next;
    }
}

static uint32_t config_read(uint32_t address, unsigned int reg, unsigned int size)
{
    struct view view[4] = { 0 };
    uint32_t val;

    spin_lock(&hardware_lock);
    val = hw_read(address, reg, size);
    if (reg + size > REG_CAPABILITIES)
        look(address, reg, size, view);
    spin_unlock(&hardware_lock);
    for (unsigned int i = 0; i < size; i++)
        if (view[i].masked || view[i].link)
            val = (val & ~(0xffu << i * 8)) | (view[i].masked ? 0 : (uint32_t)view[i].value << i * 8);
    return val;
}

static void config_write(uint32_t address, unsigned int reg, unsigned int size, uint32_t val)
{
    struct view view[4] = { 0 };
    bool any = false, all = true;

    spin_lock(&hardware_lock);
    if (reg + size > REG_CAPABILITIES)
        look(address, reg, size, view);
    for (unsigned int i = 0; i < size; i++) {
        any |= view[i].masked;
        all &= view[i].masked;
    }
    if (!any)
        hw_write(address, reg, size, val);
    else if (!all) /* partly hidden: only the bytes that are not */
        for (unsigned int i = 0; i < size; i++)
            if (!view[i].masked)
                hw_write(address, reg + i, 1, val >> i * 8 & 0xff);
    spin_unlock(&hardware_lock);
}

/* --- ports --- */

static uint32_t ones(unsigned int size) { return size == 4 ? 0xffffffff : (1u << size * 8) - 1; }

/* An access to the data window that a single register access of the bus can be. */
static bool is_data(uint16_t port, unsigned int size)
{
    return port >= PORT_DATA && !(port & (size - 1)) && port + size <= PORT_DATA + 4u;
}

static uint32_t latched_address(struct domain *d)
{
    return READ_ONCE(d->vdev.pci->address);
}

uint32_t pci_port_read(struct domain *d, uint16_t port, unsigned int size)
{
    uint32_t address = latched_address(d);

    if (port == PORT_ADDRESS && size == 4)
        return address;
    if (!is_data(port, size) || !(address & ADDRESS_ENABLE))
        return ones(size);
    return config_read(address & ~0xffu, (address & 0xfc) + (port & 3), size);
}

void pci_port_write(struct domain *d, uint16_t port, unsigned int size, uint32_t val)
{
    uint32_t address = latched_address(d);

    if (port == PORT_ADDRESS && size == 4)
        WRITE_ONCE(d->vdev.pci->address, val & ADDRESS_WRITABLE);
    else if (port == PORT_RESET && size == 1 && (val & RESET_CPU))
        domain_shutdown(d, SHUTDOWN_reboot);
    else if (is_data(port, size) && (address & ADDRESS_ENABLE))
        config_write(address & ~0xffu, (address & 0xfc) + (port & 3), size, val);
}

int pci_init(struct domain *d)
{
    d->vdev.pci = heap_alloc(sizeof(*d->vdev.pci));
    return d->vdev.pci ? 0 : -ENOMEM;
}
