/* SPDX-License-Identifier: MIT */
/* What vdev/io.c needs of the core, for its tests (io_model.h). */
#include "io_model.h"

#include "errors.h"
#include "ports_fake.h"

struct acpi_info acpi = {
    .ioapics = 1, .ioapic = { IOAPIC }, .pm1_control = { 0x604, 0x700 }, .has_s5 = true, .s5 = { 5 },
};
struct domain *d;
struct vcpu *v;
uint64_t gpr[16];
bool mode64 = true;
struct svm_segment segments[SEG_COUNT];
uint32_t word, word_offset;
unsigned int reads, writes, faults, protections, shutdowns, blocks, port_accesses;
uint32_t last_port, last_val;
uint64_t configuration, fault_address;
char text[64];
size_t text_length;

uint64_t *svm_gpr(struct vcpu *of, unsigned int n) { assert_ptr_equal(of, v); return &gpr[n]; }
void svm_set_rip(struct vcpu *of, uint64_t rip) { (void)of; harness_paging.rip = rip; }
bool svm_mode_64(struct vcpu *of) { (void)of; return mode64; }
void svm_set_rflags(struct vcpu *of, uint64_t rflags) { (void)of; harness_paging.rflags = rflags; }

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

struct svm_segment svm_get_segment(struct vcpu *of, enum svm_segment_name n) { return segments[n]; }

void domain_shutdown(struct domain *of, uint8_t reason)
{
    assert_ptr_equal(of, d);
    shutdowns += reason == SHUTDOWN_poweroff;
}

void svm_inject_exception(struct vcpu *of, unsigned int vector, uint32_t error)
{
    assert_int_equal(vector, EXC_GP);
    assert_int_equal(error, 0);
    protections++;
}

void svm_inject_page_fault(struct vcpu *of, uint64_t address, uint32_t error)
{
    (void)of;
    (void)error;
    faults++;
    fault_address = address;
}

uint32_t ioapic_mmio_read(struct domain *of, uint32_t offset)
{
    (void)of;
    word_offset = offset;
    reads++;
    return word;
}

void ioapic_mmio_write(struct domain *of, uint32_t offset, uint32_t val)
{
    (void)of;
    word_offset = offset;
    word = val;
    writes++;
}

bool lapic_has_page(const struct vcpu *of, gpa_t gpa) { return (gpa & PAGE_MASK) == LAPIC_PAGE; }
uint32_t lapic_mmio_read(struct vcpu *of, uint32_t offset) { (void)of; return 0x11110000 + offset; }

void lapic_mmio_write(struct vcpu *of, uint32_t offset, uint32_t val)
{
    (void)of;
    word = val;
    word_offset = offset;
}

void sched_block(struct vcpu *of) { blocks += of == v; }

/* A page of PCI configuration space, of which each access says what it was. */
bool pci_mmio(struct domain *of, gpa_t gpa, unsigned int size, bool write, uint64_t *val)
{
    assert_ptr_equal(of, d);
    if (gpa >> PAGE_SHIFT != CONFIGURATION >> PAGE_SHIFT)
        return false;
    if (write)
        configuration = (gpa & 0xfff) << 32 | *val;
    else
        *val = 0x100 * size + (gpa & 0xfff);
    return true;
}

uint32_t pci_port_read(struct domain *of, uint16_t port, unsigned int size)
{
    (void)of;
    return port * 16u + size;
}

void pci_port_write(struct domain *of, uint16_t port, unsigned int size, uint32_t val)
{
    (void)of;
    (void)size;
    word = val + port;
}

void console_io_guest_text(struct domain *of, const char *s, size_t n)
{
    (void)of;
    for (size_t i = 0; i < n && text_length < sizeof(text) - 1; i++)
        text[text_length++] = s[i];
}

int io_setup(void **state)
{
    harness_setup(state);
    d = harness_domain(1, 1000);
    harness_populate(d, CODE >> 12, 2);
    harness_populate(d, DATA >> 12, 1);
    spin_init(&d->vdev.lock, LOCK_VDEV);
    d->is_dom0 = true;
    v = d->vcpu[0];
    memset(gpr, 0, sizeof(gpr));
    memset(segments, 0, sizeof(segments));
    memset(text, 0, sizeof(text));
    text_length = blocks = 0;
    mode64 = true;
    acpi.has_s5 = true;
    port_accesses = 0;
    word = word_offset = reads = writes = faults = protections = shutdowns = 0;
    harness_paging = (struct svm_paging){ .rflags = 2 };
    return 0;
}
