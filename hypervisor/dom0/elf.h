/* SPDX-License-Identifier: MIT */
/*
 * Reading an ELF64 kernel image in memory (dom0/elf.c): pure, every offset checked against the
 * image's size. The image is not trusted to be well-formed: it comes from a boot loader.
 */
#ifndef CLV_DOM0_ELF_H
#define CLV_DOM0_ELF_H

#include "types.h"

struct elf_segment {
    uint64_t paddr, memory_size, file_size;
    const uint8_t *data;
};
struct elf_kernel {
    uint32_t entry;        /* the PVH one */
    unsigned int segments; /* to load */
    struct elf_segment segment[16];
};

/* NULL, or what is wrong with it. */
const char *must_check elf_read(const uint8_t *image, uint64_t size, struct elf_kernel *k);

#endif
