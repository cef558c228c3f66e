/* SPDX-License-Identifier: MIT */
/*
 * Promises, measured: for one CPU that counts instructions as nanoseconds (ICOUNT=1), where the
 * core's clock is exact. Everybody here wants more than there is. Next to read:
 * promises.c, tests/README.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core.h"
#include "memory.h"
#include "system.h"
#include "usage.h"

#define CLOCK 1000 /* MHz, declared */
#define SECONDS 5  /* a window, no whole number of cycles: a slot may lie just outside of it */
#define SLOT_NS 2500000
/* The core takes no interrupts for at most so long (check-stretch), so slots begin late. */
#define STRETCH_NS 200000

struct times {
    struct cleave_time before, after;
};

static struct hv hv;

static void read_time(const char *name, struct cleave_time *time)
{
    assert_int_equal(core_time(&hv, domid_of(name), 0, true, time), 0);
}

/* Watches so many domains for a window. */
static void watch(const char *const *names, size_t count, struct times *times)
{
    assert_int_equal(hv_open(&hv), 0);
    for (size_t i = 0; i < count; i++)
        read_time(names[i], &times[i].before);
    pause_ms(SECONDS * 1000);
    for (size_t i = 0; i < count; i++)
        read_time(names[i], &times[i].after);
    hv_close(&hv);
}

static struct usage_time used(const struct times *times, unsigned int mhz)
{
    return usage_between(&times->before, &times->after, mhz, CLOCK);
}

/* The difference to what was promised is at most a slot and this many millionths. */
static void assert_got(const char *name, const struct times *times, unsigned int mhz,
                       unsigned int millionths)
{
    struct usage_time time = used(times, mhz);
    uint64_t promised = time.elapsed * mhz / CLOCK;
    uint64_t off = promised > time.ran ? promised - time.ran : time.ran - promised;

    printf("%s: %u of %u MHz promised, %.4f got; longest wait %.3f ms\n", name, mhz, CLOCK,
           (double)time.ran * CLOCK / time.elapsed, times->after.longest_wait / 1e6);
    assert_in_range(off, 0, SLOT_NS + promised * millionths / 1000000);
}

static int begin(void **state)
{
    int rc = test_begin(state);

    run_ok("cleave cpu set Domain-0 --host-mhz %d cpu_mhz=100", CLOCK);
    return rc;
}

static int end(void **state)
{
    run("cleave cpu set Domain-0 default");
    return test_end(state);
}

static void spin(const char *name, const char *settings)
{
    run_ok("cleave create /guests/spin.cfg name=%s %s", name, settings);
}

/* Reservations that are also limits are shares of time, next to those who yield, nap and spin. */
static void reservations_are_exact(void **state)
{
    static const char *const names[] = { "five", "quarter", "half" };
    static const unsigned int mhz[] = { 50, 250, 500 };
    struct times times[3];

    (void)state;
    spin("yielder", "'extra=yield=50'");
    spin("napper", "'extra=work=20 sleep=180'");
    spin("spinner", "cpu_weight=4096");
    for (int i = 0; i < 3; i++) {
        char settings[64];

        snprintf(settings, sizeof(settings), "cpu_mhz=%u cpu_limit_mhz=%u", mhz[i], mhz[i]);
        spin(names[i], settings);
    }
    watch(names, 3, times); /* what they had left of their limits when they began is spent */
    watch(names, 3, times);
    for (int i = 0; i < 3; i++) {
        assert_got(names[i], &times[i], mhz[i], 500);
        assert_in_range(times[i].after.longest_wait, 0, 10000000 - mhz[i] * 10000 + STRETCH_NS);
    }
}

/* One that naps waits no longer than its plan says, and the CPU is never idle. */
static void waits_are_bounded(void **state)
{
    static const char *const names[] = { "quick", "spinner" };
    struct times times[2];

    (void)state;
    spin("spinner", "");
    spin("napper", "'extra=work=20 sleep=180'");
    spin("quick", "cpu_mhz=200 cpu_latency_us=1000 'extra=work=50 sleep=3100'");
    watch(names, 2, times);
    assert_in_range(times[0].after.longest_wait, 0, 1000000 + STRETCH_NS);
    printf("quick: longest wait %.3f ms, promised 1 ms\n", times[0].after.longest_wait / 1e6);
}

/* Limits below a whole CPU, without a reservation. */
static void limits_are_exact(void **state)
{
    static const char *const names[] = { "five", "quarter", "half" };
    static const unsigned int mhz[] = { 50, 250, 500 };
    struct times times[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        char settings[64];

        snprintf(settings, sizeof(settings), "cpu_limit_mhz=%u", mhz[i]);
        spin(names[i], settings);
        watch(&names[i], 1, times);
        watch(&names[i], 1, &times[i]);
        assert_got(names[i], &times[i], mhz[i], 500);
        run_ok("cleave destroy %s", names[i]);
    }
}

/* --- balloons --------------------------------------------------------------------------------- */

/* Each VM has a name of its own: the log of a console goes on with the next VM of that name. */
static uint64_t fastest_round(const char *name, const char *arguments)
{
    const char *text;
    uint64_t ticks;

    run_ok("cleave create /guests/memhog.cfg name=%s extra='set=20 rounds=8 random balloon' "
           "on_poweroff=preserve %s",
           name, arguments);
    await_said(name, "memhog: ok", 60);
    text = strstr(run_ok("cleave logs %s", name)->out, "fastest round ");
    assert_non_null(text);
    ticks = strtoull(text + strlen("fastest round "), NULL, 10);
    run_ok("cleave destroy %s", name);
    return ticks;
}

/* A guest that has given half of its memory is as fast as one that never had it. */
static void a_balloon_costs_little(void **state)
{
    uint64_t alone, ballooned;

    (void)state;
    alone = fastest_round("alone", "memory=32 maxmem=32");
    ballooned = fastest_round("ballooned", "memory=32 maxmem=64 memory_min=24 memory_floor=8");
    printf("a round: %lu ticks with 32 MiB, %lu with a balloon in 64 MiB: %+.2f %%\n", alone,
           ballooned, 100.0 * ballooned / alone - 100);
    assert_true(ballooned <= alone + alone / 50);
}

/* --- memory ----------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

/* What cannot be is refused before anything is built. */
static void a_refusal_takes_no_second(void **state)
{
    uint64_t began = now_ns(), took;

    (void)state;
    assert_refused(run("cleave create /guests/debian.cfg memory=100000 maxmem=100000"), "MiB");
    took = now_ns() - began;
    printf("refused in %lu ms\n", took / 1000000);
    assert_true(took < 1000000000);
}

#define SAMPLES 40
#define SAMPLE_MS 100
#define HOT_KIB (20 * 1024)

/* Begins or ends a sample, and adds what that takes of dom0's time. */
static void sample(uint32_t domid, struct memory_figures *figures, uint64_t seed, uint64_t *ns)
{
    struct times times;

    assert_int_equal(core_time(&hv, 0, 0, false, &times.before), 0);
    if (figures)
        memory_end_sample(&hv, domid, figures);
    else
        memory_begin_sample(&hv, domid, seed);
    assert_int_equal(core_time(&hv, 0, 0, false, &times.after), 0);
    *ns += used(&times, 0).ran;
}

/*
 * Of 48 MiB a guest has touched 40 and uses 20. At most one estimate in twenty errs by more than 4
 * points of what it has touched; a sample takes at most 5 ms, 0.1 % of a CPU once in 5 s.
 */
static void a_working_set_is_estimated_within_4_points(void **state)
{
    struct memory_figures figures;
    uint64_t longest = 0, all = 0;
    struct domain domain;
    unsigned int far = 0;
    double worst = 0;

    (void)state;
    run_ok("cleave create /guests/memhog.cfg memory=48 maxmem=48 extra='set=40 hot=20 read' "
           "on_poweroff=preserve");
    await_said("memhog", "again and again", 60);
    assert_int_equal(hv_open(&hv), 0);
    assert_int_equal(domain_get(&hv, (uint32_t)domid_of("memhog"), NULL, &domain), 0);
    for (unsigned int i = 0; i < SAMPLES; i++) {
        uint64_t ns = 0;
        double off;

        sample(domain.domid, NULL, i, &ns);
        pause_ms(SAMPLE_MS);
        memory_look(&hv, NULL, &domain, &figures);
        sample(domain.domid, &figures, 0, &ns);
        assert_true(figures.touches && figures.sampled);
        off = 100.0 * ((double)figures.working - HOT_KIB) / (double)figures.touched;
        off = off < 0 ? -off : off;
        far += off > 4;
        worst = off > worst ? off : worst;
        longest = ns > longest ? ns : longest;
        all += ns;
    }
    hv_close(&hv);
    printf("%d samples of %lu KiB touched (of %lu), %d used: the worst is off by %.2f points, %u "
           "by more than 4; a sample takes %.3f ms, at most %.3f\n",
           SAMPLES, figures.touched, figures.current, HOT_KIB, worst, far, all / 1e6 / SAMPLES,
           longest / 1e6);
    assert_true(figures.touched < figures.current);
    assert_in_range(far, 0, SAMPLES / 20);
    assert_in_range(longest, 0, 5000000);
}

/* Half of a guest's set comes back while it checks it. */
struct waits {
    uint64_t pages, half, most, longest; /* it waited for; ticks of half and of 99 % of the waits */
};

static struct waits check_what_was_paged_out(const char *name, const char *order)
{
    struct waits waits;
    const char *text;

    run_ok("cleave create /guests/memhog.cfg name=%s memory=48 maxmem=48 memory_paging=1 "
           "on_poweroff=preserve extra='set=40 rounds=1 hot=1 check %s'",
           name, order);
    await_said(name, "again and again", 60);
    run_ok("cleave mem page-out %s 24", name);
    run_ok("xenstore-write /local/domain/%d/data/peer 1", domid_of(name));
    await_said(name, "memhog: ok", 180);
    text = strstr(run_ok("cleave logs %s", name)->out, "waited for ");
    assert_non_null(text);
    assert_int_equal(sscanf(text,
                            "waited for %lu pages: half at most %lu ticks, 99 of 100 %lu, all %lu",
                            &waits.pages, &waits.half, &waits.most, &waits.longest),
                     4);
    printf("%s: waited for %lu pages: half at most %lu ticks, 99 of 100 %lu, all %lu\n", name,
           waits.pages, waits.half, waits.most, waits.longest);
    run_ok("cleave destroy %s", name);
    return waits;
}

static void paged_pages_come_back_soon(void **state)
{
    struct waits jumps, walks;

    (void)state;
    jumps = check_what_was_paged_out("jumps", "random");
    walks = check_what_was_paged_out("walks", "");
    assert_true(jumps.pages > 5000);
    assert_in_range(jumps.half, 1, 100000); /* instructions; 44,566 seen */
    assert_in_range(jumps.most, 1, 150000); /* 54,342 */
    assert_true(walks.pages < jumps.pages / 8);
}

static const struct CMUnitTest tests[] = {
#define EXACT_TEST(function) \
    { \
#function, function, begin, end, NULL \
    }
    EXACT_TEST(reservations_are_exact),     EXACT_TEST(waits_are_bounded),
    EXACT_TEST(limits_are_exact),           EXACT_TEST(a_balloon_costs_little),
    EXACT_TEST(a_refusal_takes_no_second),  EXACT_TEST(a_working_set_is_estimated_within_4_points),
    EXACT_TEST(paged_pages_come_back_soon),
};
const struct group group_exact = GROUP("exact", tests);
