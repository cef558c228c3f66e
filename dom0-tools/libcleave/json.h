/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON (RFC 8259) to a stream, value by value, with commas, quotes and indentation. In an
 * object each value has a key; in a list, and for the outermost value, key is NULL.
 */
#ifndef LIBCLEAVE_JSON_H
#define LIBCLEAVE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    int depth;
    bool filled; /* the innermost object or list is not empty */
};

void json_open(struct json *json, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *json, char bracket);                 /* '}' or ']' */
void json_number(struct json *json, const char *key, uint64_t number);
void json_string(struct json *json, const char *key, const char *text);

#endif
