/* SPDX-License-Identifier: MIT */
/* cpu/nmi.c: a chipset that raises NMIs and reports the reasons at port 0x61. */
#include "ports_fake.h"
#include "harness.h"
#include "cpu/nmi.h"
#include "cpu/softirq.h"
#include "cpu/traps.h"
#include "lib/cmdline.h"
#include "percpu.h"

#include <string.h>

#define SERR 0x80u
#define IOCHK 0x40u

/* bits 7 and 6; the writable bits, of which 0 and 1 control the speaker */
static uint8_t raised, low;
static const struct trap_frame frame = { .rip = 0x1234 };

uint32_t harness_port_read(uint16_t port, unsigned int size)
{
    assert_int_equal(port, 0x61);
    return (uint32_t)raised | low;
}

/* The enable bit of a source, written as 1, silences it. */
void harness_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    assert_int_equal(port, 0x61);
    assert_int_equal(val & 0xf0, 0);
    low = (uint8_t)val;
    if (val & 4)
        raised &= (uint8_t)~SERR;
    if (val & 8)
        raised &= (uint8_t)~IOCHK;
}

static void boot(const char *cmdline)
{
    harness_memory_new(1);
    harness_quiet = true;
    harness_log[0] = '\0';
    cmdline_init(cmdline);
    low = 3;
    raised = 0;
    nmi_init();
}

static int setup(void **state)
{
    boot("loglvl=all");
    return 0;
}

/* Takes one NMI on this CPU, and returns what the softirq that it raises logs. */
static const char *nmi(uint8_t reasons)
{
    harness_log[0] = '\0';
    raised = reasons;
    nmi_handle(&frame);
    assert_string_equal(harness_log, ""); /* a lock of the console may be held */
    if (bit_test_and_clear(&this_cpu()->softirq, SOFTIRQ_NMI))
        nmi_softirq();
    return harness_log;
}

static void reasons_are_told_apart(void **state)
{
    assert_non_null(strstr(nmi(SERR), "SERR#"));
    assert_int_equal(raised | low, 3);
    assert_non_null(strstr(nmi(IOCHK), "IOCHK#"));
    assert_int_equal(raised | low, 3);
    assert_non_null(strstr(nmi(0), "unknown source"));
    assert_null(strstr(harness_log, "#"));
    nmi(SERR | IOCHK); /* both are cleared; harness_log holds only the last line */
    assert_non_null(strstr(harness_log, "IOCHK#"));
    assert_int_equal(raised | low, 3); /* the speaker's bits are unchanged */
}

/*
 * Both kinds are reported and cleared a few times; then a line that stays raised is left disabled.
 */
static void storm_ends(void **state)
{
    for (unsigned int i = 0; i < 9; i++) {
        assert_non_null(strstr(nmi(SERR), "SERR#"));
        assert_int_equal(low, 3);
    }
    assert_non_null(strstr(nmi(SERR), "further ones are not logged"));
    assert_int_equal(low, 7);
    assert_string_equal(nmi(SERR), "");
    assert_non_null(strstr(nmi(IOCHK), "IOCHK#"));
    for (unsigned int i = 0; i < 10; i++)
        nmi(0);
    assert_string_equal(nmi(0), "");
}

static void fatal_is_a_panic(void **state)
{
    assert_false(nmi_is_fatal());
    boot("nmi=fatal");
    assert_true(nmi_is_fatal());
    harness_panic_expected = true;
    if (setjmp(harness_panic_jump) == 0) {
        nmi_handle(&frame);
        fail_msg("no panic");
    }
    harness_panic_expected = false;
    assert_non_null(strstr(harness_log, "1234"));
}

static void typing_errors_are_told(void **state)
{
    boot("nmi=fatl");
    assert_false(nmi_is_fatal());
    assert_non_null(strstr(harness_log, "nmi=fatl"));
    boot("nmi=ignore");
    assert_string_equal(harness_log, "");
    boot("nmi=fatal nmi=ignore"); /* the last one counts */
    assert_false(nmi_is_fatal());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reasons_are_told_apart, setup),
        cmocka_unit_test_setup(storm_ends, setup),
        cmocka_unit_test_setup(fatal_is_a_panic, setup),
        cmocka_unit_test_setup(typing_errors_are_told, setup),
    };

    return cmocka_run_group_tests_name("nmi", tests, NULL, NULL);
}
