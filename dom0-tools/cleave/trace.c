/* SPDX-License-Identifier: MIT */
/*
 * cleave trace: reads the rings of the core's CPUs while it records, merges them by time, and
 * writes them as a file (tracefile.h, tracexen.h). One round in 20 ms takes what there is. Records
 * are written a round later, when each CPU has been read beyond their time. So the memory needed is
 * that of two rounds, however long the trace is.
 *
 * A lock says that a tool traces. A tool that was killed has lost it, and the core replaces its
 * trace by the next one's. Read next: tracefile.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "core.h"
#include "deadline.h"
#include "lock.h"
#include "report.h"
#include "tracefile.h"
#include "tracexen.h"

#define LOCK_PATH "/run/cleave-trace.lock"
#define RING_RECORDS 8192u
#define ROUND_NS 20000000l
#define START_MS 10000
#define SECONDS_MAX (24 * 3600)
#define NS_PER_S 1e9
#define NS_PER_US 1e3

/* Records of a CPU that are not written yet. */
struct queue {
    struct cleave_trace_record *records;
    size_t first, count, room; /* records[first] .. records[count - 1] */
};

/* What the core charged a vCPU until the trace began and ended; its domain has this index. */
struct charge {
    size_t domain;
    uint32_t vcpu;
    struct cleave_time before, after;
};

struct trace {
    struct session session;
    const char *path; /* NULL: standard output */
    FILE *out;
    int lock;
    uint32_t events;
    uint64_t duration; /* ns; 0: until a signal */
    struct core_trace *core;
    uint32_t cpus;
    struct queue *queues;
    uint64_t *lost;
    uint64_t begin, end, total;
    struct domain *domains;
    int domain_count;
    uint32_t unknown; /* the domain asked for last that was in no list; CORE_NO_DOMAIN: none */
    struct charge *charges;
    size_t charge_count;
    struct tracefile file;
    struct tracexen *xen; /* NULL: Chrome's format */
};

/* --- options ---------------------------------------------------------------------------------- */

/* Reads --for: 2s, 500ms, 1m, or seconds. */
static int parse_duration(const char *text, uint64_t *ns)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = { { "", 1 }, { "s", 1 }, { "ms", 1e-3 }, { "m", 60 } };
    char *end;
    double number = strspn(text, "0123456789.") ? strtod(text, &end) : 0;

    for (size_t i = 0; number > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        double seconds = number * units[i].seconds;

        if (strcmp(end, units[i].unit) != 0 || seconds < 1e-3 || seconds > SECONDS_MAX)
            continue;
        *ns = (uint64_t)(seconds * NS_PER_S);
        return 0;
    }
    report_error(REPORT_USAGE, "--for %s: give a time like 2s, 500ms or 1m, from 1 ms to 24 hours",
                 text);
    return -EINVAL;
}

/* Reads --events: words with commas. */
static int parse_events(const char *text, uint32_t *events)
{
    static const struct {
        const char *word;
        uint32_t events;
    } words[] = {
        { "sched", 1u << CLEAVE_TRACE_state },          { "exits", 1u << CLEAVE_TRACE_exit },
        { "hypercalls", 1u << CLEAVE_TRACE_hypercall }, { "timers", 1u << CLEAVE_TRACE_timer },
        { "tables", 1u << CLEAVE_TRACE_table },         { "all", CLEAVE_TRACE_EVENTS },
    };

    *events = 0;
    for (const char *word = text; word; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL) {
        size_t length = strcspn(word, ","), i = 0, count = sizeof(words) / sizeof(words[0]);

        while (i < count &&
               (strlen(words[i].word) != length || strncmp(words[i].word, word, length) != 0))
            i++;
        if (i == count) {
            report_error(REPORT_USAGE,
                         "--events %s: \"%.*s\" is none of sched, exits, hypercalls, timers, "
                         "tables, all",
                         text, (int)length, word);
            return -EINVAL;
        }
        *events |= words[i].events;
    }
    return 0;
}

/* Reads --format. */
static int parse_format(const char *text, struct trace *trace)
{
    static struct tracexen xen;

    if (strcmp(text, "xentrace") == 0)
        trace->xen = &xen;
    else if (strcmp(text, "chrome") != 0)
        report_error(REPORT_USAGE, "--format %s: must be chrome or xentrace", text);
    return trace->xen || strcmp(text, "chrome") == 0 ? 0 : -EINVAL;
}

static int read_options(const struct call *call, struct trace *trace)
{
    const char *duration = call->options[OPTION_DURATION], *events = call->options[OPTION_EVENTS],
               *format = call->options[OPTION_FORMAT];
    int rc = duration ? parse_duration(duration, &trace->duration) : 0;

    if (rc == 0)
        rc = parse_events(events ? events : "sched,tables", &trace->events);
    if (rc == 0 && format)
        rc = parse_format(format, trace);
    trace->path = call->options[OPTION_OUTPUT];
    return rc;
}

/* --- begin and end ---------------------------------------------------------------------------- */

static int open_output(struct trace *trace)
{
    trace->out = trace->path ? fopen(trace->path, "we") : stdout;
    if (trace->out)
        return 0;
    report_error(report_by_errno(errno), "-o %s: %s", trace->path, strerror(errno));
    return -EIO;
}

static int take_lock(struct trace *trace)
{
    int rc;

    trace->lock = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    rc = trace->lock < 0 ? -errno : lock_take(trace->lock, 0);
    if (rc == -EBUSY)
        report_error(REPORT_STATE,
                     "another `cleave trace` runs, and the core has one trace at a time: end it "
                     "(`pgrep -f 'cleave trace'`)");
    else if (rc < 0)
        report_error(report_by_errno(-rc), "cannot lock %s: %s", LOCK_PATH, strerror(-rc));
    return rc;
}

static int report_core(uint32_t cpu, int rc)
{
    if (rc == -ENOSYS)
        report_error(REPORT_CPU, "this hypervisor has no such trace, only Cleave has: boot Cleave, "
                                 "or use `xentrace`");
    else if (rc == -ENOMEM)
        report_error(REPORT_MEMORY,
                     "the hypervisor has no memory for the trace of CPU %u: %zu KiB for each CPU: "
                     "shrink or end a VM",
                     cpu, RING_RECORDS * sizeof(struct cleave_trace_record) / 1024);
    else if (rc == -ENOENT)
        report_error(REPORT_STATE, "another tool has replaced this trace");
    else
        report_error(report_by_errno(-rc), "cannot read the trace of CPU %u: %s", cpu,
                     strerror(-rc));
    return rc;
}

/* Waits until a CPU has its ring, which takes microseconds, or as long as a CPU is kept away. */
static int await_ring(struct trace *trace, uint32_t cpu)
{
    long long limit = deadline_now() + START_MS;
    int rc;

    while ((rc = core_trace_read(trace->core, cpu, 0, &(struct core_batch){ 0 })) == -EAGAIN &&
           deadline_now() < limit)
        usleep(1000);
    return rc < 0 ? report_core(cpu, rc) : 0;
}

static int start_core(struct trace *trace)
{
    int rc = core_trace_start(&trace->session.hv, RING_RECORDS, trace->events, &trace->core);

    if (rc < 0)
        return report_core(0, rc);
    trace->cpus = core_trace_cpus(trace->core);
    trace->queues = calloc(trace->cpus, sizeof(*trace->queues));
    trace->lost = calloc(trace->cpus, sizeof(*trace->lost));
    if (!trace->queues || !trace->lost)
        return -ENOMEM;
    for (uint32_t cpu = 0; rc == 0 && cpu < trace->cpus; cpu++)
        rc = await_ring(trace, cpu);
    return rc;
}

static void release(struct trace *trace)
{
    if (trace->core)
        core_trace_stop(trace->core);
    for (uint32_t cpu = 0; trace->queues && cpu < trace->cpus; cpu++)
        free(trace->queues[cpu].records);
    free(trace->queues);
    free(trace->lost);
    free(trace->domains);
    free(trace->charges);
    if (trace->lock >= 0)
        close(trace->lock);
}

/* --- names, and what the core charged --------------------------------------------------------- */

static const struct domain *find_domain(const struct trace *trace, uint32_t domid)
{
    for (int i = 0; i < trace->domain_count; i++)
        if (trace->domains[i].domid == domid)
            return &trace->domains[i];
    return NULL;
}

/* Looks for a domain that began during the trace. */
static void add_domain(struct trace *trace, uint32_t domid)
{
    struct domain *all = NULL, *grown;
    int count = domain_list(&trace->session.hv, trace->session.store, &all), i = 0;

    while (i < count && all[i].domid != domid)
        i++;
    grown = i < count ? realloc(trace->domains, (trace->domain_count + 1) * sizeof(*grown)) : NULL;
    if (grown) {
        trace->domains = grown;
        trace->domains[trace->domain_count++] = all[i];
    }
    free(all);
}

static const char *name_of(void *data, uint32_t domid)
{
    static char number[32];
    struct trace *trace = data;
    const struct domain *domain = find_domain(trace, domid);

    if (!domain && trace->unknown != domid) {
        trace->unknown = domid;
        add_domain(trace, domid);
        domain = find_domain(trace, domid);
    }
    if (domain && *domain->name)
        return domain->name;
    snprintf(number, sizeof(number), "domain %u", domid);
    return number;
}

/* Reads the vCPUs' times. */
static int begin_charges(struct trace *trace)
{
    struct hv *hv = &trace->session.hv;
    size_t room = 0;

    trace->domain_count = domain_list(hv, trace->session.store, &trace->domains);
    if (trace->domain_count < 0)
        return trace->domain_count;
    for (int i = 0; i < trace->domain_count; i++)
        room += trace->domains[i].info.max_vcpu_id + 1;
    trace->charges = calloc(room + 1, sizeof(*trace->charges));
    if (!trace->charges)
        return -ENOMEM;
    for (int i = 0; i < trace->domain_count; i++)
        for (uint32_t vcpu = 0; vcpu <= trace->domains[i].info.max_vcpu_id; vcpu++) {
            struct charge *charge = &trace->charges[trace->charge_count];

            *charge = (struct charge){ .domain = i, .vcpu = vcpu };
            if (core_time(hv, trace->domains[i].domid, vcpu, false, &charge->before) == 0)
                trace->charge_count++;
        }
    return 0;
}

/* A vCPU that waits all the time has no record: it gets one in the form of the core's. */
static void draw_waiting(struct trace *trace)
{
    for (size_t i = 0; i < trace->charge_count; i++) {
        const struct charge *charge = &trace->charges[i];
        struct cleave_trace_record record = {
            .time = charge->before.now,
            .event = CLEAVE_TRACE_state,
            .info = CLEAVE_TRACE_INFO(CORE_RUNNABLE, CORE_RUNNABLE, 0),
            .domain = trace->domains[charge->domain].domid,
            .vcpu = charge->vcpu,
        };

        if (charge->before.state == CORE_RUNNABLE)
            tracefile_record(&trace->file, 0, &record);
    }
}

static void end_charges(struct trace *trace)
{
    for (size_t i = 0; i < trace->charge_count; i++) {
        struct charge *charge = &trace->charges[i];

        if (core_time(&trace->session.hv, trace->domains[charge->domain].domid, charge->vcpu, false,
                      &charge->after) < 0)
            charge->after = charge->before; /* it has gone */
    }
}

/* Returns what the core charged each vCPU, from when to when, to compare with its slices. */
static json_t *list_charges(const struct trace *trace)
{
    json_t *list = json_array();

    for (size_t i = 0; i < trace->charge_count; i++) {
        const struct charge *charge = &trace->charges[i];
        const struct cleave_time *before = &charge->before, *after = &charge->after;
        json_t *item = output_item(list);

        output_text(item, "name", trace->domains[charge->domain].name);
        output_number(item, "id", trace->domains[charge->domain].domid);
        output_number(item, "vcpu", charge->vcpu);
        json_object_set_new(item, "from_us", json_real((before->now - trace->begin) / NS_PER_US));
        json_object_set_new(item, "to_us", json_real((after->now - trace->begin) / NS_PER_US));
        output_number(item, "ran_ns", after->time[CORE_RUNNING] - before->time[CORE_RUNNING]);
        output_number(item, "slot_ns", after->slot_time - before->slot_time);
    }
    return list;
}

/* --- rounds ----------------------------------------------------------------------------------- */

/* Makes room for a batch behind the queue's records. */
static bool make_room(struct queue *queue)
{
    if (queue->first) {
        memmove(queue->records, queue->records + queue->first,
                (queue->count - queue->first) * sizeof(*queue->records));
        queue->count -= queue->first;
        queue->first = 0;
    }
    if (queue->room - queue->count < CLEAVE_TRACE_BATCH) {
        size_t room = 2 * queue->room + CLEAVE_TRACE_BATCH;
        struct cleave_trace_record *more = realloc(queue->records, room * sizeof(*more));

        if (!more)
            return false;
        queue->records = more;
        queue->room = room;
    }
    return true;
}

/*
 * Takes what a CPU has recorded, at most a ring, until a batch is not full: reading is recorded,
 * too, so a ring need not become empty.
 */
static int read_cpu(struct trace *trace, uint32_t cpu, uint64_t *now)
{
    struct queue *queue = &trace->queues[cpu];
    uint32_t taken = 0;
    int rc;

    do {
        struct core_batch batch;

        if (!make_room(queue))
            return -ENOMEM;
        batch.records = queue->records + queue->count;
        rc = core_trace_read(trace->core, cpu, CLEAVE_TRACE_BATCH, &batch);
        if (rc < 0)
            return report_core(cpu, rc);
        if (!*now)
            *now = batch.now;
        trace->lost[cpu] = batch.lost;
        queue->count += rc;
        taken += rc;
    } while (rc == CLEAVE_TRACE_BATCH && taken < RING_RECORDS);
    return 0;
}

/* One round. *now: the time before it. */
static int read_all(struct trace *trace, uint64_t *now)
{
    int rc = 0;

    *now = 0;
    for (uint32_t cpu = 0; rc == 0 && cpu < trace->cpus; cpu++)
        rc = read_cpu(trace, cpu, now);
    return rc;
}

/* Writes the records up to this time, the oldest first. */
static void write_until(struct trace *trace, uint64_t limit)
{
    for (;;) {
        const struct cleave_trace_record *oldest = NULL;
        uint32_t from = 0;

        for (uint32_t cpu = 0; cpu < trace->cpus; cpu++) {
            const struct queue *queue = &trace->queues[cpu];

            if (queue->first < queue->count &&
                (!oldest || queue->records[queue->first].time < oldest->time)) {
                oldest = &queue->records[queue->first];
                from = cpu;
            }
        }
        if (!oldest || oldest->time > limit)
            return;
        if (trace->xen)
            tracexen_record(trace->xen, from, oldest);
        else
            tracefile_record(&trace->file, from, oldest);
        trace->queues[from].first++;
        trace->total++;
    }
}

/* Sleeps until the next round. False: a signal ends the trace. The signals are blocked. */
static bool sleep_round(uint64_t ns)
{
    struct timespec time = { .tv_nsec = ns < ROUND_NS ? (long)ns : ROUND_NS };
    sigset_t signals;

    sigprocmask(SIG_BLOCK, NULL, &signals);
    return sigtimedwait(&signals, NULL, &time) < 0;
}

/* Reads the core's time. */
static int read_clock(struct trace *trace, uint64_t *now)
{
    struct core_batch batch = { .now = 0 };
    int rc = core_trace_read(trace->core, 0, 0, &batch);

    *now = batch.now;
    return rc < 0 ? report_core(0, rc) : 0;
}

/* Writes what happens until the trace ends. */
static int record(struct trace *trace)
{
    uint64_t stop = trace->duration ? trace->begin + trace->duration : UINT64_MAX,
             before = trace->begin, now = before;
    int rc = 0;

    while (now < stop && !ferror(trace->out) && sleep_round(stop - now)) {
        rc = read_all(trace, &now);
        if (rc < 0)
            return rc;
        write_until(trace, before);
        before = now;
    }
    end_charges(trace);
    rc = read_clock(trace, &trace->end);
    if (rc == 0)
        rc = read_all(trace, &now);
    write_until(trace, trace->end);
    return rc;
}

/* --- the verb --------------------------------------------------------------------------------- */

static uint64_t sum_lost(const struct trace *trace)
{
    uint64_t sum = 0;

    for (uint32_t cpu = 0; cpu < trace->cpus; cpu++)
        sum += trace->lost[cpu];
    return sum;
}

static void describe(const struct trace *trace, json_t *object)
{
    output_number(object, "duration_ns", trace->end - trace->begin);
    output_number(object, "cpus", trace->cpus);
    output_number(object, "records", trace->total);
    output_number(object, "lost", sum_lost(trace));
}

static void begin_file(struct trace *trace)
{
    if (trace->xen) {
        tracexen_begin(trace->xen, trace->out, trace->cpus);
        return;
    }
    tracefile_begin(&trace->file, trace->out, trace->begin, trace->cpus, name_of, trace);
    draw_waiting(trace);
}

/* False: the file is not complete. */
static bool end_file(struct trace *trace)
{
    json_t *about;

    if (trace->xen)
        return tracexen_end(trace->xen);
    about = json_object();
    describe(trace, about);
    json_object_set_new(about, "vcpus", list_charges(trace));
    return tracefile_end(&trace->file, trace->end, about);
}

static int write_file(struct trace *trace)
{
    int rc;

    begin_file(trace);
    rc = record(trace);
    if (!end_file(trace) && rc == 0) {
        report_error(REPORT_INTERNAL, "%s: cannot write it completely: no space, or no reader",
                     trace->path ? trace->path : "standard output");
        rc = -EIO;
    }
    return rc;
}

static void print_summary(const struct trace *trace, struct call *call)
{
    uint64_t lost = sum_lost(trace);

    if (call->json) {
        json_t *object = output_object(call->json, "trace");

        output_text(object, "file", trace->path);
        describe(trace, object);
    } else {
        printf("%s: %.3f s, %" PRIu64 " records of %u CPUs; %s it\n", trace->path,
               (trace->end - trace->begin) / NS_PER_S, trace->total, trace->cpus,
               trace->xen ? "xenalyze --svm-mode --cpu-hz 1G reads" : "ui.perfetto.dev shows");
    }
    if (lost)
        report_warning("%" PRIu64 " records were lost: ask for fewer --events", lost);
}

/* Traces with the lock held. */
static int run_locked(struct trace *trace, struct call *call)
{
    int rc = start_core(trace);

    if (rc == 0)
        rc = read_clock(trace, &trace->begin);
    if (rc == 0)
        rc = begin_charges(trace);
    if (rc == 0)
        rc = open_output(trace);
    if (rc < 0)
        return rc;
    if (!trace->path) { /* the trace is the output */
        json_decref(call->json);
        call->json = NULL;
    }
    rc = write_file(trace);
    if (trace->path && fclose(trace->out) != 0 && rc == 0) {
        report_error(REPORT_INTERNAL, "-o %s: %s", trace->path, strerror(errno));
        rc = -EIO;
    }
    if (rc == 0 && trace->path)
        print_summary(trace, call);
    return rc;
}

int trace_run(struct call *call)
{
    struct trace trace = { .lock = -1, .unknown = CORE_NO_DOMAIN };
    int rc = read_options(call, &trace);

    if (rc < 0)
        return rc;
    rc = session_try(&trace.session, "names are not known");
    if (rc == 0)
        rc = take_lock(&trace);
    create_block_signals();
    if (rc == 0)
        rc = run_locked(&trace, call);
    release(&trace);
    session_close(&trace.session);
    create_unblock_signals();
    return rc;
}
