/* SPDX-License-Identifier: MIT */
/*
 * Linux unpacks an initramfs of several concatenated cpio archives, compressed or not, at multiples
 * of four bytes (Documentation/driver-api/early-userspace/buffer-format.rst). So this run's command
 * and files are a small archive after dom0's image, and the image itself is built once. Next to
 * read: dom0/init.
 */
#define _GNU_SOURCE
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Appends the rest of in_fd. Returns 0 or a negative errno. */
static int append_fd(FILE *out, int in_fd)
{
    char buffer[65536];
    ssize_t length;

    while ((length = read(in_fd, buffer, sizeof(buffer))) > 0)
        if (fwrite(buffer, 1, length, out) != (size_t)length)
            return -errno;
    return length < 0 ? -errno : 0;
}

static void pad4(FILE *out)
{
    while (ftell(out) % 4 != 0)
        fputc(0, out);
}

/*
 * One cpio header of the "newc" format and the name; the caller appends size bytes and calls pad4.
 */
static void append_header(FILE *out, const char *name, unsigned int mode, unsigned long size)
{
    static unsigned int inode = 900000;

    fprintf(out, "070701%08x%08x%08x%08x%08x%08x%08lx%08x%08x%08x%08x%08x%08x", inode++, mode, 0, 0,
            1, 0, size, 0, 0, 0, 0, (unsigned int)strlen(name) + 1, 0);
    fwrite(name, 1, strlen(name) + 1, out);
    pad4(out);
}

static int append_file(FILE *out, const char *path)
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    char name[300];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = -EINVAL;

    if (fd < 0 || fstat(fd, &st) < 0) {
        fprintf(stderr, "rig: FILES: %s: %s\n", path, strerror(errno));
        goto out;
    }
    if (!S_ISREG(st.st_mode) || strlen(base) > 255) {
        fprintf(stderr, "rig: FILES: %s: not a plain file; name each file by itself\n", path);
        goto out;
    }
    snprintf(name, sizeof(name), "mnt/%s", base);
    append_header(out, name, S_IFREG | (st.st_mode & 0777), st.st_size);
    rc = append_fd(out, fd);
    if (rc < 0)
        fprintf(stderr, "rig: FILES: %s: %s\n", path, strerror(-rc));
    pad4(out);
out:
    if (fd >= 0)
        close(fd);
    return rc;
}

static int append_overlay(FILE *out, const char *command, char *const *files, int file_count)
{
    if (command) {
        append_header(out, "etc/rig", S_IFDIR | 0755, 0);
        append_header(out, OVERLAY_COMMAND, S_IFREG | 0644, strlen(command) + 1);
        fprintf(out, "%s\n", command);
        pad4(out);
    }
    append_header(out, "mnt", S_IFDIR | 0755, 0);
    for (int i = 0; i < file_count; i++)
        if (append_file(out, files[i]) < 0)
            return -EINVAL;
    append_header(out, "TRAILER!!!", 0, 0);
    return 0;
}

int overlay_create(const char *image, const char *command, char *const *files, int file_count)
{
    int fd = memfd_create("dom0-initrd", 0);
    int image_fd = open(image, O_RDONLY | O_CLOEXEC);
    FILE *out = fd < 0 ? NULL : fdopen(dup(fd), "w");
    int rc = -1;

    if (image_fd < 0 || !out) {
        fprintf(stderr, "rig: dom0's image %s: %s\n", image, strerror(errno));
        goto out;
    }
    if (append_fd(out, image_fd) < 0) {
        fprintf(stderr, "rig: dom0's image %s does not fit in memory: %s\n", image,
                strerror(errno));
        goto out;
    }
    pad4(out);
    rc = append_overlay(out, command, files, file_count);
    if (rc == 0 && fflush(out) != 0) {
        fprintf(stderr, "rig: dom0's image with FILES does not fit in memory: %s\n",
                strerror(errno));
        rc = -1;
    }
out:
    if (out)
        fclose(out);
    if (image_fd >= 0)
        close(image_fd);
    if (rc < 0 && fd >= 0)
        close(fd);
    return rc < 0 ? -1 : fd;
}
