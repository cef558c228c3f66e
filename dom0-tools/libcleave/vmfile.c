/* SPDX-License-Identifier: MIT */
/*
 * VM files: the syntax is libxlutil's, and every known key has xl's name and meaning (xl.cfg(5)).
 * libxlutil cannot list the keys of a file, so vmkeys.c finds them, to warn about those that have
 * no effect. Read next: vmkeys.c, build.c.
 */
#define _GNU_SOURCE
#include "vmfile.h"

#include <ctype.h>
#include <errno.h>
#include <libxlutil.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "path.h"
#include "report.h"
#include "vmkeys.h"

#define FILE_MAX_BYTES (1 << 20)
#define KIB_PER_MIB 1024

struct reader {
    const char *path;
    const char *text; /* the file's lines, then the settings */
    int lines;        /* of the file */
    XLU_Config *config;
    char place[PATH_MAX + 16]; /* of where() */
};

/* Returns "PATH:LINE" of the key, or the path alone if the file does not set it. */
static const char *where(struct reader *reader, const char *key)
{
    int line = vmkeys_line(reader->text, key);

    snprintf(reader->place, sizeof(reader->place), "%s", reader->path);
    if (line > 0 && line <= reader->lines)
        snprintf(reader->place, sizeof(reader->place), "%s:%d", reader->path, line);
    return reader->place;
}

/*
 * Reads the file, counts its lines and appends the settings. The caller frees the text. NULL after
 * an error was reported.
 */
static char *read_text(const char *path, char *const *settings, int setting_count, int *lines)
{
    char buffer[4096], *text = NULL;
    size_t length = 0, part;
    struct stat st;
    FILE *in = fopen(path, "re");
    FILE *out = open_memstream(&text, &length);

    if (!in || !out || fstat(fileno(in), &st) < 0) {
        report_error(report_by_errno(errno), "VM file %s: %s", path, strerror(errno));
        goto fail;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES) {
        report_error(REPORT_USAGE, "VM file %s: %s", path,
                     S_ISREG(st.st_mode) ? "larger than 1 MiB: not a VM file"
                                         : "not a regular file");
        goto fail;
    }
    *lines = 1;
    while ((part = fread(buffer, 1, sizeof(buffer), in)) > 0) {
        fwrite(buffer, 1, part, out);
        for (size_t i = 0; i < part; i++)
            *lines += buffer[i] == '\n';
    }
    if (ferror(in)) {
        report_error(REPORT_INTERNAL, "VM file %s: cannot read it completely: %s", path,
                     strerror(errno));
        goto fail;
    }
    for (int i = 0; i < setting_count; i++)
        fprintf(out, "\n%s", settings[i]);
    fputc('\n', out);
    fclose(in);
    fclose(out);
    if (memchr(text, '\0', length))
        report_error(REPORT_USAGE, "VM file %s: contains zero bytes: not a text file", path);
    else if (strstr(text, "\r\n"))
        report_error(REPORT_USAGE, "VM file %s: has Windows line endings: sed -i 's/\\r$//' %s",
                     path, path);
    else
        return text;
    free(text);
    return NULL;
fail:
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    free(text);
    return NULL;
}

/* Parses text. Errors of libxlutil are included in our message. */
static XLU_Config *parse(const char *path, const char *text)
{
    char *words = NULL;
    size_t length = 0;
    FILE *report = open_memstream(&words, &length);
    XLU_Config *config = report ? xlu_cfg_init(report, path) : NULL;
    bool failed = !config || xlu_cfg_readdata(config, text, strlen(text)) != 0;

    if (report)
        fclose(report);
    if (failed) {
        words[strcspn(words, "\n")] = '\0';
        report_error(REPORT_USAGE, "VM file %s is not in xl.cfg syntax: %s", path,
                     *words ? words : "unreadable");
    }
    free(words);
    if (failed && config)
        xlu_cfg_destroy(config);
    return failed ? NULL : config;
}

/* Returns the text of a key, or fallback if it is absent. NULL after an error line. */
static const char *text_of(struct reader *reader, const char *key, const char *fallback)
{
    const char *value;
    int error = xlu_cfg_get_string(reader->config, key, &value, 1);

    if (error == ESRCH)
        return fallback;
    if (error == 0)
        return value;
    report_error(REPORT_USAGE, "VM file %s: %s must be a string: %s = \"...\"", where(reader, key),
                 key, key);
    return NULL;
}

/* Returns MiB for a text like 4G or 512 MiB. 0: it is none. */
static unsigned long long mib_of(const char *text)
{
    static const char units[] = "MGT";
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    const char *unit;

    end += strspn(end, " ");
    unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (!isdigit((unsigned char)*text) || !unit || number > 1 << 20)
        return 0;
    return number << (unit - units) * 10;
}

/* A number of a VM file. */
struct limits {
    long min, max, fallback;
    const char *unit; /* "" or " MiB" */
};

static int report_no_number(struct reader *reader, const char *key, const struct limits *limits)
{
    const char *text;

    if (xlu_cfg_get_string(reader->config, key, &text, 1) != 0)
        report_error(REPORT_USAGE, "VM file %s: %s is a list: it must be a number%s%s: %s = %ld",
                     where(reader, key), key, *limits->unit ? " of" : "", limits->unit, key,
                     limits->min);
    else if (*limits->unit && mib_of(text))
        report_error(
            REPORT_USAGE,
            "VM file %s: %s = \"%s\": it must be a number of MiB, without a unit: %s = %llu",
            where(reader, key), key, text, key, mib_of(text));
    else
        report_error(REPORT_USAGE,
                     "VM file %s: %s = \"%s\" is not a whole number: it must be a number%s%s from "
                     "%ld to %ld: %s = %ld",
                     where(reader, key), key, text, *limits->unit ? " of" : "", limits->unit,
                     limits->min, limits->max, key, limits->min);
    return -EINVAL;
}

static int number_of(struct reader *reader, const char *key, const struct limits *limits,
                     long *value)
{
    int error = xlu_cfg_get_long(reader->config, key, value, 1);

    if (error == ESRCH || (error == 0 && *value >= limits->min && *value <= limits->max)) {
        if (error)
            *value = limits->fallback;
        return 0;
    }
    if (error != 0 && error != ERANGE)
        return report_no_number(reader, key, limits);
    if (error == 0)
        report_error(REPORT_USAGE, "VM file %s: %s = %ld%s: must be from %ld to %ld",
                     where(reader, key), key, *value, limits->unit, limits->min, limits->max);
    else
        report_error(REPORT_USAGE, "VM file %s: %s is too large: must be from %ld to %ld%s",
                     where(reader, key), key, limits->min, limits->max, limits->unit);
    return -EINVAL;
}

static int read_type(struct reader *reader)
{
    const char *type = text_of(reader, "type", "");

    if (!type)
        return -EINVAL;
    if (strcmp(type, "pvh") == 0)
        return 0;
    if (!*type)
        report_error(REPORT_USAGE,
                     "VM file %s: no type, which would mean a PV guest; only PVH guests run here: "
                     "add type = \"pvh\"",
                     where(reader, "type"));
    else
        report_error(REPORT_USAGE,
                     "VM file %s: type = \"%s\": only PVH guests run here: type = \"pvh\"",
                     where(reader, "type"), type);
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
static int read_name(struct reader *reader, struct vmfile *vm)
{
    const char *name = text_of(reader, "name", "");

    if (!name)
        return -EINVAL;
    if (!*name)
        report_error(REPORT_USAGE, "VM file %s: no name: add name = \"...\"",
                     where(reader, "name"));
    else if (strlen(name) >= DOMAIN_NAME_MAX)
        report_error(REPORT_USAGE, "VM file %s: the name has %zu characters: at most %d",
                     where(reader, "name"), strlen(name), DOMAIN_NAME_MAX - 1);
    else if (strspn(name, "0123456789") == strlen(name))
        report_error(REPORT_USAGE,
                     "VM file %s: name = \"%s\": a name of digits only would be taken for a "
                     "domain id",
                     where(reader, "name"), name);
    else if (name[0] == '-' || strlen(name) != strspn(name, allowed))
        report_error(REPORT_USAGE,
                     "VM file %s: name = \"%s\": only letters, digits and _-.+:@ are allowed, and "
                     "no leading -",
                     where(reader, "name"), name);
    else {
        strcpy(vm->name, name);
        return 0;
    }
    return -EINVAL;
}

static int read_uuid(struct reader *reader, struct vmfile *vm)
{
    const char *uuid = text_of(reader, "uuid", "");

    if (!uuid)
        return -EINVAL;
    if (!*uuid) {
        uuid_generate(vm->uuid);
        return 0;
    }
    if (uuid_parse(uuid, vm->uuid) == 0)
        return 0;
    report_error(REPORT_USAGE, "VM file %s: uuid = \"%s\": must have the form of uuidgen's output",
                 where(reader, "uuid"), uuid);
    return -EINVAL;
}

static int read_sizes(struct reader *reader, struct vmfile *vm)
{
    long memory, max_memory, vcpus, max_vcpus;

    struct limits mib = { 1, LONG_MAX / KIB_PER_MIB, 0, " MiB" };
    struct limits count = { 1, VMFILE_VCPUS_MAX, 1, "" };
    int rc = number_of(reader, "memory", &mib, &memory);

    if (rc == 0 && !memory) {
        report_error(REPORT_USAGE, "VM file %s: no memory: add memory = MiB", reader->path);
        rc = -EINVAL;
    }
    if (rc == 0) {
        mib.min = mib.fallback = memory;
        rc = number_of(reader, "maxmem", &mib, &max_memory);
    }
    if (number_of(reader, "vcpus", &count, &vcpus) < 0)
        return -EINVAL;
    count.min = count.fallback = vcpus;
    if (number_of(reader, "maxvcpus", &count, &max_vcpus) < 0 || rc < 0)
        return -EINVAL;
    vm->memory_kib = (uint64_t)memory * KIB_PER_MIB;
    vm->max_memory_kib = (uint64_t)max_memory * KIB_PER_MIB;
    vm->vcpus = vcpus;
    vm->max_vcpus = max_vcpus;
    return 0;
}

static int read_boot(struct reader *reader, struct vmfile *vm)
{
    const char *kernel = text_of(reader, "kernel", "");
    const char *ramdisk = text_of(reader, "ramdisk", "");
    const char *cmdline = text_of(reader, "cmdline", "");
    const char *root = text_of(reader, "root", "");
    const char *extra = text_of(reader, "extra", "");

    if (!kernel || !ramdisk || !cmdline || !root || !extra)
        return -EINVAL;
    if (!*kernel) {
        report_error(REPORT_USAGE, "VM file %s: no kernel: add kernel = \"/path/of/a/PVH/kernel\"",
                     where(reader, "kernel"));
        return -EINVAL;
    }
    vm->kernel = path_absolute(kernel);
    vm->ramdisk = *ramdisk ? path_absolute(ramdisk) : NULL;
    if (*cmdline) {
        if (*root || *extra)
            report_warning("VM file %s: root and extra have no effect with cmdline",
                           where(reader, "kernel"));
        vm->cmdline = strdup(cmdline);
    } else if (asprintf(&vm->cmdline, "%s%s%s%s", *root ? "root=" : "", root,
                        *root && *extra ? " " : "", extra) < 0) {
        vm->cmdline = NULL;
    }
    return vm->kernel && vm->cmdline && (!*ramdisk || vm->ramdisk) ? 0 : -ENOMEM;
}

static int read_action(struct reader *reader, const char *key, enum vmfile_action fallback,
                       enum vmfile_action *action)
{
    static const char *const words[] = {
        [VMFILE_DESTROY] = "destroy",
        [VMFILE_RESTART] = "restart",
        [VMFILE_PRESERVE] = "preserve",
    };
    const char *text = text_of(reader, key, words[fallback]);

    if (!text)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0) {
            *action = i;
            return 0;
        }
    }
    report_error(REPORT_USAGE, "VM file %s: %s = \"%s\": must be destroy, restart or preserve",
                 where(reader, key), key, text);
    return -EINVAL;
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
static int read_cpus(struct reader *reader, struct vmfile *vm)
{
    const char *text = text_of(reader, "cpus", "all");
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
                         where(reader, "cpus"), text, VMFILE_CPUS_MAX);
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

static int read_tsc_mode(struct reader *reader, struct vmfile *vm)
{
    static const char *const words[] = { "default", "always_emulate", "native" };
    const char *text = text_of(reader, "tsc_mode", words[0]);

    if (!text)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0) {
            vm->tsc_mode = i;
            return 0;
        }
    }
    report_error(REPORT_USAGE,
                 "VM file %s: tsc_mode = \"%s\": must be default, always_emulate or native",
                 where(reader, "tsc_mode"), text);
    return -EINVAL;
}

static int first_error(int rc, int next) { return rc < 0 ? rc : next; }

static int read_class(struct reader *reader, struct vmfile_cpu *cpu)
{
    static const char *const words[] = {
        [VMFILE_GUARANTEED] = "guaranteed",
        [VMFILE_RELAXED] = "relaxed",
        [VMFILE_SPARE] = "spare",
    };
    const char *text = text_of(reader, "cpu_class", cpu->mhz ? "guaranteed" : "spare");

    if (!text)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0) {
            cpu->class = i;
            return 0;
        }
    }
    report_error(REPORT_USAGE,
                 "VM file %s: cpu_class = \"%s\": must be guaranteed, relaxed or spare",
                 where(reader, "cpu_class"), text);
    return -EINVAL;
}

/* Keys that contradict each other. */
static int check_cpu(struct reader *reader, const struct vmfile_cpu *cpu)
{
    if ((cpu->mhz == 0) != (cpu->class == VMFILE_SPARE))
        report_error(REPORT_USAGE, "VM file %s: cpu_class = \"%s\" %s", where(reader, "cpu_class"),
                     cpu->mhz ? "spare" : text_of(reader, "cpu_class", ""),
                     cpu->mhz ? "reserves nothing: remove cpu_mhz, or choose another class"
                              : "needs a reservation: add cpu_mhz = MHZ");
    else if (cpu->limit_mhz && cpu->limit_mhz < cpu->mhz)
        report_error(REPORT_USAGE,
                     "VM file %s: cpu_limit_mhz = %u: must be at least cpu_mhz, which is %u",
                     where(reader, "cpu_limit_mhz"), cpu->limit_mhz, cpu->mhz);
    else if (cpu->mhz == 0 && (cpu->latency_us || cpu->cosched))
        report_error(REPORT_USAGE, "VM file %s: %s needs a reservation: add cpu_mhz = MHZ",
                     where(reader, cpu->cosched ? "cosched" : "cpu_latency_us"),
                     cpu->cosched ? "cosched" : "cpu_latency_us");
    else
        return 0;
    return -EINVAL;
}

static int read_cpu(struct reader *reader, struct vmfile_cpu *cpu)
{
    struct limits clocks = { 1, 100000, 0, "" }, percents = { 1, 100, 95, "" };
    struct limits waits = { 1, 1000000, 0, "" }, flags = { 0, 1, 0, "" };
    long mhz = 0, slo = 0, limit = 0, latency = 0, cosched = 0;
    int rc = number_of(reader, "cpu_mhz", &clocks, &mhz);

    rc = first_error(rc, number_of(reader, "cpu_slo", &percents, &slo));
    rc = first_error(rc, number_of(reader, "cpu_limit_mhz", &clocks, &limit));
    rc = first_error(rc, number_of(reader, "cpu_latency_us", &waits, &latency));
    rc = first_error(rc, number_of(reader, "cosched", &flags, &cosched));
    cpu->mhz = mhz;
    cpu->slo = slo;
    cpu->limit_mhz = limit;
    cpu->latency_us = latency;
    cpu->cosched = cosched;
    rc = first_error(rc, read_class(reader, cpu));
    return rc < 0 ? rc : check_cpu(reader, cpu);
}

/* Reads each key, also after an error: `cleave check` shows all errors. */
static int read_keys(struct reader *reader, struct vmfile *vm)
{
    struct limits weights = { 1, 65535, 0, "" };
    char disk[sizeof(reader->place)];
    long weight = 0;
    int rc = read_type(reader);

    rc = first_error(rc, read_name(reader, vm));
    rc = first_error(rc, read_uuid(reader, vm));
    rc = first_error(rc, read_sizes(reader, vm));
    rc = first_error(rc, read_boot(reader, vm));
    rc = first_error(rc, read_action(reader, "on_poweroff", VMFILE_DESTROY, &vm->on_poweroff));
    rc = first_error(rc, read_action(reader, "on_reboot", VMFILE_RESTART, &vm->on_reboot));
    rc = first_error(rc, read_action(reader, "on_crash", VMFILE_DESTROY, &vm->on_crash));
    rc = first_error(rc, read_action(reader, "on_watchdog", vm->on_crash, &vm->on_watchdog));
    rc = first_error(rc, read_cpus(reader, vm));
    rc = first_error(rc, read_tsc_mode(reader, vm));
    rc = first_error(rc, number_of(reader, "cpu_weight", &weights, &weight));
    vm->weight = weight;
    rc = first_error(rc, read_cpu(reader, &vm->cpu));
    strcpy(disk, where(reader, "disk"));
    return first_error(rc, vmdevices_read(reader->config, disk, where(reader, "vif"), vm->uuid,
                                          &vm->devices));
}

static int read_vm(const char *path, char *const *settings, int setting_count, bool strict,
                   struct vmfile *vm)
{
    struct reader reader = { .path = path };
    char *text = read_text(path, settings, setting_count, &reader.lines);
    int rc = -EINVAL, known;

    *vm = (struct vmfile){ .name = "" };
    if (!text)
        return -ENOENT;
    reader.text = text;
    reader.config = parse(path, text);
    if (reader.config) {
        known = vmkeys_check(path, text, reader.lines, strict);
        rc = read_keys(&reader, vm);
        rc = rc < 0 ? rc : known;
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

/* Writes a string in the file's syntax. */
static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put_key(FILE *out, const char *key, const char *text)
{
    fprintf(out, "%s = ", key);
    put_string(out, text);
    fputc('\n', out);
}

/* Writes the list of disks. target is the last word of each, and may contain commas. */
static void put_disks(FILE *out, const struct vmdevices *devices)
{
    fputs("disk = [", out);
    for (unsigned int i = 0; i < devices->disk_count; i++) {
        const struct vmdevices_disk *disk = &devices->disks[i];
        char spec[PATH_MAX + 128];

        snprintf(spec, sizeof(spec), "format=raw,vdev=%s,access=%s%s,target=%s", disk->name,
                 disk->writable ? "rw" : "ro", disk->direct_io ? ",direct-io-safe" : "",
                 disk->path);
        fputs(i ? ", " : "", out);
        put_string(out, spec);
    }
    fputs("]\n", out);
}

char *vmfile_text(const char *path, char *const *settings, int setting_count,
                  const struct vmfile *vm)
{
    int lines;
    char *source = read_text(path, settings, setting_count, &lines);
    char uuid[UUID_STR_LEN], *text = NULL;
    size_t length = 0;
    FILE *out = source ? open_memstream(&text, &length) : NULL;

    if (!out) {
        free(source);
        return NULL;
    }
    uuid_unparse_lower(vm->uuid, uuid);
    fprintf(out, "%s\n# as resolved by cleave\n", source);
    put_key(out, "name", vm->name);
    put_key(out, "uuid", uuid);
    put_key(out, "kernel", vm->kernel);
    if (vm->ramdisk)
        put_key(out, "ramdisk", vm->ramdisk);
    if (vm->devices.disk_count)
        put_disks(out, &vm->devices);
    fclose(out);
    free(source);
    return text;
}

void vmfile_free(struct vmfile *vm)
{
    free(vm->kernel);
    free(vm->ramdisk);
    free(vm->cmdline);
    vmdevices_free(&vm->devices);
    vm->kernel = vm->ramdisk = vm->cmdline = NULL;
}
