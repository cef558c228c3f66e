/* SPDX-License-Identifier: MIT */
/*
 * cleave mem simulate: replays the memory that VMs used under the balancer, under simpler policies,
 * and under an oracle. Read next: ../balancer/replay.c.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "replay.h"
#include "report.h"

#define VMS_MAX 1000
#define MIB_MAX (UINT64_C(1) << 30)
#define PERIODS_MAX 100000
#define SYNTHETIC_VMS 1000
#define SYNTHETIC_PERIODS 720
#define SYNTHETIC_IGNORES 50 /* one in so many */
#define PPM 1000000

static const char *const policies[] = { [REPLAY_BALANCED] = "balanced",
                                        [REPLAY_FRACTION] = "fraction",
                                        [REPLAY_FIXED] = "fixed",
                                        [REPLAY_ORACLE] = "oracle" };

static void free_vms(struct replay_vm *vms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(vms[i].need);
    free(vms);
}

/* --- a trace from a file ---------------------------------------------------------------------- */

/* Takes the number at *at, and advances *at to the next word. Returns false if it is none. */
static bool take_number(char **at, uint64_t most, uint64_t *number)
{
    char *end;

    if (!isdigit((unsigned char)**at))
        return false;
    errno = 0;
    *number = strtoull(*at, &end, 10);
    if (errno != 0 || *number > most || (*end && !isspace((unsigned char)*end)))
        return false;
    *at = end + strspn(end, " \t\r\n");
    return true;
}

/* Reads what follows the priority. Returns the number of periods, or 0. */
static size_t take_periods(char *at, struct replay_vm *vm)
{
    size_t count = 0, room = strlen(at) / 2 + 1;

    vm->need = calloc(room, sizeof(*vm->need));
    while (vm->need && *at && take_number(&at, MIB_MAX, &vm->need[count]))
        vm->need[count++] *= MEM_KIB_PER_MIB;
    return *at || count > PERIODS_MAX ? 0 : count;
}

/* Reads NAME MIN MAX SHARES PRIORITY USED... . Returns false if the line is something else. */
static bool read_line(struct replay_input *input, struct replay_vm *vm, char *line)
{
    char *at = line + strcspn(line, " \t\r\n");
    uint64_t shares, priority;
    size_t periods;

    at += strspn(at, " \t");
    if (!take_number(&at, MIB_MAX, &vm->min) || !take_number(&at, MIB_MAX, &vm->max) ||
        !take_number(&at, BALANCER_SHARES_MAX, &shares) || !take_number(&at, 1000, &priority))
        return false;
    vm->min *= MEM_KIB_PER_MIB;
    vm->max *= MEM_KIB_PER_MIB;
    vm->shares = shares;
    vm->priority = priority;
    periods = take_periods(at, vm);
    if (input->count == 1)
        input->periods = periods;
    return periods > 0 && periods == input->periods && shares > 0 && vm->min > 0 &&
           vm->min <= vm->max;
}

static int read_trace(const char *path, struct replay_input *input, struct replay_vm *vms)
{
    FILE *in = fopen(path, "re");
    int number = 0, rc = 0;
    char *line = NULL;
    size_t room = 0;

    if (!in) {
        report_error(report_by_errno(errno), "trace %s: %s", path, strerror(errno));
        return -ENOENT;
    }
    while (rc == 0 && getline(&line, &room, in) > 0) {
        number++;
        if (line[0] == '#' || line[strspn(line, " \t\r\n")] == '\0')
            continue;
        if (input->count < VMS_MAX) {
            input->count++;
            if (read_line(input, &vms[input->count - 1], line))
                continue;
        }
        report_error(REPORT_USAGE,
                     "trace %s:%d: must be NAME MIN MAX SHARES PRIORITY and the MiB used in each "
                     "period, in each line as many, of at most %d VMs; MIN from 1 to MAX",
                     path, number, VMS_MAX);
        rc = -EINVAL;
    }
    if (rc == 0 && input->count == 0) {
        report_error(REPORT_USAGE, "trace %s: no VMs in it", path);
        rc = -EINVAL;
    }
    free(line);
    fclose(in);
    return rc;
}

/* --- a trace from a seed ---------------------------------------------------------------------- */

static int make_trace(struct replay_input *input, struct replay_vm *vms)
{
    uint64_t seed = input->seed;

    input->periods = SYNTHETIC_PERIODS;
    for (size_t i = 0; i < SYNTHETIC_VMS; i++) {
        vms[i].need = calloc(SYNTHETIC_PERIODS, sizeof(*vms[i].need));
        if (!vms[i].need)
            return -ENOMEM;
        input->count++;
        replay_synthesize(&vms[i], SYNTHETIC_PERIODS, &seed);
        vms[i].ignores = i % SYNTHETIC_IGNORES == 0;
    }
    return 0;
}

static int load(const struct call *call, struct replay_input *input, struct replay_vm *vms)
{
    uint64_t max = 0, min = 0, memory = 0;
    int rc;

    if (!call->options[OPTION_SYNTHETIC] == (call->count < 2)) {
        report_error(REPORT_USAGE, "mem simulate: give either a TRACE or --synthetic SEED");
        return -EINVAL;
    }
    rc = option_number(call, OPTION_SYNTHETIC, 0, UINT32_MAX, &input->seed);
    if (rc == 0)
        rc = call->count == 2 ? read_trace(call->arguments[1], input, vms) : make_trace(input, vms);
    for (size_t i = 0; i < input->count; i++) {
        max += vms[i].max;
        min += vms[i].min;
    }
    if (rc == 0)
        rc = option_number(call, OPTION_HOST_MEMORY, 1, MIB_MAX, &memory);
    if (rc < 0)
        return rc;
    input->memory = memory ? memory * MEM_KIB_PER_MIB : max / 2;
    if (min <= input->memory / 100 * (100 - BALANCER_FREE_PERCENT))
        return 0;
    report_error(REPORT_MEMORY,
                 "the VMs' MIN add up to %" PRIu64 " MiB, and %" PRIu64 " MiB are too little for "
                 "that with %d %% free: --host-memory",
                 min / MEM_KIB_PER_MIB, input->memory / MEM_KIB_PER_MIB, BALANCER_FREE_PERCENT);
    return -ENOMEM;
}

/* --- results ---------------------------------------------------------------------------------- */

static void print_header(const struct replay_input *input, json_t *json)
{
    if (!json) {
        printf("%zu VMs, %zu periods of %d s, %" PRIu64 " MiB for them\n\n", input->count,
               input->periods, REPLAY_PERIOD_MS / 1000, input->memory / MEM_KIB_PER_MIB);
        printf("%-10s %10s %10s %10s %9s %9s %10s\n", "Policy", "Lacking", "Regret", "Moved",
               "Targets", "Turns", "Violations");
        return;
    }
    output_number(json, "vms", input->count);
    output_number(json, "periods", input->periods);
    output_number(json, "memory_kib", input->memory);
}

/* Prints a part of what was used, in percent. */
static void print_part(uint64_t part, uint64_t all)
{
    uint64_t ppm = all ? (uint64_t)((unsigned __int128)part * PPM / all) : 0;

    printf(" %6" PRIu64 ".%02" PRIu64 "%%", ppm / 10000, ppm % 10000 / 100);
}

static void print_result(const char *policy, const struct replay_result *result, json_t *list)
{
    json_t *item;

    if (!list) {
        printf("%-10s", policy);
        print_part(result->lacking, result->used);
        print_part(result->regret, result->used);
        print_part(result->moved, result->used);
        printf(" %9" PRIu64 " %9" PRIu64 " %10" PRIu64 "\n", result->writes, result->turns,
               result->violations);
        return;
    }
    item = output_item(list);
    output_text(item, "name", policy);
    output_number(item, "used_kib", result->used);
    output_number(item, "lacking_kib", result->lacking);
    output_number(item, "regret_kib", result->regret);
    output_number(item, "moved_kib", result->moved);
    output_number(item, "targets", result->writes);
    output_number(item, "turns", result->turns);
    output_number(item, "violations", result->violations);
}

static int simulate(struct call *call, const struct replay_input *input)
{
    json_t *json = call->json ? output_object(call->json, "simulation") : NULL, *list;
    int rc = 0;

    print_header(input, json);
    list = json ? output_list(json, "policies") : NULL;
    for (enum replay_policy policy = REPLAY_BALANCED; policy <= REPLAY_ORACLE; policy++) {
        struct replay_result result;

        rc = replay_run(input, policy, &result);
        if (rc < 0)
            break;
        print_result(policies[policy], &result, list);
    }
    return rc;
}

int memsimulate_run(struct call *call)
{
    struct replay_vm *vms = calloc(VMS_MAX, sizeof(*vms));
    struct replay_input input = { .vms = vms };
    int rc = vms ? load(call, &input, vms) : -ENOMEM;

    if (rc == 0)
        rc = simulate(call, &input);
    if (vms)
        free_vms(vms, input.count);
    return rc;
}
