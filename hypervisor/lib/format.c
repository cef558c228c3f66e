/* SPDX-License-Identifier: MIT */
/*
 * snprintf for the core: %d %u %x (with l or z, with a width that begins with 0, %#x), %p, %s,
 * %.*s, %c and %%. An unknown conversion is printed literally, so that the mistake is visible. No
 * allocation, no lock.
 */
#include "lib.h"

struct out {
    char *buf;
    size_t size, length;
};

static void put_char(struct out *o, char c)
{
    if (o->length + 1 < o->size)
        o->buf[o->length] = c;
    o->length++;
}

static void put_string(struct out *o, const char *text, int precision)
{
    for (text = text ? text : "(null)"; *text && precision--; text++)
        put_char(o, *text);
}

/* prefix: "", "-" or "0x"; it counts towards the width. */
static void put_number(struct out *o, uint64_t value, unsigned int base, const char *prefix,
                       int width)
{
    char text[24];
    int n = 0;

    do
        text[n++] = "0123456789abcdef"[value % base];
    while ((value /= base) || (n < width - (int)strlen(prefix) && n < (int)sizeof(text)));
    put_string(o, prefix, -1);
    while (n)
        put_char(o, text[--n]);
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = { buf, size, 0 };

    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put_char(&o, *fmt);
            continue;
        }

        const char *prefix = *++fmt == '#' ? "0x" : "";
        int width = 0, precision = -1;

        fmt += *prefix != '\0';
        if (*fmt == '0')
            for (; *fmt >= '0' && *fmt <= '9' && width < 100; fmt++)
                width = width * 10 + *fmt - '0';
        if (fmt[0] == '.' && fmt[1] == '*') {
            fmt += 2;
            precision = va_arg(ap, int);
        }

        bool wide = *fmt == 'l' || *fmt == 'z';
        int64_t d;

        fmt += wide;
        switch (*fmt) {
        case 'd':
            d = wide ? va_arg(ap, int64_t) : va_arg(ap, int);
            put_number(&o, d < 0 ? -(uint64_t)d : (uint64_t)d, 10, d < 0 ? "-" : "", width);
            break;
        case 'u':
        case 'x':
            put_number(&o, wide ? va_arg(ap, uint64_t) : va_arg(ap, uint32_t),
                       *fmt == 'x' ? 16 : 10, prefix, width);
            break;
        case 'p': put_number(&o, (uint64_t)va_arg(ap, void *), 16, "", 0); break;
        case 's': put_string(&o, va_arg(ap, const char *), precision); break;
        case 'c': put_char(&o, (char)va_arg(ap, int)); break;
        case '\0': fmt--; break;
        case '%': put_char(&o, '%'); break;
        default: put_char(&o, '%'); put_char(&o, *fmt);
        }
    }
    if (size)
        buf[MIN(o.length, size - 1)] = '\0';
    return (int)o.length;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
