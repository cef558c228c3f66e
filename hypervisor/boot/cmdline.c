/* SPDX-License-Identifier: MIT */
/*
 * The core's command line: words NAME or NAME=VALUE between blanks; the last one of a name counts. Numbers
 * and sizes are parsed strictly: a typing error must not become some other number.
 */
#include "boot.h"
#include "lib.h"

/* Every option that any file asks for. */
static const char *const known[] = { "console", "dom0_max_vcpus", "dom0_mem", "guest_loglvl", "loglvl",
                                    "maxcpus", "noreboot" };

static size_t word_length(const char *s)
{
    size_t n = 0;

    while (s[n] && s[n] != ' ')
        n++;
    return n;
}

static size_t name_length(const char *s)
{
    size_t n = 0;

    while (s[n] && s[n] != ' ' && s[n] != '=')
        n++;
    return n;
}

bool cmdline_get(const char *name, char *buf, size_t size)
{
    bool found = false;
    const char *s = boot_info.cmdline ? boot_info.cmdline : "";

    while (*s) {
        size_t word = word_length(s), n = name_length(s);

        if (n && n == strlen(name) && strncmp(s, name, n) == 0) {
            size_t value = n < word ? n + 1 : n;

            strlcpy_(buf, s + value, MIN(size, word - value + 1));
            found = true;
        }
        s += word;
        while (*s == ' ')
            s++;
    }
    return found;
}

void cmdline_check(void)
{
    const char *s = boot_info.cmdline;

    while (*s) {
        size_t n = name_length(s);
        unsigned int i = 0;

        while (i < ARRAY_SIZE(known) && (strlen(known[i]) != n || strncmp(s, known[i], n)))
            i++;
        if (n && i == ARRAY_SIZE(known))
            log_warn("unknown option %.*s on the command line is ignored\n", (int)n, s);
        s += word_length(s);
        while (*s == ' ')
            s++;
    }
}

/*
 * Decimal, or hexadecimal behind 0x; *end is the first character behind it. False: no digit, or more than 64
 * bits.
 */
static bool parse_digits(const char *s, uint64_t *n, const char **end)
{
    uint64_t base = 10;
    bool any = false;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
    }
    for (*n = 0;; s++) {
        char c = (char)(*s | 0x20);
        uint64_t digit;

        if (*s >= '0' && *s <= '9')
            digit = (uint64_t)(*s - '0');
        else if (base == 16 && c >= 'a' && c <= 'f')
            digit = (uint64_t)(c - 'a' + 10);
        else
            break;
        if (__builtin_mul_overflow(*n, base, n) || __builtin_add_overflow(*n, digit, n))
            return false;
        any = true;
    }
    *end = s;
    return any;
}

bool parse_number(const char *s, uint64_t *n)
{
    const char *end;

    return parse_digits(s, n, &end) && *end == '\0';
}

bool parse_size(const char *s, uint64_t *bytes)
{
    const char *end;
    unsigned int shift = 0;

    if (!parse_digits(s, bytes, &end))
        return false;
    switch (*end) {
    case '\0': return true;
    case 'k': case 'K': shift = 10; break;
    case 'm': case 'M': shift = 20; break;
    case 'g': case 'G': shift = 30; break;
    case 't': case 'T': shift = 40; break;
    default: return false;
    }
    return end[1] == '\0' && !__builtin_mul_overflow(*bytes, 1ull << shift, bytes);
}
