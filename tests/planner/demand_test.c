/* SPDX-License-Identifier: MIT */
/* Prediction against counting, admission at its limit, and the simulation's three policies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "demand.h"
#include "random.h"
#include "simulate.h"

/* A VM that wants its reservation in busy of each 100 seconds. */
static struct demand on_and_off(uint32_t reserved_mhz, uint32_t busy)
{
    struct demand demand = { .reserved_mhz = reserved_mhz };

    for (uint32_t i = 0; i < 1000; i++)
        demand_add(&demand, i % 100 < busy ? reserved_mhz : 0);
    return demand;
}

static uint64_t violation_of(uint64_t capacity, const struct demand *demand, int times)
{
    struct demand_sum sum;
    uint64_t violation;

    assert_int_equal(demand_sum_begin(&sum, capacity), 0);
    for (int i = 0; i < times; i++)
        assert_int_equal(demand_sum_add(&sum, demand), 0);
    violation = demand_violation(&sum);
    demand_sum_free(&sum);
    return violation;
}

/* Returns the parts per million, rounded up. */
static uint64_t ppm(uint64_t probability)
{
    return ((probability >> 14) * 1000000 + (DEMAND_ONE >> 14) - 1) / (DEMAND_ONE >> 14);
}

/* Ten VMs that are busy half of the time: the binomial distribution is known. */
static void predicts_coins(void **state)
{
    static const uint64_t at_least[] = { 1023, 1013, 968, 848, 638, 386, 176, 56, 11, 1, 0 };
    struct demand half = on_and_off(100, 50);

    (void)state;
    for (uint64_t fit = 0; fit <= 10; fit++) {
        uint64_t expected = at_least[fit] * 1000000 / 1024;
        uint64_t found = ppm(violation_of(fit * 100, &half, 10));

        assert_in_range(found, expected, expected + 3);
    }
}

/* The prediction is the share of seconds that a long random replay counts. */
static void predicts_what_happens(void **state)
{
    uint64_t seed = 11, above = 0, expected, sum;
    struct demand demand = { .reserved_mhz = 1000 };

    (void)state;
    for (int i = 0; i < 8000; i++)
        demand_add(&demand, random_in(&seed, 0, 1) * random_in(&seed, 0, 1000));
    for (int second = 0; second < 100000; second++) {
        sum = 0;
        for (int vm = 0; vm < 20; vm++)
            sum += random_in(&seed, 0, 1) * random_in(&seed, 0, 1000);
        above += sum > 7500;
    }
    expected = ppm(violation_of(7500, &demand, 20));
    assert_in_range(above * 10, expected * 9 / 10, expected * 11 / 10);
}

static void peaks_and_moments(void **state)
{
    struct demand half = on_and_off(100, 50);
    struct demand_sum sum;

    (void)state;
    assert_int_equal(demand_sum_begin(&sum, 500), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(demand_sum_add(&sum, &half), 0);
    assert_int_equal(demand_sigmas(&sum, 0), 200);
    assert_int_equal(demand_sigmas(&sum, 2), 400);
    assert_int_equal(demand_peak(&sum, DEMAND_ONE / 4), 300);
    assert_int_equal(demand_peak(&sum, DEMAND_ONE / 20), 400);
    demand_sum_free(&sum);
}

static void history_fades(void **state)
{
    struct demand demand = { .reserved_mhz = 100 };

    (void)state;
    for (int i = 0; i < DEMAND_SECONDS_MAX; i++)
        demand_add(&demand, 500);
    assert_int_equal(demand.count[DEMAND_BUCKETS], DEMAND_SECONDS_MAX);
    assert_int_equal(demand.sum[DEMAND_BUCKETS], DEMAND_SECONDS_MAX * 100);
    for (int i = 0; i < 5 * DEMAND_SECONDS_MAX; i++)
        demand_add(&demand, 0);
    assert_in_range(demand.active, 1, DEMAND_SECONDS_MAX / 200);
    assert_int_equal(demand.seconds, demand.active + demand.count[0]);
}

/* 10 relaxed VMs of 1 GHz that are busy 10 % of the time, on 4 GHz beside 1 GHz guaranteed. */
static void admits_to_the_slo(void **state)
{
    struct demand tenth = on_and_off(1000, 10);
    const struct demand *demands[11] = { NULL };
    struct planner_vm vms[11], shrunk[11];
    struct planner_input input = { .cpus = 5, .mhz = 1000, .vms = vms, .vm_count = 11 };
    struct demand_forecast forecast;
    struct planner_plan plan;
    uint32_t slos[11];

    (void)state;
    for (int i = 0; i < 11; i++) {
        vms[i] = (struct planner_vm){ .id = i, .vcpus = 1, .mhz = 1000 };
        vms[i].class = i ? PLANNER_RELAXED : PLANNER_GUARANTEED;
        demands[i] = &tenth;
        slos[i] = 95;
    }
    assert_int_equal(planner_make(&input, &plan), -ENOSPC);
    assert_int_equal(demand_shrink(&input, demands, slos, shrunk, &forecast), 0);
    assert_int_equal(forecast.reserved_mhz, 10000);
    assert_int_equal(forecast.capacity_mhz, 4000);
    /* more than 4 of 10: 0.1635 % */
    assert_in_range(ppm(forecast.violation), 1634, 1640);
    assert_int_equal(shrunk[0].mhz, 1000);
    assert_int_equal(shrunk[10].mhz, 400);
    input.vms = shrunk;
    assert_int_equal(planner_make(&input, &plan), 0);
    assert_int_equal(plan.free_mhz, 0);
    planner_free(&plan);
    input.vms = vms;
    /* Violations may all fall into the 10 % of seconds in which a VM wants time: 1.64 %. */
    slos[3] = 98;
    assert_int_equal(demand_shrink(&input, demands, slos, shrunk, &forecast), 0);
    slos[3] = 99;
    assert_int_equal(demand_shrink(&input, demands, slos, shrunk, &forecast), -ENOSPC);
    assert_int_equal(forecast.refused, 3);
    slos[3] = 95;
    /* Without a history the reservation counts in full, and is not reduced. */
    demands[1] = NULL;
    assert_int_equal(demand_shrink(&input, demands, slos, shrunk, &forecast), -ENOSPC);
    for (int i = 1; i < 11; i++)
        slos[i] = 85;
    assert_int_equal(demand_shrink(&input, demands, slos, shrunk, &forecast), 0);
    assert_int_equal(shrunk[1].mhz, 1000);
    assert_int_equal(shrunk[2].mhz, 333);
}

/* As above, and others take half of the time that the ten leave in their slots. */
static void others_share_what_is_left(void **state)
{
    struct demand tenth = on_and_off(1000, 10);
    const struct demand *demands[11] = { NULL };
    struct planner_vm vms[11] = { { .vcpus = 1, .mhz = 1000 } }, shrunk[11];
    struct planner_input input = { .cpus = 5, .mhz = 1000, .vms = vms, .vm_count = 11 };
    struct demand_forecast forecast;
    uint32_t slos[11];

    (void)state;
    for (int i = 0; i < 11; i++) {
        if (i)
            vms[i] = (struct planner_vm){
                .id = i, .vcpus = 1, .mhz = 1000, .class = PLANNER_RELAXED, .weight = 100 + i
            };
        demands[i] = &tenth;
        slos[i] = 29;
    }
    /* 400 MHz of slots each; who works takes 1,000, who does not 200: more than 2 of 10, 7.02 % */
    input.spare_weight = 101;
    assert_int_equal(demand_shrink(&input, demands, slos, shrunk, &forecast), 0);
    assert_int_equal(forecast.share, 50);
    assert_in_range(ppm(forecast.violation), 70190, 70200);
    slos[3] = 30;
    assert_int_equal(demand_shrink(&input, demands, slos, shrunk, &forecast), -ENOSPC);
    assert_int_equal(forecast.refused, 3);
    /* Who has a reservation takes more than that, unless it has a cap. */
    input.spare_weight = 0;
    vms[0].weight = 101;
    assert_int_equal(demand_shrink(&input, demands, slos, shrunk, &forecast), -ENOSPC);
    assert_int_equal(forecast.share, 50);
    vms[0].limit_mhz = 1000;
    assert_int_equal(demand_shrink(&input, demands, slos, shrunk, &forecast), 0);
    assert_int_equal(forecast.share, 100);
    assert_in_range(ppm(forecast.violation), 1634, 1640);
    input.vm_count = 1;
    input.spare_weight = 1;
    assert_int_equal(demand_shrink(&input, demands, slos, shrunk, &forecast), 0);
    assert_int_equal(forecast.violation, 0);
}

#define FILLED 8 /* VMs */

/*
 * The time left is shared by weight with one that always wants more, as the core does. Returns
 * whether all have what they lack.
 */
static bool fills(const struct planner_vm *vms, const double *lacks, double left, double spare)
{
    bool open[FILLED], changed = true;

    for (int i = 0; i < FILLED; i++)
        open[i] = lacks[i] > 0;
    while (changed) {
        double weights = spare;

        changed = false;
        for (int i = 0; i < FILLED; i++)
            weights += open[i] ? vms[i].weight : 0;
        for (int i = 0; i < FILLED; i++)
            if (open[i] && lacks[i] <= left * vms[i].weight / weights) {
                left -= lacks[i];
                open[i] = false;
                changed = true;
                break;
            }
    }
    for (int i = 0; i < FILLED; i++)
        if (open[i])
            return false;
    return true;
}

/* With others, the prediction is at least what a replay counts; without them it would not be. */
static void predicts_beside_others(void **state)
{
    struct planner_vm vms[FILLED], slots[FILLED];
    struct planner_input input = { .cpus = 4, .mhz = 1000, .vms = vms, .vm_count = FILLED };
    struct demand demand = { .reserved_mhz = 1000 };
    const struct demand *demands[FILLED];
    struct demand_forecast beside, alone;
    uint32_t slos[FILLED] = { 0 };
    uint64_t seed = 17, counted = 0;

    (void)state;
    for (int i = 0; i < 8000; i++)
        demand_add(&demand, random_in(&seed, 1, 4) / 4 * random_in(&seed, 500, 1000));
    for (int i = 0; i < FILLED; i++) {
        vms[i] = (struct planner_vm){
            .id = i, .vcpus = 1, .mhz = 1000, .class = PLANNER_RELAXED, .weight = 256 + i * 100
        };
        demands[i] = &demand;
    }
    assert_int_equal(demand_shrink(&input, demands, slos, slots, &alone), 0);
    input.spare_weight = 512;
    assert_int_equal(demand_shrink(&input, demands, slos, slots, &beside), 0);
    assert_int_equal(beside.share, 33);
    for (int second = 0; second < 100000; second++) {
        double lacks[FILLED], left = 0;

        for (int i = 0; i < FILLED; i++) {
            uint32_t wanted = random_in(&seed, 1, 4) / 4 * random_in(&seed, 500, 1000);

            lacks[i] = (double)wanted - slots[i].mhz;
            left += lacks[i] < 0 ? -lacks[i] : 0;
        }
        counted += !fills(vms, lacks, left, input.spare_weight);
    }
    print_message("  %u ppm counted, %u predicted, %u without others\n", (unsigned int)counted * 10,
                  (unsigned int)ppm(beside.violation), (unsigned int)ppm(alone.violation));
    assert_true(ppm(alone.violation) < counted * 10 / 2);
    assert_in_range(ppm(beside.violation), counted * 10, counted * 100);
}

#define SIM_VMS 120
#define SIM_SECONDS 1200

/* Overbooking saves machines, breaks almost no SLO; the oracle breaks none and saves more. */
static void simulates(void **state)
{
    static uint32_t wanted[SIM_VMS][SIM_SECONDS];
    struct simulate_vm vms[SIM_VMS];
    struct simulate_input input = { vms, SIM_VMS, SIM_SECONDS, SIM_SECONDS / 2, 32000 };
    struct simulate_result reserved, predicted, oracle;
    uint64_t seed = 12;

    (void)state;
    for (size_t i = 0; i < SIM_VMS; i++) {
        vms[i] = (struct simulate_vm){ random_in(&seed, 1, 8) * 500, 95, wanted[i] };
        simulate_synthesize(&vms[i], SIM_SECONDS, &seed);
    }
    assert_int_equal(simulate_pack(&input, SIMULATE_RESERVED, &reserved), 0);
    assert_int_equal(simulate_pack(&input, SIMULATE_PREDICTED, &predicted), 0);
    assert_int_equal(simulate_pack(&input, SIMULATE_ORACLE, &oracle), 0);
    print_message("  machines %zu, %zu, %zu; broken %zu of %d\n", reserved.machines,
                  predicted.machines, oracle.machines, predicted.broken, SIM_VMS);
    assert_int_equal(reserved.violated, 0);
    assert_int_equal(oracle.broken, 0);
    assert_true(oracle.machines <= predicted.machines);
    assert_true(predicted.machines < reserved.machines);
    assert_true(predicted.broken <= SIM_VMS / 20);
    assert_int_equal(predicted.wanted, reserved.wanted);
}

/* VMs that were admitted are judged anew. While all fits, nobody is at risk. */
static void predicts_for_those_admitted(void **state)
{
    struct planner_vm vms[3] = {
        { .id = 1, .vcpus = 1, .mhz = 600, .class = PLANNER_RELAXED },
        { .id = 2, .vcpus = 1, .mhz = 600, .class = PLANNER_RELAXED },
        { .id = 3, .vcpus = 1, .mhz = 200, .class = PLANNER_GUARANTEED },
    };
    struct planner_input input = { .cpus = 1, .mhz = 1000, .vms = vms, .vm_count = 3 };
    struct demand calm = on_and_off(600, 2), busy = on_and_off(600, 90);
    const struct demand *demands[3] = { &calm, &calm, NULL };
    uint32_t slos[3] = { 90, 5, 0 };
    struct demand_forecast forecast;
    bool holds[3];

    (void)state;
    assert_int_equal(demand_predict(&input, demands, slos, holds, &forecast), 0);
    assert_true(holds[0] && holds[1] && holds[2]);
    assert_int_equal(forecast.reserved_mhz, 1200);
    assert_int_equal(forecast.capacity_mhz, 800);
    demands[1] = demands[0] = &busy;
    assert_int_equal(demand_predict(&input, demands, slos, holds, &forecast), 0);
    assert_true(!holds[0] && holds[1] && holds[2]); /* violated: 81 % */
    assert_int_equal(forecast.refused, 0);
    assert_in_range(ppm(forecast.violation), 810000, 810003);
    vms[0].mhz = vms[1].mhz = 400;
    busy.reserved_mhz = 400;
    assert_int_equal(demand_predict(&input, demands, slos, holds, &forecast), 0);
    assert_true(holds[0] && holds[1] && holds[2]);
    /* without a history it always wants its reservation */
    vms[0].mhz = vms[1].mhz = 600;
    demands[0] = demands[1] = NULL;
    assert_int_equal(demand_predict(&input, demands, slos, holds, &forecast), 0);
    assert_true(!holds[0] && !holds[1] && holds[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predicts_coins),
        cmocka_unit_test(predicts_what_happens),
        cmocka_unit_test(peaks_and_moments),
        cmocka_unit_test(history_fades),
        cmocka_unit_test(predicts_for_those_admitted),
        cmocka_unit_test(admits_to_the_slo),
        cmocka_unit_test(others_share_what_is_left),
        cmocka_unit_test(predicts_beside_others),
        cmocka_unit_test(simulates),
    };

    return cmocka_run_group_tests_name("demand", tests, NULL, NULL);
}
