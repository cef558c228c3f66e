/* SPDX-License-Identifier: MIT */
/*
 * `cleave cpu plan`, run on the host: exit status, messages, JSON against its schema, and the SVG.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../tools/schema.h"

#define CPU CLEAVE " cpu "
#define DIR "build/tests/planner/"
#define SERVER DIR "a.cfg " DIR "b.cfg " DIR "c.cfg " DIR "d.cfg --host-cpus 16 --host-mhz 2000 "

static char output[1 << 20];

static void write_vm(const char *name, int vcpus, const char *more)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), DIR "%s.cfg", name);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "type='pvh'\nname='%s'\nkernel='/k'\nmemory=64\nvcpus=%d\n%s\n", name, vcpus,
            more);
    fclose(file);
}

/* Writes the course's server: 32.000 GHz on 16 CPUs at 2 GHz. */
static int write_server(void **state)
{
    (void)state;
    write_vm("a", 16, "cpu_mhz=1000\ncosched=1");
    write_vm("b", 8, "cpu_mhz=1000\ncosched=1");
    write_vm("c", 4, "cpu_mhz=1000");
    write_vm("d", 4, "cpu_mhz=1000");
    write_vm("more", 1, "cpu_mhz=1");
    write_vm("spare", 1, "");
    write_vm("small", 2, "cpu_mhz=500\ncpu_class='relaxed'");
    write_vm("quick", 1, "cpu_mhz=500\ncpu_latency_us=10");
    write_vm("fast", 1, "cpu_mhz=2001");
    return 0;
}

/* Runs cleave cpu with these arguments; `output` has its output, including errors. */
static int run_cpu(const char *what, const char *words)
{
    char command[1024];
    size_t length;
    FILE *pipe;
    int status;

    snprintf(command, sizeof(command), CPU "%s %s 2>&1", what, words);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    length = fread(output, 1, sizeof(output) - 1, pipe);
    output[length] = '\0';
    status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run(const char *words) { return run_cpu("plan", words); }

static void assert_said(const char *words)
{
    if (!strstr(output, words))
        fail_msg("no \"%s\": %s", words, output);
}

static json_t *run_json(const char *what, const char *words)
{
    char problem[256];
    json_error_t error;
    json_t *json;

    assert_int_equal(run_cpu(what, words), 0);
    json = json_loads(output, 0, &error);
    assert_non_null(json);
    if (!schema_check("dom0-tools/schema", "cpu", json, problem))
        fail_msg("%s", problem);
    return json;
}

static void the_server_fits(void **state)
{
    (void)state;
    assert_int_equal(run(SERVER), 0);
    assert_said("fits: 32.000 GHz of 32.000 GHz reserved, 0.000 GHz free");
    assert_int_equal(run(SERVER DIR "spare.cfg"), 0);
    assert_said("unbounded");
}

static void one_more_is_refused(void **state)
{
    (void)state;
    assert_int_equal(run(SERVER DIR "more.cfg"), 6);
    assert_said("VM \"more\" asks for 0.001 GHz (vcpus = 1, cpu_mhz = 1); 0.000 GHz are free");
    assert_int_equal(run(DIR "a.cfg --host-cpus 8 --host-mhz 4000"), 6);
    assert_said("32.000 GHz are free but not at the same time");
    assert_int_equal(run(DIR "c.cfg " DIR "d.cfg --host-cpus 2 --host-mhz 3000"), 6);
    assert_said("asks for 4.000 GHz (vcpus = 4, cpu_mhz = 1000); 2.000 GHz are free on all CPUs: "
                "cpu_mhz = 500 fits");
    assert_int_equal(run(DIR "quick.cfg --host-cpus 2 --host-mhz 2000"), 6);
    assert_said("cpu_latency_us = 10 cannot be kept with 500 MHz: cpu_latency_us = 118 can");
    assert_int_equal(run(DIR "fast.cfg --host-cpus 2 --host-mhz 2000"), 6);
    assert_said("cpu_mhz = 2000 is the most");
}

static void wrong_words_are_named(void **state)
{
    (void)state;
    assert_int_equal(run(DIR "a.cfg --host-cpus 0 --host-mhz 1"), 2);
    assert_said("--host-cpus 0: must be a number from 1 to 1024");
    assert_int_equal(run(DIR "a.cfg --host-cpus 4x --host-mhz 1"), 2);
    assert_int_equal(run(DIR "a.cfg --host-cpus 2 --host-mhz 1 --dom0-cpus 2"), 2);
    assert_int_equal(run(DIR "a.cfg " DIR "a.cfg --host-cpus 2 --host-mhz 1"), 2);
    assert_said("both have the name \"a\"");
    assert_int_equal(run(DIR "none.cfg --host-cpus 2 --host-mhz 1"), 3);
}

static void dom0_keeps_its_cpus(void **state)
{
    json_t *json = run_json("plan", DIR "c.cfg --host-cpus 4 --host-mhz 2000 --dom0-cpus 1 --json");
    json_t *plan = json_object_get(json, "plan"), *tables = json_object_get(plan, "tables");

    (void)state;
    assert_int_equal(json_array_size(tables), 4);
    assert_true(json_array_size(json_array_get(tables, 0)) > 0);
    assert_int_equal(json_array_size(json_array_get(tables, 3)), 0);
    assert_int_equal(json_integer_value(json_object_get(plan, "free_mhz")), 2000);
    json_decref(json);
}

static void copies_are_counted(void **state)
{
    json_t *json = run_json("plan", DIR "a.cfg " DIR "small.cfg --host-cpus 16 --host-mhz 2000 "
                                        "--count 40 --json");
    json_t *count = json_object_get(json, "count");

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(count, "guaranteed")), 16);
    assert_int_equal(json_integer_value(json_object_get(count, "relaxed")), 16);
    assert_int_equal(json_integer_value(json_object_get(count, "spare")), 40);
    json_decref(json);
}

static json_int_t of_policy(const json_t *json, int index, const char *member)
{
    json_t *policies = json_object_get(json_object_get(json, "simulation"), "policies");

    return json_integer_value(json_object_get(json_array_get(policies, index), member));
}

static void write_trace(const char *last)
{
    FILE *file = fopen(DIR "trace", "w");

    assert_non_null(file);
    fputs("# name, vCPUs, MHz, SLO, MHz wanted in each second\n", file);
    for (int vm = 0; vm < 4; vm++) {
        fprintf(file, "vm%d 2 1000 50", vm);
        for (int second = 0; second < 400; second++)
            fprintf(file, " %d", second % 4 == vm ? 2000 : 0);
        fputc('\n', file);
    }
    fputs(last, file);
    fclose(file);
}

/*
 * Four VMs that take turns. The oracle needs one machine. The prediction takes the VMs to be
 * independent: two would exceed it in 6.25 % of the seconds, three in 15.6 %, which is more than
 * half of the 25 % in which each VM wants time.
 */
static void a_trace_is_replayed(void **state)
{
    json_t *json;

    (void)state;
    write_trace("");
    json = run_json("simulate", DIR "trace --host-cpus 2 --host-mhz 1000 --json");
    assert_int_equal(of_policy(json, 0, "machines"), 4);
    assert_int_equal(of_policy(json, 1, "machines"), 2);
    assert_int_equal(of_policy(json, 2, "machines"), 1);
    assert_int_equal(of_policy(json, 1, "wanted_s"), 200);
    assert_int_equal(of_policy(json, 1, "violated_s"), 0);
    json_decref(json);
    write_trace("vm4 1 1000 95 1 2 x\n");
    assert_int_equal(run_cpu("simulate", DIR "trace --host-cpus 2 --host-mhz 1000"), 2);
    assert_said("trace:6: must be NAME VCPUS MHZ SLO");
    assert_int_equal(run_cpu("simulate", "--host-cpus 2 --host-mhz 1000"), 2);
    assert_int_equal(run_cpu("simulate", "/nowhere --host-cpus 2 --host-mhz 1000"), 3);
    assert_int_equal(run_cpu("divine", ""), 2);
}

/* Each slot is a rectangle with a title. */
static void the_timeline_is_drawn(void **state)
{
    char text[512];
    int titles = 0;
    FILE *file;

    (void)state;
    assert_int_equal(run(SERVER "--svg " DIR "plan.svg"), 0);
    file = fopen(DIR "plan.svg", "r");
    assert_non_null(file);
    while (fgets(text, sizeof(text), file))
        titles += strstr(text, "<title>") != NULL;
    fclose(file);
    assert_int_equal(titles, 32);
    assert_int_equal(strcmp(text, "</svg>\n"), 0);
    assert_int_equal(run(SERVER "--svg /nowhere/plan.svg"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_fits),       cmocka_unit_test(one_more_is_refused),
        cmocka_unit_test(wrong_words_are_named), cmocka_unit_test(dom0_keeps_its_cpus),
        cmocka_unit_test(a_trace_is_replayed),   cmocka_unit_test(copies_are_counted),
        cmocka_unit_test(the_timeline_is_drawn),
    };

    return cmocka_run_group_tests_name("cleave cpu plan", tests, write_server, NULL);
}
