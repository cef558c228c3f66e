/* SPDX-License-Identifier: MIT */
/*
 * dom0/elf.c against well-formed and broken images. Images are built in a heap block of exactly
 * their size, so that the sanitizer detects any read past the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dom0/elf.h"
#include "lib.h"

#define NOTE_TYPE 18u
#define PHDRS 64u
#define NOTE_AT 200u
#define TEXT_AT 240u
#define IMAGE_SIZE 256u

static void put(uint8_t *p, uint64_t value, int bytes) { memcpy(p, &value, (size_t)bytes); }

static void put_phdr(uint8_t *at, uint32_t type, uint64_t offset, uint64_t paddr, uint64_t filesz,
                     uint64_t memsz)
{
    put(at, type, 4);
    put(at + 8, offset, 8);
    put(at + 24, paddr, 8);
    put(at + 32, filesz, 8);
    put(at + 40, memsz, 8);
}

struct image {
    uint8_t *data;
    uint64_t size;
};

/*
 * One PT_LOAD of 16 bytes (32 in memory) at 16 MiB, one PT_NOTE with a Xen note of value 0x1000200.
 */
static struct image make_image(void)
{
    uint8_t *p = calloc(1, IMAGE_SIZE);

    memcpy(p,
           "\x7f"
           "ELF\x02\x01\x01",
           7);
    put(p + 16, 2, 2);
    put(p + 18, 62, 2);
    put(p + 32, PHDRS, 8);
    put(p + 54, 56, 2);
    put(p + 56, 2, 2);
    put_phdr(p + PHDRS, 1, TEXT_AT, 0x1000000, 16, 32);
    put_phdr(p + PHDRS + 56, 4, NOTE_AT, 0, 20, 20);
    put(p + NOTE_AT, 4, 4);
    put(p + NOTE_AT + 4, 4, 4);
    put(p + NOTE_AT + 8, NOTE_TYPE, 4);
    memcpy(p + NOTE_AT + 12, "Xen", 4);
    put(p + NOTE_AT + 16, 0x1000200, 4);
    memset(p + TEXT_AT, 0x90, 16);
    return (struct image){ p, IMAGE_SIZE };
}

static void refuses(struct image e, const char *word)
{
    struct elf_kernel k;
    const char *why = elf_read(e.data, e.size, &k);

    assert_non_null(why);
    assert_non_null(strstr(why, word));
    free(e.data);
}

static void test_good(void **state)
{
    struct image e = make_image();
    struct elf_kernel k;

    (void)state;
    assert_null(elf_read(e.data, e.size, &k));
    assert_int_equal(k.segments, 1);
    assert_int_equal(k.segment[0].paddr, 0x1000000);
    assert_int_equal(k.segment[0].file_size, 16);
    assert_int_equal(k.segment[0].memory_size, 32);
    assert_int_equal(k.segment[0].data[15], 0x90);
    assert_int_equal(k.entry, 0x1000200);
    free(e.data);
}

static void test_nothing_to_start(void **state)
{
    struct image e = make_image();

    (void)state;
    put(e.data + NOTE_AT + 8, NOTE_TYPE + 1, 4);
    refuses(e, "CONFIG_PVH");
    e = make_image();
    put_phdr(e.data + PHDRS, 1, TEXT_AT, 0x1000000, 0, 0);
    refuses(e, "no segment to load");
    e.size = 64 + 17 * 56;
    e.data = calloc(1, e.size);
    memcpy(e.data,
           "\x7f"
           "ELF\x02\x01\x01",
           7);
    put(e.data + 18, 62, 2);
    put(e.data + 32, PHDRS, 8);
    put(e.data + 54, 56, 2);
    put(e.data + 56, 17, 2);
    for (unsigned int i = 0; i < 17; i++)
        put_phdr(e.data + PHDRS + i * 56, 1, 0, 0x1000000, 16, 16);
    refuses(e, "too many segments");
}

/*
 * Preceded by notes of all sizes, or by two of its type that are not Xen's. The first of two Xen
 * notes counts.
 */
static void test_among_other_notes(void **state)
{
    for (uint32_t name = 0; name < 10; name++)
        for (uint32_t desc = 0; desc < 10; desc++) {
            struct image e = make_image();
            uint64_t at = IMAGE_SIZE;
            struct elf_kernel k;

            (void)state;
            e.size += 1024;
            e.data = realloc(e.data, e.size);
            memset(e.data + at, 0, 1024);
            for (uint32_t n = 0; n < 3; n++) {
                put(e.data + at, name, 4);
                put(e.data + at + 4, desc, 4);
                put(e.data + at + 8, n == 1 ? NOTE_TYPE + 1 : NOTE_TYPE, 4);
                memcpy(e.data + at + 12, "XenSource", name);
                if (name == 4)
                    e.data[at + 12 + n] ^= 1; /* same length as Xen's */
                at += 12 + ROUND_UP(name, 4) + ROUND_UP(desc, 4);
            }
            memcpy(e.data + at, e.data + NOTE_AT, 20);
            memcpy(e.data + at + 20, e.data + NOTE_AT, 16);
            put(e.data + at + 36, 0x77, 4);
            put_phdr(e.data + PHDRS + 56, 4, IMAGE_SIZE, 0, at + 40 - IMAGE_SIZE, 0);
            assert_null(elf_read(e.data, e.size, &k));
            assert_int_equal(k.entry, 0x1000200);
            free(e.data);
        }
}

/* As many as fit; segments without memory do not count. */
static void test_many_segments(void **state)
{
    struct elf_kernel k;
    struct image e = make_image();

    (void)state;
    e.size = 8192;
    e.data = realloc(e.data, e.size);
    memcpy(e.data + 4096, e.data + NOTE_AT, 20);
    put(e.data + 56, 50, 2);
    for (unsigned int i = 0; i < 49; i++) {
        bool any = i % 3 == 0 && i / 3 < ARRAY_SIZE(k.segment);

        put_phdr(e.data + PHDRS + i * 56, i % 3 == 2 ? 6 : 1, 5000 + i, 0x1000000 + i, any ? 7 : 0,
                 any ? 9 : 0);
    }
    put_phdr(e.data + PHDRS + 49 * 56, 4, 4096, 0, 20, 0);
    put_phdr(e.data + PHDRS + 50 * 56, 1, UINT64_MAX, 0, 1, 1); /* one too many, so ignored */
    assert_null(elf_read(e.data, e.size, &k));
    assert_int_equal(k.segments, ARRAY_SIZE(k.segment));
    for (unsigned int i = 0; i < k.segments; i++) {
        assert_int_equal(k.segment[i].paddr, 0x1000000 + 3 * i);
        assert_ptr_equal(k.segment[i].data, e.data + 5000 + 3 * i);
        assert_int_equal(k.segment[i].file_size, 7);
        assert_int_equal(k.segment[i].memory_size, 9);
    }
    free(e.data);
}

static void test_short(void **state)
{
    (void)state;
    for (uint64_t size = 0; size < 64; size++) {
        uint8_t *p = malloc(size ? size : 1);

        memset(p, 0x7f, size);
        refuses((struct image){ p, size }, "shorter");
    }
}

static void test_not_elf(void **state)
{
    struct image e = make_image();

    (void)state;
    e.data[0] = 0;
    refuses(e, "not an ELF");
}

static void test_bzimage(void **state)
{
    uint8_t *p = calloc(1, 1024);

    (void)state;
    memcpy(p + 0x202, "HdrS", 4);
    refuses((struct image){ p, 1024 }, "bzImage");
}

static void test_32bit(void **state)
{
    struct image e = make_image();

    (void)state;
    e.data[4] = 1;
    refuses(e, "64-bit");
}

static void test_headers_outside(void **state)
{
    static const uint64_t places[] = { IMAGE_SIZE, IMAGE_SIZE - 111, UINT64_MAX, UINT64_MAX - 55 };

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct image e = make_image();

        put(e.data + 32, places[i], 8);
        refuses(e, "headers lie outside");
    }
}

static void test_segment_outside(void **state)
{
    static const uint64_t bad[][3] = {
        /* offset, file size, memory size */
        { IMAGE_SIZE, 1, 1 },   { TEXT_AT, 17, 32 },
        { UINT64_MAX, 16, 32 }, { TEXT_AT, UINT64_MAX, UINT64_MAX },
        { TEXT_AT, 16, 15 },    { TEXT_AT, 16, UINT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct image e = make_image();

        put_phdr(e.data + PHDRS, 1, bad[i][0], 0x1000000, bad[i][1], bad[i][2]);
        refuses(e, "segment lies outside");
    }
}

/* A note that extends past its segment is neither found nor read. */
static void test_broken_note(void **state)
{
    static const uint32_t sizes[] = { 5, 100, 0x7fffffff, 0xffffffff };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct image e = make_image();

        put(e.data + NOTE_AT + 4, sizes[i], 4);
        refuses(e, "CONFIG_PVH");
        e = make_image();
        put(e.data + NOTE_AT, sizes[i], 4);
        refuses(e, "CONFIG_PVH");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_nothing_to_start),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_not_elf),
        cmocka_unit_test(test_bzimage),
        cmocka_unit_test(test_32bit),
        cmocka_unit_test(test_headers_outside),
        cmocka_unit_test(test_segment_outside),
        cmocka_unit_test(test_broken_note),
        cmocka_unit_test(test_among_other_notes),
        cmocka_unit_test(test_many_segments),
    };

    return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
