/* SPDX-License-Identifier: MIT */
/* cpu/trace.c: nothing is traced, and there is no trace to read. */
#include "harness.h"
#include "cpu/trace.h"

uint32_t trace_events;

void trace_write(const struct cleave_trace_record *record) {}
int trace_start(uint32_t records, uint32_t events, uint32_t *session) { return -EINVAL; }
int trace_peek(uint32_t session, uint32_t cpu, const struct cleave_trace_record **first,
               uint32_t *count, uint64_t *lost)
{
    return -ENOENT;
}
void trace_consume(uint32_t cpu, uint32_t count) {}
int trace_stop(uint32_t session) { return -ENOENT; }
