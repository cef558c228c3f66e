/* SPDX-License-Identifier: MIT */
/*
 * snprintf and printf: %s %c %d %i %u %x %%, the lengths l, ll and z, a width, and the flags 0 and
 * -. printf formats a line first and writes it at once, so that lines of several vCPUs do not mix.
 */
#include "text.h"
#include "lib.h"

struct out {
    char *to;
    size_t size, length;
};

static void put(struct out *out, char c)
{
    if (out->length + 1 < out->size)
        out->to[out->length] = c;
    out->length++;
}

static void put_padded(struct out *out, const char *text, size_t n, int width, bool left, char pad)
{
    int fill = width > (int)n ? width - (int)n : 0;

    if (!left && pad == '0' && n && *text == '-') {
        put(out, '-');
        text++, n--;
    }
    for (; !left && fill; fill--)
        put(out, pad);
    while (n--)
        put(out, *text++);
    for (; fill; fill--)
        put(out, ' ');
}

static void put_number(struct out *out, uint64_t value, unsigned base, bool negative, int width,
                       bool left, char pad)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        digits[--at] = '-';
    put_padded(out, digits + at, sizeof(digits) - at, width, left, pad);
}

/* Performs one conversion. format points after the %. Returns the position after the conversion. */
static const char *convert(struct out *out, const char *format, va_list *args)
{
    bool left = false, wide = false;
    char pad = ' ', c;
    int width = 0;

    for (; *format == '-' || *format == '0'; format++) {
        left |= *format == '-';
        pad = *format == '0' ? '0' : pad;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        width = width * 10 + *format - '0';
    for (; *format == 'l' || *format == 'z'; format++)
        wide = true;

    c = *format++;
    if (c == 'd' || c == 'i') {
        int64_t value = wide ? va_arg(*args, int64_t) : va_arg(*args, int);

        put_number(out, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0, width, left,
                   pad);
    } else if (c == 'u' || c == 'x') {
        uint64_t value = wide ? va_arg(*args, uint64_t) : va_arg(*args, unsigned);

        put_number(out, value, c == 'x' ? 16 : 10, false, width, left, pad);
    } else if (c == 's') {
        const char *s = va_arg(*args, const char *);

        put_padded(out, s, strlen(s), width, left, ' ');
    } else if (c == 'c') {
        put(out, va_arg(*args, int));
    } else {
        put(out, '%');
        return c == '%' ? format : format - 1;
    }
    return format;
}

int vsnprintf(char *to, size_t size, const char *format, va_list args)
{
    struct out out = { .to = to, .size = size };
    va_list rest;

    va_copy(rest, args);
    while (*format) {
        if (*format == '%')
            format = convert(&out, format + 1, &rest);
        else
            put(&out, *format++);
    }
    va_end(rest);
    if (size)
        to[out.length < size ? out.length : size - 1] = '\0';
    return out.length;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(to, size, format, args);
    va_end(args);
    return n;
}

void printf(const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    text_write(line, strlen(line));
}
