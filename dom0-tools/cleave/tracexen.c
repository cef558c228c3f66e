/* SPDX-License-Identifier: MIT */
/*
 * See tracexen.h. The records of a CPU come in blocks, each behind a record of the CPU's number and
 * the block's length. Its readers merge the CPUs by time, so a block ends only when it is full, or
 * when another CPU has records.
 */
#include "tracexen.h"

#include <xen/trace.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#define RECORD_WORDS 8 /* of the longest */

static void put_header(struct tracexen *file, uint32_t cpu, size_t words)
{
    const uint32_t header[] = { TRC_TRACE_CPU_CHANGE | 2u << TRACE_EXTRA_SHIFT, cpu,
                                (uint32_t)(words * sizeof(uint32_t)) };

    fwrite(header, sizeof(header), 1, file->out);
}

static void flush(struct tracexen *file)
{
    if (file->count) {
        put_header(file, file->cpu, file->count);
        fwrite(file->words, sizeof(uint32_t), file->count, file->out);
    }
    file->count = 0;
}

/* Adds a record with a time and `count` words. */
static void put(struct tracexen *file, uint32_t cpu, uint32_t event, uint64_t time,
                const uint32_t *words, uint32_t count)
{
    if (cpu != file->cpu || file->count + RECORD_WORDS > TRACEXEN_WORDS)
        flush(file);
    file->cpu = cpu;
    file->words[file->count++] = event | count << TRACE_EXTRA_SHIFT | (uint32_t)TRC_HD_CYCLE_FLAG;
    file->words[file->count++] = (uint32_t)time;
    file->words[file->count++] = (uint32_t)(time >> 32);
    for (uint32_t i = 0; i < count; i++)
        file->words[file->count++] = words[i];
}

/* So many records were lost since a time. Readers take the CPU to be idle then. */
static void put_lost(struct tracexen *file, uint32_t cpu, const struct cleave_trace_record *record)
{
    const uint64_t *words = record->words;

    put(file, cpu, TRC_LOST_RECORDS, record->time,
        (const uint32_t[]){ (uint32_t)words[0], DOMID_IDLE | cpu << 16, (uint32_t)words[1],
                            (uint32_t)(words[1] >> 32) },
        4);
    file->who[cpu] = TRACEXEN_IDLE;
}

/* --- states ----------------------------------------------------------------------------------- */

static void put_change(struct tracexen *file, uint32_t cpu, uint64_t time, uint32_t vcpu,
                       uint32_t from, uint32_t to)
{
    put(file, cpu, TRC_SCHED_RUNSTATE_CHANGE | from << 8 | to << 4, time, &vcpu, 1);
}

/* The vcpu goes on running, as it did before the trace. */
static void put_continue(struct tracexen *file, uint32_t cpu, uint64_t time, uint32_t vcpu)
{
    put(file, cpu, TRC_SCHED_CONTINUE_RUNNING, time, &vcpu, 1);
}

/* The numbers of states are Xen's. */
static void put_state(struct tracexen *file, uint32_t cpu, const struct cleave_trace_record *record)
{
    uint32_t vcpu = record->vcpu | (uint32_t)record->domain << 16, idle = DOMID_IDLE << 16 | cpu;
    uint32_t from = record->info & 3u, to = record->info >> 4 & 3u;
    enum tracexen_who *who = &file->who[cpu];

    if (*who == TRACEXEN_UNKNOWN && from != RUNSTATE_running) {
        put_continue(file, cpu, record->time, idle);
        *who = TRACEXEN_IDLE;
    }
    if (from == to) {
        put_continue(file, cpu, record->time, vcpu);
        *who = TRACEXEN_VCPU;
        return;
    }
    if (to == RUNSTATE_running && *who == TRACEXEN_IDLE)
        put_change(file, cpu, record->time, idle, RUNSTATE_running, RUNSTATE_runnable);
    put_change(file, cpu, record->time, vcpu, from, to);
    if (from == RUNSTATE_running && *who != TRACEXEN_IDLE) {
        put_change(file, cpu, record->time, idle, RUNSTATE_runnable, RUNSTATE_running);
        *who = TRACEXEN_IDLE;
    }
    if (to == RUNSTATE_running)
        *who = TRACEXEN_VCPU;
}

/* --- the file --------------------------------------------------------------------------------- */

/* Readers count the CPUs by the first blocks, so each CPU has one without records. */
void tracexen_begin(struct tracexen *file, FILE *out, uint32_t cpus)
{
    *file = (struct tracexen){ .out = out };
    for (uint32_t cpu = 0; cpu < cpus; cpu++)
        put_header(file, cpu, 0);
}

void tracexen_record(struct tracexen *file, uint32_t cpu, const struct cleave_trace_record *record)
{
    const uint64_t *words = record->words;

    if (cpu >= TRACEXEN_CPUS)
        return;
    switch (record->event) {
    case CLEAVE_TRACE_lost: put_lost(file, cpu, record); break;
    case CLEAVE_TRACE_state: put_state(file, cpu, record); break;
    case CLEAVE_TRACE_exit:
        put(file, cpu, TRC_HVM_VMEXIT64, record->time,
            (const uint32_t[]){ (uint32_t)words[0], (uint32_t)words[1],
                                (uint32_t)(words[1] >> 32) },
            3);
        break;
    case CLEAVE_TRACE_hypercall:
        put(file, cpu, TRC_HVM_VMMCALL, record->time, (const uint32_t[]){ (uint32_t)words[0] }, 1);
        break;
    default: break;
    }
}

bool tracexen_end(struct tracexen *file)
{
    flush(file);
    return fflush(file->out) == 0 && !ferror(file->out);
}
