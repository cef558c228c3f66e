/* SPDX-License-Identifier: MIT */
/*
 * A trace: each CPU records events in a ring of its own, and dom0 reads them while they happen.
 *
 * A ring has one writer, its CPU, and one reader, dom0's operation. Neither waits for the other and
 * there is no lock: the writer alone changes `head`, the reader alone `tail`. If a ring is full,
 * new records are lost and counted, so a reader sees whole records only. When there is room again,
 * a record says how many were lost since when.
 *
 * Only its CPU allocates and frees a ring, in a softirq and hence never while it writes: starting
 * and stopping a trace take no time, and wait for nobody. `wanted` says which session the CPUs are
 * to have. A ring is read only if it belongs to that session; it is freed only after `wanted` has
 * changed for ever, because no session comes twice.
 *
 * Interrupts are off in the core (rule 3 of README.md), so no record interrupts another. An NMI
 * records nothing.
 *
 * Read next: hypercall/cleave_op.c.
 */
#include "cpu/trace.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "errors.h"
#include "mm/heap.h"
#include "percpu.h"

struct ring {
    struct cleave_trace_record *records; /* NULL: none, or there was no memory */
    uint64_t setup;                      /* what it was set up for, like `wanted` */
    uint64_t lost;                       /* records, since the start */
    uint64_t gap, gap_since;             /* records lost since the last one was written; ns */
    uint32_t head;                       /* counts the records written */
    uint32_t tail;                       /* counts those read */
} __attribute__((aligned(64)));

static struct ring rings[MAX_CPUS];
static uint64_t wanted; /* session << 32 | size of a ring, in records; 0: no trace */
uint32_t trace_events;

static uint32_t session_of(uint64_t setup) { return (uint32_t)(setup >> 32); }
static uint32_t size_of(uint64_t setup) { return (uint32_t)setup; }

/* --- the writer --- */

static void append_record(struct ring *r, const struct cleave_trace_record *record)
{
    r->records[r->head & (size_of(r->setup) - 1)] = *record;
    __atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
}

void trace_write(const struct cleave_trace_record *record)
{
    struct ring *r = &rings[this_cpu()->id];
    struct cleave_trace_record timed = *record;

    if (!r->records)
        return;
    if (!timed.time)
        timed.time = (uint64_t)clock_now();
    uint32_t used = r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
    if (used + (r->gap ? 2 : 1) > size_of(r->setup)) {
        if (!r->gap++)
            r->gap_since = timed.time;
        WRITE_ONCE(r->lost, r->lost + 1);
        return;
    }
    if (r->gap)
        append_record(r, &(struct cleave_trace_record){ .time = timed.time,
                                                        .event = CLEAVE_TRACE_lost,
                                                        .words = { r->gap, r->gap_since } });
    r->gap = 0;
    append_record(r, &timed);
}

bool trace_attach(void)
{
    struct ring *r = &rings[this_cpu()->id];
    uint64_t setup = __atomic_load_n(&wanted, __ATOMIC_ACQUIRE);

    if (setup == r->setup)
        return false;
    heap_free(r->records);
    *r = (struct ring){ .setup = 0 };
    if (setup)
        r->records = heap_alloc(size_of(setup) * sizeof(*r->records));
    __atomic_store_n(&r->setup, setup, __ATOMIC_RELEASE);
    return r->records != NULL;
}

/* --- the reader --- */

static void set_wanted(uint64_t setup, uint32_t events)
{
    WRITE_ONCE(trace_events, events);
    __atomic_store_n(&wanted, setup, __ATOMIC_SEQ_CST);
    for (unsigned int c = 0; c < nr_cpus; c++)
        softirq_raise(c, SOFTIRQ_TRACE);
}

int trace_start(uint32_t records, uint32_t events, uint32_t *session)
{
    static uint32_t last;

    if (records < CLEAVE_TRACE_RECORDS_MIN || records > CLEAVE_TRACE_RECORDS_MAX ||
        records & (records - 1))
        return -EINVAL;
    if (!events || events & ~CLEAVE_TRACE_EVENTS)
        return -EINVAL;
    last += last == UINT32_MAX ? 2 : 1;
    *session = last;
    set_wanted((uint64_t)last << 32 | records, events);
    return 0;
}

int trace_stop(uint32_t session)
{
    if (!session || session != session_of(wanted))
        return -ENOENT;
    set_wanted(0, 0);
    return 0;
}

int trace_peek(uint32_t session, uint32_t cpu, const struct cleave_trace_record **first,
               uint32_t *count, uint64_t *lost)
{
    if (!session || session != session_of(wanted))
        return -ENOENT;
    if (cpu >= nr_cpus)
        return -EINVAL;
    const struct ring *r = &rings[index_nospec(cpu, MAX_CPUS)];
    if (__atomic_load_n(&r->setup, __ATOMIC_ACQUIRE) != wanted)
        return -EAGAIN;
    if (!r->records)
        return -ENOMEM;
    uint32_t at = r->tail & (size_of(wanted) - 1),
             written = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) - r->tail;
    *count = MIN(written, size_of(wanted) - at);
    *first = &r->records[at];
    *lost = READ_ONCE(r->lost);
    return 0;
}

void trace_consume(uint32_t cpu, uint32_t count)
{
    struct ring *r = &rings[index_nospec(cpu, MAX_CPUS)];

    __atomic_store_n(&r->tail, r->tail + count, __ATOMIC_RELEASE);
}
