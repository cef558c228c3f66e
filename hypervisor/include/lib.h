/* SPDX-License-Identifier: MIT */
/*
 * Basics for every file: printing, panic, assertions, strings, bitmaps.
 *
 * log_* print one line on the core's console and keep it in the ring that `xl dmesg` reads. The
 * prefix "(CLV) " is added; the format must end with \n. log_guest logs an action of a domain
 * ("(CLV) d3: ..."), rate-limited, so that no guest can flood the console.
 */
#ifndef CLV_LIB_H
#define CLV_LIB_H

#include "types.h"

struct domain;

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void printk(enum log_level level, const char *fmt, ...) format_printf(2, 3);
#define log_err(...) printk(LOG_ERR, __VA_ARGS__)
#define log_warn(...) printk(LOG_WARN, __VA_ARGS__)
#define log_info(...) printk(LOG_INFO, __VA_ARGS__)
#define log_debug(...) printk(LOG_DEBUG, __VA_ARGS__)
/* Logs a violated invariant and evaluates to 1. */
#define check_failed(...) (printk(LOG_ERR, "check: " __VA_ARGS__), 1u)
void log_guest(const struct domain *d, const char *fmt, ...) format_printf(2, 3);
/* A rate limit for one kind of message; initially all zero. */
struct log_rate {
    int64_t said;
    nsec_t since;
};
bool log_allowed(struct log_rate *r);       /* true: log one */
bool log_is_last(const struct log_rate *r); /* the last one allowed for a while */

/*
 * Format into buf, which is always NUL-terminated. Return the length of the complete text.
 * Conversions: lib/format.c.
 */
int snprintf(char *buf, size_t size, const char *fmt, ...) format_printf(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

/*
 * Prints the message and a dump of all CPUs, then reboots after a bounded time, or halts with
 * `noreboot`.
 */
noreturn void panic(const char *fmt, ...) format_printf(1, 2);

#define BUG_ON(c) \
    do { \
        if (unlikely(c)) \
            panic("BUG at %s:%d: %s\n", __FILE__, __LINE__, #c); \
    } while (0)

/* Checked only in the debug build, where CLV_DEBUG is 1 (build.mk). */
#define ASSERT(c) \
    do { \
        if (CLV_DEBUG && unlikely(!(c))) \
            panic("assertion failed at %s:%d: %s\n", __FILE__, __LINE__, #c); \
    } while (0)

void *memset(void *dst, int c, size_t n);
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

/*
 * Bitmaps of 64-bit words. set, clear and test_and_* are atomic and full barriers; bit_test is a
 * plain read.
 */
static inline bool bit_test(const void *map, unsigned int n)
{
    return (READ_ONCE(((const uint64_t *)map)[n / 64]) >> (n % 64)) & 1;
}

static inline bool bit_test_and_set(void *map, unsigned int n)
{
    uint64_t bit = 1ull << (n % 64);

    return __atomic_fetch_or(&((uint64_t *)map)[n / 64], bit, __ATOMIC_SEQ_CST) & bit;
}

static inline bool bit_test_and_clear(void *map, unsigned int n)
{
    uint64_t bit = 1ull << (n % 64);

    return __atomic_fetch_and(&((uint64_t *)map)[n / 64], ~bit, __ATOMIC_SEQ_CST) & bit;
}

static inline void bit_set(void *map, unsigned int n) { (void)bit_test_and_set(map, n); }
static inline void bit_clear(void *map, unsigned int n) { (void)bit_test_and_clear(map, n); }
static inline void smp_mb(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#endif
