/* SPDX-License-Identifier: MIT */
/*
 * The lines of `cleave top` and `cleave metrics` for made-up VMs, with names that a tenant might
 * choose. Real ones are checked in dom0: tests/system/watching.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "metrics.h"
#include "prometheus.h"
#include "top.h"
#include "vms.h"

#define S 1000000000ull
#define MS 1000000ull
#define CLOCK 2000

/* main.c is not linked, and nothing is asked. */
int session_try(struct session *session, const char *consequence)
{
    (void)session;
    (void)consequence;
    return -1;
}

void session_close(struct session *session) { (void)session; }

/* --- a made-up machine ------------------------------------------------------------------------ */

static struct book_vm promises[2];
static struct cleave_time times[5];
static struct sample_vm vms[5];
static struct sample sample;
static struct balancer_vm memory = { .min = 64 << 10, .target = 128 << 10, .current = 130 << 10 };
static struct balance_vm known = { .balanced = true };
static struct balance balance = { .vms = &memory, .known = &known, .count = 1 };

static void make_vm(int index, const char *name, uint64_t ran, uint64_t lack)
{
    struct sample_vm *vm = &vms[index];

    *vm = (struct sample_vm){ .row = { .has_domain = true, .state = "running" },
                              .times = &times[index],
                              .vcpus = 1,
                              .elapsed = S,
                              .ran = ran,
                              .wanted = ran + lack,
                              .lack = lack,
                              .longest_wait = index * MS };
    times[index] = (struct cleave_time){ .time = { 10 * ran, 10 * lack, 3, 4 },
                                         .slot_time = ran,
                                         .longest_wait = index * MS };
    vm->row.domain.domid = index;
    vm->row.domain.info.tot_pages = 256 * (10 - index);
    vm->row.domain.info.nr_online_vcpus = 1;
    vm->row.domain.info.cpu_time = 10 * ran;
    snprintf(vm->row.domain.name, sizeof(vm->row.domain.name), "%s", name);
    snprintf(vm->row.domain.uuid, sizeof(vm->row.domain.uuid),
             "00000000-0000-0000-0000-00000000000%d", index);
}

static int make_machine(void **state)
{
    (void)state;
    sample = (struct sample){ .mhz = CLOCK, .is_cleave = true, .vms = vms, .count = 5 };
    sample.machine.nr_cpus = 4;
    sample.memory = (struct hv_memory){ .total = 8 << 20, .free = 4 << 20, .claimed = 1024 };
    make_vm(0, "Domain-0", S / 10, 0);
    make_vm(1, "kept", S / 4, 0);
    make_vm(2, "broken", S / 8, S / 8);
    make_vm(3, "a\"b\\c\nd\x1b[2J\xfc", S / 2, 0);
    make_vm(4, "stopped", 0, 0);
    vms[4].row = (struct list_row){ .state = "stopped", .domain = { .domid = VMS_NO_DOMAIN } };
    strcpy(vms[4].row.domain.name, "stopped");
    vms[4].times = NULL;
    vms[4].elapsed = vms[4].vcpus = 0;
    for (int i = 0; i < 2; i++) {
        promises[i] = (struct book_vm){ .vcpus = 1, .cpu = { .mhz = 500, .slo = 95 } };
        vms[i + 1].vm = &promises[i];
        vms[i + 1].bound = 8 * MS;
        vms[i + 1].usage.minute = (struct usage_kept){ 60, i ? 59 : 60 };
    }
    promises[1].cpu.class = VMFILE_RELAXED;
    known.domain = vms[1].row.domain;
    memory.history.balloon = BALANCER_UNCOOPERATIVE;
    return 0;
}

/* --- metrics ---------------------------------------------------------------------------------- */

static char *written(void)
{
    static char *text;
    size_t size;
    FILE *out;

    free(text);
    out = open_memstream(&text, &size);
    metrics_write(out, &sample, &balance);
    fclose(out);
    return text;
}

static void assert_value(const char *text, const char *series, double expected)
{
    double value;

    if (!prometheus_value(text, series, &value))
        fail_msg("no %s in:\n%s", series, text);
    if (value < expected - 1e-9 || value > expected + 1e-9)
        fail_msg("%s: %g, not %g", series, value, expected);
}

#define LABELS(name, id) "{vm=\"" name "\",uuid=\"00000000-0000-0000-0000-00000000000" id "\"}"
#define WINDOW(name, id, window) \
    "{vm=\"" name "\",uuid=\"00000000-0000-0000-0000-00000000000" id "\",window=\"" window "\"}"

static void metrics_are_well_formed(void **state)
{
    char problem[256];
    const char *text = written();
    double value;

    (void)state;
    if (!prometheus_check(text, problem))
        fail_msg("%s", problem);
    assert_value(text, "cleave_host_cpus", 4);
    assert_value(text, "cleave_host_cpu_clock_hertz", 2e9);
    assert_value(text, "cleave_host_memory_bytes", 8589934592.);
    assert_value(text, "cleave_host_vms", 5);
    assert_value(text, "cleave_vm_cpu_asked_ratio" LABELS("kept", "1"), 0.25);
    assert_value(text, "cleave_vm_cpu_got_seconds_total" LABELS("kept", "1"), 2.5);
    assert_value(text, "cleave_vm_cpu_wanted_seconds_total" LABELS("broken", "2"), 2.5);
    assert_value(text, "cleave_vm_cpu_waited_seconds_total" LABELS("broken", "2"), 1.25);
    assert_value(text, "cleave_vm_cpu_longest_wait_seconds" LABELS("broken", "2"), 0.002);
    assert_value(text, "cleave_vm_cpu_wait_bound_seconds" LABELS("broken", "2"), 0.008);
    assert_value(text, "cleave_vm_promise_slo_ratio" LABELS("kept", "1"), 1);
    assert_value(text, "cleave_vm_promise_slo_ratio" LABELS("broken", "2"), 0.95);
    assert_value(text, "cleave_vm_promise_kept_seconds" WINDOW("broken", "2", "1m"), 59);
    assert_value(text, "cleave_vm_promise_wanted_seconds" WINDOW("broken", "2", "1m"), 60);
    assert_value(text, "cleave_vm_memory_bytes" LABELS("kept", "1"), 9437184);
    assert_value(text, "cleave_vm_memory_min_bytes" LABELS("kept", "1"), 64 << 20);
    assert_value(text, "cleave_vm_memory_target_bytes" LABELS("kept", "1"), 128 << 20);
    assert_value(text, "cleave_vm_memory_ram_bytes" LABELS("kept", "1"), 130 << 20);
    assert_false(
        prometheus_value(text, "cleave_vm_memory_working_bytes" LABELS("kept", "1"), &value));
    assert_non_null(strstr(text, ",state=\"uncooperative\"} 1"));
    assert_value(text,
                 "cleave_vm_cpu_got_seconds_total" LABELS("a\\\"b\\\\c\\nd\x1b[2J\xef\xbf\xbd",
                                                          "3"),
                 5);
    assert_false(prometheus_value(text, "cleave_host_tables_installed", &value));
    assert_non_null(strstr(text, "cleave_vm_state{vm=\"stopped\",uuid=\"\",state=\"stopped\"} 1"));
    assert_null(strstr(text, "cleave_vm_vcpus{vm=\"stopped\""));
}

static void nothing_is_there_twice(void **state)
{
    char problem[256];

    (void)state;
    vms[3] = vms[2];
    assert_true(prometheus_check(written(), problem));
    sample.tables = SAMPLE_MISSING;
    assert_value(written(), "cleave_host_tables_installed", 0);
    sample.tables = SAMPLE_INSTALLED;
    assert_value(written(), "cleave_host_tables_installed", 1);
    sample.count = 0;
    assert_true(prometheus_check(written(), problem));
}

static void the_parser_is_strict(void **state)
{
#define HEAD "# HELP a b\n# TYPE a gauge\n"
    static const char *const wrong[] = {
        "",
        "a 1\n",
        HEAD "a 1",
        HEAD "a\n",
        HEAD "a x\n",
        HEAD "a  1\n",
        HEAD "a 1 \n",
        HEAD "a -1\n",
        HEAD "b 1\n",
        HEAD "a{x=1} 1\n",
        HEAD "a{x=\"1\",x=\"2\"} 1\n",
        HEAD "a{x=\"1\"} 1\na{x=\"1\"} 2\n",
        HEAD "a{x=\"\\t\"} 1\n",
        HEAD "a{x=\"\xfc\"} 1\n",
        HEAD "a{x=\"1} 1\n",
        HEAD "a{2x=\"1\"} 1\n",
        HEAD "a 1\n" HEAD "a 1\n",
        HEAD "\n",
        "# HELP a b\n",
        "# HELP a b\na 1\n",
        "# TYPE a gauge\na 1\n",
        "# HELP a b\n# TYPE c gauge\n",
        "# HELP a b\n# TYPE a number\n",
        "# HELP a b\n# TYPE a counter\na 1\n",
        "# HELP a_total b\n# TYPE a_total gauge\na_total 1\n",
    };
    char problem[256];

    (void)state;
    assert_true(
        prometheus_check(HEAD "a{x=\"\\n\\\\\\\"\",y=\"\"} 1.5e3\na{x=\"2\"} 0\n", problem));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (prometheus_check(wrong[i], problem))
            fail_msg("accepted: %s", wrong[i]);
}

/* --- top -------------------------------------------------------------------------------------- */

static void assert_order(enum top_key key, const char *expected)
{
    char order[16] = "";

    make_machine(NULL);
    toplines_sort(&sample, key);
    for (size_t i = 0; i < sample.count; i++)
        strncat(order, sample.vms[i].row.domain.name, 1);
    assert_string_equal(order, expected);
}

static void vms_are_sorted(void **state)
{
    (void)state;
    assert_order(TOP_UNMET, "bakDs");
    assert_order(TOP_GOT, "akbDs");
    assert_order(TOP_WANTED, "akbDs"); /* k and b want the same, k got more */
    assert_order(TOP_LONGEST, "abkDs");
    assert_order(TOP_MEMORY, "Dkbas");
    assert_order(TOP_NAME, "Dabks");
}

static void lines_have_one_width(void **state)
{
    static const int widths[] = { 8, 13, 32 };
    char text[TOP_LINE_MAX];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        toplines_columns(widths[i], text);
        assert_int_equal(strlen(text), widths[i] + TOPLINES_REST);
        for (size_t vm = 0; vm < sample.count; vm++) {
            toplines_vm(&sample, &sample.vms[vm], widths[i], text);
            assert_int_equal(strlen(text), widths[i] + TOPLINES_REST);
            for (const char *c = text; *c; c++)
                assert_in_range(*c, ' ', '~');
        }
    }
    toplines_vm(&sample, &vms[2], 8, text);
    assert_string_equal(text, "broken   running       8    1    500    250    500    250   2.00   "
                              "8.00  98");
    vms[4].longest_wait = vms[4].bound = 59999 * MS;
    toplines_vm(&sample, &vms[4], 8, text);
    assert_string_equal(text, "stopped  stopped       -    -      -      -      -      -      -  "
                              "59999   -");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(metrics_are_well_formed, make_machine),
        cmocka_unit_test_setup(nothing_is_there_twice, make_machine),
        cmocka_unit_test(the_parser_is_strict),
        cmocka_unit_test(vms_are_sorted),
        cmocka_unit_test_setup(lines_have_one_width, make_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
