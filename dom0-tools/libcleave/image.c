/* SPDX-License-Identifier: MIT */
/*
 * libxenguest reports problems of a kernel poorly, and only once the domain exists. So the file is
 * checked first: it must be an ELF file with the PVH entry note (xen/elfnote.h), or a Linux bzImage
 * (Linux documentation, arch/x86/boot.rst), and not truncated. Read next: build.c.
 */
#include "image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/elfnote.h>

#include "report.h"

/* The setup header of a bzImage. */
#define BZ_SETUP_SECTORS 0x1f1
#define BZ_MAGIC 0x202
#define BZ_VERSION 0x206
#define BZ_PAYLOAD_OFFSET 0x248
#define BZ_PAYLOAD_LENGTH 0x24c
#define BZ_HEADER_END 0x250
#define BZ_VERSION_PAYLOAD 0x208

int image_map(const char *path, const char *what, struct image *image)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = -EINVAL;

    *image = (struct image){ .path = path };
    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = -errno;
        report_error(report_by_errno(errno), "%s %s: %s", what, path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        report_error(REPORT_USAGE, "%s %s: not a regular file", what, path);
    } else if (!st.st_size) {
        report_error(REPORT_USAGE, "%s %s: the file is empty", what, path);
    } else {
        image->bytes = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        image->size = st.st_size;
        rc = 0;
        if (image->bytes == MAP_FAILED) {
            rc = -errno;
            image->bytes = NULL;
            report_error(REPORT_INTERNAL, "%s %s: cannot map %zu bytes: %s", what, path,
                         image->size, strerror(errno));
        }
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

void image_unmap(struct image *image)
{
    if (image->bytes)
        munmap(image->bytes, image->size);
    image->bytes = NULL;
}

/* True if length bytes at offset are within the file. */
static bool is_inside(const struct image *image, uint64_t offset, uint64_t length)
{
    return offset <= image->size && length <= image->size - offset;
}

static bool starts_with(const struct image *image, const char *magic, size_t length)
{
    return image->size >= length && memcmp(image->bytes, magic, length) == 0;
}

bool image_is_gzip(const struct image *image) { return starts_with(image, "\x1f\x8b", 2); }

static int report_truncated(const struct image *image, uint64_t wanted)
{
    report_error(REPORT_USAGE,
                 "kernel %s: truncated: it has %zu bytes, but its headers require %llu: copy it "
                 "again",
                 image->path, image->size, (unsigned long long)wanted);
    return -ENOEXEC;
}

/* The relevant part of a program header, for 32 and 64 bits. */
struct segment {
    uint32_t type;
    uint64_t offset, size;
};

static bool read_segment(const struct image *image, unsigned int i, struct segment *segment)
{
    const uint8_t *bytes = image->bytes;
    bool wide = bytes[EI_CLASS] == ELFCLASS64;
    const Elf64_Ehdr *head64 = image->bytes;
    const Elf32_Ehdr *head32 = image->bytes;
    uint64_t offset = wide ? head64->e_phoff + (uint64_t)i * sizeof(Elf64_Phdr)
                           : head32->e_phoff + (uint64_t)i * sizeof(Elf32_Phdr);

    if (i >= (wide ? head64->e_phnum : head32->e_phnum))
        return false;
    if (!is_inside(image, offset, wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr))) {
        *segment = (struct segment){ PT_LOAD, offset, sizeof(Elf64_Phdr) };
    } else if (wide) {
        Elf64_Phdr header;

        memcpy(&header, bytes + offset, sizeof(header));
        *segment = (struct segment){ header.p_type, header.p_offset, header.p_filesz };
    } else {
        Elf32_Phdr header;

        memcpy(&header, bytes + offset, sizeof(header));
        *segment = (struct segment){ header.p_type, header.p_offset, header.p_filesz };
    }
    return true;
}

/* True if a PT_NOTE segment has Xen's note with the PVH entry point. */
static bool has_entry_note(const struct image *image, const struct segment *segment)
{
    const uint8_t *at = (const uint8_t *)image->bytes + segment->offset;
    const uint8_t *end = at + segment->size;

    while ((size_t)(end - at) >= sizeof(Elf32_Nhdr)) {
        Elf32_Nhdr note;
        uint64_t length;

        memcpy(&note, at, sizeof(note));
        length = sizeof(note) + ((note.n_namesz + 3ull) & ~3ull) + ((note.n_descsz + 3ull) & ~3ull);
        if (length > (uint64_t)(end - at))
            return false;
        if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && note.n_namesz == 4 &&
            memcmp(at + sizeof(note), "Xen", 4) == 0)
            return true;
        at += length;
    }
    return false;
}

static int check_elf(const struct image *image)
{
    struct segment segment;
    bool entry = false;

    if (image->size < sizeof(Elf64_Ehdr))
        return report_truncated(image, sizeof(Elf64_Ehdr));
    for (unsigned int i = 0; read_segment(image, i, &segment); i++) {
        if (!is_inside(image, segment.offset, segment.size))
            return report_truncated(image, segment.offset + segment.size);
        if (segment.type == PT_NOTE)
            entry |= has_entry_note(image, &segment);
    }
    if (entry)
        return 0;
    report_error(REPORT_USAGE,
                 "kernel %s: an ELF file without the note for a PVH entry point "
                 "(XEN_ELFNOTE_PHYS32_ENTRY): Linux needs CONFIG_PVH",
                 image->path);
    return -ENOEXEC;
}

static uint32_t bz_field(const struct image *image, size_t offset, size_t bytes)
{
    uint32_t value = 0;

    memcpy(&value, (const uint8_t *)image->bytes + offset, bytes);
    return value;
}

static int check_bzimage(const struct image *image)
{
    uint32_t version = bz_field(image, BZ_VERSION, 2);
    uint64_t end;

    if (version < BZ_VERSION_PAYLOAD) {
        report_error(REPORT_USAGE,
                     "kernel %s: a Linux bzImage with boot protocol %u.%02u: 2.08 or later is "
                     "required",
                     image->path, version >> 8, version & 0xff);
        return -ENOEXEC;
    }
    end = (bz_field(image, BZ_SETUP_SECTORS, 1) + 1ull) * 512 +
          bz_field(image, BZ_PAYLOAD_OFFSET, 4) + bz_field(image, BZ_PAYLOAD_LENGTH, 4);
    return end > image->size ? report_truncated(image, end) : 0;
}

int image_check_kernel(const struct image *image)
{
    const uint8_t *bytes = image->bytes;

    if (starts_with(image, ELFMAG, SELFMAG))
        return check_elf(image);
    if (image->size >= BZ_HEADER_END && memcmp(bytes + BZ_MAGIC, "HdrS", 4) == 0)
        return check_bzimage(image);
    if (image_is_gzip(image))
        return 0; /* libxenguest unpacks and checks it */
    report_error(REPORT_USAGE,
                 "kernel %s: neither an ELF nor a Linux bzImage: it begins with %02x %02x %02x "
                 "%02x",
                 image->path, bytes[0], image->size > 1 ? bytes[1] : 0,
                 image->size > 2 ? bytes[2] : 0, image->size > 3 ? bytes[3] : 0);
    return -ENOEXEC;
}

int image_check_initrd(const struct image *image)
{
    static const struct {
        const char *magic;
        size_t length;
    } formats[] = {
        { "07070", 5 },    /* cpio, "newc" */
        { "\x1f\x8b", 2 }, /* gzip */
        { "\xfd"
          "7zXZ",
          5 },                     /* xz */
        { "BZh", 3 },              /* bzip2 */
        { "\x5d\x00\x00", 3 },     /* lzma */
        { "\x89LZO", 4 },          /* lzo */
        { "\x02\x21\x4c\x18", 4 }, /* lz4, legacy */
        { "\x28\xb5\x2f\xfd", 4 }, /* zstd */
    };
    const uint8_t *bytes = image->bytes;

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (starts_with(image, formats[i].magic, formats[i].length))
            return 0;
    report_error(REPORT_USAGE,
                 "ramdisk %s: not a cpio archive, compressed or not: it begins with %02x, "
                 "and has %zu bytes",
                 image->path, bytes[0], image->size);
    return -ENOEXEC;
}
