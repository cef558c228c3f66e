/* SPDX-License-Identifier: MIT */
/*
 * cpu/trace.c: rings are attached and freed by their CPUs, a reader sees whole records in order
 * while they are written, what finds no room is counted, and a tool's mistakes change nothing.
 */
#include "harness.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "cpu/trace.h"
#include "mm/heap.h"
#include "percpu.h"

#define SIZE CLEAVE_TRACE_RECORDS_MIN
#define STATE (1u << CLEAVE_TRACE_state)

static nsec_t now;

nsec_t clock_now(void) { return now; }
void softirq_raise(unsigned int cpu, enum softirq s) { bit_set(&cpus[cpu].softirq, s); }

static int setup(void **state)
{
    harness_setup(state);
    nr_cpus = 2;
    harness_cpu = 0;
    for (unsigned int c = 0; c < nr_cpus; c++)
        cpus[c].softirq = 0;
    now = 1000;
    return 0;
}

/* As the run loop of that CPU does if the softirq was raised. */
static bool attach(unsigned int cpu)
{
    unsigned int before = harness_cpu;

    harness_cpu = cpu;
    bool attached = bit_test_and_clear(&cpus[cpu].softirq, SOFTIRQ_TRACE) && trace_attach();
    harness_cpu = before;
    return attached;
}

static uint32_t start(uint32_t records)
{
    uint32_t session = 0;

    assert_int_equal(trace_start(records, STATE, &session), 0);
    assert_int_not_equal(session, 0);
    return session;
}

static void write_record(uint64_t word)
{
    trace_write(&(struct cleave_trace_record){
        .event = CLEAVE_TRACE_state, .domain = (uint16_t)word, .words = { word, ~word } });
}

struct peek {
    const struct cleave_trace_record *first;
    uint32_t count;
    uint64_t lost;
};

static int peek(uint32_t session, uint32_t cpu, struct peek *p)
{
    *p = (struct peek){ .count = 0 };
    return trace_peek(session, cpu, &p->first, &p->count, &p->lost);
}

/* --- a session --- */

static void records_come_as_they_were_written(void **state)
{
    uint64_t used = heap_used();
    uint32_t session = start(SIZE);
    struct peek p;

    assert_true(trace_on(CLEAVE_TRACE_state));
    assert_false(trace_on(CLEAVE_TRACE_exit));
    write_record(1); /* there is no ring yet */
    assert_int_equal(peek(session, 0, &p), -EAGAIN);
    assert_true(attach(0));
    assert_false(attach(0));
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(p.count, 0);
    write_record(2);
    now = 2000;
    write_record(3);
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.lost, 0);
    assert_int_equal(p.first[0].time, 1000);
    assert_int_equal(p.first[0].words[0], 2);
    assert_int_equal(p.first[1].time, 2000);
    assert_int_equal(p.first[1].words[1], ~3ull);
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(p.count, 2); /* they stay until they are consumed */
    trace_consume(0, 2);
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(p.count, 0);
    assert_int_equal(peek(session, 1, &p), -EAGAIN);
    assert_true(attach(1));
    assert_int_equal(heap_used() - used, 2 * SIZE * sizeof(struct cleave_trace_record));

    assert_int_equal(trace_stop(session), 0);
    assert_false(trace_on(CLEAVE_TRACE_state));
    assert_int_equal(peek(session, 0, &p), -ENOENT);
    write_record(4);
    assert_false(attach(0));
    assert_false(attach(1));
    assert_int_equal(heap_used(), used);
    write_record(5);
}

/* The time that the caller gives counts: that of the scheduler. */
static void a_given_time_is_kept(void **state)
{
    uint32_t session = start(SIZE);
    struct peek p;

    attach(0);
    trace_write(&(struct cleave_trace_record){ .event = CLEAVE_TRACE_state, .time = 7 });
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(p.first->time, 7);
}

static void what_finds_no_room_is_counted(void **state)
{
    uint32_t session = start(SIZE);
    struct peek p;

    attach(0);
    for (uint64_t i = 0; i < SIZE + 5; i++) {
        now = 1000 + (nsec_t)i;
        write_record(i);
    }
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(p.count, SIZE);
    assert_int_equal(p.lost, 5);
    assert_int_equal(p.first[SIZE - 1].words[0], SIZE - 1);
    trace_consume(0, 1);
    write_record(100); /* not enough room to tell of the lost ones as well */
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(p.lost, 6);
    assert_int_equal(p.count, SIZE - 1); /* up to the end of the ring */
    trace_consume(0, p.count);
    now = 5000;
    write_record(101);
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.first[0].event, CLEAVE_TRACE_lost);
    assert_int_equal(p.first[0].time, 5000);
    assert_int_equal(p.first[0].words[0], 6);
    assert_int_equal(p.first[0].words[1], 1000 + SIZE);
    assert_int_equal(p.first[1].words[0], 101);
    trace_consume(0, 2);
    write_record(102);
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.lost, 6);
}

/* The counts of a ring wrap; so does the ring itself. */
static void a_ring_goes_round(void **state)
{
    uint32_t session = start(SIZE);
    uint64_t next = 0;
    struct peek p;

    attach(0);
    for (uint64_t i = 0; i < 1000; i++) {
        write_record(i);
        if (i % 7)
            continue;
        assert_int_equal(peek(session, 0, &p), 0);
        for (uint32_t k = 0; k < p.count; k++)
            assert_int_equal(p.first[k].words[0], next++);
        trace_consume(0, p.count);
    }
    assert_in_range(next, 980, 1000);
    assert_int_equal(p.lost, 0);
}

/* --- mistakes of tools, and tools that were killed --- */

static void mistakes_change_nothing(void **state)
{
    static const uint32_t wrong[] = {
        0, 1, SIZE / 2, SIZE - 1, SIZE + 1, 3 * SIZE, 2 * CLEAVE_TRACE_RECORDS_MAX, UINT32_MAX
    };
    uint32_t session = 77;
    struct peek p;

    assert_int_equal(trace_stop(0), -ENOENT);
    assert_int_equal(trace_stop(1), -ENOENT);
    assert_int_equal(peek(0, 0, &p), -ENOENT);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(trace_start(wrong[i], STATE, &session), -EINVAL);
    assert_int_equal(trace_start(SIZE, 0, &session), -EINVAL);
    assert_int_equal(trace_start(SIZE, 1, &session), -EINVAL);
    assert_int_equal(trace_start(SIZE, STATE | 1u << 31, &session), -EINVAL);
    assert_int_equal(session, 77);
    assert_int_equal(cpus[0].softirq, 0);
    session = start(CLEAVE_TRACE_RECORDS_MAX);
    attach(0);
    assert_int_equal(peek(session, 2, &p), -EINVAL);
    assert_int_equal(peek(session, UINT32_MAX, &p), -EINVAL);
    assert_int_equal(peek(session + 1, 0, &p), -ENOENT);
    assert_int_equal(peek(0, 0, &p), -ENOENT);
    assert_int_equal(trace_stop(session + 1), -ENOENT);
    assert_int_equal(trace_stop(0), -ENOENT);
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(trace_stop(session), 0);
    assert_int_equal(trace_stop(session), -ENOENT);
}

/* The first tool was killed, or goes on: its session is over, its rings are freed. */
static void the_next_start_takes_over(void **state)
{
    uint64_t used = heap_used();
    uint32_t first = start(CLEAVE_TRACE_RECORDS_MAX), second;
    struct peek p;

    attach(0);
    attach(1);
    write_record(1);
    second = start(SIZE);
    assert_int_not_equal(first, second);
    write_record(2); /* in the first one's ring */
    assert_int_equal(peek(first, 0, &p), -ENOENT);
    assert_int_equal(peek(second, 0, &p), -EAGAIN);
    assert_int_equal(trace_stop(first), -ENOENT);
    assert_true(attach(0));
    assert_int_equal(peek(second, 0, &p), 0);
    assert_int_equal(p.count, 0);
    assert_int_equal(peek(second, 1, &p), -EAGAIN);
    assert_true(attach(1));
    assert_int_equal(heap_used() - used, 2 * SIZE * sizeof(struct cleave_trace_record));
}

/* A CPU that comes late skips what was started and stopped before. */
static void a_late_cpu_gets_the_last_one(void **state)
{
    uint32_t session = start(SIZE);
    struct peek p;

    trace_stop(session);
    session = start(2 * SIZE);
    assert_true(attach(0));
    assert_false(attach(0));
    write_record(9);
    assert_int_equal(peek(session, 0, &p), 0);
    assert_int_equal(p.first->words[0], 9);
}

static void without_memory_there_is_no_ring(void **state)
{
    uint32_t session = start(SIZE);
    struct peek p;

    harness_fail_alloc(1);
    assert_false(attach(0));
    harness_fail_alloc(0);
    write_record(1);
    assert_int_equal(peek(session, 0, &p), -ENOMEM);
    assert_true(attach(1));
    assert_int_equal(peek(session, 1, &p), 0);
    assert_int_equal(trace_stop(session), 0);
}

/* --- reading while records are written --- */

#define WRITES 200000u

static uint32_t race;
static bool written;
static uint64_t read_records, read_lost, told_lost,
    wrong; /* asserted when the threads have ended */

static void write_many(void)
{
    trace_attach();
    for (uint64_t i = 0; i < WRITES; i++) {
        write_record(i);
        for (volatile unsigned int pause = 0; i % 64 == 0 && pause < i % 5000; pause++)
            ;
    }
    __atomic_store_n(&written, true, __ATOMIC_SEQ_CST);
}

/* Each record is whole, none comes twice, and what is missing is what was told to be lost. */
static void read_many(void)
{
    uint64_t next = 0;
    struct peek p;

    for (bool last = false;; last = __atomic_load_n(&written, __ATOMIC_SEQ_CST)) {
        if (peek(race, 0, &p) == -EAGAIN)
            continue;
        for (uint32_t i = 0; i < p.count; i++) {
            const struct cleave_trace_record *r = &p.first[i];

            if (r->event == CLEAVE_TRACE_lost) {
                told_lost += r->words[0];
                next += r->words[0];
                continue;
            }
            wrong += r->words[0] != next || r->words[1] != ~next || r->domain != (next & 0xffff);
            next++;
            read_records++;
        }
        trace_consume(0, p.count);
        read_lost = p.lost;
        if (last && !p.count)
            return;
    }
}

static void a_reader_sees_whole_records(void **state)
{
    static void (*const both[])(void) = { write_many, read_many };

    race = start(256);
    written = false;
    read_records = read_lost = told_lost = wrong = 0;
    harness_run_cpus(both, 2);
    assert_int_equal(wrong, 0);
    assert_int_equal(read_records + read_lost, WRITES);
    assert_true(told_lost <= read_lost);
    assert_true(read_records > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(records_come_as_they_were_written, setup),
        cmocka_unit_test_setup(a_given_time_is_kept, setup),
        cmocka_unit_test_setup(what_finds_no_room_is_counted, setup),
        cmocka_unit_test_setup(a_ring_goes_round, setup),
        cmocka_unit_test_setup(mistakes_change_nothing, setup),
        cmocka_unit_test_setup(the_next_start_takes_over, setup),
        cmocka_unit_test_setup(a_late_cpu_gets_the_last_one, setup),
        cmocka_unit_test_setup(without_memory_there_is_no_ring, setup),
        cmocka_unit_test_setup(a_reader_sees_whole_records, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
