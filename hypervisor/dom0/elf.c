/* SPDX-License-Identifier: MIT */
/*
 * A minimal ELF64 reader for kernels: program headers and the Xen notes (System V ABI;
 * <xen/elfnote.h>). Read next: build.c.
 */
#include "dom0/elf.h"
#include "errors.h"
#include "lib.h"

#include <xen/elfnote.h>

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

/* A note with the entry point. In other notes, name and value may have other sizes. */
struct elf_note {
    uint32_t namesz, descsz, type;
    char name[4];
    uint32_t value;
};

static bool is_inside(uint64_t size, uint64_t offset, uint64_t length)
{
    return offset <= size && length <= size - offset;
}

/* Returns the entry point from these notes, or 0 if there is none. */
static uint32_t find_entry(const uint8_t *p, uint64_t size)
{
    struct elf_note n;

    while (size >= sizeof(n)) {
        memcpy(&n, p, sizeof(n));

        uint64_t length = offsetof(struct elf_note, name) + ROUND_UP((uint64_t)n.namesz, 4) +
                          ROUND_UP((uint64_t)n.descsz, 4);

        if (length > size)
            return 0;
        if (n.type == XEN_ELFNOTE_PHYS32_ENTRY && n.namesz == 4 && !memcmp(n.name, "Xen", 4) &&
            n.descsz >= 4)
            return n.value;
        p += length;
        size -= length;
    }
    return 0;
}

/* Reads one program header. Returns NULL, or the reason why it is invalid. */
static const char *read_segment(const uint8_t *image, uint64_t size, const struct elf_phdr *p,
                                struct elf_kernel *k)
{
    bool load = p->type == PT_LOAD;

    if (!load && p->type != PT_NOTE)
        return NULL;
    if (!is_inside(size, p->offset, p->filesz) ||
        (load && (p->filesz > p->memsz || p->paddr + p->memsz < p->paddr)))
        return "a segment lies outside of the file";
    if (!load && !k->entry)
        k->entry = find_entry(image + p->offset, p->filesz);
    if (!load || !p->memsz)
        return NULL;
    if (k->segments == ARRAY_SIZE(k->segment))
        return "it has too many segments to load";
    k->segment[k->segments++] =
        (struct elf_segment){ p->paddr, p->memsz, p->filesz, image + p->offset };
    return NULL;
}

const char *elf_read(const uint8_t *image, uint64_t size, struct elf_kernel *k)
{
    struct elf_header h;
    const char *why = NULL;

    *k = (struct elf_kernel){ 0 };
    if (size < sizeof(h))
        return "it is shorter than an ELF header";
    memcpy(&h, image, sizeof(h));
    if (memcmp(h.ident, "\177ELF", 4))
        return size <= 0x206 || memcmp(image + 0x202, "HdrS", 4)
                   ? "it is not an ELF file"
                   : "it is a bzImage; give the vmlinux inside it";
    if (h.ident[4] != 2 || h.ident[5] != 1 || h.machine != EM_X86_64)
        return "it is not a 64-bit little-endian x86 ELF file";
    if (h.phentsize != sizeof(struct elf_phdr) ||
        !is_inside(size, h.phoff, (uint64_t)h.phnum * h.phentsize))
        return "its program headers lie outside of the file";
    for (unsigned int i = 0; i < h.phnum && !why; i++) {
        struct elf_phdr p;

        memcpy(&p, image + h.phoff + i * sizeof(p), sizeof(p));
        why = read_segment(image, size, &p, k);
    }
    if (!why && !k->segments)
        return "it has no segment to load";
    if (!why && !k->entry)
        return "it has no PVH entry point (ELF note PHYS32_ENTRY): it needs CONFIG_PVH";
    return why;
}
