/* SPDX-License-Identifier: MIT */
/*
 * What the tests in dom0 share: running a command as a user would, looking at what it did, and
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
 * Runs a shell command line, for at most RUN_LIMIT_S seconds, and keeps what it prints. The result
 * lives until the fourth next.
 */
#define RUN_LIMIT_S 180
const struct run *run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and the test fails (showing what was printed) unless the command succeeds. */
const struct run *run_ok(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same in a mount namespace of its own where this folder is covered by an empty one. */
const struct run *run_hiding(const char *folders, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The test fails unless the last command said no in the agreed way: a non-zero status, nothing on
 * standard output, exactly one line on standard error, which begins with "cleave: " and contains
 * each of the |-separated words.
 */
void assert_refused(const struct run *run, const char *words);

/* The test fails unless text contains each of the |-separated words. */
void assert_words(const char *text, const char *words);

/* --- state.c: what is there ------------------------------------------------------------------- */

/* The number of the domain of this name, or -1. */
int domid_of(const char *name);
/* Its state as `cleave list` says it, or "" when there is none. */
const char *state_of(const char *name);
/* A number of `cleave info --json` or of any such text; the test fails where it is absent. */
uint64_t number_in(const char *json, const char *key);
uint64_t free_kib(void);
/* Whether as much is free as before: to the byte on Cleave. */
bool memory_is_back(uint64_t before);
/* The number of domains besides dom0. */
int guests(void);
/*
 * A domain that is destroyed, but stays because somebody has pages of it; there must be one from
 * domid on.
 */
bool is_dead(uint32_t domid);
/* A number in the store under a schema pattern with one %u, or -1. */
long store_number(const char *pattern, uint32_t domid);
/* The end of what the guest said on its console since the test began, as xenconsoled logged it. */
const char *console_log(const char *name);
/* The lines of the journal of events about this VM since the test began. */
const char *events_of(const char *name);
/* dom0's own disk, which the rig gave, or NULL. */
const char *real_disk(void);

/*
 * The limits below are those of a quick machine; another, that others use too, gets so many times
 * as much.
 */
#define PATIENCE 3

/*
 * Waits until the condition holds; the test fails, saying what was waited for, when it does not
 * within the seconds. What holds once has held: the condition is not looked at again.
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
 * The same for words on a guest's console, which get into the log a moment after the guest said
 * them.
 */
void await_said(const char *name, const char *words, int seconds);

/*
 * Whether the hypervisor is Cleave and not Xen; and what its invariant checker found (0 under Xen).
 */
bool on_cleave(void);
unsigned int core_violations(void);
/* The longest that interrupts had to wait in the core since the last call; 0 ticks under Xen. */
struct cleave_stretch core_stretch(void);
/* The longest hold of this class of locks since the last call. False: there is no such class. */
bool core_hold(unsigned int lock, struct cleave_hold *hold);

bool json_is_valid(const char *text);
/* The test fails unless the JSON is as the schema of that name allows (dom0-tools/schema). */
void assert_json(const char *text, const char *schema);
void assert_json_file(const char *path, const char *schema);

/* --- each test's begin and end ---------------------------------------------------------------- */

int test_begin(void **state);
/*
 * Destroys what the test left, and fails it when memory, store or the core's books are not as they
 * were.
 */
int test_end(void **state);
/* The same with libxenctrl open, for tests that make calls of its own. */
extern struct xc_interface_core *xc;
int test_begin_xc(void **state);
int test_end_xc(void **state);

/* --- groups of tests, one a file -------------------------------------------------------------- */

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

#endif
