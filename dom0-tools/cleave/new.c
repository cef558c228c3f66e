/* SPDX-License-Identifier: MIT */
/*
 * cleave new: a VM from a cloud image. Everything that can be checked is, before the disk is
 * copied: the VM file is read with an empty disk in place of it. The VM's files are made in a
 * folder that nobody else sees; the VM is recorded, the folder gets its name, and the VM starts. A
 * failure undoes all of it; a process that was killed leaves a folder that the next one removes.
 * Read next:
 * ../libcleave/vmfolder.c, ../libcleave/diskcopy.c, ../libcleave/diskboot.c, ../libcleave/seed.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "build.h"
#include "command.h"
#include "diskboot.h"
#include "diskcopy.h"
#include "life.h"
#include "path.h"
#include "progress.h"
#include "report.h"
#include "seed.h"
#include "vmfolder.h"
#include "vmtext.h"

#define DEFAULT_PARENT VMS_HOME "/images"
#define DEFAULT_MEMORY_MIB 1024
#define MIB (1ull << 20)
#define DISK "disk"
#define SEED "seed.iso"

/* A VM that is made. */
struct new
{
    struct call *call;
    const char *name, *bridge;
    uuid_t uuid;
    char uuid_text[UUID_STR_LEN], mac[VMDEVICES_MAC_SIZE];
    uint64_t memory_mib, vcpus, cpu_mhz;
    struct diskcopy_image image;
    uint64_t size; /* of the disk, in bytes */
    json_t *keys;
    char *parent, *kernel, *ramdisk; /* absolute; the latter two only if they are given */
    bool hvm, extracted;             /* extracted: its kernel is in its folder */
    struct diskboot boot;
    struct vmfolder folder;
    enum diskcopy_way way;
};

/* --- the command line ------------------------------------------------------------------------- */

/* Refuses settings that are not such, and those of keys that are decided here. */
static int check_settings(const struct call *call)
{
    static const struct {
        const char *key, *remedy;
    } decided[] = { { "name", "NAME is the first argument" },
                    { "uuid", "each new VM gets its own" },
                    { "type", "--hvm makes it a PC" },
                    { "kernel", "use --kernel" },
                    { "ramdisk", "use --ramdisk" },
                    { "disk", "its first disk is --image; `cleave device-attach` adds others" } };

    for (int i = 1; i < call->count; i++) {
        const char *setting = call->arguments[i], *equals = strchr(setting, '=');
        size_t length = equals ? strcspn(setting, " =") : 0;

        if (!equals) {
            report_error(REPORT_USAGE,
                         "\"%s\" is not a setting: only KEY=VALUE may follow the name", setting);
            return -EINVAL;
        }
        for (size_t k = 0; k < sizeof(decided) / sizeof(decided[0]); k++) {
            if (strlen(decided[k].key) == length && !strncmp(setting, decided[k].key, length)) {
                report_error(REPORT_USAGE, "%s: `cleave new` decides that itself: %s", setting,
                             decided[k].remedy);
                return -EINVAL;
            }
        }
    }
    return 0;
}

static int check_words(const struct call *call)
{
    if (!vmfile_is_name(call->arguments[0])) {
        report_error(REPORT_USAGE,
                     "\"%s\" cannot be a name: use at most %d letters, digits and _-.+:@, not only "
                     "digits, and no leading -",
                     call->arguments[0], DOMAIN_NAME_MAX - 1);
        return -EINVAL;
    }
    if (!call->options[OPTION_IMAGE] || !call->options[OPTION_SSH_KEY]) {
        report_error(REPORT_USAGE,
                     "--%s is missing: `cleave new %s --image debian-12-genericcloud-amd64.raw "
                     "--ssh-key ~/.ssh/id_ed25519.pub`",
                     call->options[OPTION_IMAGE] ? "ssh-key" : "image", call->arguments[0]);
        return -EINVAL;
    }
    if (call->options[OPTION_HVM] && call->options[OPTION_KERNEL]) {
        report_error(REPORT_USAGE, "--hvm and --kernel are mutually exclusive: a PC starts the "
                                   "kernel of its disk");
        return -EINVAL;
    }
    if (call->options[OPTION_RAMDISK] && !call->options[OPTION_KERNEL]) {
        report_error(REPORT_USAGE, "--ramdisk is that of --kernel, which is missing");
        return -EINVAL;
    }
    return check_settings(call);
}

static int read_numbers(const struct call *call, struct new *vm)
{
    int rc = option_number(call, OPTION_MEMORY, 1, UINT32_MAX, &vm->memory_mib);

    if (rc == 0)
        rc = option_number(call, OPTION_VCPUS, 1, VMFILE_VCPUS_MAX, &vm->vcpus);
    if (rc == 0)
        rc = option_number(call, OPTION_CPU_MHZ, 1, UINT32_MAX, &vm->cpu_mhz);
    return rc;
}

/* Reads --disk-size, which has the image's as default. */
static int read_size(const struct call *call, struct new *vm)
{
    const char *text = call->options[OPTION_DISK_SIZE];

    vm->size = vm->image.size;
    if (!text)
        return 0;
    if (!diskcopy_parse_size(text, &vm->size)) {
        report_error(REPORT_USAGE, "--disk-size %s: must be MiB, or like 20G, and at most 64T",
                     text);
        return -EINVAL;
    }
    if (vm->size >= vm->image.size)
        return 0;
    report_error(REPORT_USAGE,
                 "--disk-size %s: the disk in image %s has %llu MiB already: a disk can only grow",
                 text, vm->image.path, (unsigned long long)((vm->image.size + MIB - 1) / MIB));
    return -EINVAL;
}

static char *absolute(const char *path) { return path ? path_absolute(path) : NULL; }

/* Reads what the user wants, and the files that he names. */
static int read_call(struct call *call, struct new *vm)
{
    int rc = check_words(call);

    if (rc == 0)
        rc = read_numbers(call, vm);
    if (rc < 0)
        return rc;
    vm->name = call->arguments[0];
    vm->bridge = call->options[OPTION_BRIDGE] ? call->options[OPTION_BRIDGE] : VMDEVICES_BRIDGE;
    vm->hvm = call->options[OPTION_HVM];
    vm->kernel = absolute(call->options[OPTION_KERNEL]);
    vm->ramdisk = absolute(call->options[OPTION_RAMDISK]);
    vm->parent = call->options[OPTION_FOLDER] ? absolute(call->options[OPTION_FOLDER])
                                              : strdup(DEFAULT_PARENT);
    if (!vm->parent)
        return -ENOMEM;
    uuid_generate(vm->uuid);
    uuid_unparse_lower(vm->uuid, vm->uuid_text);
    vmdevices_mac(vm->uuid, 0, vm->mac);
    vm->keys = seed_read_keys(call->options[OPTION_SSH_KEY]);
    if (!vm->keys)
        return -EINVAL;
    rc = diskcopy_open(call->options[OPTION_IMAGE], &vm->image);
    return rc == 0 ? read_size(call, vm) : rc;
}

/* --- the VM file ------------------------------------------------------------------------------ */

static void put_quoted(FILE *out, const char *key, const char *value)
{
    fprintf(out, "%s = \"", key);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            fputc('\\', out);
        fputc(*value, out);
    }
    fputs("\"\n", out);
}

static void put_kernel(FILE *out, const struct new *vm, const char *folder)
{
    if (vm->extracted) {
        fprintf(out, "kernel = \"%s/vmlinuz\"\n", folder);
        if (*vm->boot.ramdisk)
            fprintf(out, "ramdisk = \"%s/initrd\"\n", folder);
    } else {
        put_quoted(out, "kernel", vm->kernel);
        if (vm->ramdisk)
            put_quoted(out, "ramdisk", vm->ramdisk);
    }
    if (*vm->boot.root)
        put_quoted(out, "root", vm->boot.root);
    fputs("extra = \"ro console=hvc0\"\n", out);
}

/* Writes the VM file, with the VM's files in folder. */
static void put_file(FILE *out, const struct new *vm, const char *folder)
{
    fprintf(out, "# by cleave new\n");
    fprintf(out, "type = \"%s\"\n", vm->hvm ? "hvm" : "pvh");
    put_quoted(out, "name", vm->name);
    put_quoted(out, "uuid", vm->uuid_text);
    if (vm->hvm)
        put_quoted(out, "tsc_mode", "native");
    else
        put_kernel(out, vm, folder);
    fprintf(out, "memory = %llu\nvcpus = %llu\n", (unsigned long long)vm->memory_mib,
            (unsigned long long)vm->vcpus);
    if (vm->cpu_mhz)
        fprintf(out, "cpu_mhz = %llu\n", (unsigned long long)vm->cpu_mhz);
    fprintf(out, "disk = [\"format=raw,vdev=xvda,access=rw,target=%s/" DISK "\", ", folder);
    fprintf(out, "\"format=raw,vdev=xvdb,access=ro,target=%s/" SEED "\"]\n", folder);
    fprintf(out, "vif = [\"bridge=%s\"]\n", vm->bridge);
}

/* Adds the quotes of the settings on the command line. The caller frees them; NULL: no memory. */
static char **quoted_settings(const struct call *call)
{
    char **settings = calloc(call->count, sizeof(*settings));

    for (int i = 1; settings && i < call->count; i++)
        settings[i - 1] = create_quote(call->arguments[i]);
    return settings;
}

/* Reads the VM file that put_file writes, by the path of a file in memory. */
static int read_file(const struct new *vm, const char *folder, struct vmfile *file, char **config)
{
    int memory = memfd_create(vm->name, MFD_CLOEXEC), count = vm->call->count - 1;
    char **settings = quoted_settings(vm->call), path[32];
    FILE *out = memory < 0 ? NULL : fdopen(memory, "w");
    int rc = -ENOMEM;

    *file = (struct vmfile){ .kernel = NULL };
    if (out && settings) {
        put_file(out, vm, folder);
        fflush(out);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
        rc = vmfile_read(path, settings, count, file);
        if (rc == 0 && config && !(*config = vmtext_resolve(path, settings, count, file)))
            rc = -ENOMEM;
    }
    for (int i = 0; settings && i < count; i++)
        free(settings[i]);
    free(settings);
    if (out)
        fclose(out);
    else if (memory >= 0)
        close(memory);
    return rc;
}

/* --- its files -------------------------------------------------------------------------------- */

static void path_of(const struct new *vm, const char *file, char path[PATH_MAX + 16])
{
    snprintf(path, PATH_MAX + 16, "%s/%s", vm->folder.part, file);
}

static int make_disk(struct new *vm)
{
    char path[PATH_MAX + 16];
    int way;

    path_of(vm, DISK, path);
    progress_show("%s: %s the disk", vm->name, vm->image.qcow2 ? "converting" : "copying");
    way = diskcopy_make(&vm->image, path, vm->size);
    if (way >= 0)
        vm->way = way;
    return way < 0 ? way : 0;
}

/* An empty disk of that size, for checks: a raw image is copied after them. */
static int make_placeholder(struct new *vm)
{
    char path[PATH_MAX + 16];
    int fd, rc = 0;

    path_of(vm, DISK, path);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, vm->size) < 0) {
        rc = -errno;
        report_error(report_by_errno(-rc), "cannot make a disk of %llu MiB, %s: %s",
                     (unsigned long long)(vm->size / MIB), path, strerror(-rc));
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

static bool has_setting(const struct call *call, const char *key)
{
    size_t length = strlen(key);

    for (int i = 1; i < call->count; i++)
        if (!strncmp(call->arguments[i], key, length) &&
            strspn(call->arguments[i] + length, " =") > 0)
            return true;
    return false;
}

/* Decides how it starts, and takes the kernel out of the image if it has one. */
static int make_kernel(struct new *vm)
{
    char path[PATH_MAX + 16], kernel[PATH_MAX + 16], ramdisk[PATH_MAX + 16];
    const char *disk = vm->image.path;
    int rc;

    if (vm->hvm)
        return 0;
    path_of(vm, DISK, path);
    path_of(vm, "vmlinuz", kernel);
    path_of(vm, "initrd", ramdisk);
    if (vm->image.qcow2)
        disk = path;
    progress_show("%s: looking for the image's kernel", vm->name);
    rc = diskboot_find(disk, !vm->kernel, &vm->boot);
    if (rc < 0)
        return rc;
    if (vm->kernel) {
        if (!*vm->boot.root && !has_setting(vm->call, "root") && !has_setting(vm->call, "cmdline"))
            report_warning("%s: which partition is its root cannot be told: %s: root=/dev/xvda1 "
                           "after the name tells its kernel",
                           vm->name, vm->boot.why);
        return 0;
    }
    if (*vm->boot.kernel && (*vm->boot.root || has_setting(vm->call, "root"))) {
        vm->extracted = true;
        return diskboot_extract(disk, &vm->boot, kernel, ramdisk);
    }
    report_note("%s: %s: it becomes a PC, which starts its disk's boot loader", vm->name,
                vm->boot.why);
    vm->hvm = true;
    return 0;
}

static int make_seed(struct new *vm)
{
    char path[PATH_MAX + 16];
    struct seed seed = { vm->name, vm->uuid_text, vm->mac, vm->keys };

    path_of(vm, SEED, path);
    return seed_write(&seed, path);
}

/* Makes all files but the disk, which is the placeholder or, from qcow2, complete. */
static int make_files(struct new *vm)
{
    int rc = vm->image.qcow2 ? make_disk(vm) : make_placeholder(vm);

    if (rc == 0)
        rc = make_kernel(vm);
    if (rc == 0)
        rc = make_seed(vm);
    return rc;
}

/* --- the VM ----------------------------------------------------------------------------------- */

static void add_how(const struct new *vm)
{
    json_t *json = vm->call->json;

    output_text(json, "boot", vm->hvm ? "firmware" : "kernel");
    output_number(json, "disk_bytes", vm->size);
    output_text(json, "mac", vm->mac);
}

static const char *started_by(const struct new *vm)
{
    if (vm->hvm)
        return "its disk's boot loader, as a PC";
    return vm->extracted ? vm->boot.kernel : vm->kernel;
}

static void print_plan(struct new *vm, const struct vmfile *file, const struct build_plan *plan)
{
    create_print_plan(vm->call, file, plan);
    if (vm->call->json) {
        add_how(vm);
        return;
    }
    printf("disk                %llu MiB, %llu of the image\n",
           (unsigned long long)(vm->size / MIB), (unsigned long long)(vm->image.size / MIB));
    printf("starts              %s\n", started_by(vm));
}

static void print_vm(struct new *vm, const struct vms_record *record)
{
    output_is_done(vm->call, vm->name, "started");
    if (vm->call->json) {
        output_text(vm->call->json, "name", vm->name);
        output_text(vm->call->json, "uuid", vm->uuid_text);
        output_number(vm->call->json, "id", record->domid);
        output_text(vm->call->json, "folder", vm->folder.whole);
        output_text(vm->call->json, "copy", diskcopy_way_name(vm->way));
        add_how(vm);
        return;
    }
    printf("%s is domain %u; its disk of %llu MiB (%s) is in %s\n", vm->name, record->domid,
           (unsigned long long)(vm->size / MIB), diskcopy_way_name(vm->way), vm->folder.whole);
    printf("console: cleave console %s\n", vm->name);
    printf(
        "ssh: as the image's user (debian, ubuntu, ...), when it has booted, to the address that "
        "DHCP on %s leases to %s\n",
        vm->bridge, vm->mac);
}

/* Records the VM, whose files are complete, and starts it. Undoes both after an error. */
static int start_vm(struct session *session, struct new *vm)
{
    struct vmfile file;
    struct vms_record record;
    char *config = NULL;
    int rc = read_file(vm, vm->folder.whole, &file, &config);

    if (rc == 0)
        rc = life_define(&file, config, vm->call->options[OPTION_AUTOSTART] != NULL);
    vmfile_free(&file);
    free(config);
    if (rc < 0)
        return rc;
    rc = vmfolder_complete(&vm->folder);
    if (rc == 0)
        rc = life_start(&session->hv, session->store, vm->uuid_text, &record);
    progress_end();
    if (rc == 0)
        print_vm(vm, &record);
    else
        life_undefine(vm->uuid_text, &record);
    return rc;
}

/* Checks the VM as it will be, then makes its disk and starts it, or prints the plan. */
static int make_vm(struct session *session, struct new *vm)
{
    struct build_plan plan = { .memory = 0 };
    struct vmfile file = { .kernel = NULL };
    int rc = make_files(vm);

    if (rc == 0)
        rc = read_file(vm, vm->folder.part, &file, NULL);
    if (rc == 0)
        rc = create_check(session, &file, &plan);
    if (rc == 0 && vm->call->options[OPTION_DRY_RUN]) {
        print_plan(vm, &file, &plan);
        vmfolder_remove(&vm->folder);
        vmfile_free(&file);
        return 0;
    }
    vmfile_free(&file);
    if (rc == 0 && !vm->image.qcow2)
        rc = make_disk(vm);
    if (rc == 0)
        rc = start_vm(session, vm);
    if (rc < 0)
        vmfolder_remove(&vm->folder);
    vmfolder_release(&vm->folder);
    return rc;
}

static int check_free_name(const char *name)
{
    struct vms_record other;

    if (vms_find(name, &other) < 0)
        return 0;
    report_error(REPORT_STATE, "the name \"%s\" is in use: choose another one (`cleave list`)",
                 name);
    return -EEXIST;
}

int new_run(struct call *call)
{
    struct session session = { .store = NULL };
    struct new vm = { .call = call,
                      .memory_mib = DEFAULT_MEMORY_MIB,
                      .vcpus = 1,
                      .image = { .fd = -1 },
                      .folder = { .lock = -1 } };
    int rc = read_call(call, &vm);

    if (rc == 0)
        rc = session_open(&session);
    if (rc == 0)
        rc = check_free_name(vm.name);
    if (rc == 0 && vms_make_folders() < 0) {
        rc = -errno;
        report_error(report_by_errno(-rc), "cannot make " VMS_HOME ": %s", strerror(-rc));
    }
    if (rc == 0) {
        create_block_signals();
        rc = vmfolder_make(vm.parent, vm.name, vm.uuid_text, &vm.folder);
        if (rc == 0)
            rc = make_vm(&session, &vm);
        progress_end();
        fflush(stdout);
        create_unblock_signals();
    }
    session_close(&session);
    diskcopy_close(&vm.image);
    json_decref(vm.keys);
    free(vm.parent);
    free(vm.kernel);
    free(vm.ramdisk);
    return rc;
}
