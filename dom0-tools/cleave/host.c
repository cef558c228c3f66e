/* SPDX-License-Identifier: MIT */
/*
 * cleave host: whether this machine is fit for VMs: its CPUs, who has its memory, dom0's daemons,
 * and what is wrong, each with a remedy. It is no error if something is. Read next:
 * hostcheck.c, ../libcleave/host.c.
 */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "command.h"
#include "info.h"
#include "report.h"
#include "supervisor.h"
#include "vms.h"

#define KIB_PER_MIB 1024
#define LOW_MEMORY_PERCENT 5
#define LOW_DISK_MIB 16
#define CONSOLE_LOGS "/var/log/xen/console"
#define BACKENDS "/sys/bus/xen-backend/drivers/"

enum daemon { CLEAVED, XENSTORED, XENCONSOLED, DAEMONS };

struct daemon_state {
    pid_t pid;  /* 0: it does not run */
    bool hangs; /* it runs and does not answer */
};

struct vm_counts {
    int defined, running, waiting, failed;
};

struct host {
    struct hv hv;
    struct info_machine machine;
    struct host_cpu cpu;
    struct utsname kernel; /* of dom0 */
    struct domain dom0;
    uint64_t guests_kib; /* that all other domains have, or are promised */
    struct daemon_state daemons[DAEMONS];
    struct vm_counts vms;
    json_t *warnings;
};

static const char *const daemon_names[DAEMONS] = {
    [CLEAVED] = "cleaved",
    [XENSTORED] = "xenstored",
    [XENCONSOLED] = "xenconsoled",
};

/* --- what there is ---------------------------------------------------------------------------- */

static bool is_up(const struct domain *domain)
{
    return !(domain->info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying));
}

static int read_domains(struct host *host)
{
    struct domain *list;
    int count = domain_list(&host->hv, NULL, &list);

    if (count < 0)
        return count;
    for (int i = 0; i < count; i++) {
        if (list[i].domid == 0) {
            host->dom0 = list[i];
            continue;
        }
        host->guests_kib += domain_memory_held(&list[i]);
        host->vms.running += is_up(&list[i]);
    }
    free(list);
    return 0;
}

static void count_vms(struct vm_counts *vms)
{
    struct vms_record *list;
    int count = vms_list(&list);

    for (int i = 0; i < count; i++) {
        vms->defined += list[i].defined;
        vms->waiting += list[i].phase == VMS_WAITING;
        vms->failed += list[i].phase == VMS_FAILED;
    }
    if (count >= 0)
        free(list);
}

/* Connects to xenstored without a word about it: a warning has the remedy. */
static bool store_answers(void)
{
    struct report *outer = report_current(), report = { .echo = NULL };
    struct xs_handle *store;

    report_begin(&report);
    store = store_open();
    report_end(&report);
    report_join(outer);
    if (store)
        xs_close(store);
    return store;
}

static void look_at_daemons(struct daemon_state *daemons)
{
    for (enum daemon i = 0; i < DAEMONS; i++)
        daemons[i].pid = host_find_daemon(daemon_names[i]);
    daemons[CLEAVED].hangs = daemons[CLEAVED].pid && !supervisor_ping();
    daemons[XENSTORED].hangs = daemons[XENSTORED].pid && !store_answers();
}

static int read_host(struct host *host)
{
    int rc = info_read(&host->hv, &host->machine);

    if (rc == 0)
        rc = host_read_cpu(&host->hv, &host->cpu);
    if (rc == 0)
        rc = read_domains(host);
    if (rc < 0)
        return rc;
    uname(&host->kernel);
    count_vms(&host->vms);
    look_at_daemons(host->daemons);
    return 0;
}

/* Memory that no domain has: the hypervisor itself, page tables, grant tables. */
static uint64_t hypervisor_kib(const struct host *host)
{
    const struct hv_memory *memory = &host->machine.memory;
    uint64_t used = memory->free - memory->claimed + host->guests_kib +
                    host->dom0.info.tot_pages * HV_PAGE_KIB;

    return memory->total > used ? memory->total - used : 0;
}

/* --- warnings --------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 3, 4)))
warn(struct host *host, const char *remedy, const char *format, ...)
{
    json_t *warning = output_item(host->warnings);
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    output_text(warning, "message", text);
    output_text(warning, "remedy", remedy);
}

static void check_daemons(struct host *host)
{
    static const struct {
        const char *consequence, *remedy;
    } texts[DAEMONS] = {
        [CLEAVED] = { "guests that end or reboot stay as they are", "start cleaved" },
        [XENSTORED] = { "no VM can be started, changed or asked to end",
                        "xenstored --pid-file /run/xen/xenstored.pid" },
        [XENCONSOLED] = { "guests have no consoles, and nothing logs what they print",
                          "xenconsoled --pid-file=/run/xen/xenconsoled.pid --log=guest "
                          "--log-dir=" CONSOLE_LOGS },
    };

    for (enum daemon i = 0; i < DAEMONS; i++) {
        const struct daemon_state *daemon = &host->daemons[i];

        if (!daemon->pid)
            warn(host, texts[i].remedy, "%s does not run: %s", daemon_names[i],
                 texts[i].consequence);
        else if (daemon->hangs)
            warn(host, "wait if the machine is busy, else end it and start it again",
                 "%s (process %d) does not answer: %s", daemon_names[i], (int)daemon->pid,
                 texts[i].consequence);
    }
    if (host->daemons[XENCONSOLED].pid &&
        !host_was_started_with(host->daemons[XENCONSOLED].pid, "--log="))
        warn(host, "start it with --log=guest",
             "xenconsoled keeps no logs: `cleave logs` finds nothing");
}

static void check_vms(struct host *host)
{
    if (host->vms.failed)
        warn(host, "`cleave list` shows why; then `cleave start` or `cleave destroy`",
             "%d VM%s failed", host->vms.failed, host->vms.failed == 1 ? "" : "s");
    if (host->vms.waiting)
        warn(host, "`cleave list` shows why", "%d VM%s to be built again", host->vms.waiting,
             host->vms.waiting == 1 ? " waits" : "s wait");
}

static void check_memory(struct host *host)
{
    const struct hv_memory *memory = &host->machine.memory;
    uint64_t available = memory->free - memory->claimed;

    if (available < memory->total / 100 * LOW_MEMORY_PERCENT)
        warn(host, "end a VM, or shrink one by `cleave set-memory`",
             "only %llu of %llu MiB are free", (unsigned long long)available / KIB_PER_MIB,
             (unsigned long long)memory->total / KIB_PER_MIB);
}

/* A file system of RAM may have no size: then it is dom0's memory. */
static void check_disk(struct host *host, const char *folder, const char *consequence)
{
    struct statvfs disk;
    uint64_t free;

    if (statvfs(folder, &disk) < 0 || disk.f_blocks == 0)
        return;
    free = (uint64_t)disk.f_bavail * disk.f_frsize >> 20;
    if (free < LOW_DISK_MIB)
        warn(host, "remove files there, or enlarge its file system",
             "only %llu MiB are free for %s: %s", (unsigned long long)free, folder, consequence);
}

static void check_backends(struct host *host)
{
    if (access(BACKENDS "vbd", F_OK) != 0)
        warn(host, "modprobe xen-blkback", "no driver serves disks of VMs");
    if (access(BACKENDS "vif", F_OK) != 0)
        warn(host, "modprobe xen-netback", "no driver serves network interfaces of VMs");
}

/* Without bounce buffers a device gets numbers of frames that only guests know. */
static bool bounces_all(void)
{
    FILE *file = fopen("/proc/cmdline", "re");
    char line[4096] = "", *rest = line, *word;
    bool forced = false;

    if (file && fgets(line, sizeof(line), file))
        while ((word = strsep(&rest, " \n")) != NULL)
            if (strncmp(word, "swiotlb=", 8) == 0) /* the last one counts */
                forced = strstr(word, ",force") || strcmp(word, "swiotlb=force") == 0;
    if (file)
        fclose(file);
    return forced;
}

static void check_cpus(struct host *host)
{
    bool on_cleave = strstr(host->machine.version, "cleave");

    if (!host->cpu.nested && !(host->cpu.features & 1u << HOST_INVARIANT_TSC))
        warn(host, "switch power management of the CPUs off in the firmware",
             "the TSC changes with the CPUs' clock, and guests' clocks with it");
    if (on_cleave && host->cpu.siblings > 1)
        warn(host, "switch SMT off in the firmware, or trust the VMs",
             "%u threads share a core, and two VMs may run on it at the same time",
             host->cpu.siblings);
    if (on_cleave && !bounces_all())
        warn(host, "add swiotlb=force to its command line",
             "dom0's kernel may give guests' pages to devices, which miss them without an IOMMU");
}

static void check_all(struct host *host)
{
    check_daemons(host);
    check_vms(host);
    check_memory(host);
    check_disk(host, VMS_HOME, "no VM can be created, and events are lost");
    check_disk(host, CONSOLE_LOGS, "guests' consoles are not logged");
    check_backends(host);
    check_cpus(host);
}

/* --- output ----------------------------------------------------------------------------------- */

static void print_features(const char *title, uint32_t mask)
{
    if (!mask)
        return;
    printf("  %-15s", title);
    for (unsigned int i = 0; host_feature(i); i++)
        if (mask >> i & 1)
            printf("%s%s", mask & ((1u << i) - 1) ? " " : "", host_feature(i));
    printf("\n");
}

static void print_mib(const char *title, uint64_t kib)
{
    printf("%-16s %llu MiB\n", title, (unsigned long long)kib / KIB_PER_MIB);
}

static void print_machine(const struct host *host)
{
    const xc_physinfo_t *physical = &host->machine.physical;
    const struct host_cpu *cpu = &host->cpu;

    printf("hypervisor       %s, scheduler %s\n", host->machine.version, host->machine.scheduler);
    printf("dom0             %s %s, %u vCPUs\n", host->kernel.sysname, host->kernel.release,
           host->dom0.info.nr_online_vcpus);
    printf("tools            cleave %s\n", CLEAVE_VERSION);
    printf("CPUs             %u at %u.%03u MHz\n", physical->nr_cpus, physical->cpu_khz / 1000,
           physical->cpu_khz % 1000);
    printf("  model          %s, family %xh%s\n", cpu->model, cpu->family,
           cpu->nested ? " (this machine is virtual)" : "");
    print_features("features", cpu->features);
    print_features("missing", ~cpu->features & ((1u << HOST_FEATURES) - 1));
    printf("  ASIDs          %u\n", cpu->asids);
    print_mib("memory", host->machine.memory.total);
    print_mib("  dom0", host->dom0.info.tot_pages * HV_PAGE_KIB);
    print_mib("  VMs", host->guests_kib);
    print_mib("    not taken yet", host->machine.memory.claimed);
    print_mib("  hypervisor", hypervisor_kib(host));
    print_mib("  free", host->machine.memory.free - host->machine.memory.claimed);
}

static const char *state_of(const struct daemon_state *daemon)
{
    if (!daemon->pid)
        return "stopped";
    return daemon->hangs ? "hangs" : "running";
}

static void print_host(const struct host *host)
{
    json_t *warning;
    size_t i;

    print_machine(host);
    for (enum daemon d = 0; d < DAEMONS; d++) {
        printf("%-17s%s", daemon_names[d], state_of(&host->daemons[d]));
        if (host->daemons[d].pid)
            printf(", process %d", (int)host->daemons[d].pid);
        printf("\n");
    }
    printf("VMs              %d running, %d defined, %d waiting, %d failed\n", host->vms.running,
           host->vms.defined, host->vms.waiting, host->vms.failed);
    json_array_foreach(host->warnings, i, warning)
        printf("warning          %s: %s\n", json_string_value(json_object_get(warning, "message")),
               json_string_value(json_object_get(warning, "remedy")));
}

static void add_cpu(json_t *output, const struct host *host)
{
    json_t *cpu = output_object(output, "cpu"), *features;

    output_number(cpu, "count", host->machine.physical.nr_cpus);
    output_number(cpu, "khz", host->machine.physical.cpu_khz);
    output_text(cpu, "model", host->cpu.model);
    output_number(cpu, "family", host->cpu.family);
    output_number(cpu, "asids", host->cpu.asids);
    json_object_set_new(cpu, "virtual", json_boolean(host->cpu.nested));
    features = output_object(cpu, "features");
    for (unsigned int i = 0; host_feature(i); i++)
        json_object_set_new(features, host_feature(i), json_boolean(host->cpu.features >> i & 1));
}

static void add_host(json_t *output, const struct host *host)
{
    json_t *memory, *daemons, *vms;

    output_text(output, "hypervisor", host->machine.version);
    output_text(output, "scheduler", host->machine.scheduler);
    output_text(output, "kernel", host->kernel.release);
    output_text(output, "tools", CLEAVE_VERSION);
    output_number(output, "dom0_vcpus", host->dom0.info.nr_online_vcpus);
    add_cpu(output, host);
    memory = output_object(output, "memory_kib");
    output_number(memory, "total", host->machine.memory.total);
    output_number(memory, "dom0", host->dom0.info.tot_pages * HV_PAGE_KIB);
    output_number(memory, "vms", host->guests_kib);
    output_number(memory, "hypervisor", hypervisor_kib(host));
    output_number(memory, "free", host->machine.memory.free);
    output_number(memory, "claimed", host->machine.memory.claimed);
    daemons = output_list(output, "daemons");
    for (enum daemon i = 0; i < DAEMONS; i++) {
        json_t *daemon = output_item(daemons);

        output_text(daemon, "name", daemon_names[i]);
        output_text(daemon, "state", state_of(&host->daemons[i]));
        if (host->daemons[i].pid)
            output_number(daemon, "pid", host->daemons[i].pid);
    }
    vms = output_object(output, "vms");
    output_number(vms, "running", host->vms.running);
    output_number(vms, "defined", host->vms.defined);
    output_number(vms, "waiting", host->vms.waiting);
    output_number(vms, "failed", host->vms.failed);
    json_object_set(output, "warnings", host->warnings);
}

int host_warnings(json_t *list)
{
    struct host host = { .warnings = list };
    int rc = hv_open(&host.hv);

    if (rc == 0)
        rc = read_host(&host);
    if (rc == 0)
        check_all(&host);
    hv_close(&host.hv);
    return rc;
}

int host_run(struct call *call)
{
    struct host host = { .warnings = NULL };
    int rc;

    if (call->count > 0)
        return hostcheck_run(call);
    host.warnings = json_array();
    rc = hv_open(&host.hv);
    if (rc == 0)
        rc = read_host(&host);
    if (rc == 0)
        check_all(&host);
    hv_close(&host.hv);
    if (rc == 0 && call->json)
        add_host(call->json, &host);
    else if (rc == 0)
        print_host(&host);
    json_decref(host.warnings);
    return rc;
}
