/* SPDX-License-Identifier: MIT */
/*
 * cleave trace: what it tells of VMs agrees with what the core charged them; it ends cleanly, at
 * Ctrl-C too, and a killed one hinders nobody. Next to read: ../tools/tracecheck.h.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "report.h"
#include "system.h"
#include "tracecheck.h"

#include <xen/trace.h>

#define TRACE "/tmp/trace.json"
#define SECOND 1e9

/* Reads a trace, which must be right and complete. The caller drops it. */
static json_t *read_trace(const char *path)
{
    char problem[256];
    json_error_t error;
    json_t *trace = json_load_file(path, 0, &error);

    if (!trace)
        fail_msg("%s: %s", path, error.text);
    if (!tracecheck(trace, problem))
        fail_msg("%s: %s", path, problem);
    assert_int_equal(json_integer_value(
                         json_object_get(json_object_get(trace, "otherData"), "lost")),
                     0);
    return trace;
}

static int end(void **state)
{
    unlink(TRACE);
    unlink(TRACE ".2");
    return test_end(state);
}

/* Xen has xentrace. */
static void only_cleave_traces(void **state)
{
    (void)state;
    if (on_cleave())
        skip();
    assert_refused(run("cleave trace --for 1s"), "only Cleave|xentrace");
}

/* --- what it tells ---------------------------------------------------------------------------- */

/* A reservation, a spinner that wants the rest, and one that sleeps and wakes. */
static void slices_are_what_was_charged(void **state)
{
    json_t *trace;

    (void)state;
    need_cleave();
    run_ok("cleave create /guests/spin.cfg name=kept cpu_mhz=%u",
           (unsigned int)number_in(run_ok("cleave cpu show Domain-0 --json")->out, "mhz") / 4);
    run_ok("cleave create /guests/spin.cfg name=rest vcpus=%ld", sysconf(_SC_NPROCESSORS_ONLN));
    run_ok("cleave create /guests/spin.cfg name=naps 'extra=work=300 sleep=500'");
    assert_json(run_ok("cleave trace --for 2s -o " TRACE " --json")->out, "trace");
    trace = read_trace(TRACE);
    assert_true(tracecheck_time(trace, "kept", "run") >= 2 * SECOND / 4 * 9 / 10);
    assert_true(tracecheck_time(trace, "rest", "run") > 0);
    assert_true(tracecheck_time(trace, "rest", "wait") > 0);
    assert_true(tracecheck_time(trace, "naps", "run") > 0);
    assert_true(tracecheck_time(trace, "Domain-0", "run") > 0);
    assert_true(tracecheck_instants(trace, "wake") > 100);
    assert_int_equal(tracecheck_instants(trace, "exit"), 0);
    json_decref(trace);
    run_ok("grep -q '\"kept/0\".*\"slot\":true' " TRACE);
}

/* A vCPU that leaves its CPU not once during the trace is in it all the same. */
static void who_runs_all_the_time_is_told(void **state)
{
    json_t *trace;

    (void)state;
    need_cleave();
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
        skip();
    run_ok("xl vcpu-pin Domain-0 all 0");
    run_ok("cleave create /guests/spin.cfg name=alone cpus=1");
    AWAIT(strstr(state_of("alone"), "running"), 10);
    run_ok("cleave trace --for 500ms -o " TRACE);
    run_ok("xl vcpu-pin Domain-0 all all");
    trace = read_trace(TRACE);
    assert_true(tracecheck_time(trace, "alone", "run") > SECOND / 2 * 9 / 10);
    json_decref(trace);
}

static void all_kinds_of_events(void **state)
{
    json_t *trace;

    (void)state;
    need_cleave();
    run_ok("cleave create /guests/spin.cfg name=naps 'extra=work=300 sleep=500'");
    run_ok("cleave trace --for 300ms --events all >" TRACE);
    trace = read_trace(TRACE);
    assert_true(tracecheck_instants(trace, "exit ") > 100);
    assert_true(tracecheck_instants(trace, "exit vmmcall") > 10);
    assert_true(tracecheck_instants(trace, "hypercall vcpu_op") > 10);
    assert_true(tracecheck_instants(trace, "timer") > 10);
    assert_true(tracecheck_instants(trace, "wake") > 10);
    json_decref(trace);
}

/* Counts the records of this kind in a file in Xen's format, which has whole blocks. */
static int count_xen(const char *path, uint32_t event)
{
    uint32_t header, words[9];
    long end = 0;
    int count = 0;
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    while (fread(&header, sizeof(header), 1, file) == 1) {
        uint32_t length = TRC_HD_EXTRA(header) + (TRC_HD_INCLUDES_CYCLE_COUNT(header) ? 2 : 0);

        assert_int_equal(fread(words, sizeof(*words), length, file), length);
        if (TRC_HD_TO_EVENT(header) == TRC_TRACE_CPU_CHANGE) {
            assert_in_range(end, 0, ftell(file));
            end = ftell(file) + words[1];
        }
        assert_in_range(ftell(file), 0, end);
        count += (TRC_HD_TO_EVENT(header) & ~0xff0u) == event;
    }
    assert_int_equal(ftell(file), end);
    fclose(file);
    return count;
}

static void xen_format_has_blocks(void **state)
{
    (void)state;
    need_cleave();
    run_ok("cleave create /guests/spin.cfg name=naps 'extra=work=300 sleep=500'");
    assert_words(run_ok("cleave trace --for 300ms -e all --format xentrace -o " TRACE)->out,
                 "xenalyze");
    assert_true(count_xen(TRACE, TRC_SCHED_RUNSTATE_CHANGE) > 10);
    assert_true(count_xen(TRACE, TRC_HVM_VMEXIT) > 100);
    assert_true(count_xen(TRACE, TRC_HVM_VMMCALL & ~0xff0u) > 10);
}

/* xenalyze has nothing to complain about, and sees the same run time as the other format. */
static void xenalyze_understands_it(void **state)
{
    (void)state;
    need_cleave();
    run_ok("cleave create /guests/spin.cfg name=naps 'extra=work=300 sleep=500'");
    run_ok("cleave create /guests/spin.cfg name=spins vcpus=%ld", sysconf(_SC_NPROCESSORS_ONLN));
    run_ok("cleave trace --for 1s --format xentrace -o " TRACE);
    run_ok("xenalyze --svm-mode --cpu-hz 1G -s --report-pcpu " TRACE
           " >/tmp/sum 2>/tmp/complaints");
    assert_words(run_ok("cat /tmp/sum")->out, "Domain 0|Domain 32767|running|Total active cpus");
    assert_null(strstr(run_ok("cat /tmp/complaints")->out, "Strange"));
    assert_null(strstr(run_ok("cat /tmp/complaints")->out, "FATAL"));
    assert_null(strstr(run_ok("cat /tmp/complaints")->out, "Possible tsc skew"));
    run_ok("cleave trace --for 300ms -e all --format xentrace -o " TRACE);
    run_ok("xenalyze --svm-mode --cpu-hz 1G -s " TRACE " | grep VMEXIT_HLT");
}

/* --- its end ---------------------------------------------------------------------------------- */

/* Starts one in the background, and waits until it writes. */
static void start_trace(void)
{
    run_ok("cleave trace -o " TRACE " >/tmp/trace.out 2>&1 & echo $! >/tmp/trace.pid");
    AWAIT(run("[ -s " TRACE " ]")->status == 0, 20);
}

static void ctrl_c_ends_it_cleanly(void **state)
{
    json_t *trace;

    (void)state;
    need_cleave();
    run_ok("cleave create /guests/spin.cfg name=naps 'extra=work=300 sleep=500'");
    start_trace();
    run_ok("kill -INT $(cat /tmp/trace.pid)");
    AWAIT(strstr(run_ok("cat /tmp/trace.out")->out, TRACE), 20);
    trace = read_trace(TRACE);
    json_decref(trace);
}

/* The lock goes with its holder, and the core replaces what it left. */
static void a_killed_one_hinders_nobody(void **state)
{
    const struct run *refused;
    json_t *trace;

    (void)state;
    need_cleave();
    run_ok("cleave create /guests/spin.cfg name=naps 'extra=work=300 sleep=500'");
    start_trace();
    refused = run("cleave trace --for 1s -o " TRACE ".2");
    assert_refused(refused, "another `cleave trace` runs");
    assert_int_equal(refused->status, REPORT_STATE);
    run_ok("kill -9 $(cat /tmp/trace.pid)");
    AWAIT(run("cleave trace --for 100ms -o " TRACE)->status == 0, 20);
    trace = read_trace(TRACE);
    json_decref(trace);
}

/* --- mistakes --------------------------------------------------------------------------------- */

static void wrong_words_are_refused(void **state)
{
    static const struct {
        const char *words, *says;
        int status;
    } wrong[] = {
        { "--for 0", "--for 0|2s", REPORT_USAGE },
        { "--for -1s", "--for -1s", REPORT_USAGE },
        { "--for 2x", "2x", REPORT_USAGE },
        { "--for ''", "--for", REPORT_USAGE },
        { "--for 99999999999999999999s", "24 hours", REPORT_USAGE },
        { "--events ''", "none of sched", REPORT_USAGE },
        { "--events sched,exit", "\"exit\" is none of sched", REPORT_USAGE },
        { "--format perf", "must be chrome or xentrace", REPORT_USAGE },
        { "-o /nowhere/trace", "/nowhere/trace|No such file", REPORT_NOT_FOUND },
        { "more", "too many arguments", REPORT_USAGE },
    };

    (void)state;
    need_cleave();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct run *refused = run("cleave trace %s", wrong[i].words);

        assert_refused(refused, wrong[i].says);
        assert_int_equal(refused->status, wrong[i].status);
    }
    assert_words(run("cleave trace --for 100ms >/dev/full")->err, "cannot write");
}

/* The core's operations, as a tool with a defect would call them. */
static void the_core_refuses_nonsense(void **state)
{
    static const uint32_t sizes[] = { 0, 1, 63, 65, 3000, 32768, 1u << 31, UINT32_MAX };
    struct core_trace *trace, *second;
    struct cleave_trace_record records[CLEAVE_TRACE_BATCH];
    struct core_batch batch = { .records = records };
    struct hv hv;

    (void)state;
    need_cleave();
    assert_int_equal(hv_open(&hv), 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        assert_int_equal(core_trace_start(&hv, sizes[i], CLEAVE_TRACE_EVENTS, &trace), -EINVAL);
    assert_int_equal(core_trace_start(&hv, 64, 0, &trace), -EINVAL);
    assert_int_equal(core_trace_start(&hv, 64, UINT32_MAX, &trace), -EINVAL);
    for (int i = 0; i < 100; i++) { /* started and stopped faster than CPUs follow */
        assert_int_equal(core_trace_start(&hv, 64 << i % 9, CLEAVE_TRACE_EVENTS, &trace), 0);
        assert_int_equal(core_trace_stop(trace), 0);
    }
    assert_int_equal(core_trace_start(&hv, 64, CLEAVE_TRACE_EVENTS, &trace), 0);
    AWAIT(core_trace_read(trace, 0, 0, &batch) != -EAGAIN, 10);
    AWAIT(core_trace_read(trace, 0, 128, &batch) == 0 || batch.lost, 10);
    assert_int_equal(core_trace_read(trace, 0, 129, &batch), -EINVAL);
    assert_int_equal(core_trace_read(trace, UINT32_MAX, 1, &batch), -EINVAL);
    assert_int_equal(core_trace_read(trace, core_trace_cpus(trace), 1, &batch), -EINVAL);
    assert_int_equal(core_trace_start(&hv, 64, CLEAVE_TRACE_EVENTS, &second), 0);
    assert_int_equal(core_trace_read(trace, 0, 1, &batch), -ENOENT);
    assert_int_equal(core_trace_stop(trace), -ENOENT);
    assert_int_equal(core_trace_stop(second), 0);
    hv_close(&hv);
}

static const struct CMUnitTest tests[] = {
#define TRACING_TEST(function) \
    { \
#function, function, test_begin, end, NULL \
    }
    TRACING_TEST(only_cleave_traces),
    TRACING_TEST(slices_are_what_was_charged),
    TRACING_TEST(who_runs_all_the_time_is_told),
    TRACING_TEST(all_kinds_of_events),
    TRACING_TEST(xen_format_has_blocks),
    TRACING_TEST(xenalyze_understands_it),
    TRACING_TEST(ctrl_c_ends_it_cleanly),
    TRACING_TEST(a_killed_one_hinders_nobody),
    TRACING_TEST(wrong_words_are_refused),
    TRACING_TEST(the_core_refuses_nonsense),
};
const struct group group_trace = GROUP("trace", tests);
