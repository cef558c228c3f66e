/* SPDX-License-Identifier: MIT */
/* JSON output of cleave, checked against the schemas of dom0-tools/schema, as installed in dom0. */
#include "system.h"

#include "schema.h"

#define SCHEMAS "/usr/share/cleave/schema"

bool json_is_valid(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    json_decref(value);
    return value;
}

static void assert_obeys(json_t *value, const json_error_t *error, const char *schema)
{
    char problem[256];

    if (!value)
        fail_msg("line %d: %s", error->line, error->text);
    if (!schema_check(SCHEMAS, schema, value, problem))
        fail_msg("%s.json: %s", schema, problem);
    json_decref(value);
}

void assert_json(const char *text, const char *schema)
{
    json_error_t error;

    assert_obeys(json_loads(text, JSON_REJECT_DUPLICATES, &error), &error, schema);
}

void assert_json_file(const char *path, const char *schema)
{
    json_error_t error;

    assert_obeys(json_load_file(path, JSON_REJECT_DUPLICATES, &error), &error, schema);
}
