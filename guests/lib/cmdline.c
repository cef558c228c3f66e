/* SPDX-License-Identifier: MIT */
/*
 * The kernel command line (a VM file's `extra=` or `cmdline=`), from hvm_start_info's cmdline_paddr. It is
 * copied at once, because it lies in RAM that mem.c does not know about.
 */
#include "lib.h"

static char cmdline_text[256];

/* text may be NULL. What is longer than the copy is cut off. */
void cmdline_init(const char *text)
{
    size_t n = text ? strlen(text) : 0;

    if (n >= sizeof(cmdline_text))
        n = sizeof(cmdline_text) - 1;
    memcpy(cmdline_text, text, n);
    cmdline_text[n] = '\0';
}

/* What is behind `key` where it is a word up to `end` (a blank: or the end of the line), or NULL. */
static const char *find(const char *key, char end)
{
    size_t n = strlen(key);

    for (const char *at = cmdline_text; *at; at++)
        if ((at == cmdline_text || at[-1] == ' ') && !strncmp(at, key, n) &&
            (at[n] == end || (end == ' ' && !at[n])))
            return at + n;
    return NULL;
}

bool cmdline_has(const char *word) { return find(word, ' '); }

/* The text behind KEY=, up to the end of the whole line (a reader stops at the blank by itself), or NULL. */
const char *cmdline_value(const char *key)
{
    const char *behind = find(key, '=');

    return behind ? behind + 1 : NULL;
}

uint64_t cmdline_number(const char *key, uint64_t otherwise)
{
    const char *value = cmdline_value(key);

    return value ? string_number(value) : otherwise;
}
