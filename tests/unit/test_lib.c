/* SPDX-License-Identifier: MIT */
/*
 * lib/ and boot/: formatting, strings, the command line, and the memory map as platform/boot_info.c
 * builds it. Functions that also exist in the C library are linked as core_...
 */
#include "harness.h"
#include "boot/multiboot.h"
#include "directmap.h"
#include "lib/cmdline.h"
#include "mm/alloc.h"
#include "mm/memory.h"
#include "mm/pagetable.h"
#include "platform/boot_info.h"

#include <xen/arch-x86/hvm/start_info.h>

#include <string.h>
#include <xen/arch-x86/hvm/start_info.h>

int core_snprintf(char *buf, size_t size, const char *fmt, ...);
void *core_memset(void *dst, int c, size_t n);
void *core_memcpy(void *dst, const void *src, size_t n);
void *core_memmove(void *dst, const void *src, size_t n);
int core_memcmp(const void *a, const void *b, size_t n);
size_t core_strlen(const char *s);
int core_strcmp(const char *a, const char *b);

#define assert_formats(expected, ...) \
    do { \
        char text_[128]; \
        assert_int_equal(core_snprintf(text_, sizeof(text_), __VA_ARGS__), strlen(expected)); \
        assert_string_equal(text_, expected); \
    } while (0)

static void formats_like_c(void **state)
{
    (void)state;
    assert_formats("", "%s", "");
    assert_formats("100%", "%d%%", 100);
    assert_formats("-2147483648 2147483647", "%d %d", INT32_MIN, INT32_MAX);
    assert_formats("-9223372036854775808", "%ld", INT64_MIN);
    assert_formats("18446744073709551615", "%lu", UINT64_MAX);
    assert_formats("ffffffff 0x1f", "%x %#x", 0xffffffffu, 0x1fu);
    assert_formats("00ff|-007", "%04x|%04d", 255, -7);
    assert_formats("0x00ff", "%#06x", 255);
    assert_formats("abc|ab|", "%s|%.*s|%.*s", "abc", 2, "abc", 0, "abc");
    assert_formats("x 7 1234", "%c %zu 1%s", 'x', (size_t)7, "234");
}

static void formats_oddities(void **state)
{
    const char *none = NULL, *odd = "%k %4x %";

    (void)state;
    assert_formats("(null)", "%s", none);
    assert_formats("%k %4x ", odd);
}

static void formats_never_past_the_buffer(void **state)
{
    char buf[8];

    (void)state;
    memset(buf, '#', sizeof(buf));
    assert_int_equal(core_snprintf(buf, 4, "%s", "abcdef"), 6);
    assert_memory_equal(buf, "abc\0####", 8);
    assert_int_equal(core_snprintf(buf, 0, "%d", 12345), 5);
    assert_memory_equal(buf, "abc\0####", 8);
}

static void moves_overlapping_memory(void **state)
{
    char expected[64], got[64];

    (void)state;
    for (unsigned int n = 0; n < 40; n++) {
        for (unsigned int from = 0; from < 20; from++) {
            for (unsigned int to = 0; to < 20; to++) {
                for (unsigned int i = 0; i < sizeof(got); i++)
                    got[i] = expected[i] = (char)i;
                memmove(expected + to, expected + from, n);
                assert_ptr_equal(core_memmove(got + to, got + from, n), got + to);
                assert_memory_equal(got, expected, sizeof(got));
            }
        }
    }
}

static void strings_compare(void **state)
{
    char buf[20];

    (void)state;
    core_memset(buf, 'a', 13);
    core_memcpy(buf + 13, "bc", 3);
    assert_string_equal(buf, "aaaaaaaaaaaaabc");
    assert_int_equal(core_strlen(buf), 15);
    assert_true(core_strcmp("abc", "abd") < 0 && core_strcmp("abc", "ab") > 0 &&
                core_strcmp("", "") == 0);
    assert_true(core_memcmp("\xff", "\x01", 1) > 0);
}

static void command_line_is_read(void **state)
{
    (void)state;
    cmdline_init("  dom0_mem=512M noreboot loglvl=all  xloglvl=no loglvl=info= console= "
                 "maxcpus=012345678901234567890123456789012");
    assert_string_equal(cmdline_get("dom0_mem"), "512M");
    assert_string_equal(cmdline_get("noreboot"), "");
    assert_string_equal(cmdline_get("loglvl"), "info=");
    assert_string_equal(cmdline_get("console"), "");
    assert_null(cmdline_get("dom0"));
    assert_null(cmdline_get("mem"));
    assert_string_equal(cmdline_get("maxcpus"), "0123456789012345678901234567890");
}

static void unknown_options_are_named(void **state)
{
    (void)state;
    harness_quiet = true;
    harness_log[0] = '\0';
    cmdline_init("dom0_mem=1G loglvl noreboot");
    cmdline_check();
    assert_string_equal(harness_log, "");
    cmdline_init("dom0_mem=1G dom0_memx=3 noreboot");
    cmdline_check();
    assert_int_equal(strncmp(harness_log, "unknown option dom0_memx ", 25), 0);
}

static void sizes_are_parsed_strictly(void **state)
{
    static const char *const wrong[] = {
        "",          "M", "12X", "12MM", "-1", " 1", "1.5G", "0x", "18446744073709551616",
        "20000000T", "/", ":",   "1/",
    };
    uint64_t n;

    (void)state;
    assert_true(cmdline_parse_size("512M", &n) && n == 512ull << 20);
    assert_true(cmdline_parse_size("4096k", &n) && n == 4ull << 20);
    for (uint64_t wanted = 0; wanted < 100; wanted++) {
        const char digits[] = { (char)('0' + wanted / 10), (char)('0' + wanted % 10), 'k', '\0' };

        assert_true(cmdline_parse_size(digits, &n) && n == wanted << 10);
    }
    assert_true(cmdline_parse_size("18446744073709551615", &n) && n == UINT64_MAX);
    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_false(cmdline_parse_size(wrong[i], &n));
}

/* --- the memory map, against one type for each of 64 pages --- */

#define MAP_PAGES 64

static void check_map(const uint32_t *types)
{
    const struct boot_range *r = boot_info.range;

    for (unsigned int i = 0; i < boot_info.ranges; i++) {
        assert_true(r[i].start < r[i].end);
        if (i == 0)
            continue;
        assert_true(r[i - 1].end <= r[i].start);
        assert_true(r[i - 1].end != r[i].start || r[i - 1].type != r[i].type);
    }
    for (paddr_t page = 0; page < MAP_PAGES; page++) {
        uint32_t found = 0;

        for (unsigned int i = 0; i < boot_info.ranges; i++)
            if (page << PAGE_SHIFT >= r[i].start && page << PAGE_SHIFT < r[i].end)
                found = r[i].type;
        assert_int_equal(found, types[page]);
    }
}

static void memory_map_is_sorted_and_ram_loses(void **state)
{
    static const uint32_t kinds[] = { BOOT_RAM, BOOT_RAM, BOOT_RESERVED, BOOT_ACPI, BOOT_CORE };
    uint32_t seed = 1;

    (void)state;
    for (unsigned int round = 0; round < 2000; round++) {
        uint32_t types[MAP_PAGES] = { 0 };

        boot_info.ranges = 0;
        for (unsigned int i = 0; i < 12; i++) {
            uint32_t start, end, type;

            seed = seed * 1103515245 + 12345;
            start = (seed >> 16) % MAP_PAGES;
            end = start + 1 + (seed >> 8) % (MAP_PAGES - start);
            type = kinds[(seed >> 24) % ARRAY_SIZE(kinds)];
            boot_info_add_range((paddr_t)start << PAGE_SHIFT, (paddr_t)end << PAGE_SHIFT, type);
            /* empty range */
            boot_info_add_range((paddr_t)end << PAGE_SHIFT, (paddr_t)start << PAGE_SHIFT, 77);
            for (uint32_t page = start; page < end; page++)
                if (types[page] == 0 || types[page] == BOOT_RAM)
                    types[page] = type;
            check_map(types);
        }
    }
}

static void hundreds_of_ranges(void **state)
{
    static struct hvm_memmap_table_entry map[400];

    (void)state;
    boot_info.ranges = 0;
    for (paddr_t page = 0; page < 900; page += 3) {
        boot_info_add_range(page << PAGE_SHIFT, (page + 2) << PAGE_SHIFT,
                            page < 30 ? BOOT_DOM0 : BOOT_RAM);
        boot_info_add_range((page + 1) << PAGE_SHIFT, (page + 2) << PAGE_SHIFT, BOOT_CORE);
    }
    assert_int_equal(boot_info.ranges, 600);
    assert_int_equal(memory_map_for_dom0(map, ARRAY_SIZE(map)), 310);
    assert_int_equal(map[1].type, BOOT_UNUSABLE);
    assert_int_equal(map[20].addr, 30 << PAGE_SHIFT); /* dom0 sees RAM and core as one type */
    assert_int_equal(map[20].size, 2 << PAGE_SHIFT);
    assert_int_equal(map[309].addr, 897 << PAGE_SHIFT);
    map[127].type = 99;
    assert_int_equal(memory_map_for_dom0(map, 127), 127);
    assert_int_equal(map[127].type, 99);
    assert_non_null(strstr(harness_log, "accepts no more entries"));
    for (paddr_t at = 1ull << 32; boot_info.ranges < ARRAY_SIZE(boot_info.range);
         at += 2 * PAGE_SIZE)
        boot_info_add_range(at, at + PAGE_SIZE, BOOT_RAM);
    assert_panics(boot_info_add_range(1ull << 50, 2ull << 50, BOOT_RAM));
}

static void pages_come_from_the_top(void **state)
{
    (void)state;
    harness_memory_new(64);
    boot_info = (struct boot_info){ 0 };
    boot_info_add_range(0, 0x9f000, BOOT_RAM);
    boot_info_add_range(0x100000, 0x102000, BOOT_RAM);
    /* beyond the first page tables */
    boot_info_add_range(0x100000000, 0x140000000, BOOT_RAM);
    *(uint8_t *)paddr_to_virt(0x101000) = 1;
    assert_int_equal(memory_page(), 0x101000);
    assert_int_equal(*(uint8_t *)paddr_to_virt(0x101000), 0);
    assert_int_equal(memory_page(), 0x100000);
    assert_panics(memory_page()); /* never below 1 MiB */
}

static uint32_t *add_tag(uint32_t *at, uint32_t type, const void *body, uint32_t size)
{
    at[0] = type;
    at[1] = 8 + size;
    memcpy(&at[2], body, size);
    return at + ROUND_UP(8 + size, 8) / 4;
}

struct screen_tag {
    uint64_t base;
    uint32_t pitch, width, height;
    uint8_t more[10];
} __attribute__((packed));

static void multiboot2_is_read(void **state)
{
    static const uint32_t magic = 0x36d76289;
    static const struct {
        uint32_t start, end;
        char args[14];
    } module[] = {
        { 0x400000, 0x4fffff, "root=\"a b\"" },
        { 0x500000, 0x600001, "" },
    };
    static const struct {
        uint32_t size, version;
        struct {
            uint64_t base, length, type;
        } entry[3];
    } map = {
        24,
        0,
        { { 0, 0x9fc00, BOOT_RAM }, { 0x9fc00, 0x400, BOOT_RESERVED }, { 0x100000, 0xf00fff, 20 } },
    };
    static const struct screen_tag screen = {
        0x1280000000, 4096, 1000, 700, { 32, 1, 0, 0, 16, 8, 8, 8, 0, 8 }
    };
    uint32_t *information, *at;

    (void)state;
    harness_memory_new(1);
    boot_info = (struct boot_info){ 0 };
    information = paddr_to_virt(0x1000);
    at = add_tag(information + 2, 1, "dom0_mem=1G loglvl=all", 23);
    at = add_tag(at, 3, &module[0], sizeof(module[0]));
    at = add_tag(at, 9, "", 1); /* an unknown tag */
    at = add_tag(at, 3, &module[1], sizeof(module[1]));
    at = add_tag(at, 6, &map, sizeof(map));
    at = add_tag(at, 8, &screen, sizeof(screen));
    at = add_tag(at, 12, "the EFI", 8);
    at = add_tag(at, 0, "", 0);
    *information = (uint32_t)((uint8_t *)at - (uint8_t *)information);
    multiboot_parse(magic, 0x1000);
    assert_string_equal(boot_info.cmdline, "dom0_mem=1G loglvl=all");
    assert_int_equal(boot_info.modules, 2);
    assert_int_equal(boot_info.module[0].end, 0x4fffff);
    assert_string_equal(boot_info.module[0].args, "root=\"a b\"");
    assert_int_equal(boot_info.module[1].start, 0x500000);
    assert_int_equal(boot_info.ranges, 3);
    assert_int_equal(boot_info.range[0].end, 0x9f000);
    assert_int_equal(boot_info.range[1].start, 0x9f000);
    assert_int_equal(boot_info.range[2].type, BOOT_RESERVED);
    assert_int_equal(boot_info.range[2].end, 0x1001000);
    assert_int_equal(boot_info.screen.video_type, XEN_VGATYPE_EFI_LFB);
    assert_int_equal(boot_info.screen.u.vesa_lfb.lfb_base, 0x80000000);
    assert_int_equal(boot_info.screen.u.vesa_lfb.ext_lfb_base, 0x12);
    assert_int_equal(boot_info.screen.u.vesa_lfb.lfb_size, 44); /* 43.75 times 64K */
    assert_int_equal(boot_info.screen.u.vesa_lfb.bytes_per_line, 4096);
    assert_int_equal(boot_info.screen.u.vesa_lfb.width, 1000);
    assert_int_equal(boot_info.screen.u.vesa_lfb.height, 700);
    assert_int_equal(boot_info.screen.u.vesa_lfb.red_pos, 16);
    assert_int_equal(boot_info.screen.u.vesa_lfb.blue_size, 8);
    assert_int_equal(boot_info.screen.u.vesa_lfb.rsvd_size, 8);
}

/* Longer entries of a later version; tags of size zero, or past the end. */
static void odd_tags(void **state)
{
    static const uint32_t map[] = { 32, 1,        0x100000, 0,        0x100000, 0, 1, 0, 9,
                                    9,  0x400000, 0,        0x100000, 0,        1, 0, 9, 9 };
    uint32_t sizes[] = { 0, 7, 0x1000 }, *information, *at;

    (void)state;
    harness_memory_new(1);
    boot_info = (struct boot_info){ 0 };
    information = paddr_to_virt(0x1000);
    at = add_tag(information + 2, 6, map, sizeof(map));
    *information = (uint32_t)((uint8_t *)at - (uint8_t *)information);
    multiboot_parse(0x36d76289, 0x1000);
    assert_int_equal(boot_info.ranges, 2);
    assert_int_equal(boot_info.range[1].start, 0x400000);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        information[3] = sizes[i];
        assert_panics(multiboot_parse(0x36d76289, 0x1000));
    }
    information[3] = 8 + sizeof(map);
    information[4] = 16; /* bytes of an entry */
    assert_panics(multiboot_parse(0x36d76289, 0x1000));
}

/* A text screen, and a type that dom0's kernel does not know. */
static void other_screens(void **state)
{
    static const uint8_t kinds[] = { 0, 2, 3 };

    (void)state;
    for (size_t i = 0; i < sizeof(kinds); i++) {
        struct screen_tag screen = { 0xb8000, 160, 80, 25, { 16, kinds[i] } };
        static const uint32_t map[] = { 24, 0, 0, 0, 0x100000, 0, 1, 0 };
        uint32_t *information, *at;

        harness_memory_new(1);
        boot_info = (struct boot_info){ 0 };
        information = paddr_to_virt(0x1000);
        at = add_tag(information + 2, 6, map, sizeof(map));
        at = add_tag(at, 8, &screen, sizeof(screen));
        at = add_tag(at, 0, "", 0);
        *information = (uint32_t)((uint8_t *)at - (uint8_t *)information);
        multiboot_parse(0x36d76289, 0x1000);
        assert_int_equal(boot_info.screen.video_type, kinds[i] == 2 ? XEN_VGATYPE_TEXT_MODE_3 : 0);
        assert_int_equal(boot_info.screen.u.text_mode_3.rows, kinds[i] == 2 ? 25 : 0);
    }
}

/* The start info of a PVH loader at 0x1000, with one module, for the test to change. */
static struct hvm_start_info *new_start_info(paddr_t module, uint64_t size)
{
    static const struct hvm_memmap_table_entry map[] = {
        { 0, 0x9fc00, BOOT_RAM, 0 },
        { 0x100000, 0xf00fff, BOOT_RAM, 0 },
        { 0xfc000000, 0x2000, BOOT_ACPI, 0 },
    };
    const struct hvm_modlist_entry modules[] = { { module, size, 0x3100, 0 } };
    struct hvm_start_info *info;

    harness_memory_new(1);
    boot_info = (struct boot_info){ 0 };
    memcpy(paddr_to_virt(0x2000), map, sizeof(map));
    memcpy(paddr_to_virt(0x2800), modules, sizeof(modules));
    strcpy(paddr_to_virt(0x3000), "dom0_mem=1G loglvl=all");
    strcpy(paddr_to_virt(0x3100), "of the module");
    info = paddr_to_virt(0x1000);
    *info = (struct hvm_start_info){
        .magic = XEN_HVM_START_MAGIC_VALUE,
        .version = 1,
        .cmdline_paddr = 0x3000,
        .rsdp_paddr = 0xfc001000,
        .nr_modules = 1,
        .modlist_paddr = 0x2800,
        .memmap_entries = ARRAY_SIZE(map),
        .memmap_paddr = 0x2000,
    };
    return info;
}

static void start_info_is_read(void **state)
{
    struct hvm_start_info *info = new_start_info(0x10000, 0x1001);

    (void)state;
    multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000);
    assert_string_equal(boot_info.cmdline, "dom0_mem=1G loglvl=all");
    assert_int_equal(boot_info.rsdp, 0xfc001000);
    assert_int_equal(boot_info.modules, 1);
    assert_int_equal(boot_info.module[0].start, 0x10000);
    assert_int_equal(boot_info.module[0].end, 0x11001);
    assert_string_equal(boot_info.module[0].args, "of the module");
    assert_int_equal(boot_info.ranges, 3);
    assert_int_equal(boot_info.range[0].end, 0x9f000);
    assert_int_equal(boot_info.range[1].end, 0x1000000);
    assert_int_equal(boot_info.range[2].type, BOOT_ACPI);

    /* no strings at all */
    info = new_start_info(0x10000, 0x1001);
    info->cmdline_paddr = ((struct hvm_modlist_entry *)paddr_to_virt(0x2800))->cmdline_paddr = 0;
    multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000);
    assert_string_equal(boot_info.cmdline, "");
    assert_string_equal(boot_info.module[0].args, "");

    /* without a memory map, without start info, and from another loader */
    new_start_info(0x10000, 0x1001)->version = 0;
    assert_panics(multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000));
    new_start_info(0x10000, 0x1001)->magic = 0;
    assert_panics(multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000));
    new_start_info(0x10000, 0x1001)->memmap_entries = 0;
    assert_panics(multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000));
    new_start_info(0x10000, 0x1001);
    assert_panics(multiboot_parse(0, 0x1000));
}

#define BUNDLE 0x10000
#define PART_SIZE 2040 /* of a part's description; the first follows 16 bytes of magic */

/* A bundle of two parts of those sizes, with arguments "k" and "i". */
static void new_bundle(uint64_t module_size, uint64_t kernel_size, uint64_t initrd_size)
{
    char *b;

    new_start_info(BUNDLE, module_size);
    b = paddr_to_virt(BUNDLE);
    strcpy(b, "Cleave's bundle");
    memcpy(b + 16, &kernel_size, 8);
    memcpy(b + 16 + PART_SIZE, &initrd_size, 8);
    strcpy(b + 24, "k");
    strcpy(b + 24 + PART_SIZE, "i");
}

static void bundle_is_taken_apart(void **state)
{
    (void)state;
    new_bundle(0x1000 + 0x2000 + 0x801, 0x1fff, 0x801);
    multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000);
    assert_int_equal(boot_info.modules, 2);
    assert_int_equal(boot_info.module[0].start, BUNDLE + 0x1000);
    assert_int_equal(boot_info.module[0].end, BUNDLE + 0x2fff);
    assert_string_equal(boot_info.module[0].args, "k");
    assert_int_equal(boot_info.module[1].start, BUNDLE + 0x3000);
    assert_int_equal(boot_info.module[1].end, BUNDLE + 0x3801);
    assert_string_equal(boot_info.module[1].args, "i");

    new_bundle(0x1000 + 0x1fff, 0x1fff, 0); /* only a kernel */
    multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000);
    assert_int_equal(boot_info.modules, 1);

    new_bundle(0xfff, 0x1fff, 0x801); /* shorter than its first page: an ordinary module */
    multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000);
    assert_int_equal(boot_info.modules, 1);
    assert_int_equal(boot_info.module[0].start, BUNDLE);

    /*
     * truncated after its first page, in the second part, in the first, at their border; a size
     * that wraps
     */
    new_bundle(0x1000, 0x1fff, 0x801);
    assert_panics(multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000));
    new_bundle(0x1000 + 0x2000 + 0x800, 0x1fff, 0x801);
    assert_panics(multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000));
    new_bundle(0x1000 + 0x1ffe, 0x1fff, 0x801);
    assert_panics(multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000));
    new_bundle(0x1000 + 0x1fff, 0x1fff, 0x801);
    assert_panics(multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000));
    new_bundle(0x1000 + 0x2000 + 0x801, ~0ull, 0x801);
    assert_panics(multiboot_parse(XEN_HVM_START_MAGIC_VALUE, 0x1000));
}

/* As from QEMU's -kernel: a file name precedes the command line and each module's arguments. */
static void multiboot1_is_read(void **state)
{
    static const struct __attribute__((packed)) {
        uint32_t size;
        uint64_t base, length;
        uint32_t type;
    } map[] = {
        { 20, 0, 0x9fc00, BOOT_RAM },
        { 24, 0x100000, 0x700800, BOOT_RAM },
        { 20, 0x900000, 0x100000, BOOT_RAM },
        { 20, 0xfffffffffffff000, 0x2000, BOOT_RESERVED },
    };
    static const uint32_t modules[] = { 0x200000, 0x200123, 0x4100, 0, 0x300000, 0x300001, 0, 0 };
    uint32_t *information;
    uint8_t *at;

    (void)state;
    harness_memory_new(8);
    boot_info = (struct boot_info){ 0 };
    information = paddr_to_virt(0x1000);
    information[4] = 0x4000;
    information[5] = 2;
    information[6] = 0x5000;
    information[12] = 0x6000;
    strcpy(paddr_to_virt(0x4000), "/boot/cleave.elf  dom0_mem=1G loglvl=all");
    strcpy(paddr_to_virt(0x4100), "vmlinux root=/dev/x");
    memcpy(paddr_to_virt(0x5000), modules, sizeof(modules));
    at = paddr_to_virt(0x6000);
    memcpy(at, &map[0], 24);
    memcpy(at + 24, &map[1], 24); /* an entry longer than the known format */
    memcpy(at + 24 + 28, &map[3], 24);
    memcpy(at + 24 + 28 + 24, &map[2], 24); /* past the end */
    information[11] = 24 + 28 + 24;
    multiboot_parse(0x2badb002, 0x1000);
    assert_string_equal(boot_info.cmdline, "dom0_mem=1G loglvl=all");
    assert_int_equal(boot_info.modules, 2);
    assert_int_equal(boot_info.module[0].start, 0x200000);
    assert_int_equal(boot_info.module[0].end, 0x200123);
    assert_string_equal(boot_info.module[0].args, "root=/dev/x");
    assert_int_equal(boot_info.module[1].end, 0x300001);
    assert_string_equal(boot_info.module[1].args, "");
    assert_int_equal(boot_info.ranges, 2); /* the last one is empty except by overflow */
    assert_int_equal(boot_info.range[0].end, 0x9f000);
    assert_int_equal(boot_info.range[1].start, 0x100000);
    assert_int_equal(boot_info.range[1].end, 0x800000);
}

static void loaders_that_are_none(void **state)
{
    (void)state;
    harness_memory_new(1);
    boot_info = (struct boot_info){ 0 };
    assert_panics(multiboot_parse(0x12345678, 0x1000));
    assert_panics(multiboot_parse(0x2badb002, 0x1000)); /* no memory map */
}

static void too_many_modules(void **state)
{
    uint32_t *information;

    (void)state;
    harness_memory_new(1);
    boot_info = (struct boot_info){ 0 };
    information = paddr_to_virt(0x1000);
    information[5] = ARRAY_SIZE(boot_info.module) + 1;
    information[6] = 0x5000;
    assert_panics(multiboot_parse(0x2badb002, 0x1000));
    assert_int_equal(boot_info.modules, ARRAY_SIZE(boot_info.module));
}

static void long_command_lines(void **state)
{
    uint32_t *information;

    (void)state;
    harness_memory_new(1);
    boot_info = (struct boot_info){ 0 };
    information = paddr_to_virt(0x1000);
    information[4] = 0x4000;
    memset(paddr_to_virt(0x4000), 'x', 5000);
    *(char *)paddr_to_virt(0x4000) = ' ';
    assert_panics(multiboot_parse(0x2badb002, 0x1000));
}

char image_start[1], image_end[1];
static struct boot_range given[8];
static unsigned int given_count;

void mm_init(const struct boot_range *ranges, unsigned int count)
{
    assert_in_range(count, 1, ARRAY_SIZE(given));
    memcpy(given, ranges, count * sizeof(*ranges));
    given_count = count;
}

/* The allocator does not get dom0's memory, the lowest RAM. */
static void memory_is_given(void **state)
{
    static const struct boot_range expected[] = {
        { 0, 0x9f000, BOOT_DOM0 },
        { 0x100000, 0x8061000, BOOT_DOM0 },
        { 0x8061000, 0xa000000, BOOT_RAM },
        { 0xa000000, 0xb000000, BOOT_ACPI },
    };

    (void)state;
    harness_quiet = true;
    cmdline_init("dom0_mem=128M");
    boot_info.ranges = 0;
    boot_info_add_range(0, 0x9f000, BOOT_RAM);
    boot_info_add_range(0x100000, 0xa000000, BOOT_RAM);
    boot_info_add_range(0xa000000, 0xb000000, BOOT_ACPI);
    memory_give();
    assert_int_equal(given_count, ARRAY_SIZE(expected));
    assert_memory_equal(given, expected, sizeof(expected));
}

static uint32_t type_of(paddr_t p)
{
    for (unsigned int i = 0; i < boot_info.ranges; i++)
        if (p >= boot_info.range[i].start && p < boot_info.range[i].end)
            return boot_info.range[i].type;
    return 0;
}

/*
 * Modules move to the top, the highest first, and their frames go to the core. One that cannot move
 * up stays.
 */
static void modules_are_moved(void **state)
{
    (void)state;
    harness_memory_new(64);
    boot_info = (struct boot_info){ .modules = 3 };
    boot_info_add_range(0, 0x9f000, BOOT_RAM);
    boot_info_add_range(0x100000, 0x4000000, BOOT_RAM);
    boot_info.module[0] = (struct boot_module){ 0x400000, 0x401800, "" };
    boot_info.module[1] = (struct boot_module){ 0x402000, 0x403000, "" };
    boot_info.module[2] = (struct boot_module){ 0x3fff000, 0x4000000, "" };
    memset(paddr_to_virt(0x400000), 1, 0x1800);
    memset(paddr_to_virt(0x402000), 2, 0x1000);
    memset(paddr_to_virt(0x3fff000), 3, 0x1000);
    memory_init();
    assert_int_equal(boot_info.module[2].start, 0x3fff000);
    assert_int_equal(boot_info.module[2].end, 0x4000000);
    assert_int_equal(boot_info.module[1].start, 0x3ffe000);
    assert_int_equal(boot_info.module[1].end, 0x3fff000);
    assert_int_equal(boot_info.module[0].start, 0x3ffc000);
    assert_int_equal(boot_info.module[0].end, 0x3ffd800);
    for (unsigned int i = 0; i < 0x1800; i++)
        assert_int_equal(((uint8_t *)paddr_to_virt(0x3ffc000))[i], 1);
    for (unsigned int i = 0; i < 0x1000; i++)
        assert_int_equal(((uint8_t *)paddr_to_virt(0x3ffe000))[i], 2);
    for (paddr_t p = 0x3ffc000; p < 0x4000000; p += PAGE_SIZE)
        assert_int_equal(type_of(p), BOOT_CORE);
    assert_int_equal(type_of(0x3ffb000), BOOT_RAM);
    assert_int_equal(type_of(0x400000), BOOT_RAM); /* the old place is free */
    assert_int_equal(type_of(AP_TRAMPOLINE), BOOT_CORE);
    assert_int_equal(type_of(AP_TRAMPOLINE + PAGE_SIZE), BOOT_RAM);
}

/* Without dom0_mem: half of the RAM, at most 512 MiB. */
static void dom0s_share(void **state)
{
    static const struct {
        paddr_t end;
        uint64_t share;
    } machines[] = { { 0x18100000, 0xc000000 },
                     { 0x40100000, 0x20000000 },
                     { 0x100100000, 0x20000000 } };

    (void)state;
    harness_quiet = true;
    cmdline_init("");
    for (unsigned int i = 0; i < ARRAY_SIZE(machines); i++) {
        boot_info.ranges = 0;
        boot_info_add_range(0x100000, machines[i].end, BOOT_RAM);
        memory_give();
        assert_int_equal(given[0].type, BOOT_DOM0);
        assert_int_equal(given[0].end - given[0].start, machines[i].share);
    }
    cmdline_init("dom0_mem=240M"); /* the core keeps 16 MiB, exactly */
    boot_info.ranges = 0;
    boot_info_add_range(0x100000, 0x10100000, BOOT_RAM);
    memory_give();
    assert_int_equal(given[0].end, 0x100000 + (240 << 20));
    cmdline_init("dom0_mem=241M");
    boot_info.ranges = 0;
    boot_info_add_range(0x100000, 0x10100000, BOOT_RAM);
    assert_panics(memory_give());
}

/* Impossible sizes are refused, with the numbers in the message. */
static void dom0_sizes_are_checked(void **state)
{
    static const char *const wrong[][2] = {
        { "dom0_mem=12X", "12X is not a size" },
        { "dom0_mem=64M", "64M is less than" },
        { "dom0_mem=1G", "1024M leaves too little of the machine's 256M" },
    };

    (void)state;
    boot_info.ranges = 0;
    boot_info_add_range(0x100000, 0x10100000, BOOT_RAM);
    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
        cmdline_init(wrong[i][0]);
        assert_panics(memory_give());
        assert_non_null(strstr(harness_log, wrong[i][1]));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_like_c),
        cmocka_unit_test(formats_oddities),
        cmocka_unit_test(formats_never_past_the_buffer),
        cmocka_unit_test(moves_overlapping_memory),
        cmocka_unit_test(strings_compare),
        cmocka_unit_test(command_line_is_read),
        cmocka_unit_test(unknown_options_are_named),
        cmocka_unit_test(sizes_are_parsed_strictly),
        cmocka_unit_test(memory_map_is_sorted_and_ram_loses),
        cmocka_unit_test(hundreds_of_ranges),
        cmocka_unit_test(pages_come_from_the_top),
        cmocka_unit_test(multiboot2_is_read),
        cmocka_unit_test(odd_tags),
        cmocka_unit_test(start_info_is_read),
        cmocka_unit_test(bundle_is_taken_apart),
        cmocka_unit_test(multiboot1_is_read),
        cmocka_unit_test(loaders_that_are_none),
        cmocka_unit_test(too_many_modules),
        cmocka_unit_test(long_command_lines),
        cmocka_unit_test(modules_are_moved),
        cmocka_unit_test(other_screens),
        cmocka_unit_test(memory_is_given),
        cmocka_unit_test(dom0s_share),
        cmocka_unit_test(dom0_sizes_are_checked),
    };

    return cmocka_run_group_tests_name("lib", tests, NULL, NULL);
}
