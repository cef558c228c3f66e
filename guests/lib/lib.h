/* SPDX-License-Identifier: MIT */
/*
 * The guests' replacement for a C library: memory and string functions, printf, a spin lock, and
 * CPU instructions that C lacks. A guest defines guest_main; main.c calls it when everything is
 * initialised. Output of printf goes to console.c; printf.c documents the supported conversions.
 */
#ifndef GUESTS_LIB_LIB_H
#define GUESTS_LIB_LIB_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/errno.h>

#define PAGE_SIZE 4096UL
#define PAGE_SHIFT 12
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NS_PER_MS 1000000UL
#define NS_PER_S 1000000000UL

/*
 * The guest's program. Returning 0 powers off the domain, any other value reports a crash. Runs
 * with interrupts off.
 */
int guest_main(void);

/* string.c */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
uint64_t string_number(const char *s);

/* printf.c: like in C, snprintf always terminates and returns the untruncated length */
int snprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *to, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* cmdline.c: words and KEY=VALUE pairs of the kernel command line */
void cmdline_init(const char *text);
bool cmdline_has(const char *word);
const char *cmdline_value(const char *key);
uint64_t cmdline_number(const char *key, uint64_t otherwise);

typedef struct {
    volatile uint32_t held;
} lock_t;

static inline void cpu_relax(void) { asm volatile("pause" ::: "memory"); }

/* Works for 100 instructions. An emulator that counts them is slow if each is a jump. */
static inline void cpu_work(void) { asm volatile(".rept 100; nop; .endr"); }

static inline void lock_take(lock_t *lock)
{
    while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
        cpu_relax();
}

static inline void lock_drop(lock_t *lock) { __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE); }

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return ((uint64_t)high << 32) | low;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return ((uint64_t)high << 32) | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    asm volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

struct cpuid {
    uint32_t a, b, c, d;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;

    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline void outb(uint16_t port, uint8_t value)
{
    asm volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void irq_on(void) { asm volatile("sti" ::: "memory"); }
static inline void irq_off(void) { asm volatile("cli" ::: "memory"); }

/*
 * Sleeps until an interrupt has been handled. Called and left with interrupts off, so no wake-up is
 * lost. The second window is for Bochs: a virtual interrupt comes there only after an STI of the
 * guest's own, and HLT is in the shadow of the first.
 */
static inline void irq_wait(void) { asm volatile("sti; hlt; cli; sti; nop; cli" ::: "memory"); }

#endif
