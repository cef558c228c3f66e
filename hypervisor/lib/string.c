/* SPDX-License-Identifier: MIT */
/*
 * The C library's memory and string functions. The compiler emits calls to the mem* functions
 * itself; their bodies are string instructions so that it cannot turn them into calls to
 * themselves. Copies go eight bytes at a time, because an emulator takes as long for a byte as for
 * a quadword.
 */
#include "lib.h"

void *memset(void *dst, int c, size_t n)
{
    void *p = dst;
    size_t words = n / 8, rest = n % 8;

    __asm__ volatile("rep stosq"
                     : "+D"(p), "+c"(words)
                     : "a"((uint8_t)c * 0x0101010101010101ull)
                     : "memory");
    __asm__ volatile("rep stosb" : "+D"(p), "+c"(rest) : "a"(c) : "memory");
    return dst;
}

void *memcpy(void *dst, const void *src, size_t n)
{
    void *p = dst;
    size_t words = n / 8, rest = n % 8;

    __asm__ volatile("rep movsq" : "+D"(p), "+S"(src), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(p), "+S"(src), "+c"(rest) : : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    uint8_t *p = dst;
    const uint8_t *s = src;
    size_t words = n / 8, rest = n % 8;

    if (p <= s || p >= s + n)
        return memcpy(dst, src, n);
    p += n - 1;
    s += n - 1;
    __asm__ volatile("std; rep movsb; cld" : "+D"(p), "+S"(s), "+c"(rest) : : "memory");
    p -= 7;
    s -= 7;
    __asm__ volatile("std; rep movsq; cld" : "+D"(p), "+S"(s), "+c"(words) : : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (READ_ONCE(s[n]))
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    for (; *a && *a == *b; a++)
        b++;
    return (uint8_t)*a - (uint8_t)*b;
}
