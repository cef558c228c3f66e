/* SPDX-License-Identifier: MIT */
/*
 * See tracexen.h. The records of a CPU come in blocks, each behind a record of the CPU's number and
 * the block's length. Its readers merge the CPUs by time, so a block ends only when it is full, or
 * when another CPU has records.
 */
#include "tracexen.h"

#include <xen/trace.h>
#include <xen/xen.h>

#define RECORD_WORDS 8 /* of the longest */

static void flush(struct tracexen *file)
{
    const uint32_t header[] = { TRC_TRACE_CPU_CHANGE | 2u << TRACE_EXTRA_SHIFT, file->cpu,
                                (uint32_t)(file->count * sizeof(uint32_t)) };

    if (file->count) {
        fwrite(header, sizeof(header), 1, file->out);
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

/* So many records were lost since a time. Who ran since is not known: no domain. */
static void put_lost(struct tracexen *file, uint32_t cpu, uint64_t time, uint64_t lost,
                     uint64_t since)
{
    const uint32_t words[] = { (uint32_t)lost, DOMID_IDLE | cpu << 16, (uint32_t)since,
                               (uint32_t)(since >> 32) };

    put(file, cpu, TRC_LOST_RECORDS, time, words, 4);
}

/* Readers count the CPUs by the first blocks, so each CPU has one, in which nothing was lost. */
void tracexen_begin(struct tracexen *file, FILE *out, uint32_t cpus, uint64_t time)
{
    file->out = out;
    file->cpu = 0;
    file->count = 0;
    for (uint32_t cpu = 0; cpu < cpus; cpu++)
        put_lost(file, cpu, time, 0, 0);
}

void tracexen_record(struct tracexen *file, uint32_t cpu, const struct cleave_trace_record *record)
{
    uint32_t vcpu = record->vcpu | (uint32_t)record->domain << 16;
    const uint64_t *words = record->words;

    switch (record->event) {
    case CLEAVE_TRACE_lost: put_lost(file, cpu, record->time, words[0], words[1]); break;
    case CLEAVE_TRACE_state: /* the numbers of states are Xen's */
        put(file, cpu,
            TRC_SCHED_RUNSTATE_CHANGE | (record->info & 3u) << 8 | (record->info >> 4 & 3u) << 4,
            record->time, &vcpu, 1);
        break;
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
