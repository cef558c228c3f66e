/* SPDX-License-Identifier: MIT */
/*
 * Copies the loader's information (multiboot1, multiboot2 or PVH's start_info) into boot_info,
 * because its own structures may lie anywhere in RAM that is about to be used. The memory map
 * becomes sorted and free of overlaps: other types take precedence over RAM, and RAM counts in
 * whole frames only.
 *
 * A loader that passes only one module (Xen's tools for a PVH guest) passes a bundle: a page that
 * describes its parts, then dom0's kernel and its initrd, each page-aligned. tests/rig/bundle.sh
 * makes one.
 *
 * Multiboot specification 0.6.96, section 3.3; Multiboot2 2.0, section 3.6;
 * <xen/arch-x86/hvm/start_info.h>. Read next: mm/memory.c.
 */
#include "boot/multiboot.h"
#include "directmap.h"
#include "lib.h"
#include "mm/pagetable.h"
#include "platform/boot_info.h"

#include <xen/arch-x86/hvm/start_info.h>

#define MULTIBOOT1 0x2badb002u

/* flags are not checked: loaders leave absent fields 0 */
struct multiboot1_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
    uint32_t mmap_length, mmap_addr;
} __packed_;
struct multiboot1_module {
    uint32_t start, end, string, reserved;
} __packed_;
struct multiboot1_range {
    uint32_t size;
    uint64_t base, length;
    uint32_t type;
} __packed_;

#define MULTIBOOT2 0x36d76289u
#define TAG_CMDLINE 1
#define TAG_MODULE 3
#define TAG_MEMORY_MAP 6
#define TAG_SCREEN 8
#define TAG_EFI_64 12
#define TAG_RSDP_1 14
#define TAG_RSDP_2 15

struct multiboot2_tag {
    uint32_t type, size;
};
struct multiboot2_module {
    struct multiboot2_tag tag;
    uint32_t start, end;
    char args[];
};
struct multiboot2_map {
    struct multiboot2_tag tag;
    uint32_t entry_size, entry_version;
    struct multiboot2_entry {
        uint64_t base, length;
        uint32_t type, reserved;
    } entry[];
};

static const char bundle_magic[16] = "Cleave's bundle";
struct bundle {
    char magic[16];
    struct {
        uint64_t size;
        char args[2032];
    } part[2];
};

struct multiboot2_screen {
    struct multiboot2_tag tag;
    uint64_t base;
    uint32_t pitch, width, height; /* text mode: in characters */
    uint8_t bits, kind, reserved[2], red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
} __packed_;
enum { SCREEN_RGB = 1, SCREEN_TEXT = 2 };

static char text[4096]; /* command lines of the core and of modules */
static size_t text_used;
static bool is_efi;
static uint64_t rsdp[5]; /* multiboot2 passes a copy */

static const char *keep_string(const char *from)
{
    char *to = text + text_used;

    text_used += (size_t)snprintf(to, sizeof(text) - text_used, "%s", from) + 1;
    if (text_used > sizeof(text))
        panic("the command lines of core and modules exceed %zu bytes\n", sizeof(text));
    return to;
}

/* Skips the first word, a file name in multiboot1. */
static const char *keep_arguments(uint32_t address)
{
    const char *from = address ? paddr_to_virt(address) : "";

    while (*from && *from != ' ')
        from++;
    while (*from == ' ')
        from++;
    return keep_string(from);
}

static void add_memory(uint64_t base, uint64_t length, uint32_t type)
{
    uint64_t end = base + length;

    if (end < base)
        end = ~0ull & PAGE_MASK;
    if (type > BOOT_UNUSABLE) /* loader-specific */
        type = BOOT_RESERVED;
    if (type == BOOT_RAM)
        boot_info_add_range(ROUND_UP(base, PAGE_SIZE), ROUND_DOWN(end, PAGE_SIZE), type);
    else
        boot_info_add_range(ROUND_DOWN(base, PAGE_SIZE), ROUND_UP(end, PAGE_SIZE), type);
}

static void add_module(paddr_t start, paddr_t end, const char *args)
{
    if (boot_info.modules == ARRAY_SIZE(boot_info.module))
        panic("the loader passes more than %zu modules: expected dom0's kernel and initrd\n",
              ARRAY_SIZE(boot_info.module));
    boot_info.module[boot_info.modules++] = (struct boot_module){ start, end, args };
}

/* Adds a module, or the parts of a bundle. */
static void add_modules(paddr_t start, paddr_t end, const char *args)
{
    const struct bundle *b = paddr_to_virt(start);

    if (end - start < sizeof(*b) || memcmp(b->magic, bundle_magic, sizeof(bundle_magic)) != 0) {
        add_module(start, end, args);
        return;
    }
    start += sizeof(*b);
    for (unsigned int i = 0; i < ARRAY_SIZE(b->part) && b->part[i].size; i++) {
        if (start > end || b->part[i].size > end - start)
            panic("the module bundle is truncated in part %u\n", i);
        add_module(start, start + b->part[i].size, keep_string(b->part[i].args));
        start += ROUND_UP(b->part[i].size, PAGE_SIZE);
    }
}

static void parse_1(const struct multiboot1_info *mb)
{
    const struct multiboot1_module *m = paddr_to_virt(mb->mods_addr);

    boot_info.cmdline = keep_arguments(mb->cmdline);
    for (unsigned int i = 0; i < mb->mods_count; i++)
        add_module(m[i].start, m[i].end, keep_arguments(m[i].string));
    for (uint64_t at = mb->mmap_addr; at < (uint64_t)mb->mmap_addr + mb->mmap_length;) {
        const struct multiboot1_range *r = paddr_to_virt(at);

        add_memory(r->base, r->length, r->type);
        at += r->size + sizeof(r->size);
    }
}

/* Converts to the form that dom0 queries (hypercall/platform_op.c). */
static void add_screen(const struct multiboot2_screen *s)
{
    struct dom0_vga_console_info *to = &boot_info.screen;

    if (s->kind == SCREEN_TEXT) {
        to->video_type = XEN_VGATYPE_TEXT_MODE_3;
        to->u.text_mode_3.font_height = 16;
        to->u.text_mode_3.rows = (uint16_t)s->height;
        to->u.text_mode_3.columns = (uint16_t)s->width;
    } else if (s->kind == SCREEN_RGB) {
        to->video_type = XEN_VGATYPE_VESA_LFB;
        to->u.vesa_lfb.width = (uint16_t)s->width;
        to->u.vesa_lfb.height = (uint16_t)s->height;
        to->u.vesa_lfb.bytes_per_line = (uint16_t)s->pitch;
        to->u.vesa_lfb.bits_per_pixel = s->bits;
        to->u.vesa_lfb.lfb_base = (uint32_t)s->base;
        to->u.vesa_lfb.ext_lfb_base = (uint32_t)(s->base >> 32);
        to->u.vesa_lfb.lfb_size = (uint32_t)(((uint64_t)s->pitch * s->height + 0xffff) >> 16);
        memcpy(&to->u.vesa_lfb.red_pos, &s->red_pos, 6);
        to->u.vesa_lfb.rsvd_pos = 24;
        to->u.vesa_lfb.rsvd_size = s->bits == 32 ? 8 : 0;
    }
}

/* Entries may become longer in later versions of the protocol. */
static void add_memory_map(const struct multiboot2_map *map)
{
    const uint8_t *at = (const uint8_t *)map->entry, *end = (const uint8_t *)map + map->tag.size;

    if (map->tag.size < sizeof(*map) || map->entry_size < sizeof(map->entry[0]))
        panic("the loader's memory map has %u bytes, with %u for each entry\n", map->tag.size,
              map->entry_size);
    for (; end - at >= map->entry_size; at += map->entry_size) {
        const struct multiboot2_entry *e = (const void *)at;

        add_memory(e->base, e->length, e->type);
    }
}

static void parse_tag(const struct multiboot2_tag *tag)
{
    const struct multiboot2_module *m = (const void *)tag;

    switch (tag->type) {
    case TAG_CMDLINE: boot_info.cmdline = keep_string((const char *)(tag + 1)); break;
    case TAG_MODULE: add_module(m->start, m->end, keep_string(m->args)); break;
    case TAG_MEMORY_MAP: add_memory_map((const void *)tag); break;
    case TAG_SCREEN: add_screen((const void *)tag); break;
    case TAG_EFI_64: is_efi = true; break;
    case TAG_RSDP_1:
    case TAG_RSDP_2: /* GRUB passes this one last */
        memcpy(rsdp, tag + 1, MIN(tag->size - sizeof(*tag), sizeof(rsdp)));
        boot_info.rsdp = virt_to_paddr(rsdp);
        break;
    }
}

/* Layout: total size, a reserved word, tags aligned to 8 bytes. */
static void parse_2(const uint32_t *information)
{
    const uint8_t *at = (const uint8_t *)information, *end = at + *information;

    for (at += 8; at < end; at += ROUND_UP(((const struct multiboot2_tag *)at)->size, 8)) {
        const struct multiboot2_tag *tag = (const struct multiboot2_tag *)at;

        if (tag->size < sizeof(*tag) || tag->size > (uint64_t)(end - at))
            panic("the loader's tag of type %u has %u bytes, of %lu that are left\n", tag->type,
                  tag->size, end - at);
        parse_tag(tag);
    }
    if (is_efi && boot_info.screen.video_type == XEN_VGATYPE_VESA_LFB)
        boot_info.screen.video_type = XEN_VGATYPE_EFI_LFB;
}

static void parse_pvh(const struct hvm_start_info *info)
{
    const struct hvm_modlist_entry *m = paddr_to_virt(info->modlist_paddr);
    const struct hvm_memmap_table_entry *r = paddr_to_virt(info->memmap_paddr);

    if (info->magic != XEN_HVM_START_MAGIC_VALUE || info->version < 1)
        panic("start_info has magic %#x, version %u: expected one with a memory map\n", info->magic,
              info->version);
    boot_info.rsdp = info->rsdp_paddr;
    boot_info.cmdline = keep_string(info->cmdline_paddr ? paddr_to_virt(info->cmdline_paddr) : "");
    for (uint32_t i = 0; i < info->nr_modules; i++)
        add_modules(m[i].paddr, m[i].paddr + m[i].size,
                    m[i].cmdline_paddr ? keep_string(paddr_to_virt(m[i].cmdline_paddr)) : "");
    for (uint32_t i = 0; i < info->memmap_entries; i++)
        add_memory(r[i].addr, r[i].size, r[i].type);
}

void multiboot_parse(uint32_t magic, paddr_t information)
{
    if (magic == MULTIBOOT1)
        parse_1(paddr_to_virt(information));
    else if (magic == MULTIBOOT2)
        parse_2(paddr_to_virt(information));
    else if (magic == XEN_HVM_START_MAGIC_VALUE)
        parse_pvh(paddr_to_virt(information));
    else
        panic("the loader uses neither multiboot nor PVH (magic %#x)\n", magic);
    if (!boot_info.ranges)
        panic("the loader passes no memory map: use QEMU or GRUB\n");
}
