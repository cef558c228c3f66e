/* SPDX-License-Identifier: MIT */
/*
 * snprintf for the core: %d %i %u %x %X %p %s %c %%, sizes hh h l ll z, flags 0 - and #, width and precision (of strings
 * only), each also as *. Whatever else is printed as it stands, so that a wrong format is seen. No allocation, no lock.
 */
#include "lib.h"

struct out { char *buf; size_t size, length; };
struct spec { bool left, zero, prefix, upper; int width, precision; };

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
    if (!s->left)
        pad(o, ' ', s->width - n);
    for (int i = 0; i < n; i++)
        put(o, text[i]);
    if (s->left)
        pad(o, ' ', s->width - n);
}

/* prefix: "", "-" or "0x" */
static void put_number(struct out *o, const struct spec *s, uint64_t value, const char *prefix, unsigned int base)
{
    const char *digits = s->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    int n = 0, width;

    do {
        text[n++] = digits[value % base];
        value /= base;
    } while (value);
    width = s->width - n - (int)strlen(prefix);
    if (!s->left && !s->zero)
        pad(o, ' ', width);
    while (*prefix)
        put(o, *prefix++);
    if (!s->left && s->zero)
        pad(o, '0', width);
    while (n)
        put(o, text[--n]);
    if (s->left)
        pad(o, ' ', width);
}

/* The number behind the format, or the next argument for '*'. */
static int parse_width(const char **fmt, int star)
{
    int n = 0;

    if (**fmt == '*') {
        ++*fmt;
        return star;
    }
    while (**fmt >= '0' && **fmt <= '9' && n < 10000)
        n = n * 10 + *(*fmt)++ - '0';
    return n;
}

/* Length modifiers: bytes of the argument. */
static int parse_length(const char **fmt)
{
    static const struct { char text[3]; int bytes; } lengths[] = { { "ll", 8 }, { "hh", 1 }, { "l", 8 }, { "z", 8 }, { "h", 2 } };

    for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
        size_t n = strlen(lengths[i].text);

        if (strncmp(*fmt, lengths[i].text, n) == 0) {
            *fmt += n;
            return lengths[i].bytes;
        }
    }
    return 4;
}

static int64_t sign_extend(uint64_t value, int bytes)
{
    int shift = 64 - bytes * 8;

    return (int64_t)(value << shift) >> shift;
}

static uint64_t zero_extend(uint64_t value, int bytes)
{
    int shift = 64 - bytes * 8;

    return value << shift >> shift;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = { buf, size, 0 };

    for (; *fmt; fmt++) {
        struct spec s = { .precision = -1 };
        int bytes;
        int64_t value;

        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        for (fmt++; *fmt == '0' || *fmt == '-' || *fmt == '#'; fmt++) {
            s.left |= *fmt == '-';
            s.zero |= *fmt == '0';
            s.prefix |= *fmt == '#';
        }
        s.width = parse_width(&fmt, *fmt == '*' ? va_arg(ap, int) : 0);
        if (*fmt == '.') {
            fmt++;
            s.precision = parse_width(&fmt, *fmt == '*' ? va_arg(ap, int) : 0);
        }
        bytes = parse_length(&fmt);
        s.upper = *fmt == 'X';
        switch (*fmt) {
        case 'd':
        case 'i':
            value = sign_extend(bytes == 8 ? va_arg(ap, uint64_t) : va_arg(ap, unsigned int), bytes);
            put_number(&o, &s, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0 ? "-" : "", 10);
            break;
        case 'u':
        case 'x':
        case 'X':
            put_number(&o, &s, zero_extend(bytes == 8 ? va_arg(ap, uint64_t) : va_arg(ap, unsigned int), bytes),
                       s.prefix ? "0x" : "", *fmt == 'u' ? 10 : 16);
            break;
        case 'p':
            put_number(&o, &s, (uint64_t)va_arg(ap, void *), "", 16);
            break;
        case 's':
            put_string(&o, &s, va_arg(ap, const char *));
            break;
        case 'c':
            put(&o, (char)va_arg(ap, int));
            break;
        default:
            put(&o, '%');
            if (*fmt && *fmt != '%')
                put(&o, *fmt);
            else if (!*fmt)
                fmt--;
        }
    }
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
