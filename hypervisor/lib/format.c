/* SPDX-License-Identifier: MIT */
/*
 * snprintf for the core: %d %u %x %p %s %c %%, sizes l and z, flags 0 and #, a width, and for strings a
 * precision, which may be *. Whatever else is printed as it stands, so that a wrong format is seen. No
 * allocation, no lock.
 */
#include "lib.h"

struct out { char *buf; size_t size, length; };
struct spec { bool zero, prefix, wide; int width, precision; };

static void put(struct out *o, char c)
{
    if (o->length + 1 < o->size)
        o->buf[o->length] = c;
    o->length++;
}

static void pad(struct out *o, char c, int n)
{
    while (n-- > 0)
        put(o, c);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
    int n = 0;

    if (!text)
        text = "(null)";
    while ((s->precision < 0 || n < s->precision) && text[n])
        n++;
    pad(o, ' ', s->width - n);
    for (int i = 0; i < n; i++)
        put(o, text[i]);
}

/* prefix: "", "-" or "0x" */
static void put_number(struct out *o, const struct spec *s, uint64_t value, const char *prefix,
                       unsigned int base)
{
    char text[24];
    int n = 0, width;

    do {
        text[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    width = s->width - n - (int)strlen(prefix);
    if (!s->zero)
        pad(o, ' ', width);
    while (*prefix)
        put(o, *prefix++);
    if (s->zero)
        pad(o, '0', width);
    while (n)
        put(o, text[--n]);
}

static int parse_digits(const char **fmt)
{
    int n = 0;

    while (**fmt >= '0' && **fmt <= '9' && n < 10000)
        n = n * 10 + *(*fmt)++ - '0';
    return n;
}

/* What stands behind a '%', up to the conversion's letter. A precision of * is read from ap. */
static const char *parse_spec(const char *fmt, va_list *ap, struct spec *s)
{
    *s = (struct spec){ .precision = -1 };
    for (; *fmt == '0' || *fmt == '#'; fmt++) {
        s->zero |= *fmt == '0';
        s->prefix |= *fmt == '#';
    }
    s->width = parse_digits(&fmt);
    if (fmt[0] == '.' && fmt[1] == '*') {
        fmt += 2;
        s->precision = va_arg(*ap, int);
    } else if (fmt[0] == '.') {
        fmt++;
        s->precision = parse_digits(&fmt);
    }
    s->wide = *fmt == 'l' || *fmt == 'z';
    return fmt + s->wide;
}

static uint64_t next_number(const struct spec *s, va_list *ap)
{
    return s->wide ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned int);
}

static void put_signed(struct out *o, const struct spec *s, va_list *ap)
{
    int64_t value = s->wide ? va_arg(*ap, int64_t) : va_arg(*ap, int);

    put_number(o, s, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0 ? "-" : "", 10);
}

static void put_conversion(struct out *o, const struct spec *s, char letter, va_list *ap)
{
    switch (letter) {
    case 'd': put_signed(o, s, ap); break;
    case 'u': put_number(o, s, next_number(s, ap), "", 10); break;
    case 'x': put_number(o, s, next_number(s, ap), s->prefix ? "0x" : "", 16); break;
    case 'p': put_number(o, s, (uint64_t)va_arg(*ap, void *), "", 16); break;
    case 's': put_string(o, s, va_arg(*ap, const char *)); break;
    case 'c': put(o, (char)va_arg(*ap, int)); break;
    case '%': put(o, '%'); break;
    default:
        put(o, '%');
        put(o, letter);
    }
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = { buf, size, 0 };
    va_list args;

    va_copy(args, ap);
    for (; *fmt; fmt++) {
        struct spec s;

        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        fmt = parse_spec(fmt + 1, &args, &s);
        if (!*fmt)
            break;
        put_conversion(&o, &s, *fmt, &args);
    }
    va_end(args);
    if (size)
        buf[MIN(o.length, size - 1)] = '\0';
    return (int)o.length;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
