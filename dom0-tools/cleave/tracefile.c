/* SPDX-License-Identifier: MIT */
/*
 * See tracefile.h. A record of a changed state tells how long the vCPU was in the old one, so each
 * slice comes from one record, and lost records leave gaps, not wrong slices.
 */
#include "tracefile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "core.h"

#define NS_PER_US 1000

/* Numbers of Chrome's processes and threads: the CPUs are one process, each domain is another. */
#define CPUS_PID 1
#define CPU_TID(cpu) ((cpu) + 1)
#define DOMAIN_PID(domid) ((domid) + 2)
#define VCPU_TID(domid, vcpu) (((domid) + 1) * 4096 + (vcpu))

struct tracefile_track {
    uint32_t domid, vcpu;
    char *label;    /* of its slices on CPUs, as JSON */
    uint32_t state; /* enum core_state */
    uint32_t cpu;   /* it runs there */
    bool slot;      /* and in its slot */
    uint64_t since;
};

/* --- events ----------------------------------------------------------------------------------- */

/* Most of the tool's time is spent here: jansson, which is five times slower, only quotes names. */

static void put_time(struct tracefile *file, const char *key, uint64_t ns)
{
    fprintf(file->out, ",\"%s\":%" PRIu64 ".%03u", key, ns / NS_PER_US,
            (unsigned int)(ns % NS_PER_US));
}

/* Begins an event; name is JSON. The caller adds members and a brace. */
static void put_event(struct tracefile *file, char phase, uint32_t pid, uint32_t tid,
                      const char *name, uint64_t time)
{
    fprintf(file->out, "%s{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u,\"name\":%s", file->any ? ",\n" : "",
            phase, pid, tid, name);
    file->any = true;
    put_time(file, "ts", time - file->begin);
}

/* Returns text as a JSON string, which the caller frees. */
static char *quote(struct tracefile *file, const char *text)
{
    json_t *object = json_object();
    char *quoted;

    output_text(object, "", text);
    quoted = json_dumps(json_object_get(object, ""), JSON_ENCODE_ANY);
    json_decref(object);
    file->failed |= !quoted;
    return quoted ? quoted : strdup("\"\"");
}

/* Names a process ("process_name") or a thread ("thread_name"). */
static void put_name(struct tracefile *file, const char *what, uint32_t pid, uint32_t tid,
                     const char *name)
{
    char *quoted = quote(file, name);

    put_event(file, 'M', pid, tid, what, file->begin);
    fprintf(file->out, ",\"args\":{\"name\":%s}}", quoted);
    free(quoted);
}

static void put_slice(struct tracefile *file, uint32_t pid, uint32_t tid, const char *name,
                      uint64_t begin, uint64_t end)
{
    put_event(file, 'X', pid, tid, name, begin);
    put_time(file, "dur", end - begin);
}

/*
 * Begins an instant; name is plain, the caller adds args and a brace. False: it was before the
 * file's begin, and is left out.
 */
static bool put_instant(struct tracefile *file, uint32_t pid, uint32_t tid, const char *name,
                        uint64_t time)
{
    char quoted[64];

    if (time < file->begin)
        return false;
    snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    put_event(file, 'i', pid, tid, quoted, time);
    fprintf(file->out, ",\"s\":\"%c\"", pid == CPUS_PID && tid == 0 ? 'g' : 't');
    return true;
}

/* --- tracks ----------------------------------------------------------------------------------- */

static void name_track(struct tracefile *file, struct tracefile_track *track, bool first)
{
    const char *name = file->name(file->data, track->domid);
    char text[300];

    if (first)
        put_name(file, "\"process_name\"", DOMAIN_PID(track->domid), 0, name);
    snprintf(text, sizeof(text), "%s/%u", name, track->vcpu);
    track->label = quote(file, text);
    snprintf(text, sizeof(text), "vCPU %u", track->vcpu);
    put_name(file, "\"thread_name\"", DOMAIN_PID(track->domid), VCPU_TID(track->domid, track->vcpu),
             text);
}

/* Returns the vCPU's track, a new one if it has none; NULL: out of memory. */
static struct tracefile_track *find_track(struct tracefile *file, uint32_t domid, uint32_t vcpu)
{
    size_t low = 0, high = file->count;
    bool first;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct tracefile_track *track = &file->tracks[middle];

        if (track->domid < domid || (track->domid == domid && track->vcpu < vcpu))
            low = middle + 1;
        else
            high = middle;
    }
    if (low < file->count && file->tracks[low].domid == domid && file->tracks[low].vcpu == vcpu)
        return &file->tracks[low];
    if (file->count == file->room) {
        size_t room = file->room ? 2 * file->room : 64;
        struct tracefile_track *more = realloc(file->tracks, room * sizeof(*more));

        if (!more)
            return NULL;
        file->tracks = more;
        file->room = room;
    }
    first = !(low > 0 && file->tracks[low - 1].domid == domid) &&
            !(low < file->count && file->tracks[low].domid == domid);
    memmove(&file->tracks[low + 1], &file->tracks[low],
            (file->count - low) * sizeof(*file->tracks));
    file->count++;
    file->tracks[low] =
        (struct tracefile_track){ .domid = domid, .vcpu = vcpu, .state = CORE_OFFLINE };
    name_track(file, &file->tracks[low], first);
    return &file->tracks[low];
}

/* --- states ----------------------------------------------------------------------------------- */

static void draw_run(struct tracefile *file, const struct tracefile_track *track, uint64_t begin,
                     uint64_t end)
{
    const char *slot = track->slot ? "true" : "false";

    put_slice(file, CPUS_PID, CPU_TID(track->cpu), track->label, begin, end);
    fprintf(file->out, ",\"args\":{\"slot\":%s}}", slot);
    put_slice(file, DOMAIN_PID(track->domid), VCPU_TID(track->domid, track->vcpu), "\"run\"", begin,
              end);
    fprintf(file->out, ",\"args\":{\"cpu\":%u,\"slot\":%s}}", track->cpu, slot);
}

/* Draws the track's state, which began at `since` and ends now. */
static void draw_state(struct tracefile *file, const struct tracefile_track *track, uint64_t now)
{
    uint64_t begin = track->since > file->begin ? track->since : file->begin;

    if (now <= begin)
        return;
    if (track->state == CORE_RUNNING)
        draw_run(file, track, begin, now);
    if (track->state != CORE_RUNNABLE)
        return;
    put_slice(file, DOMAIN_PID(track->domid), VCPU_TID(track->domid, track->vcpu), "\"wait\"",
              begin, now);
    fputc('}', file->out);
}

static void change_state(struct tracefile *file, struct tracefile_track *track, uint32_t cpu,
                         const struct cleave_trace_record *record)
{
    uint32_t from = record->info & 15, to = record->info >> 4 & 15;
    struct tracefile_track old = *track;

    old.state = from;
    old.since = record->time > record->words[0] ? record->time - record->words[0] : 0;
    old.cpu = cpu;
    old.slot = record->info >> 8;
    draw_state(file, &old, record->time);
    *track = old;
    track->state = to;
    track->since = record->time;
    if (to == CORE_RUNNABLE && from > CORE_RUNNABLE &&
        put_instant(file, DOMAIN_PID(track->domid), VCPU_TID(track->domid, track->vcpu), "wake",
                    record->time))
        fprintf(file->out, ",\"args\":{\"by_cpu\":%u}}", cpu);
}

/* --- exits and hypercalls --------------------------------------------------------------------- */

/* VMEXIT codes of AMD's CPUs (APM vol. 2, appendix C). */
static const char *exit_name(uint64_t code, char text[24])
{
    static const struct {
        uint64_t code;
        const char *name;
    } names[] = {
        { 0x60, "intr" },    { 0x61, "nmi" },    { 0x64, "vintr" },    { 0x6f, "rdpmc" },
        { 0x72, "cpuid" },   { 0x76, "invd" },   { 0x77, "pause" },    { 0x78, "hlt" },
        { 0x7b, "ioio" },    { 0x7c, "msr" },    { 0x7f, "shutdown" }, { 0x80, "vmrun" },
        { 0x81, "vmmcall" }, { 0x89, "wbinvd" }, { 0x8d, "xsetbv" },   { 0x400, "npf" },
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].code == code)
            return names[i].name;
    if (code >= 0x40 && code < 0x60)
        snprintf(text, 24, "exception %u", (unsigned int)(code - 0x40));
    else
        snprintf(text, 24, "%#llx", (unsigned long long)code);
    return text;
}

static const char *hypercall_name(uint64_t number, char text[24])
{
    static const char *const names[] = {
        [__HYPERVISOR_platform_op] = "platform_op",
        [__HYPERVISOR_memory_op] = "memory_op",
        [__HYPERVISOR_multicall] = "multicall",
        [__HYPERVISOR_set_timer_op] = "set_timer_op",
        [__HYPERVISOR_xen_version] = "xen_version",
        [__HYPERVISOR_console_io] = "console_io",
        [__HYPERVISOR_grant_table_op] = "grant_table_op",
        [__HYPERVISOR_vm_assist] = "vm_assist",
        [__HYPERVISOR_vcpu_op] = "vcpu_op",
        [__HYPERVISOR_sched_op] = "sched_op",
        [__HYPERVISOR_event_channel_op] = "event_channel_op",
        [__HYPERVISOR_physdev_op] = "physdev_op",
        [__HYPERVISOR_hvm_op] = "hvm_op",
        [__HYPERVISOR_sysctl] = "sysctl",
        [__HYPERVISOR_domctl] = "domctl",
        [CLEAVE_HYPERCALL] = "cleave_op",
    };

    if (number < sizeof(names) / sizeof(names[0]) && names[number])
        return names[number];
    snprintf(text, 24, "%llu", (unsigned long long)number);
    return text;
}

static void draw_vcpu_instant(struct tracefile *file, const struct tracefile_track *track,
                              const struct cleave_trace_record *record)
{
    bool exits = record->event == CLEAVE_TRACE_exit;
    char number[24], text[48];

    if (exits)
        snprintf(text, sizeof(text), "exit %s", exit_name(record->words[0], number));
    else
        snprintf(text, sizeof(text), "hypercall %s", hypercall_name(record->words[0], number));
    if (put_instant(file, DOMAIN_PID(track->domid), VCPU_TID(track->domid, track->vcpu), text,
                    record->time))
        fprintf(file->out, ",\"args\":{\"%s\":\"%#" PRIx64 "\"}}", exits ? "rip" : "first",
                record->words[1]);
}

/* --- the file --------------------------------------------------------------------------------- */

void tracefile_begin(struct tracefile *file, FILE *out, uint64_t begin, uint32_t cpus,
                     const char *(*name)(void *data, uint32_t domid), void *data)
{
    char text[32];

    *file = (struct tracefile){ .out = out, .name = name, .data = data, .begin = begin };
    fputs("{\"traceEvents\":[\n", out);
    put_name(file, "\"process_name\"", CPUS_PID, 0, "CPUs");
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        snprintf(text, sizeof(text), "CPU %u", cpu);
        put_name(file, "\"thread_name\"", CPUS_PID, CPU_TID(cpu), text);
    }
}

void tracefile_record(struct tracefile *file, uint32_t cpu,
                      const struct cleave_trace_record *record)
{
    struct tracefile_track *track;

    switch (record->event) {
    case CLEAVE_TRACE_state:
    case CLEAVE_TRACE_exit:
    case CLEAVE_TRACE_hypercall:
        track = find_track(file, record->domain, record->vcpu);
        if (!track)
            file->failed = true;
        else if (record->event == CLEAVE_TRACE_state)
            change_state(file, track, cpu, record);
        else
            draw_vcpu_instant(file, track, record);
        break;
    case CLEAVE_TRACE_lost:
        if (put_instant(file, CPUS_PID, CPU_TID(cpu), "records lost", record->time))
            fprintf(file->out, ",\"args\":{\"count\":%" PRIu64 ",\"for_us\":%.3f}}",
                    record->words[0], (double)(record->time - record->words[1]) / NS_PER_US);
        break;
    case CLEAVE_TRACE_timer:
        if (put_instant(file, CPUS_PID, CPU_TID(cpu), "timer", record->time))
            fprintf(file->out, ",\"args\":{\"late_us\":%.3f}}",
                    (double)record->words[0] / NS_PER_US);
        break;
    case CLEAVE_TRACE_table:
        if (put_instant(file, CPUS_PID, 0, "table switch", record->time))
            fprintf(file->out, ",\"args\":{\"cookie\":\"%#" PRIx64 "\"}}", record->words[0]);
        break;
    }
}

bool tracefile_end(struct tracefile *file, uint64_t end, json_t *about)
{
    for (size_t i = 0; i < file->count; i++)
        draw_state(file, &file->tracks[i], end);
    for (size_t i = 0; i < file->count; i++)
        free(file->tracks[i].label);
    fputs("\n],\"displayTimeUnit\":\"ns\",\"otherData\":", file->out);
    if (!about || json_dumpf(about, file->out, JSON_COMPACT) < 0)
        file->failed = true;
    fputs("}\n", file->out);
    json_decref(about);
    free(file->tracks);
    return !file->failed && fflush(file->out) == 0 && !ferror(file->out);
}
