/* SPDX-License-Identifier: MIT */
/*
 * cpu/irq.c: each CPU has its own vectors for messages, hundreds in all. An interrupt reaches the
 * owner of the vector at the time it was sent, however late it arrives.
 */
#include "harness.h"
#include "cpu/apic.h"
#include "cpu/irq.h"
#include "cpu/softirq.h"

#include <string.h>

#define CPUS 4
#define EACH (VECTOR_TIMER - VECTOR_MSI_FIRST)

static unsigned int arrived[CPUS * EACH], eois, raised;
static bool requested[CPUS][256];

void apic_eoi(void) { eois++; }
bool log_allowed(struct log_rate *r) { return true; }
bool log_is_last(const struct log_rate *r) { return false; }
bool apic_is_requested(unsigned int vector) { return requested[harness_cpu][vector]; }

void softirq_raise(unsigned int cpu, enum softirq s)
{
    assert_int_equal(s, SOFTIRQ_VECTORS);
    raised |= 1u << cpu;
}

static void message(unsigned int vector, void *data) { ++*(unsigned int *)data; }

static void others(unsigned int vector, void *data) { fail_msg("vector %#x, %p", vector, data); }

static int setup(void **state)
{
    harness_machine(64);
    memset(arrived, 0, sizeof(arrived));
    memset(requested, 0, sizeof(requested));
    eois = raised = 0;
    return 0;
}

static struct irq_vector must_alloc(unsigned int cpu, irq_handler *fn, void *data)
{
    struct irq_vector v = irq_alloc_vector(cpu, fn, data);

    assert_int_equal(v.cpu, cpu);
    assert_in_range(v.vector, VECTOR_MSI_FIRST, VECTOR_TIMER - 1);
    return v;
}

static void fire(struct irq_vector v)
{
    harness_cpu = v.cpu;
    requested[v.cpu][v.vector] = false;
    irq_dispatch(v.vector);
}

static void softirqs(unsigned int cpu)
{
    assert_true(raised & 1u << cpu);
    raised &= ~(1u << cpu);
    harness_cpu = cpu;
    irq_release_vectors();
}

static void hundreds_over_four_cpus(void **state)
{
    static struct irq_vector vectors[CPUS * EACH];

    for (unsigned int i = 0; i < CPUS * EACH; i++)
        vectors[i] = must_alloc(i % CPUS, message, &arrived[i]);
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        assert_int_equal(irq_alloc_vector(cpu, others, NULL).vector, 0);
    must_alloc(CPUS, others, NULL);
    for (unsigned int i = 0; i < CPUS * EACH; i++) {
        fire(vectors[i]);
        assert_int_equal(arrived[i], 1);
        assert_int_equal(eois, i + 1);
    }
}

static void a_vector_that_is_given_back_is_free(void **state)
{
    struct irq_vector v = must_alloc(1, message, &arrived[0]);

    for (unsigned int i = 1; i < EACH; i++)
        must_alloc(1, others, NULL);
    assert_takes(LOCK_HW, 1, irq_free_vector(v));
    assert_int_equal(raised, 2);
    assert_takes(LOCK_HW, 1, assert_int_equal(irq_alloc_vector(1, others, NULL).vector, 0));
    assert_takes(LOCK_HW, 1, softirqs(1)); /* CPU 1 has not checked yet */
    assert_int_equal(must_alloc(1, message, &arrived[1]).vector, v.vector);
    fire(v);
    assert_int_equal(arrived[0], 0);
    assert_int_equal(arrived[1], 1);
    assert_int_equal(raised, 0);
}

/*
 * Sent before the release, arrived after: delivered to the old owner. The vector is not reused
 * meanwhile.
 */
static void a_late_interrupt_is_its_senders(void **state)
{
    struct irq_vector v = must_alloc(2, message, &arrived[0]), next;

    requested[2][v.vector] = true;
    irq_free_vector(v);
    softirqs(2);
    next = must_alloc(2, others, NULL);
    assert_int_not_equal(next.vector, v.vector);
    fire(v);
    assert_int_equal(arrived[0], 1);
    softirqs(2);
    assert_int_equal(raised, 0);
    assert_int_equal(must_alloc(2, others, NULL).vector, v.vector);
}

/* The release checks only its own CPU's vectors: it cannot see other CPUs' requests. */
static void each_cpu_releases_its_own(void **state)
{
    struct irq_vector a = must_alloc(0, message, &arrived[0]),
                      b = must_alloc(3, message, &arrived[1]);

    assert_int_equal(a.vector, b.vector);
    irq_free_vector(a);
    irq_free_vector(b);
    assert_int_equal(raised, 9);
    softirqs(0);
    assert_int_equal(must_alloc(0, message, &arrived[2]).vector, a.vector);
    assert_int_not_equal(must_alloc(3, others, NULL).vector, b.vector);
    fire(b);
    assert_int_equal(arrived[1], 1);
}

static void nobody_handles_it(void **state)
{
    irq_dispatch(VECTOR_MSI_FIRST);
    assert_non_null(strstr(harness_log, "no handler for"));
    irq_dispatch(VECTOR_SPURIOUS);
    assert_int_equal(eois, 1);
    irq_set_handler(VECTOR_TIMER, message, &arrived[0]);
    for (harness_cpu = 0; harness_cpu < CPUS; harness_cpu++)
        irq_dispatch(VECTOR_TIMER);
    assert_int_equal(arrived[0], CPUS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(hundreds_over_four_cpus, setup),
        cmocka_unit_test_setup(a_vector_that_is_given_back_is_free, setup),
        cmocka_unit_test_setup(a_late_interrupt_is_its_senders, setup),
        cmocka_unit_test_setup(each_cpu_releases_its_own, setup),
        cmocka_unit_test_setup(nobody_handles_it, setup),
    };

    return cmocka_run_group_tests_name("irq", tests, NULL, NULL);
}
