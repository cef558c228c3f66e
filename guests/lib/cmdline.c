/* SPDX-License-Identifier: MIT */
/*
 * The kernel command line (`extra=` or `cmdline=` of a VM file), from cmdline_paddr of
 * hvm_start_info. Copied at initialisation.
 */
#include "lib.h"

static char cmdline_text[256];

/* text may be NULL. Longer text is truncated. */
void cmdline_init(const char *text)
{
    size_t n = text ? strlen(text) : 0;

    if (n >= sizeof(cmdline_text))
        n = sizeof(cmdline_text) - 1;
    memcpy(cmdline_text, text, n);
    cmdline_text[n] = '\0';
}

/*
 * Returns the text after the word `key`, which must be followed by `end` (for a blank, also the end
 * of the line), or NULL.
 */
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

/*
 * Returns the text after KEY= up to the end of the line, or NULL. The caller must stop at the
 * blank.
 */
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
