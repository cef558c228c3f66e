/* SPDX-License-Identifier: MIT */
/*
 * cleave host check: a doctor for the machine. It looks at one thing after the other, and says of
 * each whether it is right, a risk, or wrong so that VMs cannot run, with a remedy. It also works
 * on plain Debian, before Cleave runs, and then sees what /proc and /sys tell. Read next: host.c,
 * ../debian/README.md.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "command.h"
#include "host.h"
#include "info.h"
#include "report.h"

#define KIB_PER_MIB 1024
#define DOM0_LOW_MIB 512
#define MACHINE_LOW_MIB 1536
#define ELF_FOLDER "/boot/cleave"
#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define FAMILY_ZEN 0x17

enum state { OK, RISK, WRONG, STATES };

static const char *const state_names[STATES] = { [OK] = "ok", [RISK] = "risk", [WRONG] = "wrong" };

struct doctor {
    json_t *findings;
    unsigned int counts[STATES];
    bool on_xen;    /* a hypervisor with Xen's ABI runs, and this is its control domain */
    bool on_cleave; /* it is Cleave */
    struct hv hv;   /* open if on_xen */
};

/* Adds a finding. remedy: NULL if there is nothing to do. */
static void __attribute__((format(printf, 5, 6)))
find(struct doctor *doctor, enum state state, const char *subject, const char *remedy,
     const char *format, ...)
{
    json_t *finding = output_item(doctor->findings);
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    doctor->counts[state]++;
    output_text(finding, "state", state_names[state]);
    output_text(finding, "subject", subject);
    output_text(finding, "message", text);
    if (remedy)
        output_text(finding, "remedy", remedy);
}

/* Reads the begin of a file into text. Returns its length, 0 if it cannot be read. */
static size_t read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, size - 1, file) : 0;

    text[length] = '\0';
    if (file)
        fclose(file);
    return length;
}

/* Copies the value of a line "NAME : VALUE" of /proc/cpuinfo; "" if there is none. */
static void read_cpuinfo(const char *name, char *value, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[8192], *colon;

    *value = '\0';
    while (file && !*value && fgets(line, sizeof(line), file)) {
        colon = strchr(line, ':');
        if (!colon || strncmp(line, name, strlen(name)) != 0)
            continue;
        colon += 1 + strspn(colon + 1, " ");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(value, size, "%s", colon);
    }
    if (file)
        fclose(file);
}

/* --- the hypervisor and its loader ------------------------------------------------------------ */

/* Opens the hypervisor without a word about it: a finding has the remedy. */
static bool open_hypervisor(struct doctor *doctor)
{
    struct report *outer = report_current(), report = { .echo = NULL };
    int rc;

    report_begin(&report);
    rc = hv_open(&doctor->hv);
    report_end(&report);
    report_join(outer);
    return rc == 0;
}

/* GRUB counts starts of Cleave that this system did not confirm (../debian/11_cleave). */
static bool was_given_up(void)
{
    char environment[1025];

    read_file("/boot/grub/grubenv", environment, sizeof(environment));
    return strstr(environment, "\ncleave_tries=2");
}

static void look_at_hypervisor(struct doctor *doctor)
{
    char extra[64];

    doctor->on_xen = open_hypervisor(doctor);
    read_file("/sys/hypervisor/version/extra", extra, sizeof(extra));
    doctor->on_cleave = doctor->on_xen && strstr(extra, "cleave");
    if (doctor->on_cleave)
        find(doctor, OK, "hypervisor", NULL, "Cleave runs");
    else if (was_given_up())
        find(doctor, WRONG, "hypervisor",
             "read its messages on the first serial port; then: grub-editenv - unset cleave_tries",
             "Cleave was started twice and this system did not come up: GRUB starts plain Debian");
    else if (doctor->on_xen)
        find(doctor, RISK, "hypervisor", "reboot, and choose \"Debian with Cleave\"",
             "Xen runs, not Cleave");
    else
        find(doctor, WRONG, "hypervisor",
             access(ELF_FOLDER "/cleave.elf", F_OK) == 0
                 ? "reboot, and choose \"Debian with Cleave\""
                 : "apt install cleave-hypervisor",
             "no hypervisor runs, or this is not root");
}

/* A kernel without its ELF image has no entry in GRUB's menu. */
static void look_at_kernel(struct doctor *doctor)
{
    struct utsname kernel;
    char path[256];

    uname(&kernel);
    snprintf(path, sizeof(path), ELF_FOLDER "/vmlinux-%s", kernel.release);
    if (access(ELF_FOLDER "/cleave.elf", F_OK) != 0)
        return; /* another loader than the package's */
    if (access(path, F_OK) == 0)
        find(doctor, OK, "kernel", NULL, "Linux %s can be started with Cleave", kernel.release);
    else
        find(doctor, WRONG, "kernel", "/usr/lib/cleave/kernel-image all && update-grub",
             "Linux %s has no image in " ELF_FOLDER ": GRUB has no entry for it", kernel.release);
}

/* The variable is four bytes of attributes, and the value. */
static void look_at_secure_boot(struct doctor *doctor)
{
    char variable[8];

    if (read_file(SECURE_BOOT, variable, sizeof(variable)) == 5 && variable[4] == 1)
        find(doctor, WRONG, "firmware", "switch Secure Boot off in the firmware",
             "Secure Boot is on: GRUB does not load what is not signed");
}

/* --- CPUs ------------------------------------------------------------------------------------- */

static bool has_flag(const char *flags, const char *flag)
{
    size_t length = strlen(flag);

    for (const char *at = flags; (at = strstr(at, flag)) != NULL; at += length)
        if ((at == flags || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static void judge_cpu(struct doctor *doctor, const char *model, bool amd, bool svm, bool npt)
{
    if (!amd)
        find(doctor, WRONG, "CPU", "use a machine with an AMD CPU",
             "%s: Cleave needs an AMD CPU with SVM", model);
    else if (!svm)
        find(doctor, WRONG, "CPU", "switch SVM (virtualisation) on in the firmware",
             "%s: SVM is off, or missing", model);
    else if (!npt)
        find(doctor, WRONG, "CPU", "use a newer machine", "%s has no nested paging", model);
    else
        find(doctor, OK, "CPU", NULL, "%s, SVM with nested paging", model);
}

static void look_at_cpu_of_hypervisor(struct doctor *doctor)
{
    struct host_cpu cpu;

    if (host_read_cpu(&doctor->hv, &cpu) < 0)
        return;
    judge_cpu(doctor, cpu.model, true, cpu.features & 1u << HOST_SVM,
              cpu.features & 1u << HOST_NPT);
    if (cpu.siblings > 1)
        find(doctor, RISK, "SMT", "switch SMT off in the firmware, or trust the VMs",
             "%u threads share a core: two VMs may run on it at the same time", cpu.siblings);
    else
        find(doctor, OK, "SMT", NULL, "no two threads share a core");
    if (cpu.features & 1u << HOST_INVARIANT_TSC)
        find(doctor, OK, "TSC", NULL, "the same rate in all power states");
    else
        find(doctor, RISK, "TSC",
             cpu.nested ? "none in an emulator" : "switch power states of the CPUs off",
             "its rate may change, and guests' clocks with it");
    if (!(cpu.features & 1u << HOST_IBPB))
        find(doctor, RISK, "branch prediction", "update the firmware, which brings new microcode",
             "no barrier (IBPB) between two VMs on a CPU");
    if (cpu.family == FAMILY_ZEN && !cpu.nested)
        find(doctor, RISK, "errata", "update the firmware of 2023-08 or earlier",
             "family 17h: Zenbleed and the divider's leak are mended by microcode only");
}

static void look_at_cpu(struct doctor *doctor)
{
    char vendor[64], model[128], flags[8192], microcode[64];

    if (doctor->on_xen) {
        look_at_cpu_of_hypervisor(doctor);
    } else {
        read_cpuinfo("vendor_id", vendor, sizeof(vendor));
        read_cpuinfo("model name", model, sizeof(model));
        read_cpuinfo("flags", flags, sizeof(flags));
        judge_cpu(doctor, model, strcmp(vendor, "AuthenticAMD") == 0, has_flag(flags, "svm"),
                  has_flag(flags, "npt"));
    }
    read_cpuinfo("microcode", microcode, sizeof(microcode));
    find(doctor, OK, "microcode", NULL, "%s; newer ones come with the firmware, not from dom0",
         *microcode ? microcode : "unknown");
}

/* --- memory and devices ----------------------------------------------------------------------- */

static void look_at_memory(struct doctor *doctor)
{
    unsigned long long dom0 = (unsigned long long)sysconf(_SC_PHYS_PAGES) *
                                  (unsigned long long)sysconf(_SC_PAGESIZE) >>
                              20;
    struct hv_memory memory;
    unsigned long long total = dom0;

    if (doctor->on_xen && hv_memory(&doctor->hv, &memory) == 0)
        total = memory.total / KIB_PER_MIB;
    if (total < MACHINE_LOW_MIB)
        find(doctor, RISK, "memory", "add memory", "%llu MiB leave little for VMs", total);
    else
        find(doctor, OK, "memory", NULL, "%llu MiB", total);
    if (doctor->on_xen && dom0 < DOM0_LOW_MIB)
        find(doctor, RISK, "memory of dom0",
             "raise CLEAVE_DOM0_MEM in /etc/default/cleave, then update-grub and reboot",
             "%llu MiB: programs here may be killed", dom0);
}

static void look_at_devices(struct doctor *doctor)
{
    find(doctor, RISK, "IOMMU", "use no device whose firmware you do not trust",
         "Cleave uses none: a device of dom0 can access all memory");
    find(doctor, OK, "sleep states", NULL, "off with Cleave: the machine does not suspend");
}

static void look_at_time(struct doctor *doctor)
{
    static const char *const daemons[] = { "chronyd", "ntpd", "systemd-timesyn" };

    for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++)
        if (host_find_daemon(daemons[i])) {
            find(doctor, OK, "time", NULL, "%s keeps the clock that guests see", daemons[i]);
            return;
        }
    find(doctor, RISK, "time", "apt install chrony",
         "nothing keeps the clock right, which guests see as theirs");
}

/* What `cleave host` warns about: daemons, VMs, disks, drivers. */
static int look_at_running(struct doctor *doctor)
{
    json_t *warnings, *warning;
    int rc = 0;
    size_t i;

    if (!doctor->on_xen)
        return 0;
    warnings = json_array();
    rc = host_warnings(warnings);
    json_array_foreach(warnings, i, warning)
        find(doctor, RISK, "now", json_string_value(json_object_get(warning, "remedy")), "%s",
             json_string_value(json_object_get(warning, "message")));
    json_decref(warnings);
    return rc;
}

/* --- output ----------------------------------------------------------------------------------- */

static void print(const struct doctor *doctor)
{
    json_t *finding;
    size_t i;

    json_array_foreach(doctor->findings, i, finding)
    {
        const char *remedy = json_string_value(json_object_get(finding, "remedy"));

        printf("%-6s %s: %s\n", json_string_value(json_object_get(finding, "state")),
               json_string_value(json_object_get(finding, "subject")),
               json_string_value(json_object_get(finding, "message")));
        if (remedy)
            printf("       remedy: %s\n", remedy);
    }
}

/* An error has what is wrong in its JSON; risks are none. */
static int report_wrong(struct call *call, const struct doctor *doctor)
{
    json_t *finding;
    size_t i;

    if (!doctor->counts[WRONG])
        return 0;
    call->problems = call->json ? json_array() : NULL;
    json_array_foreach(doctor->findings, i, finding)
    {
        const char *state = json_string_value(json_object_get(finding, "state"));

        if (call->problems && strcmp(state, state_names[WRONG]) == 0)
            output_append(call->problems, json_string_value(json_object_get(finding, "message")));
    }
    report_error(REPORT_STATE,
                 "%u of %zu things are wrong: VMs cannot run, or GRUB cannot start "
                 "Cleave: follow the remedies of `cleave host check`",
                 doctor->counts[WRONG], json_array_size(doctor->findings));
    return -EPROTO;
}

int hostcheck_run(struct call *call)
{
    struct doctor doctor = { .findings = NULL };
    int rc;

    if (strcmp(call->arguments[0], "check") != 0) {
        report_error(REPORT_USAGE, "host %s: must be `cleave host` or `cleave host check`",
                     call->arguments[0]);
        return -EINVAL;
    }
    doctor.findings = json_array();
    look_at_hypervisor(&doctor);
    look_at_kernel(&doctor);
    look_at_secure_boot(&doctor);
    look_at_cpu(&doctor);
    look_at_memory(&doctor);
    look_at_devices(&doctor);
    look_at_time(&doctor);
    rc = look_at_running(&doctor);
    if (doctor.on_xen)
        hv_close(&doctor.hv);
    if (rc == 0 && call->json && !doctor.counts[WRONG])
        json_object_set(call->json, "findings", doctor.findings);
    else if (rc == 0 && !call->json)
        print(&doctor);
    if (rc == 0)
        rc = report_wrong(call, &doctor);
    json_decref(doctor.findings);
    return rc;
}
