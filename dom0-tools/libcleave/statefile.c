/* SPDX-License-Identifier: MIT */
/*
 * The format, in the machine's byte order (there is no other for a guest of this machine):
 *
 *     struct header | text of the VM file | stream of xc_domain_save | struct trailer
 *
 * The stream's length and checksum are known at the end, so they are in the trailer. Checksums are
 * zlib's CRC-32. A thread copies the stream to the file: it counts and sums up, knows the reason
 * when a write fails, and stops when a signal wants the program to end. Read next: saving.c.
 */
#define _GNU_SOURCE
#include "statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lock.h"
#include "progress.h"

#define MAGIC \
    "\x89" \
    "CLEAVE\n"
#define END_MAGIC "SAVEDEND"
#define MAGIC_SIZE 8
#define PART_SUFFIX ".part"
#define CONFIG_MAX (1 << 20)
#define CHUNK (1 << 20)
#define PIPE_SIZE (1 << 20)

struct header {
    char magic[MAGIC_SIZE];
    uint32_t version;
    uint32_t size; /* of the header */
    uint64_t config_size;
    uint64_t memory_kib;
    uint32_t config_sum;
    uint32_t features;
    char name[DOMAIN_NAME_MAX];
    char uuid[UUID_STR_LEN + 7]; /* no gap before the sum, and none behind it */
    uint32_t sum;                /* of what is above */
};

struct trailer {
    char magic[MAGIC_SIZE];
    uint64_t stream_size;
    uint32_t stream_sum;
    uint32_t sum; /* of what is above */
};

static uint32_t sum_of(const void *bytes, size_t size) { return crc32_z(0, bytes, size); }

/* Writes all, or returns a negative errno. */
static int write_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size) {
        ssize_t written = write(fd, at, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -ENOSPC;
        at += written;
        size -= written;
    }
    return 0;
}

/* Returns the number of bytes read, less than size only at the end; or a negative errno. */
static ssize_t read_all(int fd, void *bytes, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t count = read(fd, (char *)bytes + done, size - done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            break;
        done += count;
    }
    return done;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int report_unwritten(const struct statefile *file, int error)
{
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        report_error(REPORT_STATE,
                     "cannot save \"%s\" to %s: no space after %" PRIu64 " MiB: %s: free some, or "
                     "choose another folder",
                     file->vm.name, file->path, file->stream >> 20, strerror(error));
    else
        report_error(report_by_errno(error), "cannot save \"%s\" to %s: %s", file->vm.name,
                     file->path, strerror(error));
    return -error;
}

/* Copies the stream until its writer closes the pipe. After an error the writer gets EPIPE. */
static void *copy_stream(void *argument)
{
    struct statefile *file = argument;
    char *chunk = malloc(CHUNK);
    ssize_t count;

    file->error = chunk ? 0 : ENOMEM;
    while (!file->error && (count = read(file->output, chunk, CHUNK)) != 0) {
        if (count < 0) {
            file->error = errno == EINTR ? 0 : errno;
            continue;
        }
        file->error = -write_all(file->fd, chunk, count);
        file->sum = crc32_z(file->sum, (const unsigned char *)chunk, count);
        file->stream += count;
        if (!file->error && lock_is_interrupted()) {
            file->interrupted = true;
            file->error = EINTR;
        }
    }
    free(chunk);
    close(file->output);
    return NULL;
}

static int start_copier(struct statefile *file)
{
    int ends[2];
    int error;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    file->output = ends[0];
    file->input = ends[1];
    fcntl(file->input, F_SETPIPE_SZ, PIPE_SIZE); /* only faster */
    error = pthread_create(&file->copier, NULL, copy_stream, file);
    file->copying = error == 0;
    if (error)
        close(ends[0]);
    return -error;
}

static int write_begin(struct statefile *file)
{
    struct header header = { .version = STATEFILE_VERSION, .size = sizeof(header) };
    int rc;

    memcpy(header.magic, MAGIC, MAGIC_SIZE);
    header.config_size = strlen(file->config);
    header.config_sum = sum_of(file->config, header.config_size);
    header.memory_kib = file->vm.memory_kib;
    header.features = file->vm.features;
    strcpy(header.name, file->vm.name);
    strcpy(header.uuid, file->vm.uuid);
    header.sum = sum_of(&header, offsetof(struct header, sum));
    rc = write_all(file->fd, &header, sizeof(header));
    return rc < 0 ? rc : write_all(file->fd, file->config, header.config_size);
}

/* A file system that cannot reserve space is no obstacle: a full disk is noticed later. */
static int reserve(const struct statefile *file, uint64_t size)
{
    if (fallocate(file->fd, FALLOC_FL_KEEP_SIZE, 0, size) == 0)
        return 0;
    return errno == EOPNOTSUPP || errno == ENOSYS || errno == EINTR ? 0 : -errno;
}

static int report_no_space(const struct statefile *file, uint64_t size, int error)
{
    report_error(REPORT_STATE,
                 "cannot save \"%s\" to %s: it needs %" PRIu64 " MiB: %s: free some, or choose "
                 "another folder",
                 file->vm.name, file->path, (size >> 20) + 1, strerror(error));
    return -error;
}

static int open_part(struct statefile *file)
{
    int rc;

    if (access(file->path, F_OK) == 0) {
        report_error(REPORT_STATE, "%s exists: remove it, or save to another file", file->path);
        return -EEXIST;
    }
    file->fd = open(file->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file->fd >= 0)
        return 0;
    rc = -errno;
    report_error(report_by_errno(-rc), "cannot create %s: %s", file->part, strerror(-rc));
    return rc;
}

int statefile_begin(struct statefile *file, const char *path, const struct statefile_vm *vm,
                    const char *config, uint64_t stream_max)
{
    uint64_t size = sizeof(struct header) + strlen(config) + stream_max + sizeof(struct trailer);
    int rc;

    *file = (struct statefile){ .fd = -1, .input = -1, .vm = *vm };
    snprintf(file->path, sizeof(file->path), "%s", path);
    if (snprintf(file->part, sizeof(file->part), "%s" PART_SUFFIX, path) >= PATH_MAX) {
        report_error(REPORT_USAGE, "the path %s is too long", path);
        return -ENAMETOOLONG;
    }
    rc = open_part(file);
    if (rc < 0)
        return rc;
    file->config = strdup(config);
    rc = file->config ? reserve(file, size) : -ENOMEM;
    if (rc < 0 && file->config)
        rc = report_no_space(file, size, -rc);
    else if (rc == 0 && ((rc = write_begin(file)) < 0 || (rc = start_copier(file)) < 0))
        rc = report_unwritten(file, -rc);
    if (rc < 0)
        statefile_end(file, false);
    return rc;
}

int statefile_write(const struct statefile *file, const void *block, uint32_t size)
{
    int rc = write_all(file->input, &size, sizeof(size));

    return rc < 0 ? rc : write_all(file->input, block, size);
}

/* Puts the file on the disk under its own name. */
static int complete(struct statefile *file)
{
    struct trailer trailer = { .stream_size = file->stream, .stream_sum = file->sum };
    char folder[PATH_MAX];
    char *slash;
    int rc, fd;

    memcpy(trailer.magic, END_MAGIC, MAGIC_SIZE);
    trailer.sum = sum_of(&trailer, offsetof(struct trailer, sum));
    rc = write_all(file->fd, &trailer, sizeof(trailer));
    if (rc < 0)
        return rc;
    /* also gives back what was reserved and is not needed */
    if (ftruncate(file->fd, lseek(file->fd, 0, SEEK_CUR)) < 0 || fsync(file->fd) < 0)
        return -errno;
    if (renameat2(AT_FDCWD, file->part, AT_FDCWD, file->path, RENAME_NOREPLACE) < 0 &&
        (errno != EINVAL || rename(file->part, file->path) < 0))
        return -errno;
    strcpy(folder, file->path);
    slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    /* some file systems cannot synchronise a folder */
    return rc == -EINVAL ? 0 : rc;
}

int statefile_end(struct statefile *file, bool saved)
{
    int rc = saved ? 0 : -ECANCELED;

    if (file->input >= 0)
        close(file->input);
    if (file->copying)
        pthread_join(file->copier, NULL);
    if (file->interrupted) {
        report_error(REPORT_INTERNAL, "interrupted: \"%s\" was not saved and runs on",
                     file->vm.name);
        rc = -EINTR;
    } else if (file->error) {
        rc = report_unwritten(file, file->error);
    } else if (saved && (rc = complete(file)) < 0) {
        report_unwritten(file, -rc);
        unlink(file->path);
    }
    if (file->fd >= 0 && rc < 0)
        unlink(file->part);
    statefile_close(file);
    return rc;
}

/* --- reading ---------------------------------------------------------------------------------- */

int statefile_read(int stream, void **block)
{
    uint32_t size;
    ssize_t count = read_all(stream, &size, sizeof(size));

    *block = NULL;
    if (count == sizeof(size) && size && size <= STATEFILE_BLOCK_MAX && !(*block = malloc(size)))
        return -ENOMEM;
    if (*block && (count = read_all(stream, *block, size)) == (ssize_t)size)
        return size;
    free(*block);
    *block = NULL;
    return count < 0 ? count : -ENOEXEC;
}

static int report_bad(const struct statefile *file, const char *what)
{
    report_error(REPORT_USAGE, "%s: %s", file->path, what);
    return -ENOEXEC;
}

static int report_damaged(const struct statefile *file, const char *part, uint64_t from,
                          uint64_t size)
{
    report_error(REPORT_USAGE,
                 "%s: damaged: the checksum of %s (%" PRIu64 " bytes from %" PRIu64 " on) is "
                 "wrong: use another copy",
                 file->path, part, size, from);
    return -ENOEXEC;
}

static int report_truncated(const struct statefile *file, uint64_t size, const char *why)
{
    report_error(REPORT_USAGE,
                 "%s: truncated or damaged: it has %" PRIu64 " bytes and %s: use another copy",
                 file->path, size, why);
    return -ENOEXEC;
}

static int check_magic(const struct statefile *file, const struct header *header, ssize_t count)
{
    static const char xl[] = "Xen saved domain";

    if (count >= (ssize_t)sizeof(xl) - 1 && memcmp(header, xl, sizeof(xl) - 1) == 0)
        return report_bad(file, "this was saved by `xl save`: `xl restore` reads it");
    if (count < MAGIC_SIZE || memcmp(header->magic, MAGIC, MAGIC_SIZE) != 0)
        return report_bad(file, "this was not written by `cleave save`");
    return 0;
}

static int check_header(struct statefile *file, const struct header *header, ssize_t count,
                        uint64_t size)
{
    int rc = check_magic(file, header, count);

    if (rc < 0)
        return rc;
    if (count < (ssize_t)sizeof(*header))
        return report_truncated(file, size, "ends in its header");
    if (header->version > STATEFILE_VERSION) {
        report_error(REPORT_STATE,
                     "%s: its format is version %u, and this cleave reads up to %u: use a newer "
                     "cleave",
                     file->path, header->version, STATEFILE_VERSION);
        return -ENOEXEC;
    }
    if (header->version != STATEFILE_VERSION || header->size != sizeof(*header) ||
        header->sum != sum_of(header, offsetof(struct header, sum)) ||
        header->config_size > CONFIG_MAX || !memchr(header->name, 0, sizeof(header->name)) ||
        !memchr(header->uuid, 0, UUID_STR_LEN))
        return report_damaged(file, "its header", 0, sizeof(*header));
    strcpy(file->vm.name, header->name);
    strcpy(file->vm.uuid, header->uuid);
    file->vm.memory_kib = header->memory_kib;
    file->vm.features = header->features;
    return 0;
}

static int read_config(struct statefile *file, const struct header *header)
{
    ssize_t count;

    file->config = calloc(1, header->config_size + 1);
    if (!file->config)
        return -ENOMEM;
    count = read_all(file->fd, file->config, header->config_size);
    if (count < 0)
        return count;
    if (count != (ssize_t)header->config_size ||
        header->config_sum != sum_of(file->config, header->config_size))
        return report_damaged(file, "the VM file in it", sizeof(*header), header->config_size);
    return 0;
}

/* Reads the trailer and compares the sizes of the parts with the file's. */
static int check_trailer(struct statefile *file, uint64_t begin, uint64_t size,
                         struct trailer *trailer)
{
    if (size < begin + sizeof(*trailer))
        return report_truncated(file, size, "ends before its stream");
    if (pread(file->fd, trailer, sizeof(*trailer), size - sizeof(*trailer)) != sizeof(*trailer))
        return errno ? -errno : -EIO;
    if (memcmp(trailer->magic, END_MAGIC, MAGIC_SIZE) != 0)
        return report_truncated(file, size, "does not end with a trailer");
    if (trailer->sum != sum_of(trailer, offsetof(struct trailer, sum)))
        return report_damaged(file, "its trailer", size - sizeof(*trailer), sizeof(*trailer));
    if (trailer->stream_size != size - begin - sizeof(*trailer))
        return report_truncated(file, size, "its trailer tells another size");
    return 0;
}

static int check_stream(struct statefile *file, uint64_t begin, const struct trailer *trailer)
{
    char *chunk = malloc(CHUNK);
    uint64_t left = trailer->stream_size;
    uint32_t sum = 0;
    ssize_t count = chunk ? 0 : -ENOMEM;

    progress_show("%s: checking it", file->path);
    while (chunk && left) {
        progress_percent(100 - (int)(left * 100 / trailer->stream_size));
        count = read_all(file->fd, chunk, left < CHUNK ? left : CHUNK);
        if (count <= 0)
            break;
        sum = crc32_z(sum, (const unsigned char *)chunk, count);
        left -= count;
    }
    free(chunk);
    if (count < 0)
        return count;
    if (left || sum != trailer->stream_sum)
        return report_damaged(file, "the guest's state", begin, trailer->stream_size);
    return lseek(file->fd, begin, SEEK_SET) < 0 ? -errno : 0;
}

static int check_parts(struct statefile *file, uint64_t size)
{
    struct header header;
    struct trailer trailer;
    ssize_t count = read_all(file->fd, &header, sizeof(header));
    int rc = count < 0 ? count : check_header(file, &header, count, size);
    uint64_t begin;

    if (rc == 0)
        rc = read_config(file, &header);
    if (rc < 0)
        return rc;
    begin = sizeof(header) + header.config_size;
    rc = check_trailer(file, begin, size, &trailer);
    return rc < 0 ? rc : check_stream(file, begin, &trailer);
}

int statefile_open(struct statefile *file, const char *path)
{
    struct stat st;
    int rc = 0;

    *file = (struct statefile){ .fd = -1, .input = -1 };
    snprintf(file->path, sizeof(file->path), "%s", path);
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &st) < 0)
        rc = -errno;
    else if (!S_ISREG(st.st_mode))
        return report_bad(file, "this is no file");
    else
        rc = check_parts(file, st.st_size);
    if (rc < 0) /* unless the cause was reported */
        report_error(report_by_errno(-rc), "cannot read %s: %s", path, strerror(-rc));
    return rc;
}

void statefile_close(struct statefile *file)
{
    if (file->fd >= 0)
        close(file->fd);
    free(file->config);
    file->config = NULL;
    file->fd = -1;
}

bool statefile_is_of(const char *path, const char *uuid)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct header header;
    bool is = fd >= 0 && read_all(fd, &header, sizeof(header)) == sizeof(header) &&
              memcmp(header.magic, MAGIC, MAGIC_SIZE) == 0 &&
              strncmp(header.uuid, uuid, sizeof(header.uuid)) == 0;

    if (fd >= 0)
        close(fd);
    return is;
}

void statefile_remove_part(const char *path)
{
    char part[PATH_MAX];

    if (snprintf(part, sizeof(part), "%s" PART_SUFFIX, path) < PATH_MAX)
        unlink(part);
}
