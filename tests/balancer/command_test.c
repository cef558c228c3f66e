/* SPDX-License-Identifier: MIT */
/* `cleave mem`, run on the host: exit status, messages, and JSON against its schema. */
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

#define MEM CLEAVE " mem "
#define DIR "build/tests/balancer/"

static char output[1 << 16];

/* Runs cleave mem with these arguments; `output` has its output, including errors. */
static int run(const char *words)
{
    char command[1024];
    size_t length;
    FILE *pipe;
    int status;

    snprintf(command, sizeof(command), MEM "%s 2>&1", words);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    length = fread(output, 1, sizeof(output) - 1, pipe);
    output[length] = '\0';
    status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_said(const char *words)
{
    if (!strstr(output, words))
        fail_msg("no \"%s\": %s", words, output);
}

static json_t *run_json(const char *words)
{
    char problem[256];
    json_error_t error;
    json_t *json;

    assert_int_equal(run(words), 0);
    json = json_loads(output, 0, &error);
    assert_non_null(json);
    if (!schema_check("dom0-tools/schema", "mem", json, problem))
        fail_msg("%s", problem);
    return json;
}

static void write_trace(const char *text)
{
    FILE *file = fopen(DIR "trace", "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static json_int_t figure(const json_t *json, size_t policy, const char *key)
{
    const json_t *list = json_object_get(json_object_get(json, "simulation"), "policies");

    return json_integer_value(json_object_get(json_array_get(list, policy), key));
}

enum { BALANCED, FRACTION, FIXED, ORACLE };

/* 1,000 VMs for an hour: no rule is broken, and much less lacks than under the simple policies. */
static void a_thousand_vms_fare_better(void **state)
{
    static const char *const seeds[] = { "1", "2", "3" };

    (void)state;
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        char words[64];
        json_t *json;

        snprintf(words, sizeof(words), "simulate --synthetic %s --json", seeds[i]);
        json = run_json(words);
        for (size_t policy = BALANCED; policy <= ORACLE; policy++)
            assert_int_equal(figure(json, policy, "violations"), 0);
        assert_true(3 * figure(json, BALANCED, "regret_kib") <
                    figure(json, FRACTION, "regret_kib"));
        assert_true(3 * figure(json, BALANCED, "regret_kib") < figure(json, FIXED, "regret_kib"));
        assert_int_equal(figure(json, ORACLE, "regret_kib"), 0);
        /* an hour: a target changes in a period out of five at most, and turns in one out of 20 */
        assert_true(figure(json, BALANCED, "targets") < 1000 * 720 / 5);
        assert_true(figure(json, BALANCED, "turns") < 1000 * 720 / 20);
        json_decref(json);
    }
}

static void the_same_seed_gives_the_same(void **state)
{
    char *first;

    (void)state;
    assert_int_equal(run("simulate --synthetic 7"), 0);
    first = strdup(output);
    assert_int_equal(run("simulate --synthetic 7"), 0);
    assert_string_equal(output, first);
    free(first);
}

/*
 * Two VMs of 100 to 1,000 MiB on 1,000 MiB: under the simple policies each has 470, so that B lacks
 * 430 of its 900 in each of four periods.
 */
static void a_trace_is_replayed(void **state)
{
    json_t *json;

    (void)state;
    write_trace("# NAME MIN MAX SHARES PRIORITY USED\n"
                "a 100 1000 1000 0  50 50 50 50\n"
                "b 100 1000 1000 0  900 900 900 900\n");
    json = run_json("simulate " DIR "trace --host-memory 1000 --json");
    assert_int_equal(figure(json, FRACTION, "used_kib"), 4 * 950 * 1024);
    assert_in_range(figure(json, FRACTION, "lacking_kib"), 4 * 430 * 1024, 4 * 431 * 1024);
    assert_true(figure(json, BALANCED, "lacking_kib") < 4 * 430 * 1024);
    assert_int_equal(figure(json, ORACLE, "lacking_kib"), 0);
    json_decref(json);
}

static void write_vm(const char *name, const char *more)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), DIR "%s.cfg", name);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "type='pvh'\nname='%s'\nkernel='/k'\nmemory=100\n%s\n", name, more);
    fclose(file);
}

/* 100 MiB take 1 MiB of special pages and 2 MiB for page tables, as xl counts them. */
static void files_fit_or_not(void **state)
{
    json_t *json, *plan;

    (void)state;
    write_vm("a", "");
    write_vm("b", "memory_min=90");
    assert_int_equal(run("plan " DIR "a.cfg " DIR "b.cfg --host-memory 206"), 0);
    assert_said("206 MiB are asked for, 206 are free: fits");
    assert_int_equal(run("plan " DIR "a.cfg " DIR "b.cfg --host-memory 205"), 5);
    assert_said("these VMs ask for 206 MiB with their overhead; 205 are free");
    json = run_json("plan " DIR "a.cfg " DIR "b.cfg --host-memory 1000 --count 100 --json");
    plan = json_object_get(json, "plan");
    assert_true(json_is_false(json_object_get(plan, "fits")));
    assert_int_equal(json_integer_value(json_object_get(plan, "count")), 8);
    json_decref(json);
    write_vm("low", "memory_min=50");
    assert_int_equal(run("plan " DIR "low.cfg --host-memory 1000"), 2);
    assert_said("memory_min = 50: a Linux guest with a maximum of 100 MiB does not live with less");
}

static void wrong_words_are_named(void **state)
{
    (void)state;
    assert_int_equal(run("simulate"), 2);
    assert_said("give either a TRACE or --synthetic SEED");
    assert_int_equal(run("simulate --synthetic x"), 2);
    assert_int_equal(run("simulate " DIR "none"), 3);
    write_trace("a 100 50 1000 0 1\n");
    assert_int_equal(run("simulate " DIR "trace"), 2);
    assert_said("trace:1: must be NAME MIN MAX SHARES PRIORITY");
    write_trace("a 100 200 1000 0 1 2\nb 100 200 1000 0 1\n");
    assert_int_equal(run("simulate " DIR "trace"), 2);
    assert_said("trace:2: must be");
    write_trace("a 100 200 1000 0 1\n");
    assert_int_equal(run("simulate " DIR "trace --host-memory 100"), 5);
    assert_said("the VMs' MIN add up to 100 MiB");
    assert_int_equal(run("sumulate"), 2);
    assert_said("must be `cleave mem");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_vms_fare_better),
        cmocka_unit_test(the_same_seed_gives_the_same),
        cmocka_unit_test(a_trace_is_replayed),
        cmocka_unit_test(files_fit_or_not),
        cmocka_unit_test(wrong_words_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
