/* SPDX-License-Identifier: MIT */
/*
 * VM files: the syntax is libxlutil's, and every known key has xl's name and meaning (xl.cfg(5)).
 * The table keys[] is the one list of them: a row has a key's name and its reader. libxlutil cannot
 * list the keys of a file, so vmkeys.c finds them, to warn about those without a row. Read next:
 * vmkeys.c, vmtext.c, build.c.
 */
#define _GNU_SOURCE
#include "vmfile.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "path.h"
#include "report.h"
#include "vmkeys.h"
#include "vmreader.h"
#include "vmtext.h"

#define KIB_PER_MIB 1024

/* A key of VM files. */
struct key {
    const char *name;
    /* Stores the key's value in vm, or what is meant without it. */
    int (*read)(struct vmreader *reader, const struct key *key, struct vmfile *vm);
    bool cpu;     /* it is about CPU time: it may change while the VM runs */
    size_t field; /* offset in struct vmfile, for the readers that serve several keys */
    struct vmreader_limits limits; /* of read_number */
    const char *const *words;      /* of read_word: three, by their enum */
};

static int first_error(int rc, int next) { return rc < 0 ? rc : next; }

/* Reads a number into an unsigned int. */
static int read_number(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    long value = 0;
    int rc = vmreader_number(reader, key->name, &key->limits, &value);

    if (rc == 0)
        *(unsigned int *)((char *)vm + key->field) = value;
    return rc;
}

/* Reads one of three words into an enum. */
static int word_of(struct vmreader *reader, const struct key *key, unsigned int fallback,
                   struct vmfile *vm)
{
    const char *const *words = key->words;
    const char *text = vmreader_text(reader, key->name, words[fallback]);

    if (!text)
        return -EINVAL;
    for (unsigned int i = 0; i < 3; i++) {
        if (strcmp(text, words[i]) == 0) {
            *(unsigned int *)((char *)vm + key->field) = i;
            return 0;
        }
    }
    report_error(REPORT_USAGE, "VM file %s: %s = \"%s\": must be %s, %s or %s",
                 vmreader_where(reader, key->name), key->name, text, words[0], words[1], words[2]);
    return -EINVAL;
}

/* The first word is the fallback. */
static int read_word(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    return word_of(reader, key, 0, vm);
}

static int read_type(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    const char *type = vmreader_text(reader, key->name, "");

    if (!type)
        return -EINVAL;
    vm->hvm = strcmp(type, "hvm") == 0;
    if (vm->hvm || strcmp(type, "pvh") == 0)
        return 0;
    report_error(REPORT_USAGE, "VM file %s: %s%s: only PVH and HVM guests run here: type = \"pvh\"",
                 vmreader_where(reader, key->name), *type ? "type = " : "no type means a PV guest",
                 type);
    return -EINVAL;
}

/* The characters of a name. */
static const char allowed[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+:@";

bool vmfile_is_name(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length < DOMAIN_NAME_MAX && strspn(name, allowed) == length &&
           strspn(name, "0123456789") != length && name[0] != '-';
}

/* Reads the name. It is used in paths and tables; a number would be taken for a domain id. */
static int read_name(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    const char *name = vmreader_text(reader, key->name, "");

    if (!name)
        return -EINVAL;
    if (!*name)
        report_error(REPORT_USAGE, "VM file %s: no name: add name = \"...\"",
                     vmreader_where(reader, key->name));
    else if (strlen(name) >= DOMAIN_NAME_MAX)
        report_error(REPORT_USAGE, "VM file %s: the name has %zu characters: at most %d",
                     vmreader_where(reader, key->name), strlen(name), DOMAIN_NAME_MAX - 1);
    else if (strspn(name, "0123456789") == strlen(name))
        report_error(REPORT_USAGE,
                     "VM file %s: name = \"%s\": a name of digits only would be taken for a "
                     "domain id",
                     vmreader_where(reader, key->name), name);
    else if (name[0] == '-' || strlen(name) != strspn(name, allowed))
        report_error(REPORT_USAGE,
                     "VM file %s: name = \"%s\": only letters, digits and _-.+:@ are allowed, and "
                     "no leading -",
                     vmreader_where(reader, key->name), name);
    else {
        strcpy(vm->name, name);
        return 0;
    }
    return -EINVAL;
}

static int read_uuid(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    const char *uuid = vmreader_text(reader, key->name, "");

    if (!uuid)
        return -EINVAL;
    if (!*uuid) {
        uuid_generate(vm->uuid);
        return 0;
    }
    if (uuid_parse(uuid, vm->uuid) == 0)
        return 0;
    report_error(REPORT_USAGE, "VM file %s: uuid = \"%s\": must have the form of uuidgen's output",
                 vmreader_where(reader, key->name), uuid);
    return -EINVAL;
}

static int read_memory(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    static const struct vmreader_limits limits = { 1, LONG_MAX / KIB_PER_MIB, 0, " MiB" };
    long mib = 0;
    int rc = vmreader_number(reader, key->name, &limits, &mib);

    if (rc == 0 && !mib) {
        report_error(REPORT_USAGE, "VM file %s: no memory: add memory = MiB", reader->path);
        rc = -EINVAL;
    }
    vm->memory_kib = (uint64_t)mib * KIB_PER_MIB;
    return rc;
}

/* At least memory, which is read before; if that is wrong, its error is enough. */
static int read_max_memory(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    long least = vm->memory_kib / KIB_PER_MIB, mib = 0;
    struct vmreader_limits limits = { least ? least : 1, LONG_MAX / KIB_PER_MIB, least, " MiB" };
    int rc = vmreader_number(reader, key->name, &limits, &mib);

    vm->max_memory_kib = (uint64_t)mib * KIB_PER_MIB;
    return rc;
}

/* The same as maxmem, which is xl's word and is read before. */
static int read_memory_max(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    uint64_t xl = vm->max_memory_kib;
    int rc;

    if (!vmreader_has(reader, key->name))
        return 0;
    rc = read_max_memory(reader, key, vm);
    if (rc < 0 || !vmreader_has(reader, "maxmem") || xl == vm->max_memory_kib)
        return rc;
    report_error(REPORT_USAGE, "VM file %s: %s and maxmem mean the same, and differ: remove one",
                 vmreader_where(reader, key->name), key->name);
    return -EINVAL;
}

/* At most memory. With neither this key nor memory_max, the VM is not balanced. */
static int read_memory_min(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    long memory = vm->memory_kib / KIB_PER_MIB, max = vm->max_memory_kib / KIB_PER_MIB, mib = 0;
    struct vmreader_limits limits = { 1, memory ? memory : LONG_MAX / KIB_PER_MIB,
                                      vmreader_has(reader, "memory_max") ? memory : max, " MiB" };
    int rc = vmreader_number(reader, key->name, &limits, &mib);

    vm->memory.min_kib = (uint64_t)mib * KIB_PER_MIB;
    return rc;
}

/* By default a VM has shares in proportion to its maximum. */
static int read_memory_shares(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    long max = vm->max_memory_kib / KIB_PER_MIB, shares = 0;
    struct vmreader_limits limits = { 1, BALANCER_SHARES_MAX, max, "" };
    int rc;

    if (max > BALANCER_SHARES_MAX)
        limits.fallback = BALANCER_SHARES_MAX;
    rc = vmreader_number(reader, key->name, &limits, &shares);
    vm->memory.shares = shares;
    return rc;
}

/* A VM whose memory changes must not have a minimum that a Linux guest does not live with. */
static int read_memory_floor(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    const char *lowest = vmreader_has(reader, "memory_min") ? "memory_min" : "memory";
    long min = vm->memory.min_kib / KIB_PER_MIB, mib = 0;
    struct vmreader_limits limits = { 1, min ? min : LONG_MAX / KIB_PER_MIB, 0, " MiB" };
    int rc = vmreader_number(reader, key->name, &limits, &mib);

    vm->memory.floor_kib = (uint64_t)mib * KIB_PER_MIB;
    if (rc < 0 || mib || vm->memory.min_kib >= vm->max_memory_kib)
        return rc;
    vm->memory.floor_kib = balancer_floor(vm->max_memory_kib);
    if (vm->memory.floor_kib <= vm->memory.min_kib)
        return 0;
    report_error(REPORT_USAGE,
                 "VM file %s: %s = %ld: a Linux guest with a maximum of %llu MiB does not live "
                 "with less than %llu MiB: raise it, or lower the maximum, or add memory_floor = "
                 "MIB if this guest needs less",
                 vmreader_where(reader, lowest), lowest, min,
                 (unsigned long long)vm->max_memory_kib / KIB_PER_MIB,
                 (unsigned long long)(vm->memory.floor_kib + KIB_PER_MIB - 1) / KIB_PER_MIB);
    return -EINVAL;
}

/*
 * Above the maximum, which is read before: a kernel adds it to the memory that it was started with.
 * cleave-dm's balloon cannot.
 */
static int read_memory_hotplug(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    long mib = 0;
    struct vmreader_limits limits = { vm->max_memory_kib / KIB_PER_MIB + 1, LONG_MAX / KIB_PER_MIB,
                                      0, " MiB" };
    int rc = vmreader_number(reader, key->name, &limits, &mib);

    vm->memory.hotplug_kib = (uint64_t)mib * KIB_PER_MIB;
    if (rc < 0 || !mib || !vm->hvm)
        return rc;
    report_error(
        REPORT_USAGE,
        "VM file %s: %s: an HVM guest cannot grow beyond its maximum: remove it, and raise "
        "maxmem",
        vmreader_where(reader, key->name), key->name);
    return -EINVAL;
}

/* At least vcpus, which is read before. */
static int read_max_vcpus(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    long least = vm->vcpus ? vm->vcpus : 1, count = 0;
    struct vmreader_limits limits = { least, VMFILE_VCPUS_MAX, least, "" };
    int rc = vmreader_number(reader, key->name, &limits, &count);

    vm->max_vcpus = count;
    return rc;
}

static int read_kernel(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    const char *kernel = vmreader_text(reader, key->name, "");

    if (kernel && vm->hvm && *kernel)
        report_error(REPORT_USAGE,
                     "VM file %s: an HVM guest has no kernel: it starts from its first disk: "
                     "remove kernel, or use type = \"pvh\"",
                     vmreader_where(reader, key->name));
    if (vm->hvm)
        return kernel && !*kernel ? 0 : -EINVAL;
    if (kernel && !*kernel)
        report_error(REPORT_USAGE, "VM file %s: no kernel: add kernel = \"/path/of/a/PVH/kernel\"",
                     vmreader_where(reader, key->name));
    if (!kernel || !*kernel)
        return -EINVAL;
    vm->kernel = path_absolute(kernel);
    return vm->kernel ? 0 : -ENOMEM;
}

static int read_ramdisk(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    const char *ramdisk = vmreader_text(reader, key->name, "");

    if (!ramdisk || !*ramdisk)
        return ramdisk ? 0 : -EINVAL;
    vm->ramdisk = path_absolute(ramdisk);
    return vm->ramdisk ? 0 : -ENOMEM;
}

static int read_root(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    (void)vm;
    reader->root = vmreader_text(reader, key->name, "");
    return reader->root ? 0 : -EINVAL;
}

static int read_extra(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    (void)vm;
    reader->extra = vmreader_text(reader, key->name, "");
    return reader->extra ? 0 : -EINVAL;
}

/* Joins root and extra, which are read before, if the key is absent. */
static int read_cmdline(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    const char *cmdline = vmreader_text(reader, key->name, "");
    const char *root = reader->root, *extra = reader->extra;

    if (!cmdline || !root || !extra)
        return -EINVAL;
    if (*cmdline) {
        if (*root || *extra)
            report_warning("VM file %s: root and extra have no effect with cmdline",
                           vmreader_where(reader, key->name));
        vm->cmdline = strdup(cmdline);
    } else if (asprintf(&vm->cmdline, "%s%s%s%s", *root ? "root=" : "", root,
                        *root && *extra ? " " : "", extra) < 0) {
        vm->cmdline = NULL;
    }
    return vm->cmdline ? 0 : -ENOMEM;
}

/* Without it, as on_crash says, which is read before. */
static int read_on_watchdog(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    return word_of(reader, key, vm->on_crash, vm);
}

static int read_on_reboot(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    return word_of(reader, key, VMFILE_RESTART, vm);
}

/* Parses a CPU number at *at and advances *at. VMFILE_CPUS_MAX or more: no valid number. */
static unsigned long take_cpu(const char **at)
{
    char *end;
    unsigned long cpu = isdigit((unsigned char)**at) ? strtoul(*at, &end, 10) : ULONG_MAX;

    if (cpu < VMFILE_CPUS_MAX)
        *at = end;
    return cpu;
}

/* Reads cpus = "all", or "0-3,^2,5" as in xl: ranges, numbers and exclusions. */
static int read_cpus(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    const char *text = vmreader_text(reader, key->name, "all");
    const char *at = text;

    if (!text)
        return -EINVAL;
    vm->pinned = strcmp(text, "all") != 0;
    while (vm->pinned && *at) {
        unsigned long first, last;
        bool exclude;

        at += strspn(at, " ");
        exclude = *at == '^';
        at += exclude;
        first = last = take_cpu(&at);
        if (*at == '-') {
            at++;
            last = take_cpu(&at);
        }
        if (first >= VMFILE_CPUS_MAX || last >= VMFILE_CPUS_MAX || last < first ||
            !strchr(",", *at)) {
            report_error(REPORT_USAGE,
                         "VM file %s: cpus = \"%s\": must be like \"all\" or \"0-3,^2\", numbers "
                         "below %d",
                         vmreader_where(reader, key->name), text, VMFILE_CPUS_MAX);
            return -EINVAL;
        }
        at += *at == ',';
        for (unsigned long cpu = first; cpu <= last; cpu++)
            if (exclude)
                vm->cpus[cpu / 8] &= ~(1u << cpu % 8);
            else
                vm->cpus[cpu / 8] |= 1u << cpu % 8;
    }
    return 0;
}

/* Without it, what cpu_mhz means, which is read before. */
static int read_class(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    return word_of(reader, key, vm->cpu.mhz ? VMFILE_GUARANTEED : VMFILE_SPARE, vm);
}

static int read_cosched(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    long cosched = 0;
    int rc = vmreader_number(reader, key->name, &key->limits, &cosched);

    vm->cpu.cosched = cosched;
    return rc;
}

static int read_disk(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    char place[sizeof(reader->place) + 8];

    snprintf(place, sizeof(place), "VM file %s", vmreader_where(reader, key->name));
    return vmdevices_read_disks(reader->config, place, key->name, &vm->devices);
}

static int read_vif(struct vmreader *reader, const struct key *key, struct vmfile *vm)
{
    char place[sizeof(reader->place) + 8];

    snprintf(place, sizeof(place), "VM file %s", vmreader_where(reader, key->name));
    return vmdevices_read_vifs(reader->config, place, key->name, vm->uuid, &vm->devices);
}

/* --- the table -------------------------------------------------------------------------------- */

static const char *const actions[] = {
    [VMFILE_DESTROY] = "destroy",
    [VMFILE_RESTART] = "restart",
    [VMFILE_PRESERVE] = "preserve",
};
static const char *const farewells[] = { "shutdown", "save", "destroy" };
static const char *const classes[] = {
    [VMFILE_GUARANTEED] = "guaranteed",
    [VMFILE_RELAXED] = "relaxed",
    [VMFILE_SPARE] = "spare",
};
static const char *const models[] = { "cleave", "qemu", "qemu-xen" };
static const char *const tsc_modes[] = { "default", "always_emulate", "native" };

/* A word stands for the enum in its field. In the order in which they are read. */
#define FIELD(name) .field = offsetof(struct vmfile, name)
#define MHZ_MAX 100000
#define LATENCY_MAX_US 1000000
static const struct key keys[] = {
    { .name = "type", .read = read_type },
    { .name = "name", .read = read_name },
    { .name = "uuid", .read = read_uuid },
    { .name = "memory", .read = read_memory },
    { .name = "maxmem", .read = read_max_memory },
    { .name = "memory_max", .read = read_memory_max },
    { .name = "memory_min", .read = read_memory_min },
    { .name = "memory_shares", .read = read_memory_shares },
    { .name = "memory_priority",
      .read = read_number,
      FIELD(memory.priority),
      .limits = { 0, 1000, 0, "" } },
    { .name = "memory_floor", .read = read_memory_floor },
    { .name = "memory_hotplug", .read = read_memory_hotplug },
    { .name = "memory_paging",
      .read = read_number,
      FIELD(memory.paging),
      .limits = { 0, 1, 0, "" } },
    { .name = "vcpus",
      .read = read_number,
      FIELD(vcpus),
      .limits = { 1, VMFILE_VCPUS_MAX, 1, "" } },
    { .name = "maxvcpus", .read = read_max_vcpus },
    { .name = "kernel", .read = read_kernel },
    { .name = "device_model", .read = read_word, FIELD(model), .words = models },
    { .name = "ramdisk", .read = read_ramdisk },
    { .name = "root", .read = read_root },
    { .name = "extra", .read = read_extra },
    { .name = "cmdline", .read = read_cmdline },
    { .name = "on_poweroff", .read = read_word, FIELD(on_poweroff), .words = actions },
    { .name = "on_reboot", .read = read_on_reboot, FIELD(on_reboot), .words = actions },
    { .name = "on_crash", .read = read_word, FIELD(on_crash), .words = actions },
    { .name = "on_watchdog", .read = read_on_watchdog, FIELD(on_watchdog), .words = actions },
    { .name = "on_host_shutdown", .read = read_word, FIELD(on_host_shutdown), .words = farewells },
    { .name = "tsc_mode", .read = read_word, FIELD(tsc_mode), .words = tsc_modes },
    { .name = "disk", .read = read_disk },
    { .name = "vif", .read = read_vif },
    { .name = "cpus", .read = read_cpus, .cpu = true },
    { .name = "cpu_weight",
      .read = read_number,
      .cpu = true,
      FIELD(weight),
      .limits = { 1, 65535, 0, "" } },
    { .name = "cpu_mhz",
      .read = read_number,
      .cpu = true,
      FIELD(cpu.mhz),
      .limits = { 0, MHZ_MAX, 0, "" } },
    { .name = "cpu_class", .read = read_class, .cpu = true, FIELD(cpu.class), .words = classes },
    { .name = "cpu_slo",
      .read = read_number,
      .cpu = true,
      FIELD(cpu.slo),
      .limits = { 1, 100, 95, "" } },
    { .name = "cpu_limit_mhz",
      .read = read_number,
      .cpu = true,
      FIELD(cpu.limit_mhz),
      .limits = { 0, MHZ_MAX, 0, "" } },
    { .name = "cpu_latency_us",
      .read = read_number,
      .cpu = true,
      FIELD(cpu.latency_us),
      .limits = { 0, LATENCY_MAX_US, 0, "" } },
    { .name = "cosched", .read = read_cosched, .cpu = true, .limits = { 0, 1, 0, "" } },
};
_Static_assert(sizeof(enum vmfile_action) == sizeof(unsigned int) &&
                   sizeof(enum vmfile_class) == sizeof(unsigned int),
               "word_of stores an unsigned int");

#define KEYS (sizeof(keys) / sizeof(keys[0]))

const char *vmfile_key(size_t index) { return index < KEYS ? keys[index].name : NULL; }

static bool is_row(const char *key, size_t length)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strlen(keys[i].name) == length && strncmp(key, keys[i].name, length) == 0)
            return true;
    return false;
}

bool vmfile_is_cpu_key(const char *key, size_t length)
{
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].cpu && strlen(keys[i].name) == length &&
            strncmp(key, keys[i].name, length) == 0)
            return true;
    return false;
}

static bool is_memory(const char *name, size_t length)
{
    return (length >= 6 && strncmp(name, "memory", 6) == 0) ||
           (length == 6 && strncmp(name, "maxmem", 6) == 0);
}

bool vmfile_is_memory_key(const char *key, size_t length)
{
    return is_memory(key, length) && is_row(key, length);
}

/* Reads each key of one kind, also after an error: `cleave check` shows all errors. */
static int read_rows(struct vmreader *reader, bool cpu, struct vmfile *vm)
{
    int rc = 0;

    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].cpu == cpu)
            rc = first_error(rc, keys[i].read(reader, &keys[i], vm));
    return rc;
}

/* Keys that contradict each other. */
static int check_cpu(struct vmreader *reader, const struct vmfile_cpu *cpu)
{
    if ((cpu->mhz == 0) != (cpu->class == VMFILE_SPARE))
        report_error(REPORT_USAGE, "VM file %s: cpu_class = \"%s\" %s",
                     vmreader_where(reader, "cpu_class"),
                     cpu->mhz ? "spare" : vmreader_text(reader, "cpu_class", ""),
                     cpu->mhz ? "reserves nothing: remove cpu_mhz, or choose another class"
                              : "needs a reservation: add cpu_mhz = MHZ");
    else if (cpu->limit_mhz && cpu->limit_mhz < cpu->mhz)
        report_error(REPORT_USAGE,
                     "VM file %s: cpu_limit_mhz = %u: must be at least cpu_mhz, which is %u",
                     vmreader_where(reader, "cpu_limit_mhz"), cpu->limit_mhz, cpu->mhz);
    else if (cpu->mhz == 0 && (cpu->latency_us || cpu->cosched))
        report_error(REPORT_USAGE, "VM file %s: %s needs a reservation: add cpu_mhz = MHZ",
                     vmreader_where(reader, cpu->cosched ? "cosched" : "cpu_latency_us"),
                     cpu->cosched ? "cosched" : "cpu_latency_us");
    else
        return 0;
    return -EINVAL;
}

/* The keys that can change while the VM runs. */
static int read_cpu_keys(struct vmreader *reader, struct vmfile *vm)
{
    int rc = read_rows(reader, true, vm);

    return rc < 0 ? rc : check_cpu(reader, &vm->cpu);
}

/* Warns of a Linux kernel that would leave added memory unused, or could not use it for itself. */
static void check_hotplug(struct vmreader *reader, const struct vmfile *vm)
{
    static const char word[] = "memhp_default_state=";
    const char *state = vm->cmdline ? strstr(vm->cmdline, word) : NULL;

    if (!vm->memory.hotplug_kib || !vm->cmdline)
        return;
    if (!state)
        report_warning("VM file %s: memory_hotplug: Linux does not use memory that is added until "
                       "somebody in the guest brings it online: add %sonline to extra or cmdline",
                       vmreader_where(reader, "memory_hotplug"), word);
    else if (strncmp(state + strlen(word), "online_movable", 14) == 0)
        report_warning("VM file %s: memory_hotplug: with %sonline_movable Linux cannot use what is "
                       "added for itself, and may run out of memory: use online",
                       vmreader_where(reader, "memory_hotplug"), word);
}

/* Warns about keys that have no row. */
static int check_keys(const struct vmreader *reader, bool strict)
{
    const char *known[KEYS];

    for (size_t i = 0; i < KEYS; i++)
        known[i] = keys[i].name;
    return vmkeys_check(reader->path, reader->text, reader->lines, known, KEYS, strict);
}

static int read_vm(const char *path, char *const *settings, int setting_count, bool strict,
                   struct vmfile *vm)
{
    struct vmreader reader = { .path = path };
    char *text = vmtext_read(path, settings, setting_count, &reader.lines);
    int rc = -EINVAL, known;

    *vm = (struct vmfile){ .name = "" };
    if (!text)
        return -ENOENT;
    reader.text = text;
    reader.config = vmreader_parse(path, text);
    if (reader.config) {
        known = check_keys(&reader, strict);
        rc = read_rows(&reader, false, vm);
        rc = first_error(rc, read_cpu_keys(&reader, vm));
        rc = first_error(rc, known);
        if (rc == 0)
            check_hotplug(&reader, vm);
        xlu_cfg_destroy(reader.config);
    }
    free(text);
    return rc;
}

int vmfile_read(const char *path, char *const *settings, int setting_count, struct vmfile *vm)
{
    return read_vm(path, settings, setting_count, false, vm);
}

int vmfile_read_strict(const char *path, char *const *settings, int setting_count,
                       struct vmfile *vm)
{
    return read_vm(path, settings, setting_count, true, vm);
}

int vmfile_read_memory(const char *path, struct vmfile *vm)
{
    struct vmreader reader = { .path = path };
    char *text = vmtext_read(path, NULL, 0, &reader.lines);
    int rc = text ? 0 : -ENOENT;

    *vm = (struct vmfile){ .name = "" };
    if (!text)
        return rc;
    reader.text = text;
    reader.config = vmreader_parse(path, text);
    if (!reader.config)
        rc = -EINVAL;
    for (size_t i = 0; reader.config && i < KEYS; i++)
        if (is_memory(keys[i].name, strlen(keys[i].name)))
            rc = first_error(rc, keys[i].read(&reader, &keys[i], vm));
    if (reader.config)
        xlu_cfg_destroy(reader.config);
    free(text);
    return rc;
}

int vmfile_read_cpu(const char *who, char *const *settings, int setting_count, struct vmfile *vm)
{
    struct vmreader reader = { .path = who };
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    int rc = -EINVAL;

    *vm = (struct vmfile){ .name = "" };
    if (!out)
        return -ENOMEM;
    for (int i = 0; i < setting_count; i++)
        fprintf(out, "%s\n", settings[i]);
    fclose(out);
    reader.text = text;
    reader.config = vmreader_parse(who, text);
    if (reader.config) {
        rc = read_cpu_keys(&reader, vm);
        xlu_cfg_destroy(reader.config);
    }
    free(text);
    return rc;
}

void vmfile_free(struct vmfile *vm)
{
    free(vm->kernel);
    free(vm->ramdisk);
    free(vm->cmdline);
    vmdevices_free(&vm->devices);
    vm->kernel = vm->ramdisk = vm->cmdline = NULL;
}
