/* SPDX-License-Identifier: MIT */
/*
 * RSDP, XSDT, FADT, MADT and an empty DSDT (ACPI specification 6.2, section 5.2). libxl's tables
 * come from a part of Xen that is not packaged, and describe hardware that a PVH guest does not
 * have. These tables declare its absence: hardware-reduced ACPI (no PM registers, no GPEs, no SCI),
 * no VGA, no 8042, no CMOS clock.
 *
 * Without a MADT a guest brings up only one vCPU. Linux uses a processor's ACPI id as its Xen vCPU
 * number, and the hypervisor gives vCPU n the local APIC id 2n (xen/arch-x86 CPUID). So both ids
 * must be as they are here. Read next: build.c.
 */
#include "acpi.h"

#include <string.h>

#define OEM_ID "CLEAVE"
#define OEM_TABLE "CLEAVEVM"
#define LAPIC_ADDRESS 0xfee00000

#define FADT_HW_REDUCED (1u << 20)
#define FADT_BOOT_NO_VGA (1u << 2)
#define FADT_BOOT_NO_CMOS_CLOCK (1u << 5)
#define MADT_LAPIC 0
#define MADT_LAPIC_ENABLED 1

struct header {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum;
    char oem_id[6];
    char oem_table[8];
    uint32_t oem_revision;
    char creator[4];
    uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __attribute__((packed));

struct xsdt {
    struct header header;
    uint64_t tables[2];
} __attribute__((packed));

/* Only fields set here have names; table 5-33 of the specification has all. */
struct fadt {
    struct header header;
    uint32_t facs;
    uint32_t dsdt;
    uint8_t registers_of_full_hardware[109 - 44];
    uint16_t boot_flags;
    uint8_t reserved;
    uint32_t flags;
    uint8_t reset_register[12 + 1];
    uint16_t arm_boot_flags;
    uint8_t minor_version;
    uint64_t x_facs;
    uint64_t x_dsdt;
    uint8_t x_registers[268 - 148];
} __attribute__((packed));

struct madt {
    struct header header;
    uint32_t lapic_address;
    uint32_t flags;
    struct {
        uint8_t type;
        uint8_t length;
        uint8_t acpi_id;
        uint8_t apic_id;
        uint32_t flags;
    } __attribute__((packed)) lapic[];
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 36 && sizeof(struct rsdp) == 36, "ACPI 5.2.5, 5.2.6");
_Static_assert(offsetof(struct fadt, boot_flags) == 109 && offsetof(struct fadt, x_dsdt) == 140,
               "ACPI 5.2.9");
_Static_assert(sizeof(struct fadt) == 268, "FADT of revision 5");

/* Offsets in the area. The MADT is last, because its size varies. */
enum { RSDP_AT = 0, XSDT_AT = 0x40, FADT_AT = 0x100, DSDT_AT = 0x280, MADT_AT = 0x400 };

_Static_assert(MADT_AT + sizeof(struct madt) + 128 * 8 <= ACPI_SIZE, "128 vCPUs fit");

static uint8_t checksum(const void *table, size_t length)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum += ((const uint8_t *)table)[i];
    return -sum;
}

/* Fills in the header of a complete table, because the checksum covers the table. */
static void finish_table(void *table, const char *signature, size_t length, uint8_t revision)
{
    struct header *header = table;

    memcpy(header->signature, signature, sizeof(header->signature));
    memcpy(header->oem_id, OEM_ID, sizeof(header->oem_id));
    memcpy(header->oem_table, OEM_TABLE, sizeof(header->oem_table));
    memcpy(header->creator, OEM_ID, sizeof(header->creator));
    header->length = length;
    header->revision = revision;
    header->oem_revision = header->creator_revision = 1;
    header->checksum = checksum(table, length);
}

void acpi_build(uint8_t tables[ACPI_SIZE], unsigned int vcpus)
{
    struct rsdp *rsdp = (void *)(tables + RSDP_AT);
    struct xsdt *xsdt = (void *)(tables + XSDT_AT);
    struct fadt *fadt = (void *)(tables + FADT_AT);
    struct madt *madt = (void *)(tables + MADT_AT);

    memset(tables, 0, ACPI_SIZE);
    fadt->dsdt = fadt->x_dsdt = ACPI_ADDRESS + DSDT_AT;
    fadt->flags = FADT_HW_REDUCED;
    fadt->boot_flags = FADT_BOOT_NO_VGA | FADT_BOOT_NO_CMOS_CLOCK;
    finish_table(fadt, "FACP", sizeof(*fadt), 5);

    finish_table(tables + DSDT_AT, "DSDT", sizeof(struct header), 2);

    madt->lapic_address = LAPIC_ADDRESS;
    for (unsigned int vcpu = 0; vcpu < vcpus; vcpu++) {
        madt->lapic[vcpu].type = MADT_LAPIC;
        madt->lapic[vcpu].length = sizeof(madt->lapic[0]);
        madt->lapic[vcpu].acpi_id = vcpu;
        madt->lapic[vcpu].apic_id = 2 * vcpu;
        madt->lapic[vcpu].flags = MADT_LAPIC_ENABLED;
    }
    finish_table(madt, "APIC", sizeof(*madt) + vcpus * sizeof(madt->lapic[0]), 4);

    xsdt->tables[0] = ACPI_ADDRESS + FADT_AT;
    xsdt->tables[1] = ACPI_ADDRESS + MADT_AT;
    finish_table(xsdt, "XSDT", sizeof(*xsdt), 1);

    memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
    memcpy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
    rsdp->revision = 2;
    rsdp->length = sizeof(*rsdp);
    rsdp->xsdt = ACPI_ADDRESS + XSDT_AT;
    rsdp->checksum = checksum(rsdp, 20);
    rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}
