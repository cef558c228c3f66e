/* SPDX-License-Identifier: MIT */
/*
 * Reads an ELF64 kernel image in memory (dom0/elf.c). The image comes from a boot loader and is not
 * trusted: every offset is checked against its size. No side effects.
 */
#ifndef CLV_DOM0_ELF_H
#define CLV_DOM0_ELF_H

#include "types.h"

struct elf_segment {
    uint64_t paddr, memory_size, file_size;
    const uint8_t *data;
};
struct elf_kernel {
    uint32_t entry;        /* PVH entry point */
    unsigned int segments; /* number of segments to load */
    struct elf_segment segment[16];
};

/* Returns NULL, or the reason why the image is invalid. */
const char *must_check elf_read(const uint8_t *image, uint64_t size, struct elf_kernel *k);

#endif
