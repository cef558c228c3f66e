/* SPDX-License-Identifier: MIT */
/* The balancer's rules, one by one, with numbers computed by hand. Sizes are in KiB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "balancer.h"

#define MIB UINT64_C(1024)
#define PERIOD 5000
#define SHARES 1000

/* 1 % is 10,000. */
static struct balancer_host host_with(uint64_t free)
{
    return (struct balancer_host){ .total = 1000000, .free = free };
}

/* A guest that could not give `own` needs an eighth more, at least 16,384. */
static struct balancer_vm vm_with(uint64_t has, uint64_t own)
{
    return (struct balancer_vm){
        .min = 100000, .max = 1000000, .shares = SHARES, .current = has, .target = has, .own = own
    };
}

struct scene {
    struct balancer_host host;
    struct balancer_vm vms[3];
    struct balancer_verdict verdicts[3];
    struct balancer_summary summary;
    int64_t now;
};

static void step(struct scene *scene, size_t count)
{
    scene->now += PERIOD;
    balancer_step(&scene->host, scene->vms, count, scene->now, scene->verdicts, &scene->summary);
    scene->host.reclaiming = scene->summary.reclaiming;
}

/* --- goals ------------------------------------------------------------------------------------ */

/*
 * The pool is 940,000. At the level of 644,000 a share of both, A has 180,000 and a quarter of the
 * 464,000 above, B all of it.
 */
static void test_idle_memory_is_taxed(void **state)
{
    struct scene scene = { .host = host_with(60000),
                           .vms = { vm_with(470000, 160000), vm_with(470000, 800000) } };

    (void)state;
    step(&scene, 2);
    assert_int_equal(scene.summary.pool, 940000);
    assert_int_equal(scene.verdicts[0].need, 180000);
    assert_int_equal(scene.verdicts[0].goal, 296000);
    /* it uses more than 15 parts in 16 of what it has: twice that may be needed, or its max */
    assert_int_equal(scene.verdicts[1].need, 1000000);
    assert_int_equal(scene.verdicts[1].goal, 644000);
    /* at once: all but 2 % of what is free; and a tenth from the other */
    assert_int_equal(scene.verdicts[1].target, 510000);
    assert_int_equal(scene.verdicts[1].reason, BALANCER_NEED);
    assert_int_equal(scene.verdicts[0].target, 423000);
    assert_int_equal(scene.verdicts[0].reason, BALANCER_GIVES);
    assert_int_equal(scene.summary.needed, 174000);
}

static void test_used_memory_goes_by_shares(void **state)
{
    struct scene scene = { .host = host_with(60000),
                           .vms = { vm_with(470000, 900000), vm_with(470000, 900000) } };

    (void)state;
    scene.vms[0].shares = 2 * SHARES;
    step(&scene, 2);
    assert_int_equal(scene.verdicts[0].goal, 626668);
    assert_int_equal(scene.verdicts[1].goal, 313332);
}

static void test_higher_priority_is_served_first(void **state)
{
    struct scene scene = { .host = host_with(60000),
                           .vms = { vm_with(470000, 800000), vm_with(470000, 800000) } };

    (void)state;
    scene.vms[0].priority = 1;
    step(&scene, 2);
    assert_int_equal(scene.verdicts[0].goal, 840000);
    assert_int_equal(scene.verdicts[1].goal, 100000);
}

static void test_bounds_hold_and_the_others_share_the_rest(void **state)
{
    struct scene scene = { .host = host_with(60000),
                           .vms = { vm_with(300000, 800000), vm_with(320000, 800000),
                                    vm_with(320000, 10000) } };

    (void)state;
    scene.vms[0].max = 300000;
    scene.vms[2].min = 310000;
    step(&scene, 3);
    assert_int_equal(scene.verdicts[0].goal, 300000);
    /* all that the third has above 310,000 is idle: a quarter of what the second has above that */
    assert_int_equal(scene.verdicts[2].goal, 314000);
    assert_int_equal(scene.verdicts[1].goal, 326000);
}

/* Without a working set and a figure of the guest, all that it has counts as used. */
static void test_unknown_use_is_not_taxed(void **state)
{
    struct scene scene = { .host = host_with(60000),
                           .vms = { vm_with(300000, 0), vm_with(640000, 0) } };

    (void)state;
    step(&scene, 2);
    assert_int_equal(scene.verdicts[0].need, 1000000);
    assert_int_equal(scene.verdicts[0].goal, 470000);
    assert_int_equal(scene.verdicts[1].goal, 470000);
}

static void test_need_is_the_upper_end_or_the_guests_figure(void **state)
{
    struct balancer_vm vm = vm_with(500000, 0);

    (void)state;
    vm.sampled = true;
    vm.low = 100000;
    vm.working = 150000;
    vm.high = 200000;
    assert_int_equal(balancer_need(&vm), 225000);
    vm.own = 400000;
    assert_int_equal(balancer_need(&vm), 450000);
    vm.own = vm.high = 0;
    assert_int_equal(balancer_need(&vm), 100000);
}

/* --- free memory ------------------------------------------------------------------------------ */

static void test_spare_memory_is_given_above_six_percent(void **state)
{
    struct scene scene = { .host = host_with(160000), .vms = { vm_with(400000, 100000) } };

    (void)state;
    step(&scene, 1);
    assert_int_equal(scene.verdicts[0].target, 500000);
    assert_int_equal(scene.verdicts[0].reason, BALANCER_SPARE);
}

/* Reclaiming begins below 4 % and ends at 6 %. */
static void test_reclaiming_has_hysteresis(void **state)
{
    struct scene scene = { .host = host_with(41000),
                           .vms = { vm_with(500000, 100000), vm_with(459000, 100000) } };

    (void)state;
    step(&scene, 2);
    assert_false(scene.summary.reclaiming);
    assert_int_equal(scene.verdicts[0].target, 500000);
    scene.host.free = 39000;
    scene.vms[1].current = scene.vms[1].target = 461000;
    step(&scene, 2);
    assert_true(scene.summary.reclaiming);
    /* 21,000 are to be free; A is 30,000 above its goal, but B is not above its own */
    assert_int_equal(scene.verdicts[0].goal, 470000);
    assert_int_equal(scene.verdicts[0].target, 479000);
    assert_int_equal(scene.verdicts[0].reason, BALANCER_REFILLS);
    assert_int_equal(scene.verdicts[1].target, 461000);
    scene.host.free = 59000;
    scene.vms[0].current = scene.vms[0].target = 480000;
    step(&scene, 2);
    assert_true(scene.summary.reclaiming);
    scene.host.free = 60000;
    step(&scene, 2);
    assert_false(scene.summary.reclaiming);
}

static void test_memory_that_was_promised_is_not_free(void **state)
{
    struct scene scene = { .host = host_with(120000),
                           .vms = { vm_with(400000, 800000), vm_with(480000, 800000) } };

    (void)state;
    scene.vms[0].target = 480000; /* 80,000 are on their way there */
    step(&scene, 2);
    assert_int_equal(scene.summary.pool, 940000);
    assert_int_equal(scene.verdicts[0].target, 480000);
    assert_int_equal(scene.verdicts[1].target, 480000);
    scene.host.reserve = 100000;
    scene.vms[0].target = 400000;
    step(&scene, 2);
    assert_int_equal(scene.verdicts[0].target, 400000);
}

static void test_below_two_percent_only_floors_grow(void **state)
{
    struct scene scene = { .host = host_with(20000),
                           .vms = { vm_with(90000, 800000), vm_with(890000, 800000) } };

    (void)state;
    step(&scene, 2);
    assert_int_equal(scene.verdicts[0].target, 100000);
    assert_int_equal(scene.verdicts[0].reason, BALANCER_FLOOR);
    /* 1 % is not touched: it would be below min still, and is not written */
    scene.host.free = 15000;
    step(&scene, 2);
    assert_int_equal(scene.verdicts[0].target, 90000);
}

static void test_what_does_not_fit_is_said(void **state)
{
    struct scene scene = { .host = host_with(0),
                           .vms = { vm_with(500000, 0), vm_with(500000, 0) } };

    (void)state;
    scene.vms[0].min = scene.vms[1].floor = 600000;
    step(&scene, 2);
    assert_int_equal(scene.summary.lack, 200000);
    assert_true(scene.verdicts[0].target >= 500000);
    assert_true(scene.verdicts[1].target >= 500000);
}

/* --- those left alone ------------------------------------------------------------------------- */

static void test_fixed_frozen_and_young_are_left_alone(void **state)
{
    struct scene scene = { .host = host_with(0),
                           .vms = { vm_with(300000, 1), vm_with(300000, 1), vm_with(300000, 1) } };

    (void)state;
    scene.vms[0].min = scene.vms[0].max = 300000;
    scene.vms[1].frozen = true;
    scene.vms[2].young = true;
    for (int i = 0; i < 10; i++)
        step(&scene, 3);
    assert_int_equal(scene.verdicts[0].reason, BALANCER_FIXED);
    assert_int_equal(scene.verdicts[1].reason, BALANCER_FROZEN);
    assert_int_equal(scene.verdicts[2].reason, BALANCER_YOUNG);
    for (int i = 0; i < 3; i++)
        assert_int_equal(scene.verdicts[i].target, 300000);
}

static void test_one_step_at_a_time(void **state)
{
    struct scene scene = { .host = host_with(0),
                           .vms = { vm_with(500000, 1), vm_with(500000, 900000) } };

    (void)state;
    step(&scene, 2);
    assert_int_equal(scene.verdicts[0].target, 450000);
    scene.vms[0].target = 450000;
    scene.vms[0].current = 460000;
    scene.host.free = 40000;
    step(&scene, 2);
    assert_int_equal(scene.verdicts[0].target, 450000);
    assert_int_equal(scene.verdicts[0].reason, BALANCER_AWAITED);
}

/* --- obedience -------------------------------------------------------------------------------- */

/* A guest that followed once is asked for more than it has. */
static struct scene scene_of_failure(void)
{
    struct scene scene = { .host = host_with(200000), .vms = { vm_with(300000, 1) } };

    scene.vms[0].max = 310000;
    scene.vms[0].target = 290000;
    step(&scene, 1);
    scene.vms[0].current = 295000;
    step(&scene, 1);
    assert_true(scene.vms[0].history.moved);
    return scene;
}

static void test_a_failure_teaches_the_floor(void **state)
{
    struct scene scene = scene_of_failure();
    struct balancer_vm *vm = &scene.vms[0];

    (void)state;
    assert_int_equal(vm->history.balloon, BALANCER_SLOW);
    step(&scene, 1);
    assert_int_equal(vm->history.balloon, BALANCER_UNCOOPERATIVE);
    /* 16 MiB more than it was left with, but not more than its max */
    assert_int_equal(vm->history.floor, 310000);
    assert_int_equal(scene.verdicts[0].target, 310000);
    assert_int_equal(scene.verdicts[0].reason, BALANCER_RELEASED);
    vm->target = vm->current = 310000;
    step(&scene, 1);
    assert_int_equal(vm->history.balloon, BALANCER_FOLLOWING);
    assert_int_equal(scene.verdicts[0].lowest, 310000);
    scene.now += BALANCER_FLOOR_MS;
    step(&scene, 1);
    assert_int_equal(scene.verdicts[0].lowest, 100000);
}

static void test_one_that_never_followed_has_no_balloon(void **state)
{
    struct scene scene = { .host = host_with(200000), .vms = { vm_with(300000, 1) } };
    struct balancer_vm *vm = &scene.vms[0];

    (void)state;
    vm->target = 290000;
    step(&scene, 1);
    assert_int_equal(vm->history.balloon, BALANCER_FOLLOWING);
    step(&scene, 1);
    assert_int_equal(vm->history.balloon, BALANCER_NONE);
    assert_int_equal(vm->history.floor, 0);
    assert_int_equal(scene.verdicts[0].target, 300000);
    vm->target = 300000;
    step(&scene, 1);
    assert_int_equal(vm->history.balloon, BALANCER_NONE);
    assert_int_equal(scene.verdicts[0].reason, BALANCER_PINNED);
    assert_int_equal(scene.verdicts[0].target, 300000);
}

/* One that could not grow holds no promise, and is woken by a target one page away. */
static void test_one_that_cannot_grow_gives_its_promise_back(void **state)
{
    struct scene scene = { .host = host_with(500000), .vms = { vm_with(300000, 500000) } };
    struct balancer_vm *vm = &scene.vms[0];
    int steps = 0;

    (void)state;
    step(&scene, 1);
    vm->target = scene.verdicts[0].target;
    assert_int_equal(vm->target, 740000);
    step(&scene, 1);
    step(&scene, 1);
    assert_int_equal(scene.verdicts[0].reason, BALANCER_RELEASED);
    assert_int_equal(scene.verdicts[0].target, 300000);
    vm->target = 300000;
    do {
        step(&scene, 1);
        steps++;
    } while (scene.verdicts[0].target == 300000);
    assert_int_equal(steps, BALANCER_RETRY_MS / PERIOD);
    assert_int_equal(scene.verdicts[0].target, 740000);
}

static void test_a_target_that_is_asked_again_is_another_one(void **state)
{
    struct scene scene = { .host = host_with(500000), .vms = { vm_with(300000, 1) } };
    struct balancer_vm *vm = &scene.vms[0];

    (void)state;
    vm->history = (struct balancer_history){ .balloon = BALANCER_UNCOOPERATIVE,
                                             .moved = true,
                                             .written = 280000,
                                             .nearest = 20000,
                                             .judged = true };
    vm->max = 300000;
    vm->min = 290000;
    vm->target = 290000;
    vm->history.written = 290000;
    step(&scene, 1);
    assert_int_not_equal(scene.verdicts[0].target, 290000);
    assert_true(scene.verdicts[0].target >= 290000);
}

/* What a pinned VM holds is charged first: the others divide the rest. */
static void test_the_pinned_are_charged_first(void **state)
{
    struct scene scene = { .host = host_with(60000),
                           .vms = { vm_with(600000, 1), vm_with(340000, 900000) } };

    (void)state;
    scene.vms[0].history = (struct balancer_history){ .balloon = BALANCER_UNCOOPERATIVE,
                                                      .moved = true,
                                                      .written = 600000,
                                                      .retry_at = 1000000,
                                                      .judged = true };
    scene.vms[0].current = 640000;
    scene.vms[1].current = scene.vms[1].target = 300000;
    step(&scene, 2);
    assert_int_equal(scene.verdicts[0].reason, BALANCER_PINNED);
    assert_int_equal(scene.verdicts[1].goal, 300000);
}

/* --- floors and reclaiming at once ------------------------------------------------------------ */

/* What was measured with stock Debian: README.md. */
static void test_stated_floors_are_above_what_was_measured(void **state)
{
    (void)state;
    assert_int_equal(balancer_floor(256 * MIB), 99944);
    assert_true(balancer_floor(256 * MIB) >= 88 * MIB);
    assert_true(balancer_floor(512 * MIB) >= 101 * MIB);
    assert_true(balancer_floor(2048 * MIB) >= 268 * MIB);
}

static void test_room_for_a_start_comes_from_goals_first(void **state)
{
    struct scene scene = { .host = host_with(50000),
                           .vms = { vm_with(475000, 160000), vm_with(475000, 160000) } };

    (void)state;
    assert_int_equal(balancer_reclaim(&scene.host, scene.vms, 2, 40000, scene.verdicts), 50000);
    assert_int_equal(scene.verdicts[0].target, 475000);
    assert_int_equal(balancer_reclaim(&scene.host, scene.vms, 2, 250000, scene.verdicts), 250000);
    assert_int_equal(scene.verdicts[0].target, 375000);
    assert_int_equal(scene.verdicts[1].target, 375000);
    /* all that is above min, and no more */
    assert_int_equal(balancer_reclaim(&scene.host, scene.vms, 2, 900000, scene.verdicts), 800000);
    assert_int_equal(scene.verdicts[0].target, 100000);
    scene.vms[0].frozen = true;
    assert_int_equal(balancer_reclaim(&scene.host, scene.vms, 2, 900000, scene.verdicts), 425000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_memory_is_taxed),
        cmocka_unit_test(test_used_memory_goes_by_shares),
        cmocka_unit_test(test_higher_priority_is_served_first),
        cmocka_unit_test(test_bounds_hold_and_the_others_share_the_rest),
        cmocka_unit_test(test_unknown_use_is_not_taxed),
        cmocka_unit_test(test_need_is_the_upper_end_or_the_guests_figure),
        cmocka_unit_test(test_spare_memory_is_given_above_six_percent),
        cmocka_unit_test(test_reclaiming_has_hysteresis),
        cmocka_unit_test(test_memory_that_was_promised_is_not_free),
        cmocka_unit_test(test_below_two_percent_only_floors_grow),
        cmocka_unit_test(test_what_does_not_fit_is_said),
        cmocka_unit_test(test_fixed_frozen_and_young_are_left_alone),
        cmocka_unit_test(test_one_step_at_a_time),
        cmocka_unit_test(test_a_failure_teaches_the_floor),
        cmocka_unit_test(test_one_that_never_followed_has_no_balloon),
        cmocka_unit_test(test_one_that_cannot_grow_gives_its_promise_back),
        cmocka_unit_test(test_a_target_that_is_asked_again_is_another_one),
        cmocka_unit_test(test_the_pinned_are_charged_first),
        cmocka_unit_test(test_stated_floors_are_above_what_was_measured),
        cmocka_unit_test(test_room_for_a_start_comes_from_goals_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
