/* SPDX-License-Identifier: MIT */
/*
 * A new VM from one that is stopped: copies of the disks that it may write, and its VM file with
 * another identity. A disk that it only reads is the same one. If it has a seed, the new one gets
 * its own: cloud-init sees a new machine, with a name and host keys of its own. Read next:
 * newfiles.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "new.h"
#include "progress.h"
#include "report.h"
#include "seed.h"

#define FILE_NAME_MAX 32

static bool is_seed(const struct vmdevices_disk *disk)
{
    return !disk->writable && strcmp(basename(disk->path), NEW_SEED) == 0;
}

/* The first disk has the name that every new VM's has. False: the disk is shared. */
static bool name_of(const struct new *vm, unsigned int i, char name[FILE_NAME_MAX])
{
    const struct vmdevices_disk *disk = &vm->source_file.devices.disks[i];

    if (i == 0)
        strcpy(name, NEW_DISK);
    else if (is_seed(disk))
        strcpy(name, NEW_SEED);
    else
        snprintf(name, FILE_NAME_MAX, NEW_DISK "-%s", disk->name);
    return i == 0 || disk->writable || is_seed(disk);
}

static bool has_seed(const struct new *vm)
{
    const struct vmdevices *devices = &vm->source_file.devices;

    for (unsigned int i = 1; i < devices->disk_count; i++)
        if (is_seed(&devices->disks[i]))
            return true;
    return false;
}

/* --- the template ----------------------------------------------------------------------------- */

/* Takes the keys of the template's seed, unless the user gives others. */
static void take_keys(struct new *vm)
{
    const struct vmdevices *devices = &vm->source_file.devices;

    for (unsigned int i = 1; i < devices->disk_count && !vm->keys; i++)
        if (is_seed(&devices->disks[i]))
            vm->keys = seed_keys_of(devices->disks[i].path);
}

static int check_stopped(const struct new *vm)
{
    if (vm->source.phase == VMS_STOPPED || vm->source.phase == VMS_FAILED)
        return 0;
    report_error(REPORT_STATE,
                 "--template %s: it is %s, and its disk may change: `cleave shutdown %s` first%s",
                 vm->source.name, vms_phase_name(vm->source.phase), vm->source.name,
                 vm->source.defined ? "" : "; it is not defined, and gone then");
    return -EBUSY;
}

int newtemplate_open(struct new *vm)
{
    int rc = vms_find(vm->template, &vm->source);

    if (rc == -ESRCH)
        report_error(REPORT_NOT_FOUND, "--template %s: no VM of cleave: see `cleave list`",
                     vm->template);
    if (rc < 0)
        return rc;
    vm->source_lock = session_lock_vm(&vm->source);
    if (vm->source_lock < 0)
        return vm->source_lock;
    rc = check_stopped(vm);
    if (rc == 0)
        rc = vms_read_file(vm->source.uuid, NULL, 0, &vm->source_file);
    if (rc == 0 && !(vm->source_config = vms_config(&vm->source)))
        rc = -EIO;
    if (rc < 0)
        return rc;
    if (!vm->source_file.devices.disk_count) {
        report_error(REPORT_USAGE,
                     "--template %s: it has no disk: `cleave define` takes its VM "
                     "file, with name=%s",
                     vm->template, vm->name);
        return -EINVAL;
    }
    vm->hvm = vm->source_file.hvm;
    take_keys(vm);
    if (!vm->source_file.devices.vif_count)
        vm->mac[0] = '\0';
    else
        vmdevices_mac(vm->uuid, vm->source_file.devices.vifs[0].number, vm->mac);
    return diskcopy_open_raw(vm->source_file.devices.disks[0].path, &vm->image);
}

void newtemplate_close(struct new *vm)
{
    vmfile_free(&vm->source_file);
    free(vm->source_config);
    if (vm->source_lock >= 0)
        vms_unlock(vm->source_lock);
}

/* --- its files -------------------------------------------------------------------------------- */

/* True if a file is in the folder of the template's first disk, and may go with it. */
static bool is_beside_disk(const struct new *vm, const char *file)
{
    const char *disk = vm->source_file.devices.disks[0].path;
    size_t length = strrchr(disk, '/') + 1 - disk;

    return file && strncmp(file, disk, length) == 0 && !strchr(file + length, '/');
}

static int copy_file(struct new *vm, const char *from, const char *name)
{
    char path[NEW_PATH_MAX];
    struct diskcopy_image image;
    int rc;

    if (!is_beside_disk(vm, from))
        return 0;
    newfiles_path(vm, name, path);
    rc = diskcopy_open_raw(from, &image);
    if (rc == 0)
        rc = diskcopy_make(&image, path, image.size);
    diskcopy_close(&image);
    return rc < 0 ? rc : 0;
}

/* Makes one disk, or an empty one of its size. */
static int make_disk(struct new *vm, unsigned int i, const char *name, bool empty)
{
    const struct vmdevices_disk *disk = &vm->source_file.devices.disks[i];
    struct diskcopy_image image;
    char path[NEW_PATH_MAX];
    int rc = diskcopy_open_raw(disk->path, &image);
    uint64_t size = i == 0 ? vm->size : image.size;

    newfiles_path(vm, name, path);
    progress_show("%s: copying disk %s", vm->name, disk->name);
    if (rc == 0)
        rc = empty ? newfiles_empty_disk(vm, name, size) : diskcopy_make(&image, path, size);
    if (rc >= 0 && !empty && i == 0)
        vm->way = rc;
    diskcopy_close(&image);
    return rc < 0 ? rc : 0;
}

static int make_disks(struct new *vm, bool empty)
{
    const struct vmdevices *devices = &vm->source_file.devices;
    char name[FILE_NAME_MAX];
    int rc = 0;

    for (unsigned int i = 0; rc == 0 && i < devices->disk_count; i++)
        if (name_of(vm, i, name) && (i == 0 || !is_seed(&devices->disks[i])))
            rc = make_disk(vm, i, name, empty);
    return rc;
}

int newtemplate_make(struct new *vm)
{
    int rc = make_disks(vm, true);

    if (rc == 0)
        rc = copy_file(vm, vm->source_file.kernel, "vmlinuz");
    if (rc == 0)
        rc = copy_file(vm, vm->source_file.ramdisk, "initrd");
    if (rc == 0 && vm->keys)
        rc = newfiles_make_seed(vm);
    if (rc == 0 && !vm->keys)
        report_note("%s: no keys for a seed are known (--ssh-key): its guest is the same as %s, "
                    "with its host name and host keys",
                    vm->name, vm->source.name);
    return rc;
}

int newtemplate_make_disks(struct new *vm) { return make_disks(vm, false); }

/* --- its VM file ------------------------------------------------------------------------------ */

static void put_disk(FILE *out, const char *vdev, const struct vmdevices_disk *disk,
                     const char *folder, const char *name)
{
    bool read_only = disk && !disk->writable;

    fprintf(out, "\"format=raw,vdev=%s,access=%s%s,target=", vdev, disk && !read_only ? "rw" : "ro",
            disk && disk->direct_io ? ",direct-io-safe" : "");
    if (name)
        fprintf(out, "%s/%s", folder, name);
    else
        newfiles_put_escaped(out, disk->path);
    fputs("\", ", out);
}

/* Returns the first name that no disk has. */
static void free_vdev(const struct vmdevices *devices, char vdev[8])
{
    bool taken = true;

    strcpy(vdev, "xvda");
    while (taken) {
        vdev[3]++;
        taken = false;
        for (unsigned int i = 0; i < devices->disk_count; i++)
            taken |= strncmp(devices->disks[i].name, vdev, 4) == 0;
    }
}

static void put_disks(FILE *out, const struct new *vm, const char *folder)
{
    const struct vmdevices *devices = &vm->source_file.devices;
    char name[FILE_NAME_MAX], vdev[8];

    fputs("disk = [", out);
    for (unsigned int i = 0; i < devices->disk_count; i++) {
        const struct vmdevices_disk *disk = &devices->disks[i];
        bool own = name_of(vm, i, name) && (i == 0 || !is_seed(disk) || vm->keys);

        put_disk(out, disk->name, disk, folder, own ? name : NULL);
    }
    if (vm->keys && !has_seed(vm)) {
        free_vdev(devices, vdev);
        put_disk(out, vdev, NULL, folder, NEW_SEED);
    }
    fputs("]\n", out);
}

/* Without their addresses: each gets its own. */
static void put_vifs(FILE *out, const struct new *vm)
{
    const struct vmdevices *devices = &vm->source_file.devices;

    fputs("vif = [", out);
    for (unsigned int i = 0; i < devices->vif_count; i++) {
        fprintf(out, "\"devid=%u,bridge=", devices->vifs[i].number);
        newfiles_put_escaped(out, *vm->bridge ? vm->bridge : devices->vifs[i].bridge);
        fputs("\", ", out);
    }
    fputs("]\n", out);
}

void newtemplate_put(FILE *out, const struct new *vm, const char *folder)
{
    fprintf(out, "%s\n# by cleave new, from %s\n", vm->source_config, vm->source.name);
    newfiles_put_key(out, "name", vm->name);
    newfiles_put_key(out, "uuid", vm->uuid_text);
    if (is_beside_disk(vm, vm->source_file.kernel))
        fprintf(out, "kernel = \"%s/vmlinuz\"\n", folder);
    if (is_beside_disk(vm, vm->source_file.ramdisk))
        fprintf(out, "ramdisk = \"%s/initrd\"\n", folder);
    if (vm->memory_mib)
        fprintf(out, "memory = %llu\n", (unsigned long long)vm->memory_mib);
    if (vm->vcpus)
        fprintf(out, "vcpus = %llu\n", (unsigned long long)vm->vcpus);
    if (vm->cpu_mhz)
        fprintf(out, "cpu_mhz = %llu\n", (unsigned long long)vm->cpu_mhz);
    put_disks(out, vm, folder);
    put_vifs(out, vm);
}
