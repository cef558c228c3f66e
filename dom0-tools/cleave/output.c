/* SPDX-License-Identifier: MIT */
/*
 * JSON output, by jansson. It accepts only valid UTF-8, but names are chosen by the VMs' owners (xl
 * accepts any bytes), and a guest's messages hold anything: invalid bytes become U+FFFD.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "vms.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define CHARACTER_MAX 4 /* bytes of a UTF-8 character */

/* Returns the length of the character that text begins with; 0: it is not valid. */
static size_t character_length(const char *text, size_t room)
{
    for (size_t length = 1; length <= CHARACTER_MAX && length <= room; length++) {
        json_t *string = json_stringn(text, length);

        json_decref(string);
        if (string)
            return length;
    }
    return 0;
}

/* Returns text with its invalid bytes replaced. */
static json_t *repaired(const char *text, size_t size)
{
    char *valid = malloc(size * strlen(REPLACEMENT) + 1), *to = valid;
    const char *end = text + size;
    json_t *string;

    while (valid && text < end) {
        size_t length = character_length(text, end - text);

        if (length)
            to = mempcpy(to, text, length);
        else
            to = mempcpy(to, REPLACEMENT, strlen(REPLACEMENT));
        text += length ? length : 1;
    }
    string = valid ? json_stringn(valid, to - valid) : NULL;
    free(valid);
    return string;
}

static json_t *string_of(const char *text, size_t length)
{
    json_t *string = json_stringn(text, length);

    return string ? string : repaired(text, length);
}

json_t *output_string(const char *text) { return string_of(text, strlen(text)); }

void output_bytes(json_t *object, const char *key, const char *bytes, size_t length)
{
    json_object_set_new(object, key, string_of(bytes, length));
}

void output_text(json_t *object, const char *key, const char *text)
{
    output_bytes(object, key, text, strlen(text));
}

void output_append(json_t *list, const char *text)
{
    json_array_append_new(list, string_of(text, strlen(text)));
}

void output_printable(char *text, size_t size, const char *bytes, size_t length)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < length && used + 4 < size; i++) {
        unsigned char c = bytes[i];

        if (c < ' ' || c > '~')
            used += snprintf(text + used, size - used, "\\x%02x", c);
        else
            text[used++] = c;
    }
    text[used] = '\0';
}

void output_number(json_t *object, const char *key, uint64_t number)
{
    json_object_set_new(object, key, json_integer(number));
}

json_t *output_list(json_t *object, const char *key)
{
    json_t *list = json_array();

    json_object_set_new(object, key, list);
    return list;
}

json_t *output_object(json_t *object, const char *key)
{
    json_t *member = json_object();

    json_object_set_new(object, key, member);
    return member;
}

json_t *output_item(json_t *list)
{
    json_t *item = json_object();

    json_array_append_new(list, item);
    return item;
}

void output_is_done(struct call *call, const char *name, const char *what)
{
    snprintf(call->remains, sizeof(call->remains), ", but VM \"%s\" was %s", name, what);
}

void output_vm(json_t *object, const struct domain *domain)
{
    output_text(object, "name", domain->name);
    if (domain->domid != VMS_NO_DOMAIN)
        output_number(object, "id", domain->domid);
    output_text(object, "uuid", domain->uuid);
}
