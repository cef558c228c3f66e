/* SPDX-License-Identifier: MIT */
/*
 * ELF64, as much as a kernel needs: program headers and the Xen notes (System V ABI; <xen/elfnote.h>). Read
 * next: build.c.
 */
#include "elf.h"
#include "errors.h"
#include "lib.h"

#define PT_LOAD 1
#define PT_NOTE 4
#define EM_X86_64 62

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_phdr {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note { uint32_t namesz, descsz, type; };

static bool inside(const struct elf_image *e, uint64_t offset, uint64_t size)
{
    return offset <= e->size && size <= e->size - offset;
}

static struct elf_header header(const struct elf_image *e)
{
    struct elf_header h;

    memcpy(&h, e->data, sizeof(h));
    return h;
}

static struct elf_phdr phdr(const struct elf_image *e, unsigned int n)
{
    struct elf_phdr p;

    memcpy(&p, e->data + header(e).phoff + n * sizeof(p), sizeof(p));
    return p;
}

int elf_check(const struct elf_image *e, const char **why)
{
    struct elf_header h;

    *why = "it is shorter than an ELF header";
    if (e->size < sizeof(h))
        return -EINVAL;
    h = header(e);
    *why = e->size > 0x206 && !memcmp(e->data + 0x202, "HdrS", 4)
               ? "it is a bzImage; give the vmlinux inside it"
               : "it is not an ELF file";
    if (memcmp(h.ident, "\x7f" "ELF", 4))
        return -EINVAL;
    *why = "it is not a 64-bit little-endian x86 ELF file";
    if (h.ident[4] != 2 || h.ident[5] != 1 || h.machine != EM_X86_64)
        return -EINVAL;
    *why = "its program headers lie outside of the file";
    if (h.phentsize != sizeof(struct elf_phdr) || !h.phnum ||
        !inside(e, h.phoff, (uint64_t)h.phnum * h.phentsize))
        return -EINVAL;
    *why = "a segment lies outside of the file";
    for (unsigned int i = 0; i < h.phnum; i++) {
        struct elf_phdr p = phdr(e, i);

        if ((p.type == PT_LOAD || p.type == PT_NOTE) && !inside(e, p.offset, p.filesz))
            return -EINVAL;
        if (p.type == PT_LOAD && (p.filesz > p.memsz || p.paddr + p.memsz < p.paddr))
            return -EINVAL;
    }
    return 0;
}

int elf_segments(const struct elf_image *e, struct elf_segment out[ELF_MAX_SEGMENTS])
{
    struct elf_header h = header(e);
    int n = 0;

    for (unsigned int i = 0; i < h.phnum; i++) {
        struct elf_phdr p = phdr(e, i);

        if (p.type != PT_LOAD || !p.memsz)
            continue;
        if (n == ELF_MAX_SEGMENTS)
            return -E2BIG;
        out[n++] = (struct elf_segment){ p.paddr, p.memsz, p.filesz, e->data + p.offset };
    }
    return n ? n : -EINVAL;
}

static int find_note(const uint8_t *p, uint64_t size, uint32_t type, uint32_t *value)
{
    struct elf_note n;

    while (size >= sizeof(n)) {
        uint64_t name, desc;

        memcpy(&n, p, sizeof(n));
        name = ROUND_UP((uint64_t)n.namesz, 4);
        desc = ROUND_UP((uint64_t)n.descsz, 4);
        if (name + desc > size - sizeof(n))
            return -ENOENT;
        if (n.type == type && n.namesz == 4 && !memcmp(p + sizeof(n), "Xen", 4) && n.descsz >= 4) {
            memcpy(value, p + sizeof(n) + name, 4);
            return 0;
        }
        p += sizeof(n) + name + desc;
        size -= sizeof(n) + name + desc;
    }
    return -ENOENT;
}

int elf_xen_note(const struct elf_image *e, uint32_t type, uint32_t *value)
{
    struct elf_header h = header(e);

    for (unsigned int i = 0; i < h.phnum; i++) {
        struct elf_phdr p = phdr(e, i);

        if (p.type == PT_NOTE && !find_note(e->data + p.offset, p.filesz, type, value))
            return 0;
    }
    return -ENOENT;
}
