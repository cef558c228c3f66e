/* SPDX-License-Identifier: MIT */
/* cpu/features.c on CPUs that the test makes up: where a read would put the CPU to sleep. */
#include "msr_fake.h"
#include "harness.h"

static uint32_t signature;       /* leaf 1, EAX: family 0xf + (bits 27-20) when bits 11-8 are 0xf */
static bool emulated;
static uint64_t base;
static unsigned int reads;

void harness_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    memset(out, 0, 4 * sizeof(*out));
    if (leaf == 0 || leaf == 0x80000000)
        out[0] = leaf + 0x20;
    else if (leaf == 0x80000001 || leaf == 0x8000000a)
        out[2] = out[3] = ~0u;
    else if (leaf == 1) {
        out[0] = signature;
        out[2] = 1u << 26 | (emulated ? 1u << 31 : 0);
    }
}

void harness_msr_write(uint32_t msr, uint64_t val) { fail(); }

uint64_t harness_msr_read(uint32_t msr)
{
    assert_int_equal(msr, 0xc0010073);
    reads++;
    return base;
}

static uint16_t ports_of(uint32_t of_signature, bool is_emulated, uint64_t is_base)
{
    signature = of_signature;
    emulated = is_emulated;
    base = is_base;
    reads = 0;
    features_init();
    return cpu_features.cstate_ports;
}

static void sleep_ports(void **state)
{
    (void)state;
    harness_quiet = true;
    assert_int_equal(ports_of(0x00800f12, false, 0x413), 0x413); /* Zen */
    assert_int_equal(ports_of(0x00a20f10, false, 0xffffffffffff0813), 0x813); /* Zen 3 */
    assert_int_equal(ports_of(0x00800f12, false, 0), 0);
    assert_int_equal(ports_of(0x00800f12, false, 0xfff8), 0xfff8);
    assert_int_equal(ports_of(0x00800f12, false, 0xfff9), 0);
    assert_int_equal(reads, 1);
    /* No register, no read of it: the core could not survive that. */
    assert_int_equal(ports_of(0x00800f12, true, 0x413), 0);
    assert_int_equal(reads, 0);
    assert_int_equal(ports_of(0x00600f20, false, 0x413), 0); /* family 15h */
    assert_int_equal(reads, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(sleep_ports) };

    return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
