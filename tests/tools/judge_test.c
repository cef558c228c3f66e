/* SPDX-License-Identifier: MIT */
/*
 * What cleaved says of promises of CPU time, from made-up samples: whether a second was kept, why
 * not, and when a relaxed VM is at risk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core.h"
#include "judge.h"

#define MS 1000000ull
#define CLOCK 2000

/*
 * Adds a second of a vCPU with 500 MHz that ran and waited for so many ms, and slept the rest. It
 * ran for so long as it could in slots of 400 MHz.
 */
static void add(struct judge_second *second, uint32_t vcpu, uint64_t ran, uint64_t waited,
                uint64_t longest_us)
{
    struct planner_vcpu planned = {
        .vcpu = vcpu, .mhz = 400, .time_ns = 2 * MS, .wait_ns = 8 * MS, .cpus = 1
    };
    struct cleave_time before = { .longest_wait = 77 }, after = before;
    struct usage_time time;

    after.time[CORE_RUNNING] = ran * MS;
    after.time[CORE_RUNNABLE] = waited * MS;
    after.time[CORE_BLOCKED] = (1000 - ran - waited) * MS;
    after.longest_wait = longest_us ? longest_us * 1000 : before.longest_wait;
    time = usage_between(&before, &after, 500, CLOCK);
    after.slot_time = (ran < 200 ? ran : 200) * MS;
    judge_vcpu(second, &planned, &before, &after, &time);
}

static void a_second_is_kept_or_not(void **state)
{
    static const struct {
        uint64_t ran, waited;
        bool kept;
    } cases[] = {
        { 250, 750, true },                       /* its share, and it wanted more */
        { 1000, 0, true },                        /* all */
        { 0, 0, true },                           /* wants nothing */
        { 10, 5, true },                          /* its slots may have passed while it slept */
        { 244, 756, true },                       /* a slot outside of the second */
        { 230, 770, false },                      /* 20 ms are no rounding */
        { 0, 1000, false },  { 100, 800, false }, /* of 250 ms it slept 100 */
        { 150, 750, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct judge_second second = { .kept = true };

        add(&second, 0, cases[i].ran, cases[i].waited, 0);
        assert_int_equal(second.kept, cases[i].kept);
        assert_int_equal(second.wanted, (cases[i].ran + cases[i].waited) * MS);
        assert_int_equal(second.waited, 0);
    }
}

/* One vCPU is enough to break the promise of a VM; the one that lacks most is told. */
static void the_worst_vcpu_counts(void **state)
{
    struct judge_second second = { .kept = true };

    (void)state;
    add(&second, 0, 250, 750, 7000);
    add(&second, 1, 50, 950, 8500);
    add(&second, 2, 200, 800, 30000);
    add(&second, 3, 1000, 0, 12000);
    assert_false(second.kept);
    assert_int_equal(second.lack, 200 * MS);
    assert_int_equal(second.waiter, 2);
    assert_int_equal(second.waited, 30 * MS);
    assert_int_equal(second.bound, 8 * MS);
    assert_int_equal(second.robbed, 1);
    assert_int_equal(second.slots, 50 * MS);
    assert_int_equal(second.owed, 200 * MS);
}

/* An overbooked VM that ran in all its slots was not robbed. */
static void slots_are_not_the_cause_if_they_were_used(void **state)
{
    struct judge_second second = { .kept = true };

    (void)state;
    add(&second, 0, 200, 800, 0);
    add(&second, 1, 100, 700, 0); /* of 200 ms of slots it slept 200 */
    assert_false(second.kept);
    assert_int_equal(second.owed, 0);
    add(&second, 2, 100, 800, 0);
    assert_int_equal(second.owed, 0);
    add(&second, 3, 80, 820, 0); /* it slept 100 */
    assert_int_equal(second.robbed, 3);
    assert_int_equal(second.owed, 100 * MS);
    assert_int_equal(second.slots, 80 * MS);
}

/* The core's maximum stays until somebody reads it: only a change is a wait of this second. */
static void an_old_wait_is_not_counted_again(void **state)
{
    struct cleave_time before = { .longest_wait = 50 * MS }, after = before;
    struct judge_second second = { .kept = true };
    struct usage_time time = { .elapsed = 1000 * MS };
    struct planner_vcpu planned = { .wait_ns = 8 * MS, .cpus = 1 };

    (void)state;
    judge_vcpu(&second, &planned, &before, &after, &time);
    assert_int_equal(second.waited, 0);
    after.longest_wait = 20 * MS; /* it began again, and there was another */
    judge_vcpu(&second, &planned, &before, &after, &time);
    assert_int_equal(second.waited, 20 * MS);
    second = (struct judge_second){ .kept = true };
    planned.cpus = 0;
    judge_vcpu(&second, &planned, &before, &after, &time);
    assert_int_equal(second.waited, 0);
}

static void assert_says(const struct judge_second *second, const struct judge_scene *scene,
                        const char *words, const char * not )
{
    char text[JUDGE_TEXT_MAX], copy[128];

    judge_explain(second, scene, text);
    print_message("  %s\n", text);
    assert_non_null(strstr(text, "500 MHz lacked 120 ms of them in 1003 ms"));
    strcpy(copy, words);
    for (char *word = strtok(copy, "|"); word; word = strtok(NULL, "|"))
        assert_non_null(strstr(text, word));
    assert_null(strstr(text, not ));
}

static void the_cause_is_named(void **state)
{
    struct judge_second second = { .lack = 120 * MS, .elapsed = 1003 * MS };
    struct judge_scene scene = { .mhz = 500, .planned_mhz = 500, .has_tables = true };

    (void)state;
    assert_says(&second, &scene, "not known|cleave cpu show", "overbooked");
    scene.planned_mhz = 300;
    assert_says(&second, &scene, "overbooked|has 300 MHz|: move a VM away", "not known");
    second.waiter = 3;
    second.waited = 12345678;
    second.bound = 8 * MS;
    assert_says(&second, &scene, "overbooked|vCPU 3 waited 12345 us|allows 8000", "not known");
    second.robbed = 1;
    second.slots = 99 * MS;
    second.owed = 200 * MS;
    assert_says(&second, &scene, "vCPU 1 ran 99 ms in its slots, and the plan has 200",
                "not known");
    scene.has_tables = false;
    scene.planned_mhz = 500;
    assert_says(&second, &scene, "does not have the plan's tables|vCPU 3", "overbooked");
}

static void risk_is_told_once_and_does_not_flutter(void **state)
{
    struct judge_risk risk = { .at_risk = false };
    int64_t now = 1000;

    (void)state;
    assert_int_equal(judge_risk(&risk, true, now), JUDGE_NOTHING);
    assert_int_equal(judge_risk(&risk, false, now), JUDGE_AT_RISK);
    assert_int_equal(judge_risk(&risk, false, now + 60), JUDGE_NOTHING);
    assert_int_equal(judge_risk(&risk, true, now + 120), JUDGE_SAFE);
    assert_int_equal(judge_risk(&risk, true, now + 180), JUDGE_NOTHING);
    for (int64_t later = now + 240; later < now + JUDGE_QUIET_S; later += 60)
        assert_int_equal(judge_risk(&risk, later % 120 == 0, later), JUDGE_NOTHING);
    assert_int_equal(judge_risk(&risk, false, now + JUDGE_QUIET_S), JUDGE_AT_RISK);
    assert_int_equal(judge_risk(&risk, true, now + JUDGE_QUIET_S + 60), JUDGE_SAFE);
}

static void a_forecast_has_its_numbers(void **state)
{
    struct demand_forecast forecast = {
        .reserved_mhz = 3000, .capacity_mhz = 2000, .share = 100, .violation = DEMAND_ONE / 8
    };
    char text[JUDGE_TEXT_MAX];

    (void)state;
    judge_forecast(&forecast, 95, false, text);
    assert_string_equal(text, "its SLO of 95 % is predicted to break: relaxed VMs reserve 3000 MHz "
                              "of 2000, and want more in 12.5 % of the seconds; no other VM is "
                              "overbooked until it holds: move a VM away, or lower its cpu_mhz or "
                              "cpu_slo");
    judge_forecast(&forecast, 80, true, text);
    assert_non_null(strstr(text, "SLO of 80 % is predicted to hold"));
    assert_null(strstr(text, "move a VM"));
    forecast.share = 94;
    judge_forecast(&forecast, 95, false, text);
    assert_non_null(strstr(text, "seconds, if other VMs take 6 % of the time that they leave in "
                                 "their slots; no other VM"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_is_kept_or_not),
        cmocka_unit_test(the_worst_vcpu_counts),
        cmocka_unit_test(slots_are_not_the_cause_if_they_were_used),
        cmocka_unit_test(an_old_wait_is_not_counted_again),
        cmocka_unit_test(the_cause_is_named),
        cmocka_unit_test(risk_is_told_once_and_does_not_flutter),
        cmocka_unit_test(a_forecast_has_its_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
