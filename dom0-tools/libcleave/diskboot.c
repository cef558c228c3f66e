/* SPDX-License-Identifier: MIT */
/*
 * Finds a kernel on a disk. Partition tables (GPT: UEFI specification, 5.3; MBR) are read here. ext
 * file systems are read by debugfs, a program: dom0's kernel never mounts what a stranger made.
 * Names found there are used only if they consist of harmless characters. Read next: diskcopy.c.
 */
#define _GNU_SOURCE
#include "diskboot.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"
#include "tool.h"

#define SECTOR 512ull
#define PARTS_MAX 128
#define MBR_TABLE 446
#define MBR_ENTRY 16
#define MBR_PARTS 4
#define MBR_DISK_ID 440
#define MBR_SIGNATURE 510
#define GPT_ENTRY_MIN 128
#define GPT_ENTRY_MAX 4096
#define EXT_SUPERBLOCK 1024
#define EXT_MAGIC 56
#define NAMES_MAX 512
#define DEBUGFS_PACKAGE "e2fsprogs"

/* A partition with an ext file system, or the whole disk. */
struct part {
    uint64_t offset;
    char root[64]; /* how a kernel names it */
};

struct disk {
    const char *path;
    int fd;
    struct part parts[PARTS_MAX];
    unsigned int count;
};

static uint32_t little32(const uint8_t *at)
{
    uint32_t number;

    memcpy(&number, at, sizeof(number));
    return le32toh(number);
}

static uint64_t little64(const uint8_t *at)
{
    uint64_t number;

    memcpy(&number, at, sizeof(number));
    return le64toh(number);
}

static bool read_at(const struct disk *disk, void *to, size_t length, uint64_t offset)
{
    return offset < INT64_MAX && pread(disk->fd, to, length, offset) == (ssize_t)length;
}

/* --- partitions ------------------------------------------------------------------------------- */

static bool is_ext(const struct disk *disk, uint64_t offset)
{
    uint8_t magic[2];

    return read_at(disk, magic, sizeof(magic), offset + EXT_SUPERBLOCK + EXT_MAGIC) &&
           magic[0] == 0x53 && magic[1] == 0xef;
}

/* Returns the place for a partition with an ext file system, or NULL: it is none. */
static struct part *add_part(struct disk *disk, uint64_t sector)
{
    struct part *part = &disk->parts[disk->count];

    if (!sector || sector > INT64_MAX / SECTOR || disk->count == PARTS_MAX ||
        !is_ext(disk, sector * SECTOR))
        return NULL;
    part->offset = sector * SECTOR;
    disk->count++;
    return part;
}

/* Reads a GPT. The bytes of the first three parts of a GUID are little-endian. */
static void read_gpt(struct disk *disk)
{
    uint8_t head[92], entry[GPT_ENTRY_MIN];
    uint64_t table;
    uint32_t count, size;

    if (!read_at(disk, head, sizeof(head), SECTOR) || memcmp(head, "EFI PART", 8) != 0)
        return;
    table = little64(head + 72);
    count = little32(head + 80);
    size = little32(head + 84);
    if (table > INT64_MAX / SECTOR || size < GPT_ENTRY_MIN || size > GPT_ENTRY_MAX)
        return;
    for (uint32_t i = 0; i < count && i < PARTS_MAX; i++) {
        const uint8_t *id = entry + 16;
        struct part *part;

        if (!read_at(disk, entry, sizeof(entry), table * SECTOR + (uint64_t)i * size))
            return;
        part = add_part(disk, little64(entry + 32));
        if (part)
            snprintf(part->root, sizeof(part->root),
                     "PARTUUID=%08x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                     little32(id), id[5], id[4], id[7], id[6], id[8], id[9], id[10], id[11], id[12],
                     id[13], id[14], id[15]);
    }
}

static void read_parts(struct disk *disk)
{
    uint8_t sector[SECTOR];

    if (!read_at(disk, sector, sizeof(sector), 0))
        return;
    if (is_ext(disk, 0)) {
        strcpy(disk->parts[disk->count++].root, "/dev/xvda");
        return;
    }
    if (sector[MBR_SIGNATURE] != 0x55 || sector[MBR_SIGNATURE + 1] != 0xaa)
        return;
    read_gpt(disk);
    for (unsigned int i = 0; disk->count == 0 && i < MBR_PARTS; i++) {
        struct part *part = add_part(disk, little32(sector + MBR_TABLE + i * MBR_ENTRY + 8));

        if (part)
            snprintf(part->root, sizeof(part->root), "PARTUUID=%08x-%02x",
                     little32(sector + MBR_DISK_ID), i + 1);
    }
}

/* --- file systems ----------------------------------------------------------------------------- */

/* Runs a request of debugfs on a file system. */
static int debugfs(const char *path, uint64_t offset, const char *request, char **output)
{
    int fd = open(path, O_RDONLY); /* inherited: a path may have debugfs' own marks in it */
    char name[64];
    char *argv[] = { "debugfs", "-R", (char *)request, name, NULL };
    int rc;

    if (fd < 0) {
        rc = -errno;
        report_error(report_by_errno(-rc), "%s: %s", path, strerror(-rc));
        return rc;
    }
    snprintf(name, sizeof(name), "/proc/self/fd/%d?offset=%llu", fd, (unsigned long long)offset);
    rc = tool_run(argv, DEBUGFS_PACKAGE, output);
    close(fd);
    return rc;
}

static bool is_harmless(const char *name)
{
    return *name && *name != '.' && *name != '-' &&
           !name[strspn(name,
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")];
}

/* The names of a folder, from what debugfs prints: "/INODE/MODE/UID/GID/NAME/SIZE/" a line. */
struct names {
    char *text;
    struct {
        const char *name;
        uint64_t size;
    } list[NAMES_MAX];
    size_t count;
};

static int read_names(const char *path, uint64_t offset, const char *folder, struct names *names)
{
    char request[64], *rest;
    int rc;

    *names = (struct names){ .text = NULL };
    snprintf(request, sizeof(request), "ls -p %s", folder);
    rc = debugfs(path, offset, request, &names->text);
    rest = names->text;
    for (char *line; rc == 0 && (line = strsep(&rest, "\n")) != NULL;) {
        char *name = NULL;

        for (int field = 0; field < 6 && line; field++)
            name = strsep(&line, "/");
        if (!name || !is_harmless(name) || names->count == NAMES_MAX)
            continue;
        names->list[names->count].size = line ? strtoull(line, NULL, 10) : 0;
        names->list[names->count++].name = name;
    }
    return rc;
}

/* Finds a name, and returns its size by *size. */
static bool has_name(const struct names *names, const char *name, uint64_t *size)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->list[i].name, name) == 0) {
            *size = names->list[i].size;
            return true;
        }
    }
    return false;
}

/* Returns the newest of the kernels vmlinuz-VERSION but rescue systems, or NULL. */
static const char *newest_kernel(const struct names *names)
{
    const char *newest = NULL;

    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->list[i].name;

        if (strncmp(name, "vmlinuz-", 8) == 0 && !strstr(name, "rescue") &&
            (!newest || strverscmp(name, newest) > 0))
            newest = name;
    }
    return newest;
}

/* Looks for a kernel in one folder of a file system. */
static int find_kernel(const char *path, uint64_t offset, const char *folder, struct diskboot *boot)
{
    static const char *const forms[] = { "initrd.img-%s", "initramfs-%s.img", "initramfs-%s",
                                         "initrd-%s" };
    struct names names;
    int rc = read_names(path, offset, folder, &names);
    const char *kernel = rc == 0 ? newest_kernel(&names) : NULL;

    if (kernel && strlen(kernel) < 100) {
        boot->offset = offset;
        snprintf(boot->kernel, sizeof(boot->kernel), "%s/%s", folder, kernel);
        has_name(&names, kernel, &boot->kernel_size);
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && !*boot->ramdisk; i++) {
            char name[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(name, sizeof(name), forms[i], kernel + strlen("vmlinuz-"));
#pragma GCC diagnostic pop
            if (has_name(&names, name, &boot->ramdisk_size))
                snprintf(boot->ramdisk, sizeof(boot->ramdisk), "%s/%s", folder, name);
        }
    }
    free(names.text);
    return rc;
}

/* Finds out which file system is root's: the only one, or the one that has /etc. */
static int find_root(const struct disk *disk, struct diskboot *boot)
{
    int rc = 0;

    if (disk->count == 1)
        strcpy(boot->root, disk->parts[0].root);
    for (unsigned int i = 0; rc == 0 && disk->count > 1 && i < disk->count && !*boot->root; i++) {
        struct names names;
        uint64_t size;

        rc = read_names(disk->path, disk->parts[i].offset, "/", &names);
        if (rc == 0 && has_name(&names, "etc", &size))
            strcpy(boot->root, disk->parts[i].root);
        free(names.text);
    }
    return rc;
}

int diskboot_find(const char *path, bool wanted, struct diskboot *boot)
{
    struct disk disk = { .path = path };
    int rc;

    *boot = (struct diskboot){ .offset = 0 };
    disk.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (disk.fd < 0) {
        rc = -errno;
        report_error(report_by_errno(-rc), "%s: %s", path, strerror(-rc));
        return rc;
    }
    read_parts(&disk);
    close(disk.fd);
    rc = find_root(&disk, boot);
    for (unsigned int i = 0; rc == 0 && wanted && i < disk.count && !*boot->kernel; i++) {
        rc = find_kernel(path, disk.parts[i].offset, "/boot", boot);
        if (rc == 0 && !*boot->kernel)
            rc = find_kernel(path, disk.parts[i].offset, "", boot);
    }
    if (!disk.count)
        strcpy(boot->why, "no ext file system is on it");
    else if (wanted && !*boot->kernel)
        strcpy(boot->why, "no /boot/vmlinuz-VERSION is on it");
    else if (!*boot->root)
        strcpy(boot->why, "which partition is the root of its kernel cannot be told");
    return rc;
}

/* Writes one file. debugfs reports a failure on standard error only: the size tells. */
static int dump(const char *path, uint64_t offset, const char *from, uint64_t size, const char *to)
{
    char request[DISKBOOT_NAME_MAX + 4096 + 16];
    struct stat st;
    int rc;

    if (strpbrk(to, "\"\n")) {
        report_error(REPORT_USAGE, "folder of %s: must have no quotes in its name", to);
        return -EINVAL;
    }
    snprintf(request, sizeof(request), "dump %s \"%s\"", from, to);
    rc = debugfs(path, offset, request, NULL);
    if (rc == 0 && (stat(to, &st) < 0 || (uint64_t)st.st_size != size)) {
        report_error(REPORT_USAGE,
                     "%s: its %s cannot be read: is the image complete, and is there room for %s?",
                     path, from, to);
        rc = -EIO;
    }
    return rc;
}

int diskboot_extract(const char *path, const struct diskboot *boot, const char *kernel,
                     const char *ramdisk)
{
    int rc = dump(path, boot->offset, boot->kernel, boot->kernel_size, kernel);

    if (rc == 0 && *boot->ramdisk)
        rc = dump(path, boot->offset, boot->ramdisk, boot->ramdisk_size, ramdisk);
    return rc;
}
