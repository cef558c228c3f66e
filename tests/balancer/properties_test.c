/* SPDX-License-Identifier: MIT */
/*
 * Random machines whose guests follow, follow slowly, not at all or only upwards, and whose needs
 * change. After each period: no target that was written is below its min, none is above its max,
 * and no more is promised than there is. When the needs stay, nothing turns around, and everything
 * comes to rest within a bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "balancer.h"
#include "random.h"

#define MACHINES 100
#define VMS_MAX 40
#define PERIOD 5000
#define MIB UINT64_C(1024)
#define LEAST_CHANGE 800 /* a tenth of the smallest min */

enum habit { FOLLOWS, FOLLOWS_SLOWLY, IGNORES, STICKS, HABITS };

struct guest {
    enum habit habit;
    uint64_t stuck; /* it cannot give more */
};

struct machine {
    uint64_t seed;
    struct balancer_host host;
    struct balancer_vm vms[VMS_MAX];
    struct guest guests[VMS_MAX];
    struct balancer_verdict verdicts[VMS_MAX];
    struct balancer_summary summary;
    size_t count;
    int64_t now;
    int turns[VMS_MAX];           /* +1: grew last, -1: shrank last, in the present rest */
    unsigned int turned[VMS_MAX]; /* how often that has changed */
    unsigned int writes[VMS_MAX];
};

static void draw_need(struct machine *machine, size_t i)
{
    struct balancer_vm *vm = &machine->vms[i];

    vm->sampled = random_in(&machine->seed, 0, 3) > 0;
    vm->high = random_in(&machine->seed, 0, vm->max);
    vm->own = random_in(&machine->seed, 0, 3) == 0 ? random_in(&machine->seed, 0, vm->max) : 0;
}

static void make_machine(struct machine *machine, uint64_t seed, bool obedient)
{
    uint64_t used = 0;

    memset(machine, 0, sizeof(*machine));
    machine->seed = seed;
    machine->count = random_in(&machine->seed, 1, VMS_MAX);
    for (size_t i = 0; i < machine->count; i++) {
        struct balancer_vm *vm = &machine->vms[i];

        vm->min = MIB * random_in(&machine->seed, 8, 200);
        vm->max = vm->min + MIB * random_in(&machine->seed, 0, 800);
        vm->shares = random_in(&machine->seed, 1, 3000);
        vm->priority = random_in(&machine->seed, 0, 2);
        vm->floor = MIB * random_in(&machine->seed, 0, 100);
        vm->current = vm->target = vm->min + MIB * random_in(&machine->seed, 0, 400);
        if (vm->current > vm->max)
            vm->current = vm->target = vm->max;
        vm->frozen = random_in(&machine->seed, 0, 19) == 0;
        machine->guests[i].habit = obedient ? FOLLOWS : random_in(&machine->seed, 0, HABITS - 1);
        machine->guests[i].stuck = vm->min + MIB * random_in(&machine->seed, 0, 400);
        draw_need(machine, i);
        used += vm->current;
    }
    machine->host.free = MIB * random_in(&machine->seed, 0, 2000);
    machine->host.total = used + machine->host.free;
}

static uint64_t part_of(const struct machine *machine, size_t i, uint64_t distance)
{
    return machine->guests[i].habit == FOLLOWS_SLOWLY && distance > 12 * MIB ? 12 * MIB : distance;
}

/* Lets each guest do what it does in a period. */
static void let_guests_move(struct machine *machine)
{
    for (size_t i = 0; i < machine->count; i++) {
        struct balancer_vm *vm = &machine->vms[i];
        const struct guest *guest = &machine->guests[i];
        uint64_t part;

        if (guest->habit == IGNORES)
            continue;
        if (vm->current > vm->target) {
            part = part_of(machine, i, vm->current - vm->target);
            if (guest->habit == STICKS && vm->current - part < guest->stuck)
                part = vm->current > guest->stuck ? vm->current - guest->stuck : 0;
            vm->current -= part;
            machine->host.free += part;
        } else {
            part = part_of(machine, i, vm->target - vm->current);
            assert_true(part <= machine->host.free);
            vm->current += part;
            machine->host.free -= part;
        }
    }
}

static void check_vm(const struct machine *machine, size_t i)
{
    const struct balancer_vm *vm = &machine->vms[i];
    uint64_t target = machine->verdicts[i].target;

    if (target == vm->target)
        return;
    assert_false(vm->frozen);
    assert_true(vm->min < vm->max);
    assert_true(target >= vm->min);
    assert_true(target <= vm->max);
    assert_int_equal(target % BALANCER_PAGE, 0);
    /* a target that shrinks does so by a tenth at most, unless the guest has failed */
    if (target < vm->target && machine->verdicts[i].reason != BALANCER_RELEASED)
        assert_true(vm->target - target <= vm->target / BALANCER_STEP + BALANCER_PAGE);
    if (machine->verdicts[i].reason == BALANCER_GIVES ||
        machine->verdicts[i].reason == BALANCER_REFILLS)
        assert_true(target >= machine->verdicts[i].lowest);
}

static void check_sum(const struct machine *machine)
{
    uint64_t promised = 0;

    for (size_t i = 0; i < machine->count; i++)
        if (machine->vms[i].target > machine->vms[i].current)
            promised += machine->vms[i].target - machine->vms[i].current;
    assert_true(promised <= machine->host.free);
}

static void period(struct machine *machine)
{
    machine->now += PERIOD;
    balancer_step(&machine->host, machine->vms, machine->count, machine->now, machine->verdicts,
                  &machine->summary);
    machine->host.reclaiming = machine->summary.reclaiming;
    for (size_t i = 0; i < machine->count; i++) {
        check_vm(machine, i);
        machine->vms[i].target = machine->verdicts[i].target;
    }
    check_sum(machine);
    let_guests_move(machine);
}

static void test_no_rule_is_ever_broken(void **state)
{
    static struct machine machine;

    (void)state;
    for (uint64_t seed = 1; seed <= MACHINES; seed++) {
        make_machine(&machine, seed, false);
        for (int i = 0; i < 300; i++) {
            if (random_in(&machine.seed, 0, 9) == 0)
                draw_need(&machine, random_in(&machine.seed, 0, machine.count - 1));
            period(&machine);
        }
    }
}

/* Notes in which direction each target moved. */
static void watch(struct machine *machine, const struct balancer_vm *before)
{
    for (size_t i = 0; i < machine->count; i++) {
        uint64_t target = machine->vms[i].target;
        int turn = target > before[i].target ? 1 : -1;

        if (target == before[i].target)
            continue;
        machine->turned[i] += machine->turns[i] == -turn;
        machine->turns[i] = turn;
        machine->writes[i]++;
    }
}

/*
 * While needs stay, a target turns around twice at most, and that only since VMs that were full got
 * twice as much, which they may give back. Each change but the last is of a band or of a tenth at
 * least.
 */
static void check_rest(const struct machine *machine, const struct balancer_vm *first)
{
    for (size_t i = 0; i < machine->count; i++) {
        const struct balancer_vm *vm = &machine->vms[i];
        uint64_t way = vm->target > first[i].target ? vm->target - first[i].target
                                                    : first[i].target - vm->target;

        assert_true(machine->turned[i] <= 2);
        if (machine->turned[i] == 0)
            assert_true(machine->writes[i] <= way / LEAST_CHANGE + 1);
    }
}

static void test_nothing_oscillates(void **state)
{
    static struct machine machine;
    static struct balancer_vm before[VMS_MAX], first[VMS_MAX];

    (void)state;
    for (uint64_t seed = 1; seed <= MACHINES; seed++) {
        unsigned int quiet = 0;

        make_machine(&machine, seed, true);
        memcpy(first, machine.vms, sizeof(first));
        for (int i = 0; i < 400; i++) {
            memcpy(before, machine.vms, sizeof(before));
            period(&machine);
            watch(&machine, before);
            quiet++;
            for (size_t vm = 0; vm < machine.count; vm++)
                if (before[vm].target != machine.vms[vm].target)
                    quiet = 0;
        }
        check_rest(&machine, first);
        assert_true(quiet > 300);
    }
}

/* A need that goes up and down within a band moves nothing. */
static void test_a_flutter_of_needs_moves_nothing(void **state)
{
    static struct machine machine;

    (void)state;
    for (uint64_t seed = 1; seed <= MACHINES; seed++) {
        unsigned int writes = 0;
        uint64_t need;

        make_machine(&machine, seed, true);
        need = random_in(&machine.seed, 1, machine.vms[0].max);
        for (int i = 0; i < 400; i++) {
            machine.vms[0].own = need + (i % 2 ? 256 : 0);
            period(&machine);
            for (size_t vm = 0; i > 200 && vm < machine.count; vm++)
                writes += machine.verdicts[vm].reason != BALANCER_BALANCED &&
                          machine.verdicts[vm].reason != BALANCER_FIXED &&
                          machine.verdicts[vm].reason != BALANCER_FROZEN;
        }
        assert_int_equal(writes, 0);
    }
}

/* Room that is made at once is made of what is above the lowest targets, and of nothing else. */
static void test_reclaiming_keeps_to_the_lowest(void **state)
{
    static struct machine machine;

    (void)state;
    for (uint64_t seed = 1; seed <= 10 * MACHINES; seed++) {
        uint64_t wanted, freed, got = 0;

        make_machine(&machine, seed, true);
        wanted = MIB * random_in(&machine.seed, 0, 4000);
        freed =
            balancer_reclaim(&machine.host, machine.vms, machine.count, wanted, machine.verdicts);
        for (size_t i = 0; i < machine.count; i++) {
            const struct balancer_vm *vm = &machine.vms[i];
            uint64_t target = machine.verdicts[i].target;

            assert_true(target <= vm->target);
            if (target < vm->target)
                assert_true(target >= balancer_lowest(vm) && !vm->frozen);
            got += vm->target - target;
        }
        assert_true(freed <= machine.host.free + got);
        if (freed < wanted)
            for (size_t i = 0; i < machine.count; i++)
                assert_true(!machine.verdicts[i].movable ||
                            machine.verdicts[i].target <= machine.verdicts[i].lowest + 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_rule_is_ever_broken),
        cmocka_unit_test(test_nothing_oscillates),
        cmocka_unit_test(test_a_flutter_of_needs_moves_nothing),
        cmocka_unit_test(test_reclaiming_keeps_to_the_lowest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
