/* SPDX-License-Identifier: MIT */
/*
 * Shared by the tests in dom0: running a command as a user would, checking its effects, and
 * cleaning up.
 */
#ifndef TESTS_SYSTEM_H
#define TESTS_SYSTEM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cleave.h"

/* --- run.c: commands -------------------------------------------------------------------------- */

struct run {
    int status; /* exit status; 128 + signal; 124: ended by the time limit */
    char out[32768];
    char err[4096];
};

/*
 * Runs a shell command line, for at most RUN_LIMIT_S seconds, and keeps its output. The result
 * stays valid until the fourth next run.
 */
#define RUN_LIMIT_S 180
const struct run *run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and the test fails (showing the output) unless the command succeeds. */
const struct run *run_ok(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same in a separate mount namespace where these folders are covered by empty ones. */
const struct run *run_hiding(const char *folders, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The test fails unless the command was refused in the standard form: a non-zero status, nothing on
 * standard output, exactly one line on standard error, which begins with "cleave: " and contains
 * each of the |-separated words.
 */
void assert_refused(const struct run *run, const char *words);

/* The test fails unless text contains each of the |-separated words. */
void assert_words(const char *text, const char *words);

/*
 * --- state.c: the state of the machine
 * -------------------------------------------------------------------
 */

/* The number of the domain of this name, or -1. */
int domid_of(const char *name);
/* Its state as `cleave list` shows it, or "" if there is no such VM. */
const char *state_of(const char *name);
/* A number in `cleave info --json` or similar text; the test fails if it is absent. */
uint64_t number_in(const char *json, const char *key);
/* What the next VM could have: free, and promised to nobody. */
uint64_t free_kib(void);
/* Whether as much memory is free as before: to the byte on Cleave. */
bool memory_is_back(uint64_t before);
/* The number of domains besides dom0. */
int guests(void);
/*
 * Whether the domain is destroyed, but stays because its pages are mapped. A domain with this or a
 * higher id must exist.
 */
bool is_dead(uint32_t domid);
/* A number in the store under a schema pattern with one %u, or -1. */
long store_number(const char *pattern, uint32_t domid);
/* The end of the guest's console output since the test began, as logged by xenconsoled. */
const char *console_log(const char *name);
/* The lines of the journal of events about this VM since the test began. */
const char *events_of(const char *name);
/* Ends cleaved, which dom0's init starts again after release_cleaved. */
void hold_cleaved(void);
void release_cleaved(void);
/* dom0's own disk from the rig, or NULL. */
const char *real_disk(void);

/* The limits below are for a fast machine; a slow or shared one gets this multiple. */
#define PATIENCE 3

/*
 * Waits until the condition holds; if not within the seconds, the test fails with the condition.
 * The condition is not evaluated again once it has held.
 */
#define AWAIT(condition, seconds) \
    do { \
        long limit_ = (seconds)*PATIENCE, steps_ = limit_ * 10; \
        while (!(condition)) { \
            if (steps_-- == 0) \
                fail_msg("after %ld s still not: %s", limit_, #condition); \
            pause_ms(100); \
        } \
    } while (0)
void pause_ms(unsigned int ms);
/*
 * How often tests repeat what may fail rarely: ROUNDS in the environment, which `make soak` sets to
 * 1000. `make check` runs a twentieth.
 */
int rounds(void);
/*
 * The same for words on a guest's console, which reach the log a moment after the guest printed
 * them.
 */
void await_said(const char *name, const char *words, int seconds);

/* Starts 20 of this VM with memory for 12 of them (balance.c). */
void balance_starts_at_once(const char *vm_file);

/*
 * Whether the hypervisor is Cleave and not Xen; the number of findings of its invariant checker (0
 * under Xen).
 */
bool on_cleave(void);
/* Skips the test on Xen. */
void need_cleave(void);
unsigned int core_violations(void);
/* The longest delay of interrupts in the core since the last call; 0 ticks under Xen. */
struct cleave_stretch core_stretch(void);
/* The longest hold of this lock class since the last call. False: no such class. */
bool core_hold(unsigned int lock, struct cleave_hold *hold);

bool json_is_valid(const char *text);
/* The test fails unless the JSON matches the schema of that name (dom0-tools/schema). */
void assert_json(const char *text, const char *schema);
void assert_json_file(const char *path, const char *schema);

/* --- each test's begin and end ---------------------------------------------------------------- */

int test_begin(void **state);
/*
 * Destroys what the test left, and fails it if memory, store or the core's invariants have changed.
 */
int test_end(void **state);
/* The same with libxenctrl open, for tests that call it directly. */
extern struct xc_interface_core *xc;
int test_begin_xc(void **state);
int test_end_xc(void **state);

/*
 * --- groups of tests, one per file --------------------------------------------------------------
 */

#define SYSTEM_TEST(function) \
    { \
#function, function, test_begin, test_end, NULL \
    }
#define SYSTEM_TEST_XC(function) \
    { \
#function, function, test_begin_xc, test_end_xc, NULL \
    }
struct group {
    const char *name;
    const struct CMUnitTest *tests;
    size_t count;
};
#define GROUP(name, tests) \
    { \
        name, tests, sizeof(tests) / sizeof((tests)[0]) \
    }

extern const struct group group_verbs, group_refusals, group_stock, group_many, group_hostile,
    group_linux;
extern const struct group group_devices, group_stretch, group_cost, group_pv, group_dma, group_full;
extern const struct group group_daemons, group_supervisor, group_long, group_contract;
extern const struct group group_field, group_saving, group_promises, group_balance, group_exact,
    group_host, group_store, group_flood, group_hotplug, group_watching, group_trace, group_memory,
    group_paging, group_hvmdm, group_hvm, group_new;

#endif
