/* SPDX-License-Identifier: MIT */
/*
 * cleave new: a VM from a cloud image or from a template. Everything that can be checked is, before
 * a disk is copied: the VM file is read with empty disks in place of them. The VM's files are made
 * in a folder that nobody else sees; the VM is recorded, the folder gets its name, and the VM
 * starts. A failure undoes all of it; a process that was killed leaves a folder that the next one
 * removes. Read next: newfiles.c, ../libcleave/vmfolder.c.
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
#include "life.h"
#include "new.h"
#include "path.h"
#include "progress.h"
#include "report.h"
#include "seed.h"
#include "vmtext.h"

#define DEFAULT_PARENT VMS_HOME "/images"
#define DEFAULT_MEMORY_MIB 1024
#define MIB (1ull << 20)
#define SECTOR 512
#define CPU_MHZ_MAX 100000 /* as in a VM file */

/* --- the command line ------------------------------------------------------------------------- */

bool new_has_setting(const struct call *call, const char *key)
{
    size_t length = strlen(key);

    for (int i = 1; i < call->count; i++)
        if (!strncmp(call->arguments[i], key, length) &&
            strspn(call->arguments[i] + length, " =") > 0)
            return true;
    return false;
}

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
                    { "disk", "its first disk is a copy; `cleave device-attach` adds others" },
                    { "vif", "use --bridge; `cleave device-attach` adds others" } };

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

/* A template decides how its copies start. */
static int check_template(const struct call *call)
{
    static const enum command_option others[] = { OPTION_IMAGE, OPTION_KERNEL, OPTION_RAMDISK,
                                                  OPTION_HVM };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (call->options[others[i]]) {
            report_error(REPORT_USAGE,
                         "--template and --%s are mutually exclusive: a template's "
                         "copy has its disk and starts as it does",
                         option_words[others[i]].name);
            return -EINVAL;
        }
    }
    return check_settings(call);
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
    if (call->options[OPTION_TEMPLATE])
        return check_template(call);
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
        rc = option_number(call, OPTION_CPU_MHZ, 1, CPU_MHZ_MAX, &vm->cpu_mhz);
    return rc;
}

/* Reads --disk-size, which has the image's as default. */
static int read_size(const struct call *call, struct new *vm)
{
    const char *text = call->options[OPTION_DISK_SIZE];

    vm->size = (vm->image.size + SECTOR - 1) / SECTOR * SECTOR;
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
    vm->template = call->options[OPTION_TEMPLATE];
    vm->bridge = call->options[OPTION_BRIDGE];
    if (!vm->template) {
        vm->bridge = vm->bridge ? vm->bridge : VMDEVICES_BRIDGE;
        vm->memory_mib = vm->memory_mib ? vm->memory_mib : DEFAULT_MEMORY_MIB;
        vm->vcpus = vm->vcpus ? vm->vcpus : 1;
    }
    vm->bridge = vm->bridge ? vm->bridge : "";
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
    if (call->options[OPTION_SSH_KEY] &&
        !(vm->keys = seed_read_keys(call->options[OPTION_SSH_KEY])))
        return -EINVAL;
    rc = vm->template ? newtemplate_open(vm)
                      : diskcopy_open(call->options[OPTION_IMAGE], &vm->image);
    return rc == 0 ? read_size(call, vm) : rc;
}

/* --- the VM file ------------------------------------------------------------------------------ */

/* Adds the quotes of the settings on the command line. The caller frees them; NULL: no memory. */
static char **quoted_settings(const struct call *call)
{
    char **settings = calloc(call->count, sizeof(*settings));

    for (int i = 1; settings && i < call->count; i++)
        settings[i - 1] = create_quote(call->arguments[i]);
    return settings;
}

/* Reads the VM file that will be the VM's, by the path of a file in memory. */
static int read_file(const struct new *vm, const char *folder, struct vmfile *file, char **config)
{
    int memory = memfd_create(vm->name, MFD_CLOEXEC), count = vm->call->count - 1;
    char **settings = quoted_settings(vm->call), path[32];
    FILE *out = memory < 0 ? NULL : fdopen(memory, "w");
    int rc = -ENOMEM;

    *file = (struct vmfile){ .kernel = NULL };
    if (out && settings) {
        if (vm->template)
            newtemplate_put(out, vm, folder);
        else
            newfiles_put(out, vm, folder);
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

/* --- the VM ----------------------------------------------------------------------------------- */

static void add_how(const struct new *vm)
{
    json_t *json = vm->call->json;

    output_text(json, "boot", vm->hvm ? "firmware" : "kernel");
    output_number(json, "disk_bytes", vm->size);
    if (*vm->mac)
        output_text(json, "mac", vm->mac);
}

static const char *started_by(const struct new *vm)
{
    if (vm->hvm)
        return "its disk's boot loader, as a PC";
    if (vm->template)
        return vm->source_file.kernel;
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
    if (*vm->mac)
        printf("ssh: as the image's user (debian, ubuntu, ...), when it has booted, to the address "
               "that a DHCP server leases to %s\n",
               vm->mac);
}

/* Records the VM, whose files are complete, and starts it. Undoes both after an error. */
static int start_vm(struct session *session, struct new *vm)
{
    struct vmfile file;
    struct vms_record record;
    char *config = NULL;
    int rc = read_file(vm, vm->folder.whole, &file, &config);

    if (rc == 0)
        rc = vmfolder_sync(&vm->folder);
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
    int rc = vm->template ? newtemplate_make(vm) : newfiles_make(vm);

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
    if (rc == 0 && vm->template)
        rc = newtemplate_make_disks(vm);
    else if (rc == 0 && !vm->image.qcow2)
        rc = newfiles_make_disk(vm);
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
    struct new vm = {
        .call = call, .image = { .fd = -1 }, .folder = { .lock = -1 }, .source_lock = -1
    };
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
    newtemplate_close(&vm);
    json_decref(vm.keys);
    free(vm.parent);
    free(vm.kernel);
    free(vm.ramdisk);
    return rc;
}
