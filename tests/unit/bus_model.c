/* SPDX-License-Identifier: MIT */
/* The core functions that vdev/bus.c and guest/emulate.c call, for their tests (bus_model.h). */
#include "ports_fake.h"
#include "bus_model.h"
#include "platform/acpi.h"
#include "vdev/lapic.h"
#include "vdev/text.h"

struct acpi_info acpi = {
    .ioapics = 1,
    .ioapic = { IOAPIC },
    .pm1_control = { 0x604, 0x700 },
    .has_s5 = true,
    .s5 = { 5 },
};
struct domain *d;
struct vcpu *v;

bool mode64 = true;
struct registers registers;
struct hw_segment segments[SEG_COUNT];
uint32_t word, word_offset;
unsigned int reads, writes, faults, protections, shutdowns, blocks, port_accesses;
uint32_t last_port, last_val;
uint64_t configuration, fault_address;
char text[64];
size_t text_length;

void hw_set_rip(struct vcpu *of, uint64_t rip)
{
    (void)of;
    registers.rip = rip;
}
uint64_t hw_get_rip(struct vcpu *of)
{
    (void)of;
    return registers.rip;
}
uint64_t hw_get_rflags(struct vcpu *of)
{
    (void)of;
    return registers.rflags;
}
unsigned int hw_get_cpl(struct vcpu *of)
{
    (void)of;
    return registers.cpl;
}
bool hw_mode_64(struct vcpu *of)
{
    (void)of;
    return mode64;
}
void hw_set_rflags(struct vcpu *of, uint64_t rflags)
{
    (void)of;
    registers.rflags = rflags;
}

uint32_t harness_port_read(uint16_t port, unsigned int size)
{
    assert_int_equal(size, 2);
    port_accesses++;
    last_port = port;
    return 0x1c01;
}

void harness_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    assert_int_equal(size, 2);
    port_accesses++;
    last_port = port;
    last_val = val;
}

struct hw_segment hw_get_segment(struct vcpu *of, enum hw_segment_name n) { return segments[n]; }

void domain_shutdown(struct domain *of, uint8_t reason)
{
    assert_ptr_equal(of, d);
    shutdowns += reason == SHUTDOWN_poweroff;
}

void hw_inject_exception(struct vcpu *of, unsigned int vector, uint32_t error)
{
    assert_int_equal(vector, EXC_GP);
    assert_int_equal(error, 0);
    protections++;
}

void hw_inject_page_fault(struct vcpu *of, uint64_t address, uint32_t error)
{
    (void)of;
    (void)error;
    faults++;
    fault_address = address;
}

bool lapic_has_page(const struct vcpu *of, gpa_t gpa) { return (gpa & PAGE_MASK) == LAPIC_PAGE; }
uint32_t lapic_mmio_read(struct vcpu *of, uint32_t offset)
{
    (void)of;
    return 0x11110000 + offset;
}

void lapic_mmio_write(struct vcpu *of, uint32_t offset, uint32_t val)
{
    (void)of;
    word = val;
    word_offset = offset;
}

void vcpu_block(struct vcpu *of) { blocks += of == v; }

void text_print(struct domain *of, const char *s, size_t n)
{
    (void)of;
    for (size_t i = 0; i < n && text_length < sizeof(text) - 1; i++)
        text[text_length++] = s[i];
}

/* --- the model's own devices on the bus --- */

static void access_ioapic(struct vcpu *of, uint64_t gpa, unsigned int size, bool write,
                          uint64_t *val)
{
    (void)of;
    if (size != 4)
        return;
    word_offset = gpa & ~PAGE_MASK;
    if (write) {
        word = (uint32_t)*val;
        writes++;
    } else {
        *val = word;
        reads++;
    }
}

/* A page of PCI configuration space that records each access. */
static void access_configuration(struct vcpu *of, uint64_t gpa, unsigned int size, bool write,
                                 uint64_t *val)
{
    (void)of;
    if (write)
        configuration = (gpa & 0xfff) << 32 | *val;
    else
        *val = 0x100 * size + (gpa & 0xfff);
}

/* A page that accepts all access sizes, present while a test wants it. */
uint64_t table_word;
bool table_there;

static bool has_table(const struct vcpu *of, uint64_t gpa)
{
    (void)of;
    (void)gpa;
    return table_there;
}

static void access_table(struct vcpu *of, uint64_t gpa, unsigned int size, bool write,
                         uint64_t *val)
{
    (void)of;
    (void)gpa;
    (void)size;
    if (write)
        table_word = *val;
    else
        *val = table_word;
}

static void access_pci_port(struct vcpu *of, uint64_t port, unsigned int size, bool write,
                            uint64_t *val)
{
    (void)of;
    if (write)
        word = (uint32_t)(*val + port);
    else
        *val = port * 16u + size;
}

void model_dom0(bool dom0_devices)
{
    static struct bus_range ioapic, pci_page, table, pci_ports;

    ioapic = (struct bus_range){ IOAPIC, IOAPIC + 0xfff, access_ioapic, NULL, NULL };
    pci_page = (struct bus_range){ CONFIGURATION, CONFIGURATION + 0xfff, access_configuration, NULL,
                                   NULL };
    table = (struct bus_range){ HOLE, HOLE + 0xfff, access_table, has_table, NULL };
    pci_ports = (struct bus_range){ 0xcf8, 0xcff, access_pci_port, NULL, NULL };
    bus_init(d);
    d->is_dom0 = dom0_devices;
    if (!dom0_devices)
        return;
    bus_add_memory(d, &ioapic);
    bus_add_memory(d, &pci_page);
    bus_add_memory(d, &table);
    bus_add_ports(d, &pci_ports);
    dom0_add_power_ports(d);
}

int model_setup(void **state)
{
    harness_setup(state);
    d = harness_domain(1, 1000);
    harness_populate(d, CODE >> 12, 2);
    harness_populate(d, DATA >> 12, 1);
    spin_init(&d->vdev.lock, LOCK_VDEV);
    table_there = false;
    model_dom0(true);
    v = d->vcpu[0];
    memset(gpr, 0, sizeof(v->regs));
    memset(segments, 0, sizeof(segments));
    memset(text, 0, sizeof(text));
    text_length = blocks = 0;
    mode64 = true;
    acpi.has_s5 = true;
    port_accesses = 0;
    word = word_offset = reads = writes = faults = protections = shutdowns = 0;
    registers.rip = 0;
    registers.rflags = 2;
    registers.cpl = 0;
    return 0;
}
