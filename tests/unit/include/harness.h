/* SPDX-License-Identifier: MIT */
/*
 * The only header of the C library or cmocka that a unit test includes. The core's own .c files run
 * on the host: machine memory is an array, CPUs are entries of cpus[], and core functions that a
 * test does not link are faked (fakes/).
 *
 * A test file is named test_NAME.c and has one line in build.mk. Its main calls
 * cmocka_run_group_tests. Tests that need memory call harness_machine, or have it as their setup.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include "core/domain.h"
#include "core/domain_registry.h"
#include "core/domain_shutdown.h"
#include "core/vcpu.h"
#include "errors.h"
#include "hw.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "lib.h"
#include "mm/guest.h"

#pragma push_macro("noreturn")
#undef noreturn
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#pragma pop_macro("noreturn")

/*
 * A machine with `mib` MiB of fresh (dirty) RAM from address 0, its frame table, an empty heap, one
 * CPU, and no domains. The ranges for dom0 are withheld from the allocator, as on a real machine.
 */
#define HARNESS_DOM0_LOW 0x400000ull /* up to here */
#define HARNESS_DOM0 0x1000000ull    /* and from here */
#define HARNESS_DOM0_END 0x1400000ull
void harness_machine(unsigned int mib);
/* Only the array, the CPUs, and the core's variables in their initial state. */
void harness_memory_new(unsigned int mib);
int harness_setup(void **state); /* the same as a cmocka setup, 64 MiB */

/*
 * A domain with an empty p2m, one reference and one vcpu without paging; domain_get finds it. id 0
 * is dom0.
 */
struct domain *harness_domain(domid_t id, uint64_t max_pages);
/* The same with event channels, and a grant table of up to grant_frames frames. */
struct domain *harness_whole_domain(domid_t id, int grant_frames);
/*
 * Gives d RAM from gfn on; the test fails if there is none. dom0: from its ranges, identity-mapped.
 */
void harness_populate(struct domain *d, uint64_t gfn, uint64_t count);
/* Returns the memory at a physical address of d; the test fails if there is no frame. */
void *harness_guest(struct domain *d, gpa_t gpa);
/*
 * Does the memory part of domain_kill: marks d dying, repeats p2m_teardown until done, drops the
 * first reference.
 */
void harness_kill(struct domain *d);
/*
 * Checks that all memory counters agree (alloc_check; p2m_check and alloc_check_domain of every
 * domain).
 */
void harness_check_memory(void);

/*
 * Makes a hypercall of v, and repeats it while it returns -ERESTART; *restarts (may be NULL)
 * counts.
 */
long harness_hypercall(hypercall_fn *fn, struct vcpu *v, uint64_t arg0, uint64_t arg1,
                       uint64_t arg2, unsigned int *restarts);

/*
 * Runs fn[i] on CPU i concurrently, and returns when all have. n should not exceed the host's CPUs.
 */
void harness_run_cpus(void (*const fn[])(void), unsigned int n);
/* delays CPUs after some unlocks, to widen race windows */
extern bool harness_slow_unlock;

/* The number of acquisitions of a class so far; a statement that must acquire at least so many. */
unsigned int harness_locks_taken(enum lock_class class);
#define assert_takes(class, times, statement) \
    do { \
        unsigned int taken_ = harness_locks_taken(class); \
        statement; \
        if (harness_locks_taken(class) - taken_ < (times)) \
            fail_msg("takes a lock too few: %s", #statement); \
    } while (0)

/* The n-th allocation from now on fails (alloc_core, _domain, _pool, heap_alloc); 0: none. */
void harness_fail_alloc(unsigned int n);
bool harness_alloc_has_failed(void); /* since then */
bool harness_fails_now(void);        /* for other fakes: this allocation is to fail */
uint64_t harness_allocs(void);       /* successful ones, since harness_machine */

/* MSI vectors per CPU (from VECTOR_MSI_FIRST on), and registers of a device (fakes/devices.c). */
#define HARNESS_VECTORS 4
#define HARNESS_VECTOR_CPUS 8
struct harness_vector {
    void (*fn)(unsigned int, void *);
    void *data;
};
extern struct harness_vector harness_vectors[HARNESS_VECTOR_CPUS][HARNESS_VECTORS];
extern uint64_t harness_device_base; /* of two pages */
extern uint32_t harness_device[2 * PAGE_SIZE / 4];
extern void (*harness_on_mmio_write)(const volatile void *p);
extern uint8_t *(*harness_window)(paddr_t page); /* of other devices; NULL: none of theirs */

/* The frames that the faked dom0/msi.c emulates, and the one word in them. */
extern uint64_t harness_msi_start, harness_msi_end;

/*
 * fakes/timers.c: for the timer_set of a test whose timers fire. first: the timer due first, or
 * NULL.
 */
void harness_timer_arm(struct timer *t, nsec_t expires);
struct timer *harness_first_timer(void);
void harness_timers_forget(void);

/*
 * fakes/refused.c: in this test, fn executes each instruction at `code` that faults in a program on
 * the host. It changes the registers, in the kernel's order, and returns the length; 0: not
 * handled.
 */
enum {
    HARNESS_RDI = 8,
    HARNESS_RSI,
    HARNESS_RBP,
    HARNESS_RBX,
    HARNESS_RDX,
    HARNESS_RAX,
    HARNESS_RCX,
    HARNESS_RSP,
    HARNESS_RIP
};
typedef unsigned int harness_refused_fn(const uint8_t *code, long long *registers);
void harness_on_refused(harness_refused_fn *fn);
/* by its number in the encoding */
long long *harness_register(long long *registers, unsigned int number);

/* softirq_preempt_pending() returns true at each n-th call; 0: never. */
extern unsigned int harness_preempt_every;
extern unsigned int harness_flushes; /* calls of flush_domain */
extern void (*harness_on_flush)(struct domain *d);
extern void (*harness_on_pause)(void);     /* called between batches of a checker, lock released */
extern struct guest_paging harness_paging; /* returned by hw_get_paging for every vcpu */
extern char harness_log[512];              /* the last line that was logged */
/* Called when a domain's line was logged (log_guest), for the test to inspect the state. */
extern void (*harness_on_guest_log)(const struct domain *d);
/* suppresses printing; harness_machine clears it */
extern bool harness_quiet;

/*
 * Runs the statement, which must panic (BUG, ASSERT). Locks may still be held afterwards, so the
 * test must end.
 */
extern jmp_buf harness_panic_jump;
extern bool harness_panic_expected;
#define assert_panics(statement) \
    do { \
        harness_panic_expected = true; \
        if (setjmp(harness_panic_jump) == 0) { \
            statement; \
            harness_panic_expected = false; \
            fail_msg("no panic: %s", #statement); \
        } \
        harness_panic_expected = false; \
    } while (0)

#endif
