/* SPDX-License-Identifier: MIT */
/*
 * The files of `cleave trace` from records of the core (dom0-tools/cleave/tracefile.c, tracexen.c),
 * and the checker that the system tests use on real ones.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core.h"
#include "tracecheck.h"
#include "tracefile.h"
#include "tracexen.h"

#include <xen/trace.h> /* as core.h includes Xen's headers */

#define US 1000ull
#define BEGIN (1000 * US)
#define END (2000 * US)

static struct tracefile file;
static char *text;
static size_t size;
static json_t *trace;

static const char *name_of(void *data, uint32_t domid)
{
    static const char *const names[] = { "Domain-0", "a \"b\" \xff", "gone" };

    assert_ptr_equal(data, &file);
    return names[domid % 3];
}

static int begin(void **state)
{
    (void)state;
    tracefile_begin(&file, open_memstream(&text, &size), BEGIN, 2, name_of, &file);
    return 0;
}

static int end(void **state)
{
    (void)state;
    json_decref(trace);
    free(text);
    trace = NULL;
    text = NULL;
    return 0;
}

/* Completes the file, and reads it. charges: of vCPU 0 of domain 1, in us. */
static void complete(unsigned int charge)
{
    assert_true(tracefile_end(&file, END,
                              json_pack("{s:I, s:[{s:s, s:i, s:f, s:f, s:i}]}", "duration_ns",
                                        (json_int_t)(END - BEGIN), "vcpus", "name",
                                        "a \"b\" \xef\xbf\xbd", "vcpu", 0, "from_us", 0., "to_us",
                                        1000., "ran_ns", (int)(charge * US))));
    fclose(file.out);
    trace = json_loads(text, 0, NULL);
    if (!trace)
        fail_msg("no JSON: %s", text);
}

static void assert_good(void)
{
    char problem[256];

    if (!tracecheck(trace, problem))
        fail_msg("%s\n%s", problem, text);
}

/* After `ran` us in a state, at `time` us of the file. */
static void change(uint32_t cpu, uint16_t domain, int from, int to, bool slot, unsigned int ran,
                   unsigned int time)
{
    tracefile_record(&file, cpu,
                     &(struct cleave_trace_record){ .time = BEGIN + time * US,
                                                    .event = CLEAVE_TRACE_state,
                                                    .info = CLEAVE_TRACE_INFO(from, to, slot),
                                                    .domain = domain,
                                                    .words = { ran * US } });
}

static void instant(uint16_t event, uint64_t word, unsigned int time)
{
    tracefile_record(&file, 1,
                     &(struct cleave_trace_record){ .time = BEGIN + time * US,
                                                    .event = event,
                                                    .domain = 1,
                                                    .words = { word, 0x1234 } });
}

/* Looks for an event with these members; the n-th of a name. */
static json_t *find(const char *name, unsigned int n)
{
    json_t *event;
    size_t i;

    json_array_foreach(json_object_get(trace, "traceEvents"), i,
                       event) if (strcmp(json_string_value(json_object_get(event, "name")), name) ==
                                      0 &&
                                  n-- == 0) return event;
    fail_msg("no %s: %s", name, text);
    return NULL;
}

static double number(const json_t *event, const char *key)
{
    return json_number_value(json_object_get(event, key));
}

/* --- what records become ---------------------------------------------------------------------- */

static void nothing_is_a_trace(void **state)
{
    (void)state;
    complete(0);
    assert_good();
    assert_int_equal(json_array_size(json_object_get(trace, "traceEvents")), 3);
}

/* Waits until it runs, in its slot; is preempted, waits, runs on the other CPU, and sleeps. */
static void states_become_slices(void **state)
{
    (void)state;
    change(0, 1, CORE_BLOCKED, CORE_RUNNABLE, false, 5000, 100);
    change(0, 1, CORE_RUNNABLE, CORE_RUNNING, true, 50, 150);
    change(0, 1, CORE_RUNNING, CORE_RUNNABLE, true, 250, 400);
    change(1, 1, CORE_RUNNABLE, CORE_RUNNING, false, 0, 400);
    change(1, 1, CORE_RUNNING, CORE_BLOCKED, false, 100, 500);
    complete(350);
    assert_good();
    assert_int_equal(tracecheck_instants(trace, "wake"), 1);
    assert_int_equal(number(find("wake", 0), "ts"), 100);
    assert_int_equal(number(find("wait", 0), "ts"), 100);
    assert_int_equal(number(find("wait", 0), "dur"), 50);
    assert_int_equal(number(find("run", 0), "ts"), 150);
    assert_int_equal(number(find("run", 0), "dur"), 250);
    assert_true(json_is_true(json_object_get(json_object_get(find("run", 0), "args"), "slot")));
    assert_int_equal(number(json_object_get(find("run", 1), "args"), "cpu"), 1);
    assert_true(json_is_false(json_object_get(json_object_get(find("run", 1), "args"), "slot")));
    assert_int_equal(number(find("a \"b\" \xef\xbf\xbd/0", 0), "tid"), 1);
    assert_int_equal(number(find("a \"b\" \xef\xbf\xbd/0", 1), "tid"), 2);
    assert_int_equal((int)tracecheck_time(trace, "a \"b\" \xef\xbf\xbd", "run"), 350 * US);
    assert_int_equal((int)tracecheck_time(trace, "a \"b\" \xef\xbf\xbd", "wait"), 50 * US);
}

/* What began before the file, or goes on when it ends, is drawn within it. */
static void slices_are_cut_to_the_file(void **state)
{
    (void)state;
    change(0, 1, CORE_RUNNING, CORE_RUNNING, true, 5000, 0); /* who runs when the trace begins */
    change(1, 2, CORE_RUNNING, CORE_RUNNING, false, 200, 0);
    change(1, 2, CORE_RUNNING, CORE_RUNNABLE, false, 500, 300);
    complete(1000);
    assert_good();
    assert_int_equal(number(find("run", 0), "dur"), 300);
    assert_int_equal(number(find("run", 1), "ts"), 0);
    assert_int_equal(number(find("run", 1), "dur"), 1000);
    assert_int_equal(number(find("wait", 0), "dur"), 700);
}

/* One that waits all the time has only the record of that. */
static void a_wait_without_end_is_drawn(void **state)
{
    (void)state;
    change(0, 1, CORE_RUNNABLE, CORE_RUNNABLE, false, 0, 10);
    complete(0);
    assert_good();
    assert_int_equal(number(find("wait", 0), "ts"), 10);
    assert_int_equal(number(find("wait", 0), "dur"), 990);
    assert_int_equal(tracecheck_instants(trace, "wake"), 0);
}

/* Each slice comes from one record, so those that are there are right. */
static void lost_records_leave_gaps(void **state)
{
    (void)state;
    change(0, 1, CORE_RUNNABLE, CORE_RUNNING, false, 0, 100);
    tracefile_record(&file, 0,
                     &(struct cleave_trace_record){ .time = BEGIN + 600 * US,
                                                    .event = CLEAVE_TRACE_lost,
                                                    .words = { 77, BEGIN + 200 * US } });
    change(0, 1, CORE_RUNNING, CORE_BLOCKED, false, 50, 600);
    complete(50);
    assert_good();
    assert_int_equal(number(find("run", 0), "ts"), 550);
    assert_int_equal(number(json_object_get(find("records lost", 0), "args"), "count"), 77);
    assert_int_equal(number(json_object_get(find("records lost", 0), "args"), "for_us"), 400);
}

static void events_have_names(void **state)
{
    (void)state;
    instant(CLEAVE_TRACE_exit, 0x400, 1);
    instant(CLEAVE_TRACE_exit, 0x4e, 2);
    instant(CLEAVE_TRACE_exit, 0x123456789a, 3);
    instant(CLEAVE_TRACE_hypercall, 29, 4);
    instant(CLEAVE_TRACE_hypercall, UINT64_MAX, 5);
    instant(CLEAVE_TRACE_timer, 2500, 6);
    instant(CLEAVE_TRACE_table, 0xabcd, 7);
    instant(99, 0, 8); /* of a later core */
    tracefile_record(&file, 0, &(struct cleave_trace_record){ .time = 1, .event = 2 }); /* early */
    complete(0);
    assert_good();
    find("exit npf", 0);
    find("exit exception 14", 0);
    find("exit 0x123456789a", 0);
    find("hypercall sched_op", 0);
    find("hypercall 18446744073709551615", 0);
    assert_true(number(json_object_get(find("timer", 0), "args"), "late_us") == 2.5);
    assert_string_equal(json_string_value(
                            json_object_get(json_object_get(find("table switch", 0), "args"),
                                            "cookie")),
                        "0xabcd");
    assert_int_equal(tracecheck_instants(trace, ""), 7);
}

/* Thousands of vCPUs, in any order: each has a track, each VM a process. */
static void many_vcpus_have_tracks(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 3000; i++) {
        uint16_t number = i * 7 % 3000;

        tracefile_record(&file, 0,
                         &(struct cleave_trace_record){ .time = BEGIN + i,
                                                        .event = CLEAVE_TRACE_exit,
                                                        .domain = number / 30,
                                                        .vcpu = number % 30 });
    }
    complete(0);
    assert_good();
    assert_int_equal(tracecheck_instants(trace, "exit"), 3000);
    assert_int_equal(json_array_size(json_object_get(trace, "traceEvents")), 3 + 3000 + 3000 + 100);
}

static void a_full_disk_is_noticed(void **state)
{
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    tracefile_end(&file, END, json_object());
    fclose(file.out);
    tracefile_begin(&file, full, BEGIN, 1, name_of, &file);
    assert_false(tracefile_end(&file, END, json_object()));
    fclose(full);
}

/* --- what the checker refuses ----------------------------------------------------------------- */

static void assert_bad(const char *words)
{
    char problem[256];

    assert_false(tracecheck(trace, problem));
    if (!strstr(problem, words))
        fail_msg("%s", problem);
}

static void the_checker_compares_with_the_charge(void **state)
{
    (void)state;
    change(0, 1, CORE_RUNNING, CORE_BLOCKED, false, 200, 300);
    complete(215);
    assert_bad("was charged 215");
}

static void the_checker_sees_overlaps(void **state)
{
    (void)state;
    change(0, 1, CORE_RUNNING, CORE_BLOCKED, false, 200, 300);
    change(0, 2, CORE_RUNNING, CORE_BLOCKED, false, 200, 400);
    complete(200);
    assert_bad("behind one until 300");
}

static void the_checker_wants_complete_events(void **state)
{
    (void)state;
    change(0, 1, CORE_RUNNING, CORE_BLOCKED, false, 200, 300);
    complete(200);
    json_object_del(find("run", 0), "tid");
    assert_bad("lacks something");
}

#define TRACE_TEST(function) \
    { \
#function, function, begin, end, NULL \
    }

/* --- Xen's format ----------------------------------------------------------------------------- */

static struct tracexen xen;

static void xen_record(uint32_t cpu, uint16_t event, uint16_t info, uint64_t time, uint64_t word)
{
    tracexen_record(&xen, cpu,
                    &(struct cleave_trace_record){ .event = event,
                                                   .info = info,
                                                   .time = time,
                                                   .domain = 3,
                                                   .vcpu = 2,
                                                   .words = { word, 0x123456789abc } });
}

/* Takes a record apart as Xen's tools do. Returns the next one. */
static const uint32_t *take(const uint32_t *at, uint32_t event, uint64_t time, uint32_t count,
                            const uint32_t *words)
{
    assert_int_equal(*at & 0x0fffffff, event);
    assert_int_equal(TRC_HD_EXTRA(*at), count);
    assert_int_equal(TRC_HD_INCLUDES_CYCLE_COUNT(*at), time != 0);
    at++;
    if (time) {
        assert_int_equal(at[0] | (uint64_t)at[1] << 32, time);
        at += 2;
    }
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(at[i], words[i]);
    return at + count;
}

static const uint32_t *take_cpu(const uint32_t *at, uint32_t cpu, uint32_t bytes)
{
    return take(at, TRC_TRACE_CPU_CHANGE, 0, 2, (const uint32_t[]){ cpu, bytes });
}

static const uint32_t *take_change(const uint32_t *at, uint64_t time, uint32_t vcpu, uint32_t from,
                                   uint32_t to)
{
    return take(at, TRC_SCHED_RUNSTATE_CHANGE | from << 8 | to << 4, time, 1, &vcpu);
}

static const uint32_t *take_continue(const uint32_t *at, uint64_t time, uint32_t vcpu)
{
    return take(at, TRC_SCHED_CONTINUE_RUNNING, time, 1, &vcpu);
}

#define VCPU (3 << 16 | 2)
#define IDLE(cpu) ((uint32_t)DOMID_IDLE << 16 | (cpu))
#define BYTES(records, words) ((records)*12 + (words)*4)

static void xen_state(uint32_t cpu, uint32_t from, uint32_t to, uint64_t time)
{
    xen_record(cpu, CLEAVE_TRACE_state, CLEAVE_TRACE_INFO(from, to, 1), time, 0);
}

static void xen_has_each_record(void **state)
{
    const uint64_t late = 5ull << 32;
    const uint32_t *at;

    (void)state;
    xen_state(0, CORE_RUNNING, CORE_RUNNING, late - 1);
    xen_record(0, CLEAVE_TRACE_lost, 0, late, 7);
    xen_state(0, CORE_RUNNING, CORE_BLOCKED, late + 1);
    xen_record(1, CLEAVE_TRACE_timer, 0, late + 2, 1);
    xen_record(1, CLEAVE_TRACE_exit, 0, late + 3, 0x72);
    xen_record(1, CLEAVE_TRACE_hypercall, 0, late + 4, 29);
    xen_record(1, CLEAVE_TRACE_table, 0, late + 5, 1);
    xen_state(0, CORE_OFFLINE, CORE_RUNNABLE, late + 6);
    assert_true(tracexen_end(&xen));
    at = (const uint32_t *)text;
    for (uint32_t cpu = 0; cpu < 2; cpu++)
        at = take_cpu(at, cpu, 0);
    at = take_cpu(at, 0, BYTES(3, 1 + 4 + 1));
    at = take_continue(at, late - 1, VCPU);
    at = take(at, TRC_LOST_RECORDS, late, 4,
              (const uint32_t[]){ 7, DOMID_IDLE, 0x56789abc, 0x1234 });
    at = take_change(at, late + 1, VCPU, CORE_RUNNING, CORE_BLOCKED);
    at = take_cpu(at, 1, BYTES(2, 3 + 1));
    at = take(at, TRC_HVM_VMEXIT64, late + 3, 3, (const uint32_t[]){ 0x72, 0x56789abc, 0x1234 });
    at = take(at, TRC_HVM_VMMCALL, late + 4, 1, (const uint32_t[]){ 29 });
    at = take_cpu(at, 0, BYTES(1, 1));
    at = take_change(at, late + 6, VCPU, CORE_OFFLINE, CORE_RUNNABLE);
    assert_ptr_equal(at, text + size);
}

/* Xen's idle vcpus run while no other does, from the first record on. */
static void xen_has_idle_vcpus(void **state)
{
    const uint32_t *at;

    (void)state;
    xen_state(0, CORE_BLOCKED, CORE_RUNNABLE, BEGIN);
    xen_state(0, CORE_RUNNABLE, CORE_RUNNING, BEGIN + 1);
    xen_state(0, CORE_RUNNING, CORE_BLOCKED, BEGIN + 2);
    xen_state(1, CORE_RUNNING, CORE_BLOCKED, BEGIN + 3);
    assert_true(tracexen_end(&xen));
    at = take_cpu(take_cpu((const uint32_t *)text, 0, 0), 1, 0);
    at = take_cpu(at, 0, BYTES(6, 6));
    at = take_continue(at, BEGIN, IDLE(0));
    at = take_change(at, BEGIN, VCPU, CORE_BLOCKED, CORE_RUNNABLE);
    at = take_change(at, BEGIN + 1, IDLE(0), CORE_RUNNING, CORE_RUNNABLE);
    at = take_change(at, BEGIN + 1, VCPU, CORE_RUNNABLE, CORE_RUNNING);
    at = take_change(at, BEGIN + 2, VCPU, CORE_RUNNING, CORE_BLOCKED);
    at = take_change(at, BEGIN + 2, IDLE(0), CORE_RUNNABLE, CORE_RUNNING);
    at = take_cpu(at, 1, BYTES(2, 2));
    at = take_change(at, BEGIN + 3, VCPU, CORE_RUNNING, CORE_BLOCKED);
    at = take_change(at, BEGIN + 3, IDLE(1), CORE_RUNNABLE, CORE_RUNNING);
    assert_ptr_equal(at, text + size);
}

/* A CPU's records come in blocks, each with its length. */
static void xen_fills_blocks(void **state)
{
    const uint32_t *at;
    uint32_t records = 0, blocks = 0;

    (void)state;
    for (uint32_t i = 0; i < 10000; i++)
        xen_record(1, CLEAVE_TRACE_hypercall, 0, END + i, i);
    assert_true(tracexen_end(&xen));
    for (at = (const uint32_t *)text; (const char *)at < text + size; blocks++) {
        const uint32_t *end = at + 3 + at[2] / 4;

        at = take_cpu(at, at[1], at[2]);
        for (; at < end; records++)
            at = take(at, TRC_HVM_VMMCALL, END + records, 1, &records);
        assert_ptr_equal(at, end);
    }
    assert_int_equal(records, 10000);
    assert_in_range(blocks, 3, 20);
}

static int begin_xen(void **state)
{
    (void)state;
    tracexen_begin(&xen, open_memstream(&text, &size), 2);
    return 0;
}

static int end_xen(void **state)
{
    fclose(xen.out);
    return end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRACE_TEST(nothing_is_a_trace),
        TRACE_TEST(states_become_slices),
        TRACE_TEST(slices_are_cut_to_the_file),
        TRACE_TEST(a_wait_without_end_is_drawn),
        TRACE_TEST(lost_records_leave_gaps),
        TRACE_TEST(events_have_names),
        TRACE_TEST(many_vcpus_have_tracks),
        TRACE_TEST(a_full_disk_is_noticed),
        TRACE_TEST(the_checker_compares_with_the_charge),
        TRACE_TEST(the_checker_sees_overlaps),
        TRACE_TEST(the_checker_wants_complete_events),
        cmocka_unit_test_setup_teardown(xen_has_each_record, begin_xen, end_xen),
        cmocka_unit_test_setup_teardown(xen_has_idle_vcpus, begin_xen, end_xen),
        cmocka_unit_test_setup_teardown(xen_fills_blocks, begin_xen, end_xen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
