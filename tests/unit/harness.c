/* SPDX-License-Identifier: MIT */
/*
 * The machine that unit tests run on (include/harness.h): its memory, log and panics. Domains are
 * in harness_domain.c, fakes in fakes/, one file per group. The fakes are a library, so the linker
 * takes one only if the test does not link the real file.
 */
#include "harness.h"
#include "mm/pagetable.h"
#include "percpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

uint8_t *harness_memory;
uint64_t harness_memory_size;
__thread unsigned int harness_cpu;
char harness_log[512];
bool harness_quiet;
void (*harness_on_guest_log)(const struct domain *d);
struct guest_paging harness_paging;
jmp_buf harness_panic_jump;
bool harness_panic_expected;

/*
 * The build puts the variables of the core's files into these sections. They are reset to their
 * state at program start, so that each machine boots a fresh core. Copied byte by byte, because the
 * address sanitizer keeps red zones between them.
 */
extern uint8_t __start_core_data[] __attribute__((weak)), __stop_core_data[] __attribute__((weak));
extern uint8_t __start_core_bss[] __attribute__((weak)), __stop_core_bss[] __attribute__((weak));

/* `make coverage` only: its counters are among the core's variables. */
void __gcov_dump(void) __attribute__((weak));
void __gcov_reset(void) __attribute__((weak));

__attribute__((no_sanitize("address", "undefined"))) static void core_variables_reset(void)
{
    static volatile uint8_t *saved;
    volatile uint8_t *data = __start_core_data, *bss = __start_core_bss;
    size_t size = __stop_core_data - __start_core_data,
           bss_size = __stop_core_bss - __start_core_bss;

    if (__gcov_dump) {
        __gcov_dump();
        __gcov_reset();
    }
    if (!saved) {
        saved = malloc(size + 1);
        for (size_t i = 0; i < size; i++)
            saved[i] = data[i];
        return;
    }
    for (size_t i = 0; i < size; i++)
        data[i] = saved[i];
    for (size_t i = 0; i < bss_size; i++)
        bss[i] = 0;
}

void harness_bad_address(paddr_t p)
{
    panic("address %lx is not in the machine's memory of %lx bytes\n", p, harness_memory_size);
}

void harness_memory_new(unsigned int mib)
{
    if (harness_memory)
        munmap(harness_memory, harness_memory_size + PAGE_SIZE);
    harness_memory_size = (uint64_t)mib << 20;
    /* followed by a guard page */
    harness_memory = mmap(NULL, harness_memory_size + PAGE_SIZE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (harness_memory == MAP_FAILED ||
        mprotect(harness_memory + harness_memory_size, PAGE_SIZE, PROT_NONE))
        abort();
    core_variables_reset();
    memset(cpus, 0, sizeof(cpus));
    for (unsigned int i = 0; i < MAX_CPUS; i++)
        cpus[i] = (struct cpu){ .id = i, .apic_id = i, .online = i == 0 };
    nr_cpus = 1;
    harness_cpu = 0;
    harness_quiet = false;
    harness_on_guest_log = NULL;
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    (void)level;
    va_start(ap, fmt);
    vsnprintf(harness_log, sizeof(harness_log), fmt, ap);
    va_end(ap);
    if (!harness_quiet)
        fputs(harness_log, stderr);
}

void log_guest(const struct domain *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(harness_log, sizeof(harness_log), fmt, ap);
    va_end(ap);
    if (harness_on_guest_log)
        harness_on_guest_log(d);
    if (!harness_quiet)
        fputs(harness_log, stderr);
}

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(harness_log, sizeof(harness_log), fmt, ap);
    va_end(ap);
    if (harness_panic_expected)
        longjmp(harness_panic_jump, 1);
    fprintf(stderr, "panic: %s", harness_log);
    abort();
}
