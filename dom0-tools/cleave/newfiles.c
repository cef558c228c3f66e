/* SPDX-License-Identifier: MIT */
/*
 * The files of a new VM from an image: its disk, kernel and seed, and the text of its VM file. Read
 * next: newtemplate.c, ../libcleave/diskcopy.c, ../libcleave/diskboot.c, ../libcleave/seed.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "new.h"
#include "progress.h"
#include "report.h"
#include "seed.h"

#define MIB (1ull << 20)

/* --- the VM file ------------------------------------------------------------------------------ */

void newfiles_put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
}

void newfiles_put_key(FILE *out, const char *key, const char *value)
{
    fprintf(out, "%s = \"", key);
    newfiles_put_escaped(out, value);
    fputs("\"\n", out);
}

static void put_kernel(FILE *out, const struct new *vm, const char *folder)
{
    if (vm->extracted) {
        fprintf(out, "kernel = \"%s/vmlinuz\"\n", folder);
        if (*vm->boot.ramdisk)
            fprintf(out, "ramdisk = \"%s/initrd\"\n", folder);
    } else {
        newfiles_put_key(out, "kernel", vm->kernel);
        if (vm->ramdisk)
            newfiles_put_key(out, "ramdisk", vm->ramdisk);
    }
    if (*vm->boot.root)
        newfiles_put_key(out, "root", vm->boot.root);
    fputs("extra = \"ro console=hvc0\"\n", out);
}

void newfiles_put(FILE *out, const struct new *vm, const char *folder)
{
    fprintf(out, "# by cleave new\n");
    fprintf(out, "type = \"%s\"\n", vm->hvm ? "hvm" : "pvh");
    newfiles_put_key(out, "name", vm->name);
    newfiles_put_key(out, "uuid", vm->uuid_text);
    if (vm->hvm)
        newfiles_put_key(out, "tsc_mode", "native");
    else
        put_kernel(out, vm, folder);
    fprintf(out, "memory = %llu\nvcpus = %llu\n", (unsigned long long)vm->memory_mib,
            (unsigned long long)vm->vcpus);
    if (vm->cpu_mhz)
        fprintf(out, "cpu_mhz = %llu\n", (unsigned long long)vm->cpu_mhz);
    fprintf(out, "disk = [\"format=raw,vdev=xvda,access=rw,target=%s/" NEW_DISK "\", ", folder);
    fprintf(out, "\"format=raw,vdev=xvdb,access=ro,target=%s/" NEW_SEED "\"]\n", folder);
    fputs("vif = [\"bridge=", out);
    newfiles_put_escaped(out, vm->bridge);
    fputs("\"]\n", out);
}

/* --- its files -------------------------------------------------------------------------------- */

void newfiles_path(const struct new *vm, const char *file, char path[NEW_PATH_MAX])
{
    snprintf(path, NEW_PATH_MAX, "%s/%s", vm->folder.part, file);
}

int newfiles_make_disk(struct new *vm)
{
    char path[NEW_PATH_MAX];
    int way;

    newfiles_path(vm, NEW_DISK, path);
    progress_show("%s: %s the disk", vm->name, vm->image.qcow2 ? "converting" : "copying");
    way = diskcopy_make(&vm->image, path, vm->size);
    if (way >= 0)
        vm->way = way;
    return way < 0 ? way : 0;
}

/* An empty disk, for checks: the other one is made after them. */
int newfiles_empty_disk(const struct new *vm, const char *file, uint64_t size)
{
    char path[NEW_PATH_MAX];
    int fd, rc = 0;

    newfiles_path(vm, file, path);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, size) < 0) {
        rc = -errno;
        report_error(report_by_errno(-rc), "cannot make a disk of %llu MiB, %s: %s",
                     (unsigned long long)(size / MIB), path, strerror(-rc));
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Decides how it starts, and takes the kernel out of the image if it has one. */
static int make_kernel(struct new *vm)
{
    char path[NEW_PATH_MAX], kernel[NEW_PATH_MAX], ramdisk[NEW_PATH_MAX];
    const char *disk = vm->image.path;
    int rc;

    if (vm->hvm)
        return 0;
    newfiles_path(vm, NEW_DISK, path);
    newfiles_path(vm, "vmlinuz", kernel);
    newfiles_path(vm, "initrd", ramdisk);
    if (vm->image.qcow2)
        disk = path;
    progress_show("%s: looking for the image's kernel", vm->name);
    rc = diskboot_find(disk, !vm->kernel, &vm->boot);
    if (rc < 0)
        return rc;
    if (vm->kernel) {
        if (!*vm->boot.root && !new_has_setting(vm->call, "root") &&
            !new_has_setting(vm->call, "cmdline"))
            report_warning("%s: which partition is its root cannot be told: %s: root=/dev/xvda1 "
                           "after the name tells its kernel",
                           vm->name, vm->boot.why);
        return 0;
    }
    if (*vm->boot.kernel && (*vm->boot.root || new_has_setting(vm->call, "root"))) {
        vm->extracted = true;
        return diskboot_extract(disk, &vm->boot, kernel, ramdisk);
    }
    report_note("%s: %s: it becomes a PC, which starts its disk's boot loader", vm->name,
                vm->boot.why);
    vm->hvm = true;
    return 0;
}

int newfiles_make_seed(const struct new *vm)
{
    char path[NEW_PATH_MAX];
    struct seed seed = { vm->name, vm->uuid_text, *vm->mac ? vm->mac : NULL, vm->keys };

    newfiles_path(vm, NEW_SEED, path);
    return seed_write(&seed, path);
}

int newfiles_make(struct new *vm)
{
    int rc = vm->image.qcow2 ? newfiles_make_disk(vm) : newfiles_empty_disk(vm, NEW_DISK, vm->size);

    if (rc == 0)
        rc = make_kernel(vm);
    if (rc == 0)
        rc = newfiles_make_seed(vm);
    return rc;
}
