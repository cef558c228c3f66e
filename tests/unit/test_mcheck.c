/* SPDX-License-Identifier: MIT */
/* cpu/mcheck.c on a CPU with machine-check banks faked by the test (APM vol. 2, chapter 9). */
#include "msr_fake.h"
#include "harness.h"
#include "cpu/mcheck.h"

#include <string.h>

#define BANKS 40u /* more than the legacy address range holds */
#define CAP_CTL 0x100u

static uint64_t cap, status, ctl;
static struct {
    uint64_t ctl, status, address, misc;
} bank[32];
static uint32_t features;
static unsigned int accesses, ctl_writes;

static uint64_t *msr(uint32_t n)
{
    accesses++;
    if (n == 0x17a)
        return &status;
    if (n == 0x17b) {
        assert_true(cap & CAP_CTL); /* otherwise it raises #GP */
        ctl_writes++;
        return &ctl;
    }
    assert_in_range(n, 0x400, 0x400 + 4 * MIN((uint32_t)cap & 0xff, 32u) - 1);
    return &((uint64_t *)&bank[(n - 0x400) / 4])[n % 4];
}

uint64_t harness_msr_read(uint32_t n) { return n == 0x179 ? cap : *msr(n); }

void harness_msr_write(uint32_t n, uint64_t val)
{
    assert_true(n != 0x179);
    if (n >= 0x400 && n % 4 == 1)
        assert_int_equal(val, 0); /* others raise #GP, unless HWCR allows them */
    *msr(n) = val;
}

void harness_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    memset(out, 0, 16);
    out[3] = leaf == 1 ? features : 0;
}

static int setup(void **state)
{
    harness_memory_new(1);
    harness_quiet = true;
    harness_log[0] = '\0';
    memset(bank, 0, sizeof(bank));
    status = ctl = accesses = ctl_writes = 0;
    features = 1u << 7 | 1u << 14;
    cap = 6 | CAP_CTL;
    return 0;
}

static void banks_are_switched_on(void **state)
{
    mcheck_init_cpu();
    assert_int_equal(ctl, ~0ull);
    for (unsigned int i = 0; i < 6; i++)
        assert_int_equal(bank[i].ctl, ~0ull);
    assert_int_equal(bank[6].ctl, 0);
    assert_string_equal(harness_log, "");
}

static void ctl_is_written_only_where_it_is(void **state)
{
    cap = 6;
    mcheck_init_cpu();
    assert_int_equal(ctl_writes, 0);
    assert_int_equal(bank[5].ctl, ~0ull);
}

static void more_banks_than_registers(void **state)
{
    cap = BANKS | CAP_CTL;
    mcheck_init_cpu();
    assert_int_equal(bank[31].ctl, ~0ull);
    accesses = 0;
    cap = CAP_CTL; /* none at all */
    mcheck_init_cpu();
    assert_int_equal(accesses, 0);
}

static void cpu_without_them_is_left_alone(void **state)
{
    features = 1u << 7;
    mcheck_init_cpu();
    features = 1u << 14;
    mcheck_init_cpu();
    mcheck_report();
    assert_int_equal(accesses, 0);
}

/* Errors from before a warm reset are reported once and cleared. */
static void old_errors_are_told_and_cleared(void **state)
{
    bank[2].status = 1ull << 63 | 0x0135;
    mcheck_init_cpu();
    assert_non_null(
        strstr(harness_log, "bank 2: status 8000000000000135, error code 0135: corrected\n"));
    assert_int_equal(bank[2].status, 0);
    harness_log[0] = '\0';
    mcheck_report();
    assert_string_equal(harness_log, "");
}

/*
 * Address and misc are reported only if the status has them; a bank without a valid error is not
 * reported. The log holds the last line.
 */
static void report_shows_what_is_valid(void **state)
{
    mcheck_init_cpu();
    bank[0].status = ~0ull >> 1;
    bank[1].status = 0xf200000000000145;
    bank[1].address = bank[1].misc = 0x1234567;
    mcheck_report();
    assert_null(strstr(harness_log, "bank 0"));
    assert_null(strstr(harness_log, "1234567"));
    assert_non_null(
        strstr(harness_log, "uncorrected, further errors lost, processor context corrupt\n"));
    bank[1].status = 1ull << 63 | 1ull << 58;
    mcheck_report();
    assert_non_null(strstr(harness_log, "address 0000000001234567\n"));
    bank[1].status = 1ull << 63 | 1ull << 59;
    bank[1].misc = 0xabcdef;
    mcheck_report();
    assert_non_null(strstr(harness_log, "misc 0000000000abcdef\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(banks_are_switched_on, setup),
        cmocka_unit_test_setup(ctl_is_written_only_where_it_is, setup),
        cmocka_unit_test_setup(more_banks_than_registers, setup),
        cmocka_unit_test_setup(cpu_without_them_is_left_alone, setup),
        cmocka_unit_test_setup(old_errors_are_told_and_cleared, setup),
        cmocka_unit_test_setup(report_shows_what_is_valid, setup),
    };

    return cmocka_run_group_tests_name("mcheck", tests, NULL, NULL);
}
