/* SPDX-License-Identifier: MIT */
/*
 * Makes disks from images. A raw image is cloned (FICLONE) where both are on one file system that
 * can, like btrfs and xfs; else what is no hole is copied. qemu-img converts qcow2. The format is
 * told by the first bytes and never guessed by another program, and a qcow2 image that names other
 * files is refused: the image of a stranger could name one of dom0's. Read next: diskboot.c.
 */
#define _GNU_SOURCE
#include "diskcopy.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lock.h"
#include "progress.h"
#include "report.h"
#include "tool.h"

#define HEAD_BYTES 2048
#define MIB (1ull << 20)
#define STEP_BYTES (16 * MIB) /* between two looks for signals */
#define BUFFER_BYTES MIB
#define SIZE_MAX_BYTES (64ull << 40)

/* docs/interop/qcow2.txt of QEMU; numbers are big-endian. */
#define QCOW2_VERSION 4
#define QCOW2_BACKING_OFFSET 8
#define QCOW2_SIZE 24
#define QCOW2_INCOMPATIBLE 72
#define QCOW2_EXTERNAL_DATA 4ull

#define MBR_SIGNATURE 510
#define EXT_MAGIC 1080

static uint64_t big64(const uint8_t *bytes, size_t offset)
{
    uint64_t number;

    memcpy(&number, bytes + offset, sizeof(number));
    return be64toh(number);
}

static uint32_t big32(const uint8_t *bytes, size_t offset)
{
    uint32_t number;

    memcpy(&number, bytes + offset, sizeof(number));
    return be32toh(number);
}

/* --- formats ---------------------------------------------------------------------------------- */

static int read_qcow2(struct diskcopy_image *image, const uint8_t *head)
{
    uint32_t version = big32(head, QCOW2_VERSION);

    if (version != 2 && version != 3) {
        report_error(REPORT_USAGE, "image %s: qcow2 of version %u: must be 2 or 3", image->path,
                     version);
        return -EINVAL;
    }
    if (big64(head, QCOW2_BACKING_OFFSET) ||
        (version == 3 && big64(head, QCOW2_INCOMPATIBLE) & QCOW2_EXTERNAL_DATA)) {
        report_error(REPORT_USAGE,
                     "image %s: its data is in another file, too: where you trust it, make one of "
                     "them: qemu-img convert -f qcow2 -O raw",
                     image->path);
        return -EINVAL;
    }
    image->qcow2 = true;
    image->size = big64(head, QCOW2_SIZE);
    return 0;
}

/* What else people have, by its first bytes, with what makes an image of it. */
static const struct {
    const char *magic;
    size_t length;
    const char *what;
} formats[] = {
    { "\x1f\x8b", 2, "compressed: gunzip it" },
    { "\xfd"
      "7zXZ",
      5, "compressed: unxz it" },
    { "BZh", 3, "compressed: bunzip2 it" },
    { "\x28\xb5\x2f\xfd", 4, "compressed: unzstd it" },
    { "PK\x03\x04", 4, "a zip file: unzip it" },
    { "KDMV", 4, "of VMware: qemu-img convert -f vmdk -O raw makes a raw image" },
    { "vhdxfile", 8, "of Hyper-V: qemu-img convert -f vhdx -O raw makes a raw image" },
};

static int check_raw(const struct diskcopy_image *image, const uint8_t *head)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (memcmp(head, formats[i].magic, formats[i].length) == 0) {
            report_error(REPORT_USAGE, "image %s: %s", image->path, formats[i].what);
            return -EINVAL;
        }
    }
    if ((head[MBR_SIGNATURE] != 0x55 || head[MBR_SIGNATURE + 1] != 0xaa) &&
        (head[EXT_MAGIC] != 0x53 || head[EXT_MAGIC + 1] != 0xef)) {
        report_error(REPORT_USAGE,
                     "image %s: neither qcow2 nor a raw disk: no partition table and no ext file "
                     "system, it begins with %02x %02x %02x %02x: give a cloud image of a disk",
                     image->path, head[0], head[1], head[2], head[3]);
        return -EINVAL;
    }
    return 0;
}

int diskcopy_open_raw(const char *path, struct diskcopy_image *image)
{
    struct stat st;
    off_t size = -1;
    int rc = -EINVAL;

    *image = (struct diskcopy_image){ .path = path };
    image->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (image->fd >= 0 && fstat(image->fd, &st) == 0)
        size = lseek(image->fd, 0, SEEK_END);
    if (size < 0) {
        rc = -errno;
        report_error(report_by_errno(-rc), "image %s: %s", path, strerror(-rc));
        return rc;
    }
    if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
        image->size = size;
        return 0;
    }
    report_error(REPORT_USAGE, "image %s: neither a file nor a block device", path);
    return -EINVAL;
}

int diskcopy_open(const char *path, struct diskcopy_image *image)
{
    uint8_t head[HEAD_BYTES] = { 0 };
    int rc = diskcopy_open_raw(path, image);

    if (rc < 0)
        return rc;
    if (pread(image->fd, head, HEAD_BYTES, 0) != HEAD_BYTES) {
        report_error(REPORT_USAGE, "image %s: %llu bytes: too small for a disk: download it again",
                     path, (unsigned long long)image->size);
        return -EINVAL;
    }
    rc = memcmp(head, "QFI\xfb", 4) == 0 ? read_qcow2(image, head) : check_raw(image, head);
    if (rc == 0 && (!image->size || image->size > SIZE_MAX_BYTES)) {
        report_error(REPORT_USAGE, "image %s: a disk of %llu bytes: must be 1 byte to 64 TiB", path,
                     (unsigned long long)image->size);
        rc = -EINVAL;
    }
    return rc;
}

void diskcopy_close(struct diskcopy_image *image)
{
    if (image->fd >= 0)
        close(image->fd);
    image->fd = -1;
}

/* --- copies ----------------------------------------------------------------------------------- */

const char *diskcopy_way_name(enum diskcopy_way way)
{
    static const char *const names[] = { "reflink", "copied", "converted" };

    return names[way];
}

static int report_copy(const char *to, int error)
{
    if (error == EINTR)
        report_error(REPORT_INTERNAL, "interrupted: the copy is removed");
    else
        report_error(report_by_errno(error), "cannot write %s: %s%s", to, strerror(error),
                     error == ENOSPC ? ": make room, or choose another --folder" : "");
    return -error;
}

static bool is_zero(const char *bytes, size_t length)
{
    return length && !bytes[0] && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* Copies a part by the kernel. Returns the number of bytes, or a negative errno. */
static ssize_t copy_by_kernel(int from, int to, off_t at, size_t length)
{
    loff_t in = at, out = at;
    ssize_t copied = copy_file_range(from, &in, to, &out, length, 0);

    return copied < 0 ? -errno : copied;
}

/* Copies a part by a buffer, without zeros: the target is new, and has none else. */
static ssize_t copy_by_buffer(int from, int to, off_t at, size_t length)
{
    static char buffer[BUFFER_BYTES];
    ssize_t got = pread(from, buffer, length < BUFFER_BYTES ? length : BUFFER_BYTES, at);

    if (got <= 0 || is_zero(buffer, got))
        return got < 0 ? -errno : got;
    for (ssize_t done = 0; done < got;) {
        ssize_t written = pwrite(to, buffer + done, got - done, at + done);

        if (written < 0)
            return -errno;
        done += written;
    }
    return got;
}

/* Copies from..end. Returns 0 or a negative errno. */
static int copy_extent(int from, int to, off_t at, off_t end, off_t size)
{
    bool by_kernel = true;

    while (at < end) {
        size_t length = end - at < (off_t)STEP_BYTES ? end - at : (off_t)STEP_BYTES;
        ssize_t copied = by_kernel ? copy_by_kernel(from, to, at, length) : 0;

        if (lock_is_interrupted())
            return -EINTR;
        if (copied == -ENOSPC || copied == -EDQUOT || copied == -EIO)
            return copied;
        if (copied <= 0) {
            by_kernel = false;
            copied = copy_by_buffer(from, to, at, length);
        }
        if (copied < 0)
            return copied;
        if (copied == 0)
            return -EIO; /* the source has become shorter */
        at += copied;
        progress_percent(100 * at / size);
    }
    return 0;
}

/* Copies what is no hole. */
static int copy_sparse(int from, int to, off_t size)
{
    off_t data = 0;
    int rc = 0;

    while (rc == 0 && data < size) {
        off_t end;

        data = lseek(from, data, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            return 0;
        end = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (end < 0 || end > size) {
            data = data < 0 ? 0 : data; /* no holes to be asked for, as with a block device */
            end = size;
        }
        rc = copy_extent(from, to, data, end, size);
        data = end;
    }
    return rc;
}

/* Refuses a copy that cannot fit, before hours are spent on it. */
static int check_room(const struct diskcopy_image *image, int to, const char *path)
{
    struct statvfs fs;
    struct stat st;
    uint64_t free_mib, needed_mib;

    if (fstatvfs(to, &fs) < 0 || fstat(image->fd, &st) < 0)
        return report_copy(path, errno);
    free_mib = (uint64_t)fs.f_bavail * fs.f_frsize / MIB;
    needed_mib = (S_ISREG(st.st_mode) ? st.st_blocks * 512ull : image->size) / MIB;
    if (needed_mib <= free_mib)
        return 0;
    report_error(report_by_errno(ENOSPC),
                 "%s: %llu MiB of image %s are to be copied, and %llu MiB are free: make room, or "
                 "choose another --folder",
                 path, (unsigned long long)needed_mib, image->path, (unsigned long long)free_mib);
    return -ENOSPC;
}

static int convert(const struct diskcopy_image *image, const char *to)
{
    char from[64];
    char *argv[] = { "qemu-img", "convert", "-f", "qcow2",    "-O", "raw",
                     "-S",       "4k",      from, (char *)to, NULL };
    int fd = dup(image->fd), rc;

    if (fd < 0)
        return report_copy(to, errno);
    /* the file that was checked, whatever its name is by now */
    snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
    rc = tool_run(argv, "qemu-utils", NULL);
    close(fd);
    return rc < 0 ? rc : DISKCOPY_CONVERTED;
}

static int copy_raw(const struct diskcopy_image *image, int to, const char *path)
{
    int rc;

    if (ioctl(to, FICLONE, image->fd) == 0)
        return DISKCOPY_REFLINK;
    rc = check_room(image, to, path);
    if (rc < 0)
        return rc;
    rc = copy_sparse(image->fd, to, image->size);
    return rc < 0 ? report_copy(path, -rc) : DISKCOPY_COPIED;
}

/* Closes a new file when its contents are on storage. */
static int finish(int fd, const char *path, int rc)
{
    if (rc >= 0 && fsync(fd) < 0)
        rc = report_copy(path, errno);
    close(fd);
    return rc;
}

int diskcopy_make(const struct diskcopy_image *image, const char *to, uint64_t size)
{
    int fd = open(to, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int rc;

    if (fd < 0)
        return report_copy(to, errno);
    if (ftruncate(fd, 0) < 0)
        return finish(fd, to, report_copy(to, errno));
    rc = image->qcow2 ? convert(image, to) : copy_raw(image, fd, to);
    if (rc >= 0 && ftruncate(fd, size) < 0)
        rc = report_copy(to, errno);
    return finish(fd, to, rc);
}

bool diskcopy_parse_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char *end;
    unsigned long long number;
    const char *unit;

    errno = 0;
    number = strtoull(text, &end, 10);
    unit = *end ? strchr(units, toupper((unsigned char)*end)) : units + 1;
    if (!isdigit((unsigned char)*text) || errno || !number || !unit || (*end && end[1]))
        return false;
    *bytes = 1024;
    for (; unit > units; unit--)
        *bytes *= 1024;
    if (number > SIZE_MAX_BYTES / *bytes)
        return false;
    *bytes *= number;
    return true;
}
