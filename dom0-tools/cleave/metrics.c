/* SPDX-License-Identifier: MIT */
/*
 * cleave metrics: one look at all VMs in the text format of Prometheus, printed or served by HTTP.
 * Units are seconds, bytes, hertz and ratios; times are counters, so that the interval is the
 * reader's. Read next: http.c, sample.c, ../libcleave/balance.h.
 */
#include "metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "http.h"
#include "report.h"

#define NS_PER_S 1e9
#define HZ_PER_MHZ 1e6
#define BYTES_PER_KIB 1024.0

/* --- the format ------------------------------------------------------------------------------- */

static void write_family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_value(FILE *out, double value) { fprintf(out, " %.15g\n", value); }

/* Writes name="text" as a label's value must be: in UTF-8 and with three characters escaped. */
static void write_label(FILE *out, const char *name, const char *text)
{
    json_t *string = output_string(text);
    const char *c = string ? json_string_value(string) : "";

    fprintf(out, "%s=\"", name);
    for (; *c; c++) {
        if (*c == '\n')
            fputs("\\n", out);
        else if (*c == '\\' || *c == '"')
            fprintf(out, "\\%c", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
    json_decref(string);
}

/* Writes a metric's name and labels, up to its value. label: one more, or NULL. */
static void begin_series(FILE *out, const char *name, const struct domain *vm, const char *label,
                         const char *value)
{
    fprintf(out, "%s{", name);
    write_label(out, "vm", list_name(vm));
    fputc(',', out);
    write_label(out, "uuid", vm->uuid);
    if (label) {
        fputc(',', out);
        write_label(out, label, value);
    }
    fputc('}', out);
}

/* Two series of the same labels would spoil all others. */
static bool is_repeated(const struct sample *sample, size_t index)
{
    const struct domain *domain = &sample->vms[index].row.domain;

    for (size_t i = 0; i < index; i++)
        if (strcmp(sample->vms[i].row.domain.uuid, domain->uuid) == 0 &&
            strcmp(sample->vms[i].row.domain.name, domain->name) == 0)
            return true;
    return false;
}

/* --- the machine ------------------------------------------------------------------------------ */

static void write_machine(FILE *out, const struct sample *sample)
{
    const struct planner_plan *plan = &sample->book.plan;
    double clock = (double)sample->mhz * sample->machine.nr_cpus;
    const struct {
        const char *name, *help;
        double value;
        bool absent;
    } gauges[] = {
        { "cleave_host_cpus", "CPUs of the machine.", sample->machine.nr_cpus, false },
        { "cleave_host_cpu_clock_hertz", "Nominal clock of a CPU.", sample->mhz * HZ_PER_MHZ,
          false },
        { "cleave_host_cpu_reserved_ratio", "Part of all CPU time that is promised.",
          clock > 0 ? plan->reserved_mhz / clock : 0, clock <= 0 },
        { "cleave_host_tables_installed", "1: the hypervisor has the tables of the plan.",
          sample->tables == SAMPLE_INSTALLED, sample->tables == SAMPLE_NO_TABLES },
        { "cleave_host_memory_bytes", "Memory of the machine.",
          sample->memory.total * BYTES_PER_KIB, false },
        { "cleave_host_memory_free_bytes", "Memory without an owner.",
          sample->memory.free * BYTES_PER_KIB, false },
        { "cleave_host_memory_claimed_bytes", "Part of the free memory that VMs have claimed.",
          sample->memory.claimed * BYTES_PER_KIB, false },
        { "cleave_host_vms", "VMs, with dom0 and those that do not run.", sample->count, false },
    };

    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
        if (gauges[i].absent)
            continue;
        write_family(out, gauges[i].name, "gauge", gauges[i].help);
        fputs(gauges[i].name, out);
        write_value(out, gauges[i].value);
    }
}

/* --- VMs: a function returns false where there is no value ------------------------------------ */

static bool vcpus_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    (void)sample;
    *value = vm->row.domain.info.nr_online_vcpus;
    return vm->row.has_domain;
}

static bool memory_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    (void)sample;
    *value = domain_memory_held(&vm->row.domain) * BYTES_PER_KIB;
    return vm->row.has_domain;
}

/* dom0's maximum has no bound. */
static bool maximum_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    (void)sample;
    *value = vm->row.domain.info.max_pages * (HV_PAGE_KIB * BYTES_PER_KIB);
    return vm->row.has_domain && vm->row.domain.domid != 0;
}

static bool asked_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    *value = (double)sample_asked_mhz(vm) / sample->mhz;
    return vm->vm;
}

static bool got_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    (void)sample;
    *value = vm->row.domain.info.cpu_time / NS_PER_S;
    return vm->row.has_domain;
}

/* Returns the sum of one time of all vCPUs, in seconds. */
static double sum_of(const struct sample_vm *vm, enum core_state state)
{
    uint64_t ns = 0;

    for (uint32_t vcpu = 0; vcpu < vm->vcpus; vcpu++)
        ns += vm->times[vcpu].time[state];
    return ns / NS_PER_S;
}

static bool wanted_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    (void)sample;
    *value = sum_of(vm, CORE_RUNNING) + sum_of(vm, CORE_RUNNABLE);
    return vm->times;
}

static bool waited_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    (void)sample;
    *value = sum_of(vm, CORE_RUNNABLE);
    return vm->times;
}

static bool slots_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    uint64_t ns = 0;

    (void)sample;
    for (uint32_t vcpu = 0; vcpu < vm->vcpus; vcpu++)
        ns += vm->times[vcpu].slot_time;
    *value = ns / NS_PER_S;
    return vm->times;
}

static bool longest_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    uint64_t longest = 0;

    (void)sample;
    for (uint32_t vcpu = 0; vcpu < vm->vcpus; vcpu++)
        if (vm->times[vcpu].longest_wait > longest)
            longest = vm->times[vcpu].longest_wait;
    *value = longest / NS_PER_S;
    return vm->times;
}

static bool bound_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    (void)sample;
    *value = vm->bound / NS_PER_S;
    return vm->bound;
}

static bool slo_of(const struct sample *sample, const struct sample_vm *vm, double *value)
{
    (void)sample;
    *value = vm->vm && vm->vm->cpu.class == VMFILE_RELAXED ? vm->vm->cpu.slo / 100.0 : 1;
    return vm->vm;
}

static const struct {
    const char *name, *type, *help;
    bool (*read)(const struct sample *sample, const struct sample_vm *vm, double *value);
} families[] = {
    { "cleave_vm_vcpus", "gauge", "Online vCPUs.", vcpus_of },
    { "cleave_vm_memory_bytes", "gauge", "Memory of the VM.", memory_of },
    { "cleave_vm_memory_max_bytes", "gauge", "Memory that it may have at most.", maximum_of },
    { "cleave_vm_cpu_asked_ratio", "gauge",
      "CPU time promised to all its vCPUs together; 1 is one CPU.", asked_of },
    { "cleave_vm_cpu_got_seconds_total", "counter", "Run time of all its vCPUs.", got_of },
    { "cleave_vm_cpu_wanted_seconds_total", "counter",
      "Run time, and time in which a vCPU could have run.", wanted_of },
    { "cleave_vm_cpu_waited_seconds_total", "counter",
      "Time in which a vCPU could have run and did not.", waited_of },
    { "cleave_vm_cpu_slots_seconds_total", "counter", "Run time in slots of the plan.", slots_of },
    { "cleave_vm_cpu_longest_wait_seconds", "gauge",
      "Longest wait of a vCPU since `cleave top` or `cleave cpu show` looked.", longest_of },
    { "cleave_vm_cpu_wait_bound_seconds", "gauge", "Longest wait that the plan allows.", bound_of },
    { "cleave_vm_promise_slo_ratio", "gauge",
      "Part of the seconds in which the promise is to be kept.", slo_of },
};

static void write_families(FILE *out, const struct sample *sample)
{
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        write_family(out, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; i < sample->count; i++) {
            double value;

            if (is_repeated(sample, i) || !families[f].read(sample, &sample->vms[i], &value))
                continue;
            begin_series(out, families[f].name, &sample->vms[i].row.domain, NULL, NULL);
            write_value(out, value);
        }
    }
}

static void write_states(FILE *out, const struct sample *sample)
{
    static const char name[] = "cleave_vm_state", class_name[] = "cleave_vm_cpu_class";

    write_family(out, name, "gauge", "1: the VM is in this state.");
    for (size_t i = 0; i < sample->count; i++)
        if (!is_repeated(sample, i)) {
            begin_series(out, name, &sample->vms[i].row.domain, "state", sample->vms[i].row.state);
            write_value(out, 1);
        }
    write_family(out, class_name, "gauge", "1: its promise of CPU time is of this class.");
    for (size_t i = 0; i < sample->count; i++)
        if (!is_repeated(sample, i)) {
            begin_series(out, class_name, &sample->vms[i].row.domain, "class",
                         sample_class(&sample->vms[i]));
            write_value(out, 1);
        }
}

/* Seconds of the last minute and hour, as cleaved has judged them. */
static void write_kept(FILE *out, const struct sample *sample, const char *name, const char *help,
                       bool kept)
{
    write_family(out, name, "gauge", help);
    for (size_t i = 0; i < sample->count; i++) {
        const struct sample_vm *vm = &sample->vms[i];
        const struct usage *usage = &vm->usage;

        if (!vm->vm || is_repeated(sample, i))
            continue;
        begin_series(out, name, &vm->row.domain, "window", "1m");
        write_value(out, kept ? usage->minute.kept : usage->minute.wanted);
        begin_series(out, name, &vm->row.domain, "window", "1h");
        write_value(out, kept ? usage->hour.kept : usage->hour.wanted);
    }
}

/* --- the balancer's figures ------------------------------------------------------------------- */

static double min_of(const struct balancer_vm *vm) { return vm->min * BYTES_PER_KIB; }
static double target_of(const struct balancer_vm *vm) { return vm->target * BYTES_PER_KIB; }
static double current_of(const struct balancer_vm *vm) { return vm->current * BYTES_PER_KIB; }

/* -1: it is not known. */
static double working_of(const struct balancer_vm *vm)
{
    return vm->sampled ? vm->working * BYTES_PER_KIB : -1;
}

static const struct {
    const char *name, *help;
    double (*read)(const struct balancer_vm *vm);
} memory_families[] = {
    { "cleave_vm_memory_min_bytes", "Memory that it is promised.", min_of },
    { "cleave_vm_memory_target_bytes", "Memory that it is to have.", target_of },
    { "cleave_vm_memory_ram_bytes", "RAM that its guest has, touched or not.", current_of },
    { "cleave_vm_memory_working_bytes", "Its working set, as sampled last.", working_of },
};

static void write_memory(FILE *out, const struct balance *balance)
{
    static const char balloon[] = "cleave_vm_memory_balloon";

    for (size_t f = 0; f < sizeof(memory_families) / sizeof(memory_families[0]); f++) {
        write_family(out, memory_families[f].name, "gauge", memory_families[f].help);
        for (size_t i = 0; i < balance->count; i++) {
            double value = memory_families[f].read(&balance->vms[i]);

            if (value < 0)
                continue;
            begin_series(out, memory_families[f].name, &balance->known[i].domain, NULL, NULL);
            write_value(out, value);
        }
    }
    write_family(out, balloon, "gauge", "1: its balloon is in this state.");
    for (size_t i = 0; i < balance->count; i++)
        if (balance->known[i].balanced) {
            begin_series(out, balloon, &balance->known[i].domain, "state",
                         balancer_balloon_word(balance->vms[i].history.balloon));
            write_value(out, 1);
        }
}

void metrics_write(FILE *out, const struct sample *sample, const struct balance *balance)
{
    write_machine(out, sample);
    write_families(out, sample);
    write_states(out, sample);
    write_kept(out, sample, "cleave_vm_promise_wanted_seconds",
               "Seconds in which the VM wanted CPU time.", false);
    write_kept(out, sample, "cleave_vm_promise_kept_seconds",
               "Those of them in which its promise was kept.", true);
    write_memory(out, balance);
}

/* --- the verb --------------------------------------------------------------------------------- */

static int render(FILE *out, void *data)
{
    struct session session = { .store = NULL };
    struct balance balance = { .count = 0 };
    struct sample sample;
    int rc = sample_take(NULL, false, &sample);

    (void)data;
    /* without xenstored there are no targets */
    if (rc == 0 && session_try(&session, "memory targets are unknown") == 0 && session.store)
        rc = balance_take(&session.hv, session.store, false, &balance);
    if (rc == 0)
        metrics_write(out, &sample, &balance);
    balance_free(&balance);
    session_close(&session);
    sample_free(&sample);
    return rc;
}

int metrics_run(struct call *call)
{
    static const struct http_page page = { "/metrics", METRICS_TYPE, render, NULL };
    const char *where = call->options[OPTION_LISTEN];
    int listener = where ? http_listen(where) : -1, rc;
    FILE *nowhere;

    if (!where)
        return render(stdout, NULL);
    if (listener < 0)
        return listener;
    /* what is wrong from the beginning is an error of the verb, not of each request */
    nowhere = fopen("/dev/null", "we");
    rc = nowhere ? render(nowhere, NULL) : -errno;
    if (nowhere)
        fclose(nowhere);
    if (rc == 0)
        rc = http_serve(listener, &page);
    return rc;
}
