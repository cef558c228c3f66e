/* SPDX-License-Identifier: MIT */
/*
 * The planner's promises, on seeded random plans and at the edges. verify_plan checks each plan;
 * mutated plans show that verify_plan detects errors.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "planner.h"
#include "random.h"

#define VMS_MAX 40
#define ROUNDS 2000

/* A random machine with VMs. Affinities are in masks. */
struct scene {
    struct planner_vm vms[VMS_MAX];
    uint8_t masks[VMS_MAX][8];
    struct planner_input input;
};

static void scene_begin(struct scene *scene, uint64_t *seed)
{
    static const uint32_t clocks[] = { 1, 7, 1000, 2000, 2100, 3393 };

    memset(scene, 0, sizeof(*scene));
    scene->input.cpus = random_in(seed, 1, 16);
    scene->input.mhz = clocks[random_in(seed, 0, 5)];
    scene->input.vms = scene->vms;
    scene->input.vm_count = random_in(seed, 0, 12);
    for (size_t i = 0; i < scene->input.vm_count; i++)
        scene->vms[i] = (struct planner_vm){ .id = 100 + i,
                                             .vcpus = random_in(seed, 1, 6),
                                             .mhz = random_in(seed, 0, scene->input.mhz),
                                             .class = random_in(seed, 0, 2) };
}

static uint64_t asked(const struct planner_input *input)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < input->vm_count; i++)
        if (input->vms[i].class != PLANNER_SPARE)
            sum += (uint64_t)input->vms[i].vcpus * input->vms[i].mhz;
    return sum;
}

static uint64_t capacity(const struct planner_input *input)
{
    return (uint64_t)input->cpus * input->mhz;
}

/* Scales the reservations so that their sum is the capacity less spare, as closely as possible. */
static void scene_scale(struct scene *scene, uint64_t spare)
{
    uint64_t most = capacity(&scene->input), sum = asked(&scene->input);

    most = most > spare ? most - spare : 0;
    for (size_t i = 0; sum > most && i < scene->input.vm_count; i++)
        scene->vms[i].mhz = scene->vms[i].mhz * most / sum;
    for (size_t i = 0; i < scene->input.vm_count; i++) {
        struct planner_vm *vm = &scene->vms[i];
        uint64_t add = (most - asked(&scene->input)) / vm->vcpus;

        if (vm->class == PLANNER_SPARE)
            continue;
        if (add > scene->input.mhz - vm->mhz)
            add = scene->input.mhz - vm->mhz;
        vm->mhz += add;
    }
}

static void assert_good(const struct planner_input *input, const struct planner_plan *plan)
{
    size_t vcpu;

    assert_int_equal(verify_plan(input, plan, &vcpu), VERIFY_GOOD);
}

/* Plans and checks. Returns planner_make's result. */
static int plan_once(const struct planner_input *input)
{
    struct planner_plan plan;
    int rc = planner_make(input, &plan);

    if (rc == 0)
        assert_good(input, &plan);
    planner_free(&plan);
    return rc;
}

/* Without gangs and affinity, exactly the reservations up to the capacity fit. */
static void fits_exactly(void **state)
{
    uint64_t seed = 1, refused = 0, full = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct scene scene;
        bool fits;

        scene_begin(&scene, &seed);
        if (i % 4)
            scene_scale(&scene, 0);
        fits = asked(&scene.input) <= capacity(&scene.input);
        assert_int_equal(plan_once(&scene.input), fits ? 0 : -ENOSPC);
        refused += !fits;
        full += asked(&scene.input) == capacity(&scene.input);
    }
    assert_true(refused > ROUNDS / 20 && full > ROUNDS / 20);
}

/* Random latencies: refused only beyond the finest period. */
static void keeps_latency(void **state)
{
    uint64_t seed = 2, tight = 0;

    (void)state;
    for (int i = 0; i < ROUNDS / 4; i++) {
        struct scene scene;
        struct planner_plan plan;
        int rc;

        scene_begin(&scene, &seed);
        scene.input.mhz = 4000;
        scene_scale(&scene, 0);
        for (size_t vm = 0; vm < scene.input.vm_count; vm++)
            scene.vms[vm].latency_us = random_in(&seed, 0, 1) *
                                       random_in(&seed, 60, i % 2 ? 200 : 12000);
        rc = planner_make(&scene.input, &plan);
        if (rc == 0)
            assert_good(&scene.input, &plan);
        else
            assert_int_equal(plan.refusal.resource, PLANNER_LATENCY);
        if (rc != 0 && plan.refusal.resource == PLANNER_LATENCY) {
            assert_true(plan.refusal.nearest > plan.refusal.asked);
            scene.vms[plan.refusal.vm].latency_us = plan.refusal.nearest;
            scene.input.vms = &scene.vms[plan.refusal.vm];
            scene.input.vm_count = 1;
            assert_int_equal(plan_once(&scene.input), 0);
            scene.vms[plan.refusal.vm].latency_us--;
            assert_int_equal(plan_once(&scene.input), -ENOSPC);
            tight++;
        }
        planner_free(&plan);
    }
    assert_true(tight > 5);
}

static uint32_t largest(const struct planner_input *input)
{
    uint32_t mhz = 0;

    for (size_t i = 0; i < input->vm_count; i++)
        if (input->vms[i].class != PLANNER_SPARE && input->vms[i].mhz > mhz)
            mhz = input->vms[i].mhz;
    return mhz;
}

/*
 * Power-of-two gangs with single vCPUs on a power of two of CPUs: a refusal leaves less than the
 * largest reservation free on each CPU.
 */
static void packs_gangs(void **state)
{
    uint64_t seed = 3, good = 0, refused = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct scene scene;
        int rc;

        scene_begin(&scene, &seed);
        scene.input.cpus = 1 << random_in(&seed, 3, 4);
        for (size_t vm = 0; vm < scene.input.vm_count; vm++) {
            scene.vms[vm].cosched = random_in(&seed, 0, 3) > 0;
            if (scene.vms[vm].cosched)
                scene.vms[vm].vcpus = 1 << random_in(&seed, 0, 3);
            if (random_in(&seed, 0, 1))
                scene.vms[vm].mhz = (scene.vms[vm].mhz + 3) / 4;
            scene.vms[vm].latency_us = random_in(&seed, 0, 3) == 0 ? 10000 : 0;
        }
        rc = plan_once(&scene.input);
        good += rc == 0;
        refused += rc == -ENOSPC;
        if (rc != 0)
            assert_true(asked(&scene.input) >
                        (uint64_t)scene.input.cpus * (scene.input.mhz - largest(&scene.input)));
    }
    assert_true(good > ROUNDS / 10 && refused > ROUNDS / 10);
}

/* Gangs of any size, affinities, dom0's CPUs: every plan is correct. */
static void survives_anything(void **state)
{
    uint64_t seed = 4, good = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct scene scene;
        uint8_t dom0[8] = { random_in(&seed, 0, 3) };

        scene_begin(&scene, &seed);
        scene.input.dom0_cpus = dom0;
        for (size_t vm = 0; vm < scene.input.vm_count; vm++) {
            scene.vms[vm].mhz = scene.vms[vm].mhz / random_in(&seed, 1, 8);
            scene.vms[vm].cosched = random_in(&seed, 0, 2) == 0;
            scene.masks[vm][0] = random_next(&seed);
            scene.masks[vm][1] = random_next(&seed);
            if (random_in(&seed, 0, 2) == 0)
                scene.vms[vm].cpus = scene.masks[vm];
            scene.vms[vm].latency_us = random_in(&seed, 0, 4) == 0 ? 1000 : 0;
        }
        good += plan_once(&scene.input) == 0;
    }
    assert_true(good > ROUNDS / 10);
}

/* The nearest request of a refusal fits; without gangs and affinity, a MHz more does not. */
static void names_the_nearest(void **state)
{
    uint64_t seed = 5, seen = 0;

    (void)state;
    for (int i = 0; i < ROUNDS / 4; i++) {
        struct scene scene;
        struct planner_plan plan;
        bool gangs = i % 2;

        scene_begin(&scene, &seed);
        for (size_t vm = 0; gangs && vm < scene.input.vm_count; vm++)
            scene.vms[vm].cosched = random_in(&seed, 0, 1);
        if (planner_make(&scene.input, &plan) == -ENOSPC) {
            size_t vm = plan.refusal.vm;
            struct planner_refusal refusal = plan.refusal;

            assert_true(gangs || refusal.asked > refusal.free);
            scene.input.vm_count = vm + 1;
            scene.vms[vm].mhz = refusal.nearest;
            assert_int_equal(plan_once(&scene.input), 0);
            scene.vms[vm].mhz++;
            if (!gangs)
                assert_int_equal(plan_once(&scene.input), -ENOSPC);
            seen++;
        }
        planner_free(&plan);
    }
    assert_true(seen > 20);
}

/* A refusal is about the VM that asks, whoever else would not fit in the input's order. */
static void names_who_asks(void **state)
{
    struct planner_vm vms[3] = { { .id = 1, .vcpus = 1, .mhz = 700 },
                                 { .id = 2, .vcpus = 1, .mhz = 400, .class = PLANNER_RELAXED },
                                 { .id = 3, .vcpus = 2, .mhz = 100, .class = PLANNER_RELAXED } };
    struct planner_input input = { .cpus = 1, .mhz = 1000, .vms = vms, .vm_count = 2 };
    struct planner_plan plan;

    (void)state;
    input.asks = &vms[0];
    assert_int_equal(planner_make(&input, &plan), -ENOSPC);
    assert_int_equal(plan.refusal.resource, PLANNER_TIME);
    assert_int_equal(plan.refusal.vm, 0);
    assert_int_equal(plan.refusal.asked, 700);
    assert_int_equal(plan.refusal.free, 600);
    assert_int_equal(plan.refusal.nearest, 600);
    planner_free(&plan);
    /* The others do not fit themselves, as when they are overbooked: nothing is free. */
    input.vm_count = 3;
    input.asks = &vms[2];
    assert_int_equal(planner_make(&input, &plan), -ENOSPC);
    assert_int_equal(plan.refusal.vm, 2);
    assert_int_equal(plan.refusal.asked, 200);
    assert_int_equal(plan.refusal.free, 0);
    assert_int_equal(plan.refusal.nearest, 0);
    planner_free(&plan);
    input.asks = NULL;
    assert_int_equal(planner_make(&input, &plan), -ENOSPC);
    assert_int_equal(plan.refusal.vm, 1);
    planner_free(&plan);
}

/* Whoever asks: the nearest request fits beside all others, and a MHz more does not. */
static void names_the_nearest_of_who_asks(void **state)
{
    uint64_t seed = 15, seen = 0;

    (void)state;
    for (int i = 0; i < ROUNDS / 4; i++) {
        struct scene scene;
        struct planner_plan plan;
        size_t vm;

        scene_begin(&scene, &seed);
        if (scene.input.vm_count == 0)
            continue;
        vm = random_in(&seed, 0, scene.input.vm_count - 1);
        scene.vms[vm].class = PLANNER_GUARANTEED;
        scene.input.asks = &scene.vms[vm];
        if (planner_make(&scene.input, &plan) == -ENOSPC) {
            assert_int_equal(plan.refusal.vm, vm);
            scene.vms[vm].mhz = plan.refusal.nearest;
            if (plan.refusal.nearest) /* else the others may not fit either */
                assert_int_equal(plan_once(&scene.input), 0);
            scene.vms[vm].mhz++;
            assert_int_equal(plan_once(&scene.input), -ENOSPC);
            seen += plan.refusal.nearest > 0;
        }
        planner_free(&plan);
    }
    assert_true(seen > 20);
}

/* --- re-planning ------------------------------------------------------------------------------ */

/* A VM of one vCPU leaves, another comes: the others stay. */
static void moves_little(void **state)
{
    uint64_t seed = 6, moved = 0, stayed = 0;

    (void)state;
    for (int i = 0; i < ROUNDS / 4; i++) {
        struct planner_plan before, after;
        struct scene scene;
        size_t gone;

        scene_begin(&scene, &seed);
        scene_scale(&scene, scene.input.mhz);
        if (scene.input.vm_count == 0)
            continue;
        assert_int_equal(planner_make(&scene.input, &before), 0);
        gone = random_in(&seed, 0, scene.input.vm_count - 1);
        scene.vms[gone] = scene.vms[scene.input.vm_count - 1];
        scene.vms[scene.input.vm_count - 1] =
            (struct planner_vm){ .id = 7, .vcpus = 1, .mhz = scene.input.mhz / 2 };
        scene.input.previous = &before;
        assert_int_equal(planner_make(&scene.input, &after), 0);
        assert_good(&scene.input, &after);
        moved += planner_moved(&before, &after);
        stayed += after.vcpu_count;
        planner_free(&before);
        planner_free(&after);
    }
    assert_true(stayed > 1000);
    assert_int_equal(moved, 0);
}

/* A VM moves if a new one fits only in its previous place. */
static void moves_if_it_must(void **state)
{
    static const uint8_t first[] = { 1 };
    struct planner_vm vms[] = { { .id = 1, .vcpus = 1, .mhz = 600 },
                                { .id = 2, .vcpus = 1, .mhz = 1000, .cpus = first } };
    struct planner_input input = { .cpus = 2, .mhz = 1000, .vms = vms, .vm_count = 1 };
    struct planner_plan before, after;

    (void)state;
    assert_int_equal(planner_make(&input, &before), 0);
    assert_int_equal(before.vcpus[0].cpu, 0);
    input.vm_count = 2;
    input.previous = &before;
    assert_int_equal(planner_make(&input, &after), 0);
    assert_good(&input, &after);
    assert_int_equal(after.vcpus[0].cpu, 1);
    assert_int_equal(planner_moved(&before, &after), 1);
    planner_free(&before);
    planner_free(&after);
}

/* --- edges ------------------------------------------------------------------------------------ */

/* 16 CPUs at 2 GHz with VMs of 16, 8, 4 and 4 vCPUs at 1 GHz are full to the MHz. */
static void fills_the_courses_server(void **state)
{
    struct planner_vm vms[] = { { .id = 1, .vcpus = 16, .mhz = 1000 },
                                { .id = 2, .vcpus = 8, .mhz = 1000 },
                                { .id = 3, .vcpus = 4, .mhz = 1000 },
                                { .id = 4, .vcpus = 4, .mhz = 1000 },
                                { .id = 5, .vcpus = 1, .mhz = 1, .class = PLANNER_SPARE } };
    struct planner_input input = { .cpus = 16, .mhz = 2000, .vms = vms, .vm_count = 5 };
    struct planner_plan plan;

    (void)state;
    for (int gangs = 0; gangs < 2; gangs++) {
        for (size_t i = 0; i < 4; i++)
            vms[i].cosched = gangs;
        vms[4].class = PLANNER_SPARE;
        assert_int_equal(planner_make(&input, &plan), 0);
        assert_good(&input, &plan);
        assert_int_equal(plan.reserved_mhz, 32000);
        assert_int_equal(plan.free_mhz, 0);
        planner_free(&plan);
        vms[4].class = PLANNER_GUARANTEED;
        assert_int_equal(planner_make(&input, &plan), -ENOSPC);
        assert_int_equal(plan.refusal.resource, PLANNER_TIME);
        assert_int_equal(plan.refusal.vm, 4);
        assert_int_equal(plan.refusal.asked, 1);
        assert_int_equal(plan.refusal.free, 0);
        assert_int_equal(plan.refusal.nearest, 0);
        planner_free(&plan);
    }
}

static void refuses_nonsense(void **state)
{
    struct planner_vm vm = { .id = 1, .vcpus = 1, .mhz = 1 };
    struct planner_input input = { .cpus = 1, .mhz = 2000, .vms = &vm, .vm_count = 1 };
    struct planner_plan plan;

    (void)state;
    assert_int_equal(plan_once(&input), 0);
    for (int i = 0; i < 7; i++) {
        struct planner_input wrong = input;

        vm = (struct planner_vm){ .id = 1, .vcpus = 1, .mhz = 1 };
        wrong.cpus = i == 0 ? 0 : 1;
        wrong.cpus = i == 1 ? PLANNER_CPUS_MAX + 1 : wrong.cpus;
        wrong.mhz = i == 2 ? 0 : 2000;
        wrong.mhz = i == 3 ? UINT32_MAX : wrong.mhz;
        vm.vcpus = i == 4 ? 0 : 1;
        vm.vcpus = i == 5 ? UINT32_MAX : vm.vcpus;
        vm.mhz = i == 6 ? 2 : 1;
        vm.limit_mhz = i == 6 ? 1 : 0;
        assert_int_equal(planner_make(&wrong, &plan), -EINVAL);
        assert_int_equal(plan.refusal.resource, PLANNER_INVALID);
        planner_free(&plan);
    }
    vm = (struct planner_vm){ .id = 1, .vcpus = 1, .mhz = UINT32_MAX };
    assert_int_equal(planner_make(&input, &plan), -ENOSPC);
    assert_int_equal(plan.refusal.resource, PLANNER_CLOCK);
    assert_int_equal(plan.refusal.nearest, 2000);
    planner_free(&plan);
}

static void plans_256_cpus(void **state)
{
    struct planner_vm vms[64];
    struct planner_input input = { .cpus = 256, .mhz = 3000, .vms = vms, .vm_count = 64 };

    (void)state;
    for (size_t i = 0; i < 64; i++)
        vms[i] = (struct planner_vm){ .id = i, .vcpus = 64, .mhz = 175 + i % 2 * 25 };
    assert_int_equal(asked(&input), capacity(&input));
    assert_int_equal(plan_once(&input), 0);
    for (size_t i = 0; i < 64; i++)
        vms[i].cosched = true;
    assert_int_equal(plan_once(&input), -ENOSPC);
    for (size_t i = 0; i < 64; i++)
        vms[i].mhz = 187;
    assert_int_equal(plan_once(&input), 0);
    vms[0].mhz++;
    for (size_t i = 1; i < 64; i++)
        vms[i].cosched = false;
    assert_int_equal(plan_once(&input), 0);
}

/* --- the checker detects ---------------------------------------------------------------------- */

static struct planner_slot *some_slot(struct planner_plan *plan, uint64_t *seed)
{
    for (;;) {
        struct planner_table *table = &plan->tables[random_in(seed, 0, plan->cpus - 1)];

        if (table->count > 0)
            return &table->slots[random_in(seed, 0, table->count - 1)];
    }
}

/* Changes one number of one slot. */
static void mutate(struct planner_plan *plan, uint64_t *seed)
{
    struct planner_slot *slot = some_slot(plan, seed);

    switch (random_in(seed, 0, 5)) {
    case 0: slot->start++; break;
    case 1: slot->end--; break;
    case 2: slot->end++; break;
    case 3: slot->end = slot->start; break;
    case 4: slot->vcpu++; break;
    default: slot->vm++; break;
    }
}

static void checker_notices(void **state)
{
    uint64_t seed = 8, tried = 0;
    size_t vcpu;

    (void)state;
    for (int i = 0; i < ROUNDS / 2; i++) {
        struct planner_plan plan;
        struct scene scene;

        scene_begin(&scene, &seed);
        scene_scale(&scene, 0);
        assert_int_equal(planner_make(&scene.input, &plan), 0);
        if (plan.reserved_mhz > 0) {
            mutate(&plan, &seed);
            assert_int_not_equal(verify_plan(&scene.input, &plan, &vcpu), VERIFY_GOOD);
            tried++;
        }
        planner_free(&plan);
    }
    assert_true(tried > ROUNDS / 4);
}

/* Breaks one promise at a time, and keeps the others. */
static void checker_tells_faults(void **state)
{
    static const uint8_t second[] = { 2 };
    struct planner_vm vms[] = { { .id = 1, .vcpus = 2, .mhz = 500, .cosched = true } };
    struct planner_input input = { .cpus = 2, .mhz = 1000, .vms = vms, .vm_count = 1 };
    struct planner_plan plan;
    size_t vcpu;

    (void)state;
    assert_int_equal(planner_make(&input, &plan), 0);
    assert_good(&input, &plan);
    plan.tables[1].slots[0].start++;
    plan.tables[1].slots[0].end++;
    assert_int_equal(verify_plan(&input, &plan, &vcpu), VERIFY_GANG);
    vms[0].cosched = false;
    assert_good(&input, &plan);
    vms[0].latency_us = 1;
    assert_int_equal(verify_plan(&input, &plan, &vcpu), VERIFY_WAIT);
    vms[0].latency_us = 0;
    vms[0].cpus = second;
    assert_int_equal(verify_plan(&input, &plan, &vcpu), VERIFY_ALLOWED);
    vms[0].cpus = NULL;
    plan.tables[1].slots[0].vcpu = 0;
    assert_int_equal(verify_plan(&input, &plan, &vcpu), VERIFY_TWICE);
    planner_free(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits_exactly),      cmocka_unit_test(keeps_latency),
        cmocka_unit_test(packs_gangs),       cmocka_unit_test(survives_anything),
        cmocka_unit_test(names_the_nearest), cmocka_unit_test(moves_little),
        cmocka_unit_test(moves_if_it_must),  cmocka_unit_test(fills_the_courses_server),
        cmocka_unit_test(names_who_asks),    cmocka_unit_test(names_the_nearest_of_who_asks),
        cmocka_unit_test(refuses_nonsense),  cmocka_unit_test(plans_256_cpus),
        cmocka_unit_test(checker_notices),   cmocka_unit_test(checker_tells_faults),
    };

    return cmocka_run_group_tests_name("planner", tests, NULL, NULL);
}
