/* SPDX-License-Identifier: MIT */
/*
 * The core's command line: words NAME or NAME=VALUE separated by blanks. If a name is repeated, the
 * last one wins. Numbers and sizes are parsed strictly: a malformed value is refused.
 */
#include "lib/cmdline.h"
#include "errors.h"
#include "lib.h"

/* All options of the core. Any other is reported as unknown. */
static const char *const known[] = { "console", "dom0_max_vcpus", "dom0_mem", "guest_loglvl",
                                     "loglvl",  "maxcpus",        "nmi",      "noreboot" };

static const char *cmdline = "";

/* NAME or NAME=VALUE: the length of the name and of the whole word. */
struct word {
    const char *text;
    size_t name, length;
};

/* Parses the next word of *s and advances *s past it. */
static bool next_word(const char **s, struct word *w)
{
    while (**s == ' ')
        ++*s;
    *w = (struct word){ .text = *s };
    while (**s && **s != ' ')
        ++*s;
    w->length = (size_t)(*s - w->text);
    while (w->name < w->length && w->text[w->name] != '=')
        w->name++;
    return w->length != 0;
}

static bool is_named(const struct word *w, const char *name)
{
    return strlen(name) == w->name && memcmp(w->text, name, w->name) == 0;
}

void cmdline_init(const char *text) { cmdline = text; }

const char *cmdline_get(const char *name)
{
    static char value[32];
    const char *s = cmdline, *found = NULL;
    struct word w;

    while (next_word(&s, &w)) {
        size_t skip = MIN(w.name + 1, w.length);

        if (!is_named(&w, name))
            continue;
        snprintf(value, sizeof(value), "%.*s", (int)(w.length - skip), w.text + skip);
        found = value;
    }
    return found;
}

void cmdline_check(void)
{
    const char *s = cmdline;
    struct word w;

    while (next_word(&s, &w)) {
        unsigned int i = 0;

        while (i < ARRAY_SIZE(known) && !is_named(&w, known[i]))
            i++;
        if (i == ARRAY_SIZE(known))
            log_warn("unknown option %.*s on the command line is ignored\n", (int)w.name, w.text);
    }
}

bool cmdline_parse_size(const char *s, uint64_t *n)
{
    unsigned int shift = 0;

    if (*s < '0' || *s > '9')
        return false;
    for (*n = 0; *s >= '0' && *s <= '9'; s++)
        if (__builtin_mul_overflow(*n, 10, n) ||
            __builtin_add_overflow(*n, (uint64_t)(*s - '0'), n))
            return false;
    for (unsigned int i = 0; i < 4; i++)
        if ((*s | 0x20) == "kmgt"[i])
            shift = 10 * (i + 1);
    return s[shift ? 1 : 0] == '\0' && !__builtin_mul_overflow(*n, 1ull << shift, n);
}
