/* SPDX-License-Identifier: MIT */
/*
 * snprintf for the core: %d %i %u %x %X %p %s %c %%, sizes hh h l ll z, flags 0 - and #, width and precision
 * (of strings only), each also as *. Whatever else is printed as it stands, so that a wrong format is seen.
 * No allocation, no lock.
 */
#include "lib.h"

struct out { char *buf; size_t size, length; };
struct spec { bool left, zero, prefix, upper; int width, precision, bytes; };

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
static void put_number(struct out *o, const struct spec *s, uint64_t value, const char *prefix,
                       unsigned int base)
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
    static const struct { char text[3]; int bytes; } lengths[] = {
        { "ll", 8 }, { "hh", 1 }, { "l", 8 }, { "z", 8 }, { "h", 2 },
    };

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

/* What stands behind a '%', up to the conversion's letter. A width of * is read from ap. */
static const char *parse_spec(const char *fmt, va_list *ap, struct spec *s)
{
    *s = (struct spec){ .precision = -1 };
    for (; *fmt == '0' || *fmt == '-' || *fmt == '#'; fmt++) {
        s->left |= *fmt == '-';
        s->zero |= *fmt == '0';
        s->prefix |= *fmt == '#';
    }
    s->width = parse_width(&fmt, *fmt == '*' ? va_arg(*ap, int) : 0);
    if (*fmt == '.') {
        fmt++;
        s->precision = parse_width(&fmt, *fmt == '*' ? va_arg(*ap, int) : 0);
    }
    s->bytes = parse_length(&fmt);
    s->upper = *fmt == 'X';
    return fmt;
}

static void put_signed(struct out *o, const struct spec *s, int64_t value)
{
    put_number(o, s, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0 ? "-" : "", 10);
}

static uint64_t next_number(const struct spec *s, va_list *ap)
{
    return s->bytes == 8 ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned int);
}

static void put_conversion(struct out *o, const struct spec *s, char letter, va_list *ap)
{
    const char *prefix = s->prefix ? "0x" : "";

    switch (letter) {
    case 'd':
    case 'i': put_signed(o, s, sign_extend(next_number(s, ap), s->bytes)); break;
    case 'u': put_number(o, s, zero_extend(next_number(s, ap), s->bytes), "", 10); break;
    case 'x':
    case 'X': put_number(o, s, zero_extend(next_number(s, ap), s->bytes), prefix, 16); break;
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
