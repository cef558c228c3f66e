/* SPDX-License-Identifier: MIT */
/*
 * Finds the keys of a VM file: words before an = sign, outside strings, lists and comments. The
 * text has already been parsed by libxlutil, so its syntax is valid. Read next: vmfile.c.
 */
#include "vmkeys.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "report.h"

static bool is_known(const char *key, size_t length)
{
    static const char *const known[] = {
        "type",     "name",    "uuid",       "memory",   "maxmem", "vcpus",       "maxvcpus",
        "kernel",   "ramdisk", "cmdline",    "root",     "extra",  "on_poweroff", "on_reboot",
        "on_crash", "cpus",    "cpu_weight", "tsc_mode", "disk",   "vif",
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strlen(known[i]) == length && memcmp(known[i], key, length) == 0)
            return true;
    return false;
}

/* Skips the string that begins at text. A backslash escapes the next character. */
static const char *skip_string(const char *text)
{
    char quote = *text++;

    while (*text && *text != quote)
        text += text[0] == '\\' && text[1] ? 2 : 1;
    return *text ? text + 1 : text;
}

void vmkeys_warn(const char *path, const char *text)
{
    int depth = 0;

    while (*text) {
        if (*text == '"' || *text == '\'') {
            text = skip_string(text);
        } else if (*text == '#') {
            text += strcspn(text, "\n");
        } else if (isalpha((unsigned char)*text) || *text == '_') {
            size_t length = 1;

            while (isalnum((unsigned char)text[length]) || text[length] == '_')
                length++;

            const char *after = text + length + strspn(text + length, " \t");

            if (depth == 0 && (after[0] == '=' || (after[0] == '+' && after[1] == '=')) &&
                !is_known(text, length))
                report_warning("VM file %s: the key \"%.*s\" is unknown and has no effect", path,
                               (int)length, text);
            text += length;
        } else {
            depth += (*text == '[') - (*text == ']');
            text++;
        }
    }
}
