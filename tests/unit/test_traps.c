/* SPDX-License-Identifier: MIT */
/* cpu/traps.c: how deep a CPU's stack was ever used. What loads descriptor tables is not run here. */
#include "boot.h"
#include "cpu.h"
#include "harness.h"
#include "cpu/traps.h"

#include <string.h>

static uint8_t stacks[2][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));

char traps_stubs[1], image_start[1], text_end[1];
uint8_t *pagetable_stack(unsigned int pages) { return NULL; }
void irq_dispatch(unsigned int vector) { }
void smp_nmi(const struct trap_frame *f) { }

static int setup(void **state)
{
    harness_memory_new(1);
    harness_quiet = true;
    memset(stacks, 0, sizeof(stacks));
    nr_cpus = 2;
    for (unsigned int i = 0; i < 2; i++) {
        cpus[i].stack_top = stacks[i] + STACK_SIZE;
        ((struct cpu **)cpus[i].stack_top)[-1] = &cpus[i];
    }
    return 0;
}

static void half_of_a_stack_is_for_emergencies(void **state)
{
    assert_int_equal(traps_check_stacks(), 0);
    ((uint64_t *)(stacks[1] + STACK_SIZE / 2))[0] = 1;
    assert_int_equal(traps_check_stacks(), 0);
    ((uint64_t *)(stacks[1] + STACK_SIZE / 2))[-1] = 1;
    assert_int_equal(traps_check_stacks(), 1);
    assert_non_null(strstr(harness_log, "CPU 1 has used 8200 bytes"));
    ((uint64_t *)stacks[0])[0] = 1; /* to the last byte */
    assert_int_equal(traps_check_stacks(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(half_of_a_stack_is_for_emergencies, setup),
    };

    return cmocka_run_group_tests_name("traps", tests, NULL, NULL);
}
