/* SPDX-License-Identifier: MIT */
/*
 * hvmloader and SeaBIOS know this chip set, the 440FX with a PIIX3 and a PIIX4's power management,
 * and insist on its identities, its four link registers and PM1a_CNT.SCI_EN. Interrupt controllers,
 * timers, the PM timer and PM1a's status are the hypervisor's; there is no keyboard controller
 * behind ports 60 and 64, which only reset. Read next: rtc.c, serial.c.
 */
#include "chipset.h"

#include <linux/pci_regs.h>
#include <xen/sched.h>

#define INTEL 0x8086
#define RED_HAT 0x1af4 /* of subsystems of emulated devices */
#define SUBSYSTEM 0x1100

#define ISA_DEVICE 1
#define POWER_FUNCTION 3
#define LINK_REGISTERS 0x60
#define LINKS 4
#define LINK_OFF 0x80
/* hvmloader writes these, and nothing depends on them: PM base and enable, SMBus */
#define PM_BASE 0x40
#define PM_ENABLE 0x80
#define SMBUS 0xd2

/* ACPI Specification 6.4, 4.8.3.2 */
#define PM_CONTROL_PORT 0xb004
#define SCI_EN 1u
#define SLP_EN (1u << 13)
#define SLP_TYPE(control) ((control) >> 10 & 7)
#define SLP_TYPE_OFF 0 /* \_S5 in hvmloader's tables */
#define GPE_PORT 0xafe0
#define GPE_LENGTH 4
#define SMI_PORT 0xb2
#define ACPI_ENABLE 0xf1
#define ACPI_DISABLE 0xf0

#define PCI_ADDRESS_PORT 0xcf8
#define PCI_ADDRESS_MASK 0x80fffffcu
#define RESET_OFFSET 1 /* port cf9 */
#define RESET_NOW 4u
#define GATE_PORT 0x92
#define GATE_A20 2u
#define GATE_RESET 1u
#define KEYBOARD_PORT 0x64
#define KEYBOARD_RESET 0xfe
/* Clear, guests do not wait before they reset; the other bits set, none finds a controller. */
#define KEYBOARD_BUSY 2ull

static void end(struct chipset *c, unsigned int reason)
{
    if (!c->ended)
        c->bus->host->shutdown(c->bus->host, reason);
    c->ended = true;
}

/* --- power management ------------------------------------------------------------------------- */

static uint64_t read_control(void *device, uint64_t offset, unsigned int size)
{
    struct chipset *c = device;

    (void)size;
    return c->pm_control >> offset * 8;
}

static void write_control(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
    struct chipset *c = device;
    uint32_t mask = bus_ones(size) << offset * 8;

    c->pm_control = ((c->pm_control & ~mask) | (value << offset * 8 & mask)) & ~SLP_EN;
    if (value << offset * 8 & mask & SLP_EN && SLP_TYPE(c->pm_control) == SLP_TYPE_OFF)
        end(c, SHUTDOWN_poweroff);
}

static uint64_t read_gpe(void *device, uint64_t offset, unsigned int size)
{
    struct chipset *c = device;

    /* status of 2 bytes, in which no event ever is, then what the guest has enabled */
    return size == 1 && offset >= 2 ? c->gpe_enable[offset - 2] : 0;
}

static void write_gpe(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
    struct chipset *c = device;

    for (unsigned int i = 0; i < size; i++)
        if (offset + i >= 2)
            c->gpe_enable[offset + i - 2] = value >> i * 8;
}

static uint64_t read_smi(void *device, uint64_t offset, unsigned int size)
{
    (void)device;
    (void)offset;
    (void)size;
    return 0;
}

static void write_smi(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
    struct chipset *c = device;

    (void)size;
    if (offset == 0 && (uint8_t)value == ACPI_ENABLE)
        c->pm_control |= SCI_EN;
    else if (offset == 0 && (uint8_t)value == ACPI_DISABLE)
        c->pm_control &= ~SCI_EN;
}

/* --- reset and A20 ---------------------------------------------------------------------------- */

/*
 * The address of configuration accesses, which the hypervisor uses and only passes on: but guests
 * read it back to find out whether there is PCI. The reset register is one of its bytes.
 */
static uint64_t read_address(void *device, uint64_t offset, unsigned int size)
{
    struct chipset *c = device;

    if (offset == RESET_OFFSET && size == 1)
        return c->reset;
    return offset == 0 && size == 4 ? c->pci_address : bus_ones(size);
}

static void write_address(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
    struct chipset *c = device;

    if (offset == 0 && size == 4)
        c->pci_address = value & PCI_ADDRESS_MASK;
    if (offset != RESET_OFFSET || size != 1)
        return;
    c->reset = value & ~RESET_NOW;
    if (value & RESET_NOW)
        end(c, SHUTDOWN_reboot);
}

static uint64_t read_gate(void *device, uint64_t offset, unsigned int size)
{
    (void)offset;
    (void)size;
    return ((struct chipset *)device)->gate;
}

/* Address line 20 is never masked; the bit is only remembered. */
static void write_gate(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
    struct chipset *c = device;

    (void)offset;
    (void)size;
    c->gate = value & GATE_A20;
    if (value & GATE_RESET)
        end(c, SHUTDOWN_reboot);
}

static uint64_t read_keyboard(void *device, uint64_t offset, unsigned int size)
{
    (void)device;
    (void)offset;
    return bus_ones(size) & ~KEYBOARD_BUSY;
}

static void write_keyboard(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
    struct chipset *c = device;

    (void)offset;
    (void)size;
    if ((uint8_t)value == KEYBOARD_RESET)
        end(c, SHUTDOWN_reboot);
}

static const struct {
    uint16_t start, length;
    struct bus_ops ops;
} ports[] = {
    { PM_CONTROL_PORT, 2, { read_control, write_control } },
    { GPE_PORT, GPE_LENGTH, { read_gpe, write_gpe } },
    { SMI_PORT, 2, { read_smi, write_smi } },
    { PCI_ADDRESS_PORT, 4, { read_address, write_address } },
    { GATE_PORT, 1, { read_gate, write_gate } },
    { KEYBOARD_PORT, 1, { read_keyboard, write_keyboard } },
};

/* --- PCI functions ---------------------------------------------------------------------------- */

static void route_links(void *owner, unsigned int offset, unsigned int size)
{
    struct chipset *c = owner;

    for (unsigned int i = 0; i < LINKS; i++) {
        uint8_t route = c->isa_bridge.config[LINK_REGISTERS + i];

        if (offset <= LINK_REGISTERS + i && LINK_REGISTERS + i < offset + size)
            c->bus->host->link(c->bus->host, i, route & LINK_OFF ? 0 : route & 0xf);
    }
}

static int add_functions(struct chipset *c, struct pci_bus *bus)
{
    static const struct pci_id bridge = { INTEL, 0x1237, RED_HAT, SUBSYSTEM, 0x060000, 2 };
    static const struct pci_id isa = { INTEL, 0x7000, RED_HAT, SUBSYSTEM, 0x060100, 0 };
    static const struct pci_id power = { INTEL, 0x7113, RED_HAT, SUBSYSTEM, 0x068000, 3 };
    int rc = pci_add(bus, &c->host_bridge, 0, 0, &bridge);

    if (rc == 0)
        rc = pci_add(bus, &c->isa_bridge, ISA_DEVICE, 0, &isa);
    if (rc == 0)
        rc = pci_add(bus, &c->power, ISA_DEVICE, POWER_FUNCTION, &power);
    c->isa_bridge.config[PCI_HEADER_TYPE] = 0x80; /* it has other functions */
    c->isa_bridge.owner = c;
    c->isa_bridge.changed = route_links;
    for (unsigned int i = 0; i < LINKS; i++) {
        c->isa_bridge.config[LINK_REGISTERS + i] = LINK_OFF;
        c->isa_bridge.writable[LINK_REGISTERS + i] = 0xff;
    }
    c->power.config[PCI_INTERRUPT_PIN] = 1;
    pci_put(&c->power, PM_BASE, 4, 1);
    for (unsigned int i = 0; i < 4; i++)
        c->power.writable[PM_BASE + i] = i < 2 ? 0xff : 0;
    c->power.writable[PM_ENABLE] = c->power.writable[SMBUS] = 1;
    return rc;
}

int chipset_add(struct chipset *chipset, struct pci_bus *bus)
{
    int rc;

    chipset->bus = bus->bus;
    chipset->pm_control = SCI_EN;
    chipset->gate = GATE_A20;
    rc = add_functions(chipset, bus);
    for (unsigned int i = 0; rc == 0 && i < sizeof(ports) / sizeof(ports[0]); i++)
        rc = bus_add(bus->bus, HOST_PORTS, ports[i].start, ports[i].length, &ports[i].ops, chipset);
    return rc;
}

void chipset_state(struct chipset *chipset, struct state *state)
{
    pci_state(&chipset->host_bridge, state);
    pci_state(&chipset->isa_bridge, state);
    pci_state(&chipset->power, state);
    STATE_FIELD(state, chipset->pci_address);
    STATE_FIELD(state, chipset->pm_control);
    STATE_FIELD(state, chipset->gpe_enable);
    STATE_FIELD(state, chipset->reset);
    STATE_FIELD(state, chipset->gate);
}
