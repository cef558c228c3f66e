/* SPDX-License-Identifier: MIT */
/*
 * Promises of CPU time: the core's unchanged scheduler on simulated CPUs (sched_sim.c) executes the
 * tables that dom0's planner makes.
 */
#include "core/sched_internal.h"
#include "core/sched_table.h"
#include "errors.h"
#include "lib/log.h"
#include "percpu.h"
#include "public/cleave.h"
#include "sched_sim.h"

#include "planner.h"

#define VMS 16
#define CYCLE MSEC(10)

/* The VMs of a test, as the planner sees them, and their bodies in the simulation. */
static struct planner_vm vms[VMS];
static struct body *first[VMS];
static struct planner_input input;
static struct planner_plan plan;
static uint64_t cookie;

/* Takes all tables away. */
static int end(void **state)
{
    uint32_t stage;

    if (!input.cpus)
        return 0;
    for (unsigned int n = 0; n < 2; n++) {
        while (sched_table_begin(0, &stage))
            run(MSEC(1));
        assert_int_equal(sched_table_commit(stage, 0), 0);
        run(CYCLE);
    }
    planner_free(&plan);
    input.cpus = 0;
    return 0;
}

static void begin(unsigned int cpus)
{
    end(NULL);
    machine(cpus);
    input = (struct planner_input){ .cpus = cpus, .mhz = 2000, .vms = vms };
}

/* A VM whose vcpus all have this load; sleep 0: they always have work. */
static struct body *add_vm(struct planner_vm vm, nsec_t work, nsec_t sleep)
{
    struct domain *d = domain(vm.vcpus, 256, 0);

    vm.id = (uint32_t)input.vm_count;
    first[input.vm_count] = bodies[body_count];
    for (unsigned int i = 0; i < vm.vcpus; i++) {
        struct body *b = vcpu(d, i, sleep ? work : TIME_NEVER, sleep);

        if (i == 0)
            first[input.vm_count] = b;
    }
    vms[input.vm_count] = vm;
    return first[input.vm_count++];
}

static struct body *add_spinners(uint32_t vcpus, uint32_t mhz, bool gang)
{
    return add_vm((struct planner_vm){ .vcpus = vcpus, .mhz = mhz, .cosched = gang }, 0, 0);
}

static struct vcpu *vcpu_at(const struct planner_slot *slot)
{
    return first[slot->vm]->v.d->vcpu[slot->vcpu];
}

/* Plans the VMs and hands the tables to the core. */
static void promise(void)
{
    uint32_t stage;

    planner_free(&plan);
    assert_int_equal(planner_make(&input, &plan), 0);
    assert_int_equal(sched_table_begin((uint32_t)plan.period_ns, &stage), 0);
    for (uint32_t c = 0; c < plan.cpus; c++)
        for (size_t i = 0; i < plan.tables[c].count; i++) {
            const struct planner_slot *slot = &plan.tables[c].slots[i];

            assert_int_equal(sched_table_add(stage, c, vcpu_at(slot), (uint32_t)slot->start,
                                             (uint32_t)slot->end),
                             0);
        }
    assert_int_equal(sched_table_commit(stage, ++cookie), 0);
}

static nsec_t reserved(const struct planner_vm *vm, nsec_t time)
{
    return vm->class == PLANNER_SPARE ? 0 : time / 2000 * vm->mhz;
}

/* The longest wait that the plan promises to vcpu i of this VM. */
static nsec_t promised_wait(unsigned int vm, unsigned int i)
{
    return (nsec_t)plan.vcpus[plan.first[vm] + i].wait_ns;
}

/* --- shares ---------------------------------------------------------------------------------- */

/* The course's server: 16 CPUs of 2,000 MHz, full; dom0 has a CPU of its own. */
static void course_server(bool gangs)
{
    static const uint32_t sizes[] = { 16, 8, 4, 4 };
    static const uint8_t last[] = { 0, 0, 1 };

    begin(17);
    input.dom0_cpus = last;
    pin(add_vm((struct planner_vm){ .vcpus = 1, .cpus = last, .class = PLANNER_SPARE }, 0, 0),
        1 << 16);
    for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
        add_spinners(sizes[i], 1000, gangs);
    struct body *spare = add_vm((struct planner_vm){ .vcpus = 1, .class = PLANNER_SPARE }, 0, 0);
    for (unsigned int i = 1; i < body_count; i++)
        pin(bodies[i], 0xffff);
    promise();
    run(2 * CYCLE);
    nsec_t before = spare->ran;
    watch(1000);
    for (unsigned int i = 1; i < 33; i++) {
        assert_true(worst_error(bodies[i], 1000, MSEC(500)) <= USEC(2));
        assert_true(worst_error(bodies[i], 100, MSEC(50)) <= USEC(2));
        assert_true(worst_error(bodies[i], 10, MSEC(5)) <= USEC(2));
    }
    assert_int_equal(spare->ran, before);
    vms[input.vm_count] = (struct planner_vm){ .id = 99, .vcpus = 1, .mhz = 1 };
    input.vm_count++;
    planner_free(&plan);
    assert_int_equal(planner_make(&input, &plan), -ENOSPC);
    assert_int_equal(plan.refusal.resource, PLANNER_TIME);
}

static void test_course_server(void **state) { course_server(false); }
static void test_course_server_in_gangs(void **state) { course_server(true); }

/* The vcpus of a gang run at the same times, also when others use what they leave. */
static void test_gang_runs_together(void **state)
{
    struct body *gang;

    begin(4);
    gang = add_spinners(4, 500, true);
    add_spinners(3, 300, false);
    add_vm((struct planner_vm){ .vcpus = 6, .class = PLANNER_SPARE }, 0, 0);
    for (unsigned int i = 0; i < 4; i++)
        sched_set_limit(gang->v.d->vcpu[i], CYCLE / 4); /* no time but their own */
    promise();
    run(SEC(5)); /* what they had left is spent */
    for (unsigned int step = 0; step < 10000; step++) {
        unsigned int on = 0;

        run(USEC(7));
        for (unsigned int i = 0; i < 4; i++)
            on += cpu_of(container_of(gang->v.d->vcpu[i], struct body, v)) < CPUS;
        assert_true(on == 0 || on == 4);
    }
}

/* What is not reserved, and what is not used, goes to all by weight. */
static void test_slack_by_weight(void **state)
{
    struct body *kept, *light, *heavy, *sleeps;

    begin(1);
    kept = add_spinners(1, 500, false);
    sleeps = add_vm((struct planner_vm){ .vcpus = 1, .mhz = 1000 }, USEC(100), SEC(1000));
    light = add_vm((struct planner_vm){ .vcpus = 1, .class = PLANNER_SPARE }, 0, 0);
    heavy = add_vm((struct planner_vm){ .vcpus = 1, .class = PLANNER_SPARE }, 0, 0);
    assert_int_equal(sched_set_params(heavy->v.d, 512, 0), 0);
    promise();
    run(SEC(1));
    nsec_t of_kept = kept->ran, of_light = light->ran, of_heavy = heavy->ran;
    run(SEC(4)); /* 3 s are slack: by weight 1 : 1 : 2 */
    assert_near(kept->ran - of_kept, SEC(1) + MSEC(750), 2 * SLICE);
    assert_near(light->ran - of_light, MSEC(750), 2 * SLICE);
    assert_near(heavy->ran - of_heavy, MSEC(1500), 2 * SLICE);
    assert_int_equal(sleeps->ran, USEC(100));
    assert_near(kept->v.sched.slot_time, SEC(5) / 4, CYCLE);
}

/* --- waits ----------------------------------------------------------------------------------- */

/* Who wakes in its slot runs at once; who wakes between slots waits no longer than promised. */
static void test_wakes_within_its_bound(void **state)
{
    struct body *quick, *slow;

    begin(2);
    quick = add_vm((struct planner_vm){ .vcpus = 2, .mhz = 200, .latency_us = 1000 }, USEC(20),
                   USEC(1733));
    slow = add_vm((struct planner_vm){ .vcpus = 1, .mhz = 400 }, USEC(50), USEC(3331));
    add_spinners(3, 900, false);
    add_vm((struct planner_vm){ .vcpus = 4, .class = PLANNER_SPARE }, 0, 0);
    promise();
    run(2 * CYCLE);
    watch(2000);
    assert_true(promised_wait(0, 0) <= MSEC(1));
    for (unsigned int i = 0; i < 2; i++)
        assert_true(container_of(quick->v.d->vcpu[i], struct body, v)->gap <= promised_wait(0, i));
    assert_true(slow->gap <= promised_wait(1, 0));
    assert_in_range(sched_times(&slow->v, true).longest_wait, slow->gap, MSEC(10));
    assert_true(sched_times(&slow->v, false).longest_wait <= MSEC(1));
}

/* A vcpu in its slot is not disturbed by those who wake or have waited long. */
static void test_slots_are_not_shared(void **state)
{
    struct body *kept;

    begin(1);
    kept = add_spinners(1, 1000, false);
    for (unsigned int i = 0; i < 10; i++)
        add_vm((struct planner_vm){ .vcpus = 1, .class = PLANNER_SPARE }, USEC(30), USEC(170));
    assert_int_equal(sched_set_params(bodies[3]->v.d, 60000, 0), 0);
    promise();
    run(2 * CYCLE);
    watch(1000);
    for (unsigned int t = 10; t <= 1000; t++)
        assert_true(kept->ran_at[t] - kept->ran_at[t - 10] + USEC(2) >= CYCLE / 2);
}

/* A vcpu that yields in its slot lets others run, for a moment. */
static void test_yield_in_a_slot(void **state)
{
    struct body *kept, *other;

    begin(1);
    kept = add_spinners(1, 1800, false);
    other = add_vm((struct planner_vm){ .vcpus = 1, .class = PLANNER_SPARE }, 0, 0);
    promise();
    while (cpu_of(kept) == CPUS || !sched_cpus[0].in_slot)
        run(USEC(100));
    nsec_t before = other->ran;
    harness_cpu = 0;
    sched_yield(&kept->v);
    run(MSEC(1));
    assert_near(other->ran - before, USEC(200), USEC(1));
    assert_int_equal(cpu_of(kept), 0);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void test_limits(void **state)
{
    struct body *a, *b;

    begin(2);
    a = add_spinners(1, 600, false);
    b = add_vm((struct planner_vm){ .vcpus = 1, .class = PLANNER_SPARE }, 0, 0);
    sched_set_limit(&a->v, MSEC(5));
    sched_set_limit(&b->v, MSEC(1));
    promise();
    run(5 * CYCLE);
    watch(1000);
    assert_true(worst_error(a, 1000, MSEC(500)) <= MSEC(5) / 10);
    assert_true(worst_error(a, 100, MSEC(50)) <= MSEC(2));
    assert_true(worst_error(b, 100, MSEC(10)) <= USEC(100));
    sched_set_limit(&b->v, 0);
    assert_int_equal(share(b, SEC(1)), SEC(1));
    assert_near(share(a, SEC(1)), MSEC(500), MSEC(1));
}

/* A limit or cap never takes from a reservation, whatever was used before. */
static void test_limit_spares_slots(void **state)
{
    struct body *a;

    begin(2);
    a = add_spinners(1, 1000, false);
    pin(add_vm((struct planner_vm){ .vcpus = 1, .class = PLANNER_SPARE }, 0, 0), 1);
    assert_int_equal(sched_set_params(a->v.d, 256, 1), 0);
    promise();
    run(5 * CYCLE);
    watch(500);
    assert_true(worst_error(a, 100, MSEC(50)) <= USEC(100));
}

/* --- changes --------------------------------------------------------------------------------- */

/* New tables take effect when a cycle ends, and nobody loses time by it. */
static void test_tables_change(void **state)
{
    struct body *a, *b;
    uint32_t stage;
    struct cleave_table info;

    begin(2);
    a = add_spinners(1, 500, false);
    b = add_spinners(3, 1000, false);
    promise();
    run(CYCLE);
    for (unsigned int n = 0; n < 50; n++) {
        nsec_t of_a = a->ran, of_b = b->ran, kept = reserved(&vms[0], CYCLE);

        run(USEC(200 * n));
        vms[0].mhz = n % 2 ? 500 : 1000;
        promise();
        assert_int_equal(sched_table_begin(0, &stage), -EBUSY);
        sched_table_info(&info);
        assert_true(info.pending && info.cookie == cookie && info.period == CYCLE);
        run(CYCLE - USEC(200 * n));
        assert_true(a->ran - of_a + USEC(2) >= kept);
        assert_true(b->ran - of_b + USEC(2) >= CYCLE / 2);
        sched_table_info(&info);
        assert_true(!info.pending && info.cookie == cookie && info.slots >= 4);
    }
    while (sched_table_begin(0, &stage))
        run(MSEC(1));
    assert_int_equal(sched_table_commit(stage, 7), 0);
    run(2 * CYCLE);
    assert_near(share(a, SEC(2)), SEC(1), 3 * SLICE); /* by weight again: 2 CPUs for 4 */
}

static void forget_body(struct body *b)
{
    for (unsigned int i = 0; i < body_count; i++)
        if (bodies[i] == b)
            bodies[i] = bodies[--body_count];
}

/* A vcpu that goes leaves its slots to others; its tables stay. */
static void test_gone_vcpu(void **state)
{
    struct body *a, *b;
    uint32_t stage;

    begin(1);
    a = add_spinners(1, 1000, false);
    b = add_spinners(1, 1000, false);
    promise();
    run(SEC(1));
    domain_pause(a->v.d);
    assert_int_equal(share(b, SEC(1)), SEC(1));
    sched_remove_vcpu(&a->v);
    forget_body(a);
    keep_hands_off(a, true);
    run(SEC(1));
    assert_int_equal(b->ran, SEC(2) + MSEC(500));
    assert_int_equal(sched_table_begin(0, &stage), 0);
    assert_int_equal(sched_table_commit(stage, 0), 0);
    run(CYCLE);
    assert_int_equal(sched_table_begin(0, &stage), 0);
    keep_hands_off(a, false);
}

static void test_bad_tables(void **state)
{
    struct body *a;
    uint32_t stage, other;

    begin(2);
    a = add_spinners(1, 1000, false);
    assert_int_equal(sched_table_begin(1, &stage), -EINVAL);
    assert_int_equal(sched_table_begin((uint32_t)MSEC(1) - 1, &stage), -EINVAL);
    assert_int_equal(sched_table_begin((uint32_t)SEC(1) + 1, &stage), -EINVAL);
    assert_int_equal(sched_table_add(0, 0, &a->v, 0, 1), -ENOENT);
    assert_int_equal(sched_table_begin((uint32_t)CYCLE, &stage), 0);
    assert_int_equal(sched_table_begin((uint32_t)CYCLE, &other), 0);
    assert_int_equal(sched_table_add(stage, 0, &a->v, 0, 1), -ENOENT);
    assert_int_equal(sched_table_commit(stage, 0), -ENOENT);
    static const struct {
        uint32_t cpu, start, end;
    } bad[] = { { 2, 0, 1 },    { UINT32_MAX, 0, 1 },  { 0, 5, 5 },        { 0, 6, 5 },
                { 0, 99, 200 }, { 0, 100, CYCLE + 1 }, { 0, CYCLE, CYCLE } };
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(sched_table_begin((uint32_t)CYCLE, &stage), 0);
        assert_int_equal(sched_table_add(stage, 0, &a->v, 0, 100), 0);
        assert_int_equal(sched_table_add(stage, bad[i].cpu, &a->v, bad[i].start, bad[i].end),
                         -EINVAL);
        assert_int_equal(sched_table_commit(stage, 0), -ENOENT);
    }
    assert_int_equal(sched_table_begin((uint32_t)CYCLE, &stage), 0);
    for (uint32_t i = 0; i < CLEAVE_SLOTS_MAX; i++)
        assert_int_equal(sched_table_add(stage, 1, &a->v, 2 * i, 2 * i + 1), 0);
    assert_int_equal(sched_table_add(stage, 1, &a->v, 5000, 5001), -E2BIG);
    run(SEC(1));
    assert_int_equal(a->ran, SEC(1)); /* nothing of all that took effect */
}

/* A vcpu that has slots on two CPUs at once runs in one; the other is not lost. */
static void test_two_places(void **state)
{
    struct body *a, *b;
    uint32_t stage;

    begin(2);
    a = add_spinners(1, 2000, false);
    b = add_vm((struct planner_vm){ .vcpus = 2, .class = PLANNER_SPARE }, 0, 0);
    assert_int_equal(sched_table_begin((uint32_t)CYCLE, &stage), 0);
    for (uint32_t c = 0; c < 2; c++)
        assert_int_equal(sched_table_add(stage, c, &a->v, 0, (uint32_t)CYCLE), 0);
    assert_int_equal(sched_table_commit(stage, 1), 0);
    run(CYCLE);
    nsec_t before = a->ran;
    assert_near(share(b, SEC(1)), MSEC(500), SLICE);
    assert_near(a->ran - before, SEC(1), USEC(10));
}

/* --- chance ---------------------------------------------------------------------------------- */

/*
 * Random VMs on random machines, among sleepers, pauses and yields: a spinner never gets less than
 * its reservation in a cycle, and nobody waits longer than promised.
 */
static void random_machine(void)
{
    unsigned int cpus = 1 + pick_random(6);
    uint32_t room = cpus * 2000;

    begin(cpus);
    while (input.vm_count < 8 && body_count < 24) {
        struct planner_vm vm = { .vcpus = 1 + pick_random(cpus), .mhz = 1 + pick_random(2000) };
        bool sleeps = pick_random(3) == 0;

        if (vm.vcpus * vm.mhz > room || pick_random(4) == 0)
            vm.class = PLANNER_SPARE;
        else
            room -= vm.vcpus * vm.mhz;
        if (vm.class != PLANNER_SPARE && pick_random(3) == 0)
            vm.latency_us = 2000 + pick_random(9000);
        add_vm(vm, sleeps ? 1 + pick_random(MSEC(2)) : 0, sleeps ? 1 + pick_random(MSEC(5)) : 0);
    }
    promise();
}

static void test_chance(void **state)
{
    for (unsigned int n = 0; n < 60; n++) {
        seed = 7000 + n;
        random_machine();
        run(2 * CYCLE);
        watch(200);
        for (unsigned int vm = 0; vm < input.vm_count; vm++)
            for (unsigned int i = 0; vms[vm].class != PLANNER_SPARE && i < vms[vm].vcpus; i++) {
                struct body *b = container_of(first[vm]->v.d->vcpu[i], struct body, v);

                assert_true(b->gap <= promised_wait(vm, i) + USEC(1));
                for (unsigned int t = 10; !b->sleep && t <= 200; t++)
                    assert_true(b->ran_at[t] - b->ran_at[t - 10] + USEC(2) >=
                                reserved(&vms[vm], CYCLE));
            }
    }
}

/* Tables of any slots, also of one vcpu on several CPUs at once. */
static void any_tables(void)
{
    uint32_t stage;

    if (sched_table_begin((uint32_t)MSEC(1 + pick_random(20)), &stage))
        return; /* the last ones are not in effect yet */
    for (unsigned int c = 0; c < nr_cpus; c++)
        for (uint32_t at = 0; at < MSEC(1) - USEC(300) && pick_random(8);) {
            uint32_t start = at + pick_random((uint32_t)USEC(100));

            at = start + 1 + pick_random((uint32_t)USEC(200));
            assert_int_equal(sched_table_add(stage, c, &bodies[pick_random(body_count)]->v, start,
                                             at),
                             0);
        }
    assert_int_equal(sched_table_commit(stage, 0), 0);
}

static void storm_event(struct body *b)
{
    harness_cpu = pick_random(nr_cpus);
    switch (pick_random(9)) {
    case 0: any_tables(); break;
    case 1: domain_pause(b->v.d); break;
    case 2:
        while (b->v.d->pause_count)
            domain_unpause(b->v.d);
        break;
    case 3: sched_set_affinity(&b->v, pick_random(1u << 16), ~0ull); break;
    case 4: sched_set_params(b->v.d, 256, pick_random(3) ? 0 : pick_random(150)); break;
    case 5: sched_set_limit(&b->v, pick_random(3) ? 0 : pick_random((uint32_t)CYCLE)); break;
    case 6:
        if (cpu_of(b) < CPUS)
            block(b);
        break;
    case 7:
        harness_cpu = cpu_of(b);
        if (harness_cpu < CPUS)
            sched_yield(&b->v);
        break;
    default: wake(b); break;
    }
}

/* Anything at any time; the simulation checks that no CPU idles and no time is lost. */
static void test_storm(void **state)
{
    for (unsigned int n = 1; n <= 8; n++) {
        begin(n);
        seed = 300 + n;
        for (unsigned int i = 0; i < 6; i++)
            add_vm((struct planner_vm){ .vcpus = 1 + i % 3, .class = PLANNER_SPARE },
                   USEC(300 + 100 * i), i % 2 ? 0 : USEC(500 * i + 1));
        for (unsigned int i = 0; i < 4000; i++) {
            storm_event(bodies[pick_random(body_count)]);
            harness_cpu = 0;
            run(pick_random(3) ? pick_random(20000) : pick_random(400000));
        }
    }
}

#define TESTING(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TESTING(test_course_server),
        TESTING(test_course_server_in_gangs),
        TESTING(test_gang_runs_together),
        TESTING(test_slack_by_weight),
        TESTING(test_wakes_within_its_bound),
        TESTING(test_slots_are_not_shared),
        TESTING(test_yield_in_a_slot),
        TESTING(test_limits),
        TESTING(test_limit_spares_slots),
        TESTING(test_tables_change),
        TESTING(test_gone_vcpu),
        TESTING(test_bad_tables),
        TESTING(test_two_places),
        TESTING(test_chance),
        TESTING(test_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
