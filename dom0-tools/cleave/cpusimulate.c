/* SPDX-License-Identifier: MIT */
/*
 * cleave cpu simulate: the first half of a trace is the history from which demand is predicted, and
 * the second half is replayed on as many machines as each policy needs. Read next:
 * ../planner/simulate.c.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "report.h"
#include "simulate.h"

#define VMS_MAX 10000
#define SYNTHETIC_VMS 1000
#define SYNTHETIC_SECONDS 7200
#define SYNTHETIC_SLO 95
#define SYNTHETIC_VM_MHZ 500
#define SYNTHETIC_VM_MOST 16

static const char *const policies[] = { [SIMULATE_RESERVED] = "reserved",
                                        [SIMULATE_PREDICTED] = "predicted",
                                        [SIMULATE_ORACLE] = "oracle" };

struct trace {
    struct simulate_vm *vms;
    size_t count, seconds;
};

static void trace_free(struct trace *trace)
{
    for (size_t i = 0; i < trace->count; i++)
        free(trace->vms[i].wanted);
    free(trace->vms);
}

/* --- a trace from a file ---------------------------------------------------------------------- */

/* Takes the number at *at, and advances *at to the next word. Returns false if it is none. */
static bool take_number(char **at, unsigned long most, uint32_t *number)
{
    unsigned long value;
    char *end;

    if (!isdigit((unsigned char)**at))
        return false;
    errno = 0;
    value = strtoul(*at, &end, 10);
    if (errno != 0 || value > most || (*end && !isspace((unsigned char)*end)))
        return false;
    *number = value;
    *at = end + strspn(end, " \t\r\n");
    return true;
}

/* Reads what follows the SLO. Returns the number of seconds. */
static size_t take_seconds(char *at, struct simulate_vm *vm)
{
    size_t count = 0, room = strlen(at) / 2 + 1;

    vm->wanted = calloc(room, sizeof(*vm->wanted));
    while (vm->wanted && *at && take_number(&at, UINT32_MAX, &vm->wanted[count]))
        count++;
    return *at ? 0 : count;
}

/* Reads NAME VCPUS MHZ SLO WANTED... . Returns false if the line is something else. */
static bool read_line(struct trace *trace, char *line)
{
    struct simulate_vm *vm = &trace->vms[trace->count++];
    char *at = line + strcspn(line, " \t\r\n");
    uint32_t vcpus, mhz;
    size_t seconds;

    at += strspn(at, " \t");
    if (!take_number(&at, VMFILE_VCPUS_MAX, &vcpus) || !take_number(&at, PLANNER_MHZ_MAX, &mhz) ||
        !take_number(&at, 100, &vm->slo))
        return false;
    vm->reserved_mhz = vcpus * mhz;
    seconds = take_seconds(at, vm);
    if (trace->count == 1)
        trace->seconds = seconds;
    return seconds >= 2 && seconds == trace->seconds && vm->reserved_mhz > 0;
}

static int read_trace(const char *path, struct trace *trace)
{
    FILE *in = fopen(path, "re");
    int number = 0, rc = 0;
    char *line = NULL;
    size_t room = 0;

    if (!in) {
        report_error(report_by_errno(errno), "trace %s: %s", path, strerror(errno));
        return -ENOENT;
    }
    trace->vms = calloc(VMS_MAX, sizeof(*trace->vms));
    if (!trace->vms)
        rc = -ENOMEM;
    while (rc == 0 && getline(&line, &room, in) > 0) {
        number++;
        if (line[0] == '#' || line[strspn(line, " \t\r\n")] == '\0')
            continue;
        if (trace->count < VMS_MAX && read_line(trace, line))
            continue;
        report_error(REPORT_USAGE,
                     "trace %s:%d: must be NAME VCPUS MHZ SLO and the MHz wanted in each second, "
                     "in each line as many, of at most %d VMs",
                     path, number, VMS_MAX);
        rc = -EINVAL;
    }
    free(line);
    fclose(in);
    return rc;
}

/* --- a trace from a seed ---------------------------------------------------------------------- */

static int make_trace(uint64_t seed, struct trace *trace)
{
    trace->seconds = SYNTHETIC_SECONDS;
    trace->vms = calloc(SYNTHETIC_VMS, sizeof(*trace->vms));
    if (!trace->vms)
        return -ENOMEM;
    for (size_t i = 0; i < SYNTHETIC_VMS; i++) {
        struct simulate_vm *vm = &trace->vms[trace->count++];

        vm->reserved_mhz = SYNTHETIC_VM_MHZ * (1 + i % SYNTHETIC_VM_MOST);
        vm->slo = SYNTHETIC_SLO;
        vm->wanted = calloc(SYNTHETIC_SECONDS, sizeof(*vm->wanted));
        if (!vm->wanted)
            return -ENOMEM;
        simulate_synthesize(vm, SYNTHETIC_SECONDS, &seed);
    }
    return 0;
}

static int load(const struct call *call, struct trace *trace)
{
    uint32_t seed = 0;
    int rc;

    if (!call->options[OPTION_SYNTHETIC] == (call->count < 2)) {
        report_error(REPORT_USAGE, "cpu simulate: give either a TRACE or --synthetic SEED");
        return -EINVAL;
    }
    if (call->count == 2)
        return read_trace(call->arguments[1], trace);
    rc = cpu_read_number(call, OPTION_SYNTHETIC, 0, UINT32_MAX, &seed);
    return rc < 0 ? rc : make_trace(seed, trace);
}

/* --- results ---------------------------------------------------------------------------------- */

static void print_header(const struct simulate_input *input, json_t *json)
{
    size_t replay = input->seconds - input->history;

    if (!json) {
        printf("%zu VMs, %zu s of history, %zu s replayed, machines of %" PRIu64 " MHz\n\n",
               input->count, input->history, replay, input->capacity_mhz);
        printf("%-10s %8s %11s %15s\n", "Policy", "Machines", "Broken SLOs", "Violated time");
        return;
    }
    output_number(json, "vms", input->count);
    output_number(json, "history_s", input->history);
    output_number(json, "replay_s", replay);
    output_number(json, "capacity_mhz", input->capacity_mhz);
}

static void print_result(const char *policy, const struct simulate_result *result, json_t *list)
{
    uint64_t ppm = result->wanted ? result->violated * 1000000 / result->wanted : 0;
    json_t *item;

    if (!list) {
        printf("%-10s %8zu %11zu %12u.%04u %%\n", policy, result->machines, result->broken,
               (unsigned int)(ppm / 10000), (unsigned int)(ppm % 10000));
        return;
    }
    item = output_item(list);
    output_text(item, "name", policy);
    output_number(item, "machines", result->machines);
    output_number(item, "broken", result->broken);
    output_number(item, "wanted_s", result->wanted);
    output_number(item, "violated_s", result->violated);
}

static int simulate(struct call *call, const struct simulate_input *input)
{
    json_t *json = call->json ? output_object(call->json, "simulation") : NULL, *list;
    int rc = 0;

    print_header(input, json);
    list = json ? output_list(json, "policies") : NULL;
    for (enum simulate_policy policy = SIMULATE_RESERVED; policy <= SIMULATE_ORACLE; policy++) {
        struct simulate_result result;

        rc = simulate_pack(input, policy, &result);
        if (rc < 0)
            break;
        print_result(policies[policy], &result, list);
    }
    return rc;
}

int cpusimulate_run(struct call *call)
{
    struct cpu_scene scene = { .count = 0 };
    struct simulate_input input = { .vms = NULL };
    struct trace trace = { .vms = NULL };
    int rc = cpu_read_machine(call, &scene);

    if (rc == 0)
        rc = load(call, &trace);
    for (uint32_t cpu = 0; rc == 0 && cpu < scene.input.cpus; cpu++)
        if (planner_allowed(&scene.input, &(struct planner_vm){ .cpus = NULL }, cpu))
            input.capacity_mhz += scene.input.mhz;
    input.vms = trace.vms;
    input.count = trace.count;
    input.seconds = trace.seconds;
    input.history = trace.seconds / 2;
    if (rc == 0)
        rc = simulate(call, &input);
    trace_free(&trace);
    return rc;
}
