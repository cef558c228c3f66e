/* SPDX-License-Identifier: MIT */
/*
 * The file is made of groups: a page of the index, then the 128 pages that its records are about.
 * A record tells whose page it is, and its checksum. A group gets its space on disk as a whole, so
 * a page that has a place never fails for lack of space.
 *
 * Nothing is ever marked as free on disk. Pages that are in memory again are found by comparison
 * with what the core says is paged. If a page is in the file twice, the later one counts, by a
 * number that rises with each write: a page leaves memory only after it was written, so its last
 * contents are those. A write that was cut short leaves a record whose checksums are wrong; its
 * page has not left memory. Checksums are zlib's CRC-32: they find damage, not forgery.
 */
#define _GNU_SOURCE
#include "pagefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define GROUP 128
#define GROUP_BYTES ((off_t)(GROUP + 1) * PAGEFILE_PAGE)
#define BUCKETS 65536
#define NONE UINT32_MAX

struct record {
    uint64_t gfn;
    uint64_t number; /* of the write */
    uint32_t domid;
    uint32_t page_sum;
    uint32_t pad;
    uint32_t sum; /* of what is above */
};
_Static_assert(GROUP * sizeof(struct record) == PAGEFILE_PAGE, "an index page is full");

struct slot {
    uint64_t gfn, number;
    uint32_t page_sum;
    uint32_t next; /* in its bucket, or of the free ones */
    bool confirmed;
};

struct pagefile {
    int fd;
    uint32_t domid;
    uint64_t number; /* of the last write */
    struct slot *slots;
    uint32_t count, used;
    uint32_t free; /* the first */
    uint32_t bucket[BUCKETS];
};

static uint32_t sum_of(const void *bytes, size_t size) { return crc32_z(0, bytes, size); }

static off_t record_at(uint32_t slot)
{
    return slot / GROUP * GROUP_BYTES + slot % GROUP * (off_t)sizeof(struct record);
}

static off_t page_at(uint32_t slot)
{
    return slot / GROUP * GROUP_BYTES + (slot % GROUP + 1) * (off_t)PAGEFILE_PAGE;
}

static int write_at(int fd, off_t at, const void *bytes, size_t size)
{
    ssize_t done = pwrite(fd, bytes, size, at);

    if (done < 0)
        return -errno;
    return done == (ssize_t)size ? 0 : -ENOSPC;
}

static int read_at(int fd, off_t at, void *bytes, size_t size)
{
    ssize_t done = pread(fd, bytes, size, at);

    if (done < 0)
        return -errno;
    return done == (ssize_t)size ? 0 : -EBADMSG;
}

/* --- slots ------------------------------------------------------------------------------------ */

static uint32_t *bucket_of(struct pagefile *file, uint64_t gfn)
{
    return &file->bucket[gfn % BUCKETS];
}

static uint32_t find_slot(const struct pagefile *file, uint64_t gfn)
{
    uint32_t slot = file->bucket[gfn % BUCKETS];

    while (slot != NONE && file->slots[slot].gfn != gfn)
        slot = file->slots[slot].next;
    return slot;
}

static void free_slot(struct pagefile *file, uint32_t slot)
{
    file->slots[slot].next = file->free;
    file->free = slot;
}

static void use_slot(struct pagefile *file, uint32_t slot, uint64_t gfn)
{
    uint32_t *bucket = bucket_of(file, gfn);

    file->slots[slot].gfn = gfn;
    file->slots[slot].next = *bucket;
    *bucket = slot;
    file->used++;
}

void pagefile_drop(struct pagefile *file, uint64_t gfn)
{
    uint32_t *link = bucket_of(file, gfn), slot;

    while (*link != NONE && file->slots[*link].gfn != gfn)
        link = &file->slots[*link].next;
    slot = *link;
    if (slot == NONE)
        return;
    *link = file->slots[slot].next;
    free_slot(file, slot);
    file->used--;
}

uint32_t pagefile_used(const struct pagefile *file) { return file->used; }

uint32_t pagefile_room(const struct pagefile *file) { return file->count - file->used; }

/* Adds the slots of a group, which has its space. */
static int add_group(struct pagefile *file)
{
    struct slot *slots = realloc(file->slots, (file->count + GROUP) * sizeof(*slots));

    if (!slots)
        return -ENOMEM;
    file->slots = slots;
    file->count += GROUP;
    for (uint32_t slot = file->count; slot-- > file->count - GROUP;)
        free_slot(file, slot);
    return 0;
}

int pagefile_grow(struct pagefile *file)
{
    off_t end = file->count / GROUP * GROUP_BYTES;
    int error = posix_fallocate(file->fd, end, GROUP_BYTES), rc = error ? -error : add_group(file);

    if (rc < 0 && ftruncate(file->fd, end) < 0)
        rc = -errno;
    return rc;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void take_record(struct pagefile *file, uint32_t slot, const struct record *record)
{
    uint32_t other;

    if (record->sum != sum_of(record, offsetof(struct record, sum)))
        return;
    if (record->number > file->number)
        file->number = record->number;
    other = find_slot(file, record->gfn);
    if (record->domid != file->domid ||
        (other != NONE && file->slots[other].number > record->number))
        return;
    pagefile_drop(file, record->gfn);
    file->slots[slot].number = record->number;
    file->slots[slot].page_sum = record->page_sum;
    use_slot(file, slot, record->gfn);
}

/* The slots of a group are free; those that are in use are taken out at the end. */
static int load_group(struct pagefile *file)
{
    struct record records[GROUP];
    uint32_t first = file->count;
    int rc = read_at(file->fd, record_at(first), records, sizeof(records));

    if (rc == 0)
        rc = add_group(file);
    for (uint32_t i = 0; rc == 0 && i < GROUP; i++)
        take_record(file, first + i, &records[i]);
    return rc;
}

/* While the file is loaded, used slots are in their buckets and lost from the list of free ones. */
static void list_free(struct pagefile *file)
{
    bool *used = calloc(file->count + 1, sizeof(*used));

    file->free = NONE;
    for (uint32_t i = 0; used && i < BUCKETS; i++)
        for (uint32_t slot = file->bucket[i]; slot != NONE; slot = file->slots[slot].next)
            used[slot] = true;
    for (uint32_t slot = file->count; used && slot-- > 0;)
        if (!used[slot])
            free_slot(file, slot);
    free(used);
}

static int load(struct pagefile *file)
{
    struct stat info;
    int rc = fstat(file->fd, &info) < 0 ? -errno : 0;

    while (rc == 0 && (file->count / GROUP + 1) * GROUP_BYTES <= info.st_size)
        rc = load_group(file);
    if (rc == 0)
        list_free(file);
    return rc;
}

int pagefile_open(const char *path, uint32_t domid, struct pagefile **opened)
{
    struct pagefile *file = calloc(1, sizeof(*file));
    int rc;

    if (!file)
        return -ENOMEM;
    file->domid = domid;
    file->free = NONE;
    memset(file->bucket, 0xff, sizeof(file->bucket));
    file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    rc = file->fd < 0 ? -errno : load(file);
    if (rc < 0)
        pagefile_close(file);
    else
        *opened = file;
    return rc;
}

bool pagefile_is_removed(const struct pagefile *file)
{
    struct stat info;

    return fstat(file->fd, &info) == 0 && info.st_nlink == 0;
}

void pagefile_close(struct pagefile *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    free(file->slots);
    free(file);
}

/* --- pages ------------------------------------------------------------------------------------ */

static int write_slot(struct pagefile *file, uint32_t slot, const void *page)
{
    struct record record = { .gfn = file->slots[slot].gfn,
                             .number = ++file->number,
                             .domid = file->domid,
                             .page_sum = sum_of(page, PAGEFILE_PAGE) };
    int rc = write_at(file->fd, page_at(slot), page, PAGEFILE_PAGE);

    record.sum = sum_of(&record, offsetof(struct record, sum));
    if (rc == 0)
        rc = write_at(file->fd, record_at(slot), &record, sizeof(record));
    file->slots[slot].number = record.number;
    file->slots[slot].page_sum = record.page_sum;
    return rc;
}

int pagefile_put(struct pagefile *file, uint64_t gfn, const void *page)
{
    uint32_t slot = find_slot(file, gfn);
    int rc;

    if (slot == NONE) {
        slot = file->free;
        if (slot == NONE)
            return -ENOSPC;
        file->free = file->slots[slot].next;
        use_slot(file, slot, gfn);
    }
    rc = write_slot(file, slot, page);
    if (rc < 0)
        pagefile_drop(file, gfn);
    return rc;
}

/* What is on disk need not be in dom0's memory as well. */
int pagefile_sync(struct pagefile *file)
{
    if (fdatasync(file->fd) < 0)
        return -errno;
    posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
    return 0;
}

int pagefile_get(const struct pagefile *file, uint64_t gfn, void *page)
{
    uint32_t slot = find_slot(file, gfn);
    int rc = slot == NONE ? -ENOENT : read_at(file->fd, page_at(slot), page, PAGEFILE_PAGE);

    return rc == 0 && sum_of(page, PAGEFILE_PAGE) != file->slots[slot].page_sum ? -EBADMSG : rc;
}

/* --- what is needed --------------------------------------------------------------------------- */

void pagefile_confirm_begin(struct pagefile *file)
{
    for (uint32_t slot = 0; slot < file->count; slot++)
        file->slots[slot].confirmed = false;
}

bool pagefile_confirm(struct pagefile *file, uint64_t gfn)
{
    uint32_t slot = find_slot(file, gfn);

    if (slot != NONE)
        file->slots[slot].confirmed = true;
    return slot != NONE;
}

void pagefile_confirm_end(struct pagefile *file)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (uint32_t slot = file->bucket[i], next; slot != NONE; slot = next) {
            next = file->slots[slot].next;
            if (!file->slots[slot].confirmed)
                pagefile_drop(file, file->slots[slot].gfn);
        }
}
