/* SPDX-License-Identifier: MIT */
/*
 * What each CPU does, recorded for dom0 (cpu/trace.c; records and events: public/cleave.h). A place
 * that records an event costs one test of one word while no tool asks for that event:
 *
 *     if (trace_on(CLEAVE_TRACE_exit))
 *         trace_write(&(struct cleave_trace_record){ .event = CLEAVE_TRACE_exit, ... });
 */
#ifndef CLV_CPU_TRACE_H
#define CLV_CPU_TRACE_H

#include "public/cleave.h"
#include "types.h"

extern uint32_t trace_events; /* bit mask of the events that are recorded */

static inline bool trace_on(unsigned int event)
{
    return unlikely(READ_ONCE(trace_events) >> event & 1);
}

/* Adds a record to this CPU's ring, or counts it as lost. Time 0: now. Not from an NMI. */
void trace_write(const struct cleave_trace_record *record);

/*
 * For dom0's operations, one at a time (LOCK_DOMCTL). trace_start replaces a trace that goes on.
 * The CPUs get and free their rings by themselves, a moment later.
 *
 * trace_peek returns the oldest records of a CPU, in one piece: *count of them (0: none), and in
 * *lost how many were lost since the start. They stay until trace_consume. -ENOENT: this session is
 * over; -EINVAL: no such CPU; -EAGAIN: the CPU has no ring yet; -ENOMEM: it got none.
 */
int trace_start(uint32_t records, uint32_t events, uint32_t *session);
int trace_peek(uint32_t session, uint32_t cpu, const struct cleave_trace_record **first,
               uint32_t *count, uint64_t *lost);
void trace_consume(uint32_t cpu, uint32_t count);
int trace_stop(uint32_t session);

/* SOFTIRQ_TRACE: gives this CPU the ring of the present session. True: it has a new one. */
bool trace_attach(void);

#endif
