/* SPDX-License-Identifier: MIT */
/*
 * The JSON printer. Strings are printed byte by byte: names come from guests' owners, so whatever is not
 * plain ASCII is escaped.
 */
#include "json.h"

static void print_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = *text;

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void begin_value(struct json *json, const char *key)
{
    if (json->filled)
        fputc(',', json->out);
    if (json->depth)
        fprintf(json->out, "\n%*s", 2 * json->depth, "");
    if (key) {
        print_string(json->out, key);
        fputs(": ", json->out);
    }
    json->filled = true;
}

void json_open(struct json *json, const char *key, char bracket)
{
    begin_value(json, key);
    fputc(bracket, json->out);
    json->depth++;
    json->filled = false;
}

void json_close(struct json *json, char bracket)
{
    json->depth--;
    if (json->filled)
        fprintf(json->out, "\n%*s", 2 * json->depth, "");
    fputc(bracket, json->out);
    json->filled = true;
    if (!json->depth)
        fputc('\n', json->out);
}

void json_number(struct json *json, const char *key, uint64_t number)
{
    begin_value(json, key);
    fprintf(json->out, "%llu", (unsigned long long)number);
}

void json_string(struct json *json, const char *key, const char *text)
{
    begin_value(json, key);
    print_string(json->out, text);
}
