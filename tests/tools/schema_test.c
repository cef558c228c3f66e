/* SPDX-License-Identifier: MIT */
/*
 * The schemas of cleave's JSON output: each verb with JSON has one, each accepts an example, and
 * the validator refuses what they forbid. Run from the tree's root. Real output is checked in dom0:
 * tests/system/json.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "schema.h"

#define SCHEMAS "dom0-tools/schema"

static bool is_valid(const char *folder, const char *name, const char *text)
{
    char problem[256];
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
    bool valid;

    assert_non_null(value);
    valid = schema_check(folder, name, value, problem);
    if (!valid)
        print_message("  %s\n", problem);
    json_decref(value);
    return valid;
}

#define UUID "\"uuid\":\"00112233-4455-6677-8899-aabbccddeeff\""
#define VM(verb) "{\"cleave\":1,\"verb\":\"" verb "\",\"name\":\"a\",\"id\":1," UUID "}"
#define DOMAIN \
    "{\"name\":\"a\",\"id\":1," UUID ",\"state\":\"running\",\"memory_kib\":1,\"claimed_kib\":0," \
    "\"max_memory_kib\":1,\"vcpus\":1,\"max_vcpus\":1,\"cpu_time_ns\":1}"

static void the_schemas_accept_examples(void **state)
{
    (void)state;
    assert_true(is_valid(SCHEMAS, "list", "{\"cleave\":1,\"verb\":\"list\",\"domains\":[]}"));
    assert_true(is_valid(SCHEMAS, "list",
                         "{\"cleave\":1,\"verb\":\"list\",\"domains\":[" DOMAIN "," DOMAIN "]}"));
    assert_true(is_valid(SCHEMAS, "pause", VM("pause")));
    assert_true(
        is_valid(SCHEMAS, "error",
                 "{\"cleave\":1,\"verb\":\"list\",\"error\":{\"code\":3,\"class\":\"not-found\","
                 "\"message\":\"no VM\"}}"));
}

static void the_schemas_refuse_the_rest(void **state)
{
    static const char *const wrong[] = {
        "[]",
        "{\"cleave\":1,\"verb\":\"pause\"}",
        "{\"cleave\":2,\"verb\":\"pause\",\"name\":\"a\",\"id\":1," UUID "}",
        "{\"cleave\":1,\"verb\":\"pause\",\"name\":7,\"id\":1," UUID "}",
        "{\"cleave\":1,\"verb\":\"pause\",\"name\":\"a\",\"id\":-1," UUID "}",
        "{\"cleave\":1,\"verb\":\"pause\",\"name\":\"a\",\"id\":1.5," UUID "}",
        "{\"cleave\":1,\"verb\":\"pause\",\"name\":\"a\",\"id\":1,\"uuid\":\"x\"}",
        "{\"cleave\":1,\"verb\":\"pause\",\"name\":\"a\",\"id\":1," UUID ",\"more\":1}",
        VM("unpause"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(is_valid(SCHEMAS, "pause", wrong[i]));
    assert_false(is_valid(SCHEMAS, "list", "{\"cleave\":1,\"verb\":\"list\",\"domains\":[7]}"));
    assert_false(is_valid(SCHEMAS, "state", "\"asleep\""));
    assert_false(is_valid(SCHEMAS, "no-such-schema", "1"));
}

static bool is_valid_by(const char *schema, const char *text)
{
    FILE *file = fopen("build/tests/tools/one.json", "w");

    assert_non_null(file);
    fputs(schema, file);
    fclose(file);
    return is_valid("build/tests/tools", "one", text);
}

static void each_keyword_is_obeyed(void **state)
{
    (void)state;
    assert_true(is_valid_by("{\"type\":\"number\",\"maximum\":2}", "[2]") == false);
    assert_true(is_valid_by("{\"type\":\"number\",\"maximum\":2}", "[]") == false);
    assert_true(is_valid_by("{\"items\":{\"type\":\"number\",\"maximum\":2}}", "[1, 2, 1.5]"));
    assert_false(is_valid_by("{\"items\":{\"maximum\":2}}", "[1, 3]"));
    assert_false(is_valid_by("{\"items\":{\"minimum\":2}}", "[1]"));
    assert_false(is_valid_by("{\"items\":{\"pattern\":\"^a$\"}}", "[\"ab\"]"));
    assert_false(is_valid_by("{\"items\":{\"pattern\":\"(\"}}", "[\"ab\"]"));
    assert_true(is_valid_by("{\"items\":{\"enum\":[1,\"a\",null]}}", "[null, \"a\"]"));
    /* a misspelt keyword must not accept everything, and a reference to itself must end */
    assert_false(is_valid_by("{\"requird\":[]}", "[]"));
    assert_false(is_valid_by("{\"$ref\":\"one.json\"}", "[]"));
    assert_false(is_valid_by("{\"type\":", "[]"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schemas_accept_examples),
        cmocka_unit_test(the_schemas_refuse_the_rest),
        cmocka_unit_test(each_keyword_is_obeyed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
