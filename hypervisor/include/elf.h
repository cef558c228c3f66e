/* SPDX-License-Identifier: MIT */
/*
 * Reading an ELF64 kernel image in memory (dom0/elf.c): pure, every offset checked against the image's size.
 * The image is not trusted to be well-formed: it comes from a boot loader.
 */
#ifndef CLV_ELF_H
#define CLV_ELF_H

#include "types.h"

struct elf_image { const uint8_t *data; uint64_t size; };
struct elf_segment { uint64_t paddr, memory_size, file_size; const uint8_t *data; };

#define ELF_MAX_SEGMENTS 16

/* 0; -EINVAL with *why set to what is wrong with it. */
int must_check elf_check(const struct elf_image *e, const char **why);
/* The loadable segments, in file order; returns how many, or -E2BIG, -EINVAL. elf_check came before. */
int must_check elf_segments(const struct elf_image *e, struct elf_segment out[ELF_MAX_SEGMENTS]);
/* The 32-bit value of the note (name "Xen", type): -ENOENT. */
int must_check elf_xen_note(const struct elf_image *e, uint32_t type, uint32_t *value);

#endif
