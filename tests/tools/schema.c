/* SPDX-License-Identifier: MIT */
/* See schema.h. Each keyword is a row of the table: its name, and the function that checks it. */
#include "schema.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 32 /* maximum of references and nesting */

struct check {
    const char *folder;
    char *problem;
    char place[128]; /* of the value, as a JSON pointer */
    unsigned int depth;
};

static bool check_value(struct check *check, const json_t *schema, const json_t *value);

static bool __attribute__((format(printf, 2, 3))) fail(struct check *check, const char *format, ...)
{
    int used = snprintf(check->problem, 256, "%s: ", check->place[0] ? check->place : "/");
    va_list args;

    va_start(args, format);
    vsnprintf(check->problem + used, 256 - used, format, args);
    va_end(args);
    return false;
}

/* Checks a member or an item, whose name is appended to the place. */
static bool check_part(struct check *check, const json_t *schema, const json_t *value,
                       const char *name)
{
    size_t length = strlen(check->place);
    bool valid;

    snprintf(check->place + length, sizeof(check->place) - length, "/%s", name);
    valid = check_value(check, schema, value);
    check->place[length] = '\0';
    return valid;
}

static bool check_type(struct check *check, const json_t *type, const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "object",   [JSON_ARRAY] = "array", [JSON_STRING] = "string",
        [JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean",   [JSON_NULL] = "null",
    };
    const char *wanted = json_string_value(type);
    const char *is = names[json_typeof(value)];

    if (!wanted)
        return fail(check, "the schema's type is no string");
    if (strcmp(wanted, is) == 0 || (strcmp(wanted, "number") == 0 && json_is_number(value)))
        return true;
    return fail(check, "a value of type %s instead of %s", is, wanted);
}

static bool check_const(struct check *check, const json_t *constant, const json_t *value)
{
    return json_equal(constant, value) || fail(check, "not the one value allowed");
}

static bool check_enum(struct check *check, const json_t *values, const json_t *value)
{
    size_t i;
    json_t *one;

    json_array_foreach((json_t *)values, i, one) if (json_equal(one, value)) return true;
    return fail(check, "\"%s\" is not among the values allowed",
                json_is_string(value) ? json_string_value(value) : "(no string)");
}

static bool check_properties(struct check *check, const json_t *properties, const json_t *value)
{
    const char *name;
    json_t *schema;

    json_object_foreach((json_t *)properties, name, schema)
    {
        const json_t *member = json_object_get(value, name);

        if (member && !check_part(check, schema, member, name))
            return false;
    }
    return true;
}

static bool check_required(struct check *check, const json_t *names, const json_t *value)
{
    size_t i;
    json_t *name;

    json_array_foreach((json_t *)names, i,
                       name) if (json_is_object(value) &&
                                 !json_object_get(value,
                                                  json_string_value(
                                                      name))) return fail(check, "no member \"%s\"",
                                                                          json_string_value(name));
    return true;
}

static bool check_items(struct check *check, const json_t *schema, const json_t *value)
{
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)value, i, item)
    {
        char number[24];

        snprintf(number, sizeof(number), "%zu", i);
        if (!check_part(check, schema, item, number))
            return false;
    }
    return true;
}

static bool check_minimum(struct check *check, const json_t *least, const json_t *value)
{
    return !json_is_number(value) || json_number_value(value) >= json_number_value(least) ||
           fail(check, "%g is less than %g", json_number_value(value), json_number_value(least));
}

static bool check_maximum(struct check *check, const json_t *most, const json_t *value)
{
    return !json_is_number(value) || json_number_value(value) <= json_number_value(most) ||
           fail(check, "%g is more than %g", json_number_value(value), json_number_value(most));
}

static bool check_pattern(struct check *check, const json_t *pattern, const json_t *value)
{
    const char *text = json_string_value(value);
    regex_t expression;
    bool matches;

    if (!text)
        return true;
    if (regcomp(&expression, json_string_value(pattern), REG_EXTENDED | REG_NOSUB) != 0)
        return fail(check, "the schema's pattern is invalid");
    matches = regexec(&expression, text, 0, NULL, 0) == 0;
    regfree(&expression);
    return matches || fail(check, "\"%s\" does not match %s", text, json_string_value(pattern));
}

static bool check_file(struct check *check, const char *name, const json_t *value)
{
    char path[256];
    json_error_t error;
    json_t *schema;
    bool valid;

    snprintf(path, sizeof(path), "%s/%s", check->folder, name);
    schema = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!schema)
        return fail(check, "schema %s:%d: %s", path, error.line, error.text);
    valid = check_value(check, schema, value);
    json_decref(schema);
    return valid;
}

static bool check_reference(struct check *check, const json_t *name, const json_t *value)
{
    return check_file(check, json_string_value(name), value);
}

static bool accept(struct check *check, const json_t *keyword, const json_t *value)
{
    (void)check;
    (void)keyword;
    (void)value;
    return true;
}

/* Members that no property allows. The only value in use is false. */
static bool check_additional(struct check *check, const json_t *schema, const json_t *value)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *additional = json_object_get(schema, "additionalProperties");
    const char *name;
    json_t *member;

    if (!additional)
        return true;
    if (!json_is_false(additional))
        return fail(check, "the schema's additionalProperties must be false");
    json_object_foreach(
        (json_t *)value, name,
        member) if (!json_object_get(properties,
                                     name)) return fail(check,
                                                        "the member \"%s\" is not in the schema",
                                                        name);
    return true;
}

static const struct {
    const char *name;
    bool (*check)(struct check *, const json_t *keyword, const json_t *value);
} keywords[] = {
    { "$schema", accept },          { "title", accept },
    { "description", accept },      { "additionalProperties", accept },
    { "type", check_type },         { "const", check_const },
    { "enum", check_enum },         { "properties", check_properties },
    { "required", check_required }, { "items", check_items },
    { "minimum", check_minimum },   { "maximum", check_maximum },
    { "pattern", check_pattern },   { "$ref", check_reference },
};

static bool check_keyword(struct check *check, const char *name, const json_t *keyword,
                          const json_t *value)
{
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
        if (strcmp(name, keywords[i].name) == 0)
            return keywords[i].check(check, keyword, value);
    return fail(check, "the schema's keyword \"%s\" is not supported", name);
}

static bool check_value(struct check *check, const json_t *schema, const json_t *value)
{
    bool valid = true;
    const char *name;
    json_t *keyword;

    if (check->depth == DEPTH_MAX)
        return fail(check, "more than %d levels", DEPTH_MAX);
    check->depth++;
    json_object_foreach((json_t *)schema, name, keyword)
        valid = valid && check_keyword(check, name, keyword, value);
    valid = valid && check_additional(check, schema, value);
    check->depth--;
    return valid;
}

bool schema_check(const char *folder, const char *name, const json_t *value, char problem[256])
{
    struct check check = { .folder = folder, .problem = problem };
    char file[64];

    problem[0] = '\0';
    snprintf(file, sizeof(file), "%s.json", name);
    return check_file(&check, file, value);
}
