/* SPDX-License-Identifier: MIT */
/* See tracecheck.h. */
#include "tracecheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACKS_MAX 4096
#define CPUS_PID 1
#define ROUNDING_US 0.0005 /* times are whole ns */

struct track {
    json_int_t pid, tid;
    double slice_end, instant;
};

struct check {
    struct track tracks[TRACKS_MAX];
    size_t count;
    double duration; /* us */
    double by_cpus, by_vcpus;
    char *problem;
};

static struct track *find_track(struct check *check, json_int_t pid, json_int_t tid)
{
    for (size_t i = 0; i < check->count; i++)
        if (check->tracks[i].pid == pid && check->tracks[i].tid == tid)
            return &check->tracks[i];
    if (check->count == TRACKS_MAX)
        return NULL;
    check->tracks[check->count] = (struct track){ .pid = pid, .tid = tid };
    return &check->tracks[check->count++];
}

static bool check_event(struct check *check, const json_t *event)
{
    const char *ph, *name;
    json_int_t pid, tid;
    double ts, dur = 0;
    struct track *track;

    if (json_unpack((json_t *)event, "{s:s, s:s, s:I, s:I, s:F, s?F}", "ph", &ph, "name", &name,
                    "pid", &pid, "tid", &tid, "ts", &ts, "dur", &dur) < 0 ||
        !*name || !strchr("MXi", *ph) || ph[1]) {
        snprintf(check->problem, 256, "an event lacks something");
        return false;
    }
    track = find_track(check, pid, tid);
    if (!track || ts < 0 || ts + dur > check->duration + ROUNDING_US || (*ph == 'X') != (dur > 0)) {
        snprintf(check->problem, 256, "%s at %f for %f us: not within %f us", name, ts, dur,
                 check->duration);
        return false;
    }
    if ((*ph == 'X' && ts < track->slice_end - ROUNDING_US) ||
        (*ph == 'i' && ts < track->instant - ROUNDING_US)) {
        snprintf(check->problem, 256, "%s at %f us is on its track behind one until %f us", name,
                 ts, *ph == 'X' ? track->slice_end : track->instant);
        return false;
    }
    if (*ph == 'X')
        track->slice_end = ts + dur;
    if (*ph == 'i')
        track->instant = ts;
    if (*ph == 'X' && pid == CPUS_PID)
        check->by_cpus += dur;
    if (*ph == 'X' && pid != CPUS_PID && strcmp(name, "run") == 0)
        check->by_vcpus += dur;
    return true;
}

struct window {
    double from, to; /* us */
};

/* Returns the time of a vCPU's or (tid -1) a process's slices in a window, in us. */
static double sum_slices(const json_t *events, json_int_t pid, json_int_t tid, const char *name,
                         struct window window)
{
    double sum = 0;
    size_t i;
    json_t *event;

    json_array_foreach((json_t *)events, i, event)
    {
        json_int_t other, thread;
        double ts, dur = 0;
        const char *called;

        if (json_unpack(event, "{s:s, s:I, s:I, s:F, s?F}", "name", &called, "pid", &other, "tid",
                        &thread, "ts", &ts, "dur", &dur) == 0 &&
            other == pid && (tid < 0 || tid == thread) && strcmp(called, name) == 0)
            sum += fmax(0, fmin(ts + dur, window.to) - fmax(ts, window.from));
    }
    return sum;
}

/* Returns the number of a process or thread that metadata give this name; -1: none has it. */
static json_int_t find_named(const json_t *events, const char *what, json_int_t pid,
                             const char *name)
{
    size_t i;
    json_t *event;

    json_array_foreach((json_t *)events, i, event)
    {
        const char *called, *named;
        json_int_t process, thread;

        if (json_unpack(event, "{s:s, s:I, s:I, s:{s:s}}", "name", &called, "pid", &process, "tid",
                        &thread, "args", "name", &named) == 0 &&
            strcmp(called, what) == 0 && strcmp(named, name) == 0 && (pid < 0 || pid == process))
            return pid < 0 ? process : thread;
    }
    return -1;
}

static bool check_charge(const struct check *check, const json_t *events, const json_t *vcpu)
{
    const char *name;
    json_int_t number, ran, pid, tid;
    char thread[32];
    struct window window;
    double slices;

    if (json_unpack((json_t *)vcpu, "{s:s, s:I, s:I, s:F, s:F}", "name", &name, "vcpu", &number,
                    "ran_ns", &ran, "from_us", &window.from, "to_us", &window.to) < 0) {
        snprintf(check->problem, 256, "otherData.vcpus lacks something");
        return false;
    }
    snprintf(thread, sizeof(thread), "vCPU %d", (int)number);
    pid = find_named(events, "process_name", -1, name);
    tid = pid < 0 ? -1 : find_named(events, "thread_name", pid, thread);
    slices = tid < 0 ? 0 : sum_slices(events, pid, tid, "run", window);
    if (fabs(slices - ran / 1e3) <= (window.to - window.from) / 100)
        return true;
    snprintf(check->problem, 256, "%s, vCPU %d: ran %f us by its slices, was charged %f us", name,
             (int)number, slices, ran / 1e3);
    return false;
}

bool tracecheck(const json_t *trace, char problem[256])
{
    struct check *check = calloc(1, sizeof(*check));
    json_t *events = json_object_get(trace, "traceEvents"), *event, *vcpus;
    json_int_t duration;
    bool good = false;
    size_t i;

    check->problem = problem;
    snprintf(problem, 256, "no traceEvents, or no otherData");
    if (json_unpack((json_t *)trace, "{s:{s:I, s:o}}", "otherData", "duration_ns", &duration,
                    "vcpus", &vcpus) < 0 ||
        !json_is_array(events))
        goto out;
    check->duration = duration / 1e3;
    json_array_foreach(events, i, event) if (!check_event(check, event)) goto out;
    snprintf(problem, 256, "CPUs ran vCPUs for %f us, vCPUs ran for %f us", check->by_cpus,
             check->by_vcpus);
    if (fabs(check->by_cpus - check->by_vcpus) > 1)
        goto out;
    json_array_foreach(vcpus, i, event) if (!check_charge(check, events, event)) goto out;
    good = true;
out:
    free(check);
    return good;
}

double tracecheck_time(const json_t *trace, const char *process, const char *slice)
{
    const json_t *events = json_object_get(trace, "traceEvents");
    json_int_t pid = find_named(events, "process_name", -1, process);

    return pid < 0 ? 0 : 1e3 * sum_slices(events, pid, -1, slice, (struct window){ 0, INFINITY });
}

unsigned int tracecheck_instants(const json_t *trace, const char *name)
{
    unsigned int count = 0;
    size_t i;
    json_t *event;

    json_array_foreach(json_object_get(trace, "traceEvents"), i, event)
    {
        const char *ph, *called;

        if (json_unpack(event, "{s:s, s:s}", "ph", &ph, "name", &called) == 0 && *ph == 'i' &&
            strncmp(called, name, strlen(name)) == 0)
            count++;
    }
    return count;
}
