/* SPDX-License-Identifier: MIT */
/*
 * platform/iommu.c: an IOMMU that firmware left on is switched off, after its engines that write to
 * memory. A wrong table leads to no access except to possible registers.
 */
#include "harness.h"
#include "cpu/features.h"
#include "mm/pagetable.h"
#include "platform/acpi.h"
#include "platform/iommu.h"

#include <stdlib.h>
#include <string.h>

#define BASE 0xfd200000ull
#define CONTROL 0x18u
#define STATUS 0x2020u
#define ON 0x30003009001ull /* on, with command processing, and bits that must be kept */
#define LOGS 0x3000600cull

static struct acpi_header *ivrs;
static uint64_t registers[2][0x4000 / 8];
static unsigned int writes, windows, polls;
static bool stays_on;
static uint64_t written[8];

const struct acpi_header *acpi_find(const char *signature)
{
    assert_string_equal(signature, "IVRS");
    return ivrs;
}

uint64_t acpi_field(const struct acpi_header *h, uint32_t offset, uint32_t width)
{
    uint64_t val = 0;

    if (h && offset + width <= h->length)
        memcpy(&val, (const uint8_t *)h + offset, width);
    return val;
}

static uint8_t *window(paddr_t page)
{
    windows++;
    if (polls && !--polls)
        registers[0][STATUS / 8] = 0;
    for (unsigned int i = 0; i < 2; i++)
        if (page - BASE - i * 0x100000 < 0x4000)
            return (uint8_t *)registers[i] + ((page - BASE) & 0x3000);
    fail_msg("address %#lx", (unsigned long)page);
    return NULL;
}

/* The engines keep running for a while; only then may it be switched off. */
static void on_write(const volatile void *p)
{
    uint64_t *control = &registers[0][CONTROL / 8];

    if (p != control)
        return;
    written[writes++ % ARRAY_SIZE(written)] = *control;
    if (!(*control & 1))
        assert_int_equal(registers[0][STATUS / 8] & 0x198, 0);
    if (!(*control & 0x3000700c))
        polls = 5;
    if (stays_on)
        *control |= 1;
}

static int setup(void **state)
{
    (void)state;
    memset(registers, 0, sizeof(registers));
    ivrs = calloc(1, 4096);
    ivrs->length = 48;
    cpu_features.physical_bits = 40;
    writes = windows = polls = 0;
    stays_on = false;
    harness_window = window;
    harness_on_mmio_write = on_write;
    harness_log[0] = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(ivrs);
    return 0;
}

static void block(uint8_t type, uint16_t length, uint64_t base)
{
    uint8_t *b = (uint8_t *)ivrs + ivrs->length;

    b[0] = type;
    memcpy(b + 2, &length, 2);
    memcpy(b + 8, &base, 8);
    ivrs->length += length < 24 ? 24 : length;
}

static void switched_off(void **state)
{
    (void)state;
    registers[0][CONTROL / 8] = ON | LOGS;
    registers[0][STATUS / 8] = 0x198;
    block(0x10, 0x44, BASE);
    block(0x11, 0x48, BASE); /* the same one again */
    block(0x40, 0x48, BASE);
    block(0x20, 0x20, 0x1000);        /* a memory definition, not an IOMMU */
    block(0x11, 40, BASE + 0x100000); /* this one is off */
    iommu_off();
    assert_int_equal(writes, 2);
    assert_int_equal(written[0], ON & ~0x1000ull);
    assert_int_equal(written[1], ON & ~0x1001ull);
    assert_non_null(strstr(harness_log, "now disabled"));
    assert_int_equal(registers[1][CONTROL / 8], 0);
}

/* Firmware lists an IOMMU in up to three block types, all of which count. */
static void each_type_of_block(void **state)
{
    for (unsigned int type = 0; type < 256; type++) {
        bool is_iommu = type == 0x10 || type == 0x11 || type == 0x40;

        teardown(state);
        setup(state);
        registers[0][CONTROL / 8] = 1;
        block((uint8_t)type, 40, BASE);
        iommu_off();
        assert_int_equal(registers[0][CONTROL / 8] & 1, !is_iommu);
    }
}

static void it_does_not_obey(void **state)
{
    (void)state;
    registers[0][CONTROL / 8] = ON;
    stays_on = true;
    block(0x10, 0x44, BASE);
    iommu_off();
    assert_non_null(strstr(harness_log, "cannot be disabled"));
}

static void nonsense(void **state)
{
    (void)state;
    ivrs->length = 36;
    iommu_off();
    for (uint16_t length = 0; length < 4; length++) { /* too short for a block */
        ivrs->length = 48;
        block(0x10, length, BASE);
        iommu_off();
    }
    ivrs->length = 48;
    block(0x10, 24, 0);
    block(0x10, 24, BASE + 0x800);
    block(0x10, 24, 1ull << 40);
    block(0x10, 24, ~0x3fffull);
    iommu_off();
    assert_int_equal(windows, 0);
    ivrs->length = 48;
    block(0x10, 0xffff, BASE + 4); /* beyond its end */
    ivrs->length = 48 + 12;        /* cut off in the middle of the base address */
    iommu_off();
    free(ivrs);
    ivrs = NULL;
    iommu_off();
    assert_int_equal(windows, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(switched_off, setup, teardown),
        cmocka_unit_test_setup_teardown(each_type_of_block, setup, teardown),
        cmocka_unit_test_setup_teardown(it_does_not_obey, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense, setup, teardown),
    };

    return cmocka_run_group_tests_name("iommu", tests, NULL, NULL);
}
