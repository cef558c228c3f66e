/* SPDX-License-Identifier: MIT */
/*
 * JSON output, by jansson. It accepts only valid UTF-8, but names are chosen by the VMs' owners (xl
 * accepts any bytes), and a guest's messages hold anything: invalid bytes become U+FFFD.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "vms.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define CHARACTER_MAX 4 /* bytes of a UTF-8 character */

/* Returns the length of the character that text begins with; 0: it is not valid. */
static size_t character_length(const char *text)
{
    for (size_t length = 1; length <= CHARACTER_MAX && text[length - 1]; length++) {
        json_t *string = json_stringn(text, length);

        json_decref(string);
        if (string)
            return length;
    }
    return 0;
}

/* Returns text with its invalid bytes replaced. */
static json_t *repaired(const char *text)
{
    char *valid = malloc(strlen(text) * strlen(REPLACEMENT) + 1), *to = valid;
    json_t *string;

    while (valid && *text) {
        size_t length = character_length(text);

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

static json_t *string_of(const char *text)
{
    json_t *string = json_string(text);

    return string ? string : repaired(text);
}

void output_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, string_of(text));
}

void output_append(json_t *list, const char *text) { json_array_append_new(list, string_of(text)); }

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

void output_vm(json_t *object, const struct domain *domain)
{
    output_text(object, "name", domain->name);
    if (domain->domid != VMS_NO_DOMAIN)
        output_number(object, "id", domain->domid);
    output_text(object, "uuid", domain->uuid);
}
