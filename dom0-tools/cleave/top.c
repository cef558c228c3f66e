/* SPDX-License-Identifier: MIT */
/*
 * cleave top: VMs as they run, on a screen (topscreen.c), as text (--batch) or as one JSON object
 * for each interval. Read next: toplines.c, sample.c.
 */
#include "top.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cpu.h"
#include "report.h"

#define NAME_WIDTH 20

/* --- one interval ----------------------------------------------------------------------------- */

static void print_text(const struct sample *sample, enum top_key key)
{
    const char *warning = toplines_warning(sample);
    char text[TOP_LINE_MAX];

    for (int line = 0; line < TOPLINES_HEADS; line++) {
        toplines_head(sample, key, line, text);
        puts(text);
    }
    if (warning)
        puts(warning);
    toplines_columns(NAME_WIDTH, text);
    printf("\n%s\n", text);
    for (size_t i = 0; i < sample->count; i++) {
        toplines_vm(sample, &sample->vms[i], NAME_WIDTH, text);
        puts(text);
    }
    putchar('\n');
}

static void add_vm(const struct sample *sample, const struct sample_vm *vm, json_t *item)
{
    const xc_domaininfo_t *info = &vm->row.domain.info;

    output_vm(item, &vm->row.domain);
    output_text(item, "state", vm->row.state);
    if (vm->row.has_domain) {
        output_number(item, "memory_kib", domain_memory_held(&vm->row.domain));
        output_number(item, "vcpus", info->nr_online_vcpus);
    }
    sample_add_cpu(sample, vm, item);
}

/* One line: an object as other verbs print it. */
static void print_json(const struct sample *sample)
{
    json_t *out = json_object(), *vms;

    output_number(out, "cleave", CLEAVE_JSON_VERSION);
    output_text(out, "verb", "top");
    output_number(out, "cpus", sample->machine.nr_cpus);
    output_number(out, "mhz", sample->mhz);
    output_number(out, "reserved_mhz", sample->book.plan.reserved_mhz);
    output_number(out, "free_mhz", sample->book.plan.free_mhz);
    output_text(out, "tables", sample_tables_word(sample));
    output_number(out, "memory_total_kib", sample->memory.total);
    output_number(out, "memory_free_kib", sample->memory.free);
    output_number(out, "memory_claimed_kib", sample->memory.claimed);
    vms = output_list(out, "vms");
    for (size_t i = 0; i < sample->count; i++)
        add_vm(sample, &sample->vms[i], output_item(vms));
    json_dumpf(out, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(out);
}

/* Prints so many intervals; 0: until nobody reads. Takes over the sample before the first. */
static int print_intervals(struct sample *before, enum top_key key, uint32_t seconds,
                           uint32_t intervals, bool as_json)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && (i < intervals || intervals == 0); i++) {
        struct sample sample;

        sleep(seconds);
        rc = sample_take(before, true, &sample);
        if (rc == 0) {
            toplines_sort(&sample, key);
            if (as_json)
                print_json(&sample);
            else
                print_text(&sample, key);
        }
        sample_free(before);
        *before = sample;
        if (fflush(stdout) != 0)
            break;
    }
    return rc;
}

/* --- the verb --------------------------------------------------------------------------------- */

static int read_key(const struct call *call, enum top_key *key)
{
    const char *word = call->options[OPTION_SORT];

    if (!word)
        return 0;
    for (*key = 0; *key < TOP_KEYS; (*key)++)
        if (strcmp(word, toplines_keys[*key]) == 0)
            return 0;
    report_error(REPORT_USAGE,
                 "--sort %s: must be unmet, got, wanted, longest (wait), memory or name", word);
    return -EINVAL;
}

/* The first look, whose error is JSON if the user wants that. Each interval is an object then. */
static int begin(struct call *call, struct sample *before)
{
    int rc = sample_take(NULL, true, before);

    if (rc == 0) {
        json_decref(call->json);
        call->json = NULL;
    }
    return rc;
}

int top_run(struct call *call)
{
    bool as_json = call->json, batch = as_json || call->options[OPTION_BATCH];
    uint32_t seconds = 1, intervals = 0;
    enum top_key key = TOP_UNMET;
    struct sample before = { .count = 0 };
    int rc = cpu_read_number(call, OPTION_INTERVAL, 1, TOP_SECONDS_MAX, &seconds);

    if (rc == 0)
        rc = cpu_read_number(call, OPTION_INTERVALS, 1, UINT32_MAX, &intervals);
    if (rc == 0)
        rc = read_key(call, &key);
    if (rc == 0 && !batch && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
        report_error(REPORT_USAGE, "top needs a terminal: --batch or --json print without one");
        rc = -ENOTTY;
    }
    if (rc == 0 && !batch && intervals) {
        report_error(REPORT_USAGE, "-n belongs to --batch or --json");
        rc = -EINVAL;
    }
    if (rc == 0 && !batch)
        return topscreen_run(key, seconds);
    if (rc == 0)
        rc = begin(call, &before);
    if (rc == 0)
        rc = print_intervals(&before, key, seconds, intervals, as_json);
    sample_free(&before);
    return rc;
}
