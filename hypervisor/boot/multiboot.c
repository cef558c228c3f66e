/* SPDX-License-Identifier: MIT */
/*
 * What the loader tells us, copied into boot_info: its own structures may lie anywhere in RAM that we are
 * about to use. The memory map comes out sorted and without overlaps, where RAM loses against anything else
 * and counts whole frames only.
 *
 * Multiboot specification 0.6.96, section 3.3. Read next: memory.c.
 */
#include "boot.h"
#include "directmap.h"
#include "lib.h"

#define MULTIBOOT_LOADER_MAGIC 0x2badb002u
#define HAS_CMDLINE (1u << 2)
#define HAS_MODULES (1u << 3)
#define HAS_MEMORY_MAP (1u << 6)

struct multiboot_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
    uint32_t mmap_length, mmap_addr;
} __packed_;
struct multiboot_module { uint32_t start, end, string, reserved; } __packed_;
struct multiboot_range { uint32_t size; uint64_t base, length; uint32_t type; } __packed_;

struct boot_info boot_info;

static char text[4096];       /* command line and modules' arguments */
static size_t text_used;

/* Keeps a string of the loader's without its first word, which is a file name. */
static const char *keep_arguments(uint32_t address)
{
    const char *from = address ? paddr_to_virt(address) : "";
    char *to = text + text_used;
    size_t n;

    while (*from && *from != ' ')
        from++;
    while (*from == ' ')
        from++;
    n = strlen(from) + 1;
    if (n > sizeof(text) - text_used)
        panic("the command lines of core and modules have more than %zu bytes: shorten them\n", sizeof(text));
    memcpy(to, from, n);
    text_used += n;
    return to;
}

static bool wins_over(uint32_t a, uint32_t b)
{
    return b == BOOT_RAM && a != BOOT_RAM;
}

static void insert_at(unsigned int i, paddr_t start, paddr_t end, uint32_t type)
{
    struct boot_range *r = boot_info.range;

    if (start >= end)
        return;
    if (boot_info.ranges == ARRAY_SIZE(boot_info.range))
        panic("the memory map has more than %zu ranges\n", ARRAY_SIZE(boot_info.range));
    memmove(&r[i + 1], &r[i], (boot_info.ranges - i) * sizeof(*r));
    r[i] = (struct boot_range){ start, end, type };
    boot_info.ranges++;
}

/*
 * Adds [start, end) to the sorted map. Where it meets a range that is there already, the one that is not RAM
 * stays (the older one, if both or neither are); the rest of the other one stays around it.
 */
static void add_range_unmerged(paddr_t start, paddr_t end, uint32_t type)
{
    for (unsigned int i = 0; i < boot_info.ranges && start < end; i++) {
        struct boot_range *r = &boot_info.range[i], old = *r;

        if (end <= old.start) {
            insert_at(i, start, end, type);
            return;
        }
        if (start >= old.end)
            continue;
        if (wins_over(type, old.type)) {
            r->end = MIN(MAX(old.start, start), old.end);
            if (r->end == r->start) {
                boot_info.ranges--;
                memmove(r, r + 1, (boot_info.ranges - i) * sizeof(*r));
            } else {
                i++;
            }
            insert_at(i, MIN(end, old.end), old.end, old.type);
            i--;
        } else {
            if (start < old.start) {
                insert_at(i, start, old.start, type);
                i++;
            }
            start = old.end;
        }
    }
    if (start < end) {
        unsigned int i = boot_info.ranges;

        while (i > 0 && boot_info.range[i - 1].start > start)
            i--;
        insert_at(i, start, end, type);
    }
}

void boot_add_range(paddr_t start, paddr_t end, uint32_t type)
{
    struct boot_range *r = boot_info.range;

    add_range_unmerged(start, end, type);
    for (unsigned int i = 0; i + 1 < boot_info.ranges;) {
        if (r[i].type != r[i + 1].type || r[i].end != r[i + 1].start) {
            i++;
            continue;
        }
        r[i].end = r[i + 1].end;
        boot_info.ranges--;
        memmove(&r[i + 1], &r[i + 2], (boot_info.ranges - i - 1) * sizeof(*r));
    }
}

static void add_memory(uint64_t base, uint64_t length, uint32_t type)
{
    uint64_t end = base + length;

    if (end < base)
        end = ~0ull & PAGE_MASK;
    if (type == BOOT_RAM)
        boot_add_range(ROUND_UP(base, PAGE_SIZE), ROUND_DOWN(end, PAGE_SIZE), type);
    else
        boot_add_range(ROUND_DOWN(base, PAGE_SIZE), ROUND_UP(end, PAGE_SIZE), type);
}

static void parse_modules(const struct multiboot_info *mb)
{
    const struct multiboot_module *m = paddr_to_virt(mb->mods_addr);

    if (mb->mods_count > ARRAY_SIZE(boot_info.module))
        panic("the loader brings %u modules: dom0's kernel and its initrd are expected\n", mb->mods_count);
    for (unsigned int i = 0; i < mb->mods_count; i++)
        boot_info.module[i] = (struct boot_module){ m[i].start, m[i].end, keep_arguments(m[i].string) };
    boot_info.modules = mb->mods_count;
}

void multiboot_parse(uint32_t magic, paddr_t information)
{
    const struct multiboot_info *mb = paddr_to_virt(information);

    boot_info.cmdline = "";
    if (magic != MULTIBOOT_LOADER_MAGIC)
        panic("started by something that is not a multiboot1 loader (magic %#x)\n", magic);
    if (mb->flags & HAS_CMDLINE)
        boot_info.cmdline = keep_arguments(mb->cmdline);
    if (mb->flags & HAS_MODULES)
        parse_modules(mb);
    if (!(mb->flags & HAS_MEMORY_MAP))
        panic("the loader gives no memory map: use QEMU or GRUB\n");
    for (uint64_t at = mb->mmap_addr; at < (uint64_t)mb->mmap_addr + mb->mmap_length;) {
        const struct multiboot_range *r = paddr_to_virt(at);

        add_memory(r->base, r->length, r->type);
        at += r->size + sizeof(r->size);
    }
}
