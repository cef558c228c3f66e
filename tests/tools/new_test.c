/* SPDX-License-Identifier: MIT */
/*
 * What cleave new makes a VM from: images and their copies, the kernel in an image, the seed, and
 * folders that are complete or not there. Images are made here, with mke2fs. Run from the tree's
 * root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "diskboot.h"
#include "diskcopy.h"
#include "report.h"
#include "seed.h"
#include "tool.h"
#include "vmfolder.h"
#include "vms.h"

#define HOME "build/tests/tools/new"
#define PARENT HOME "/images"
#define MIB (1 << 20)
#define UUID "12345678-9abc-def0-1234-56789abcdef0"

static struct report report;

static void run_ok(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* That the last call failed, with these words in its message. */
static void assert_said(enum report_class class, const char *words)
{
    if (report_class(&report) != class || !strstr(report_text(&report), words))
        fail_msg("not \"%s\" (%d), but %d: %s", words, class, report_class(&report),
                 report_text(&report));
    report_begin(&report);
}

static void write_at(const char *path, const void *bytes, size_t length, off_t offset)
{
    int fd = open(path, O_RDWR | O_CREAT, 0644);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, offset), length);
    close(fd);
}

static void put_le(uint8_t *at, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = number >> 8 * i;
}

/* A partition table with one entry, a GPT or the MBR that stands before it. */
static void put_table(const char *path, bool gpt, uint64_t sector)
{
    uint8_t mbr[512] = { 0 }, head[512] = "EFI PART", entry[128] = { 0 };

    put_le(mbr + 440, 0x1234abcd, 4);
    mbr[450] = gpt ? 0xee : 0x83;
    put_le(mbr + 454, gpt ? 1 : sector, 4);
    put_le(mbr + 510, 0xaa55, 2);
    write_at(path, mbr, sizeof(mbr), 0);
    if (!gpt)
        return;
    put_le(head + 72, 2, 8);
    put_le(head + 80, 4, 4);
    put_le(head + 84, sizeof(entry), 4);
    write_at(path, head, sizeof(head), 512);
    for (int i = 0; i < 16; i++)
        entry[16 + i] = i + 1;
    put_le(entry + 32, sector, 8);
    /* the second one: the first is empty */
    write_at(path, entry, sizeof(entry), 1024 + sizeof(entry));
}

/* An image whose file system at offset has kernels in /boot. */
static void make_image(const char *path, unsigned long offset)
{
    char command[512];

    run_ok(
        "rm -rf " HOME "/tree && mkdir -p " HOME "/tree/boot " HOME "/tree/etc && cd " HOME
        "/tree/boot && echo old >vmlinuz-6.1.0-9-cloud && echo older-rd >initrd.img-6.1.0-9-cloud"
        " && echo new >vmlinuz-6.1.0-10-cloud && seq 20000 >initrd.img-6.1.0-10-cloud"
        " && echo rescue >vmlinuz-9-rescue && echo odd >'vmlinuz-99 \"odd\"'");
    unlink(path);
    snprintf(command, sizeof(command),
             "truncate -s 9M %s && /sbin/mke2fs -q -F -t ext4 -E offset=%lu -d " HOME "/tree %s 8M",
             path, offset, path);
    run_ok(command);
}

static int begin(void **state)
{
    (void)state;
    report_begin(&report);
    run_ok("rm -rf " HOME " && mkdir -p " HOME);
    return 0;
}

/* --- images ----------------------------------------------------------------------------------- */

static void refused(const char *path, const char *words)
{
    struct diskcopy_image image;

    assert_true(diskcopy_open(path, &image) < 0);
    diskcopy_close(&image);
    assert_said(REPORT_USAGE, words);
}

static void put_qcow2(const char *path, uint64_t backing, uint8_t incompatible)
{
    uint8_t head[2048] = "QFI\xfb";

    head[7] = 3;
    head[15] = backing;
    head[28] = 1; /* 16 MiB */
    head[79] = incompatible;
    write_at(path, head, sizeof(head), 0);
}

static void what_is_no_image_is_refused(void **state)
{
    static const struct {
        const char *bytes, *words;
    } cases[] = { { "\xfd"
                    "7zXZ",
                    "unxz" },
                  { "\x1f\x8b", "gunzip" },
                  { "KDMV", "vmdk" },
                  { "hello, world", "neither qcow2 nor a raw disk" } };
    char bytes[4096] = { 0 };
    struct diskcopy_image image;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(bytes, sizeof(bytes), "%s", cases[i].bytes);
        write_at(HOME "/file", bytes, sizeof(bytes), 0);
        refused(HOME "/file", cases[i].words);
    }
    run_ok("truncate -s 100 " HOME "/file");
    refused(HOME "/file", "100 bytes: too small");
    refused(HOME, "neither a file nor a block device");
    assert_true(diskcopy_open(HOME "/nothing", &image) < 0);
    assert_said(REPORT_NOT_FOUND, HOME "/nothing");
    /* one of dom0's files must not get into a VM's disk */
    put_qcow2(HOME "/qcow2", 8, 0);
    refused(HOME "/qcow2", "another file");
    put_qcow2(HOME "/qcow2", 0, 4);
    refused(HOME "/qcow2", "another file");
    put_qcow2(HOME "/qcow2", 0, 0);
    assert_int_equal(diskcopy_open(HOME "/qcow2", &image), 0);
    assert_true(image.qcow2);
    assert_int_equal(image.size, 16 * MIB);
    diskcopy_close(&image);
}

static off_t blocks_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_blocks;
}

static void a_copy_is_equal_sparse_and_larger(void **state)
{
    struct diskcopy_image image;

    (void)state;
    make_image(HOME "/image", MIB);
    put_table(HOME "/image", false, 2048);
    write_at(HOME "/image", "end", 3, 40 * MIB);
    assert_int_equal(diskcopy_open(HOME "/image", &image), 0);
    assert_true(diskcopy_make(&image, HOME "/disk", 64 * MIB) >= 0);
    diskcopy_close(&image);
    run_ok("cmp -n 41943043 " HOME "/image " HOME "/disk && test $(stat -c %s " HOME
           "/disk) = 67108864 && test $(tail -c +41943044 " HOME
           "/disk | tr -d '\\0' | wc -c) = 0");
    assert_true(blocks_of(HOME "/disk") < 20 * MIB / 512);
    /* over what stood there before */
    write_at(HOME "/disk", "garbage", 7, 20 * MIB);
    assert_int_equal(diskcopy_open(HOME "/image", &image), 0);
    assert_true(diskcopy_make(&image, HOME "/disk", image.size) >= 0);
    diskcopy_close(&image);
    run_ok("cmp -n 41943043 " HOME "/image " HOME "/disk && test $(stat -c %s " HOME
           "/disk) = 41943043");
}

static void a_full_disk_is_an_error_with_numbers(void **state)
{
    struct diskcopy_image image;

    (void)state;
    if (geteuid() != 0 || system("mkdir -p " HOME "/small && mount -t tmpfs -o size=1M none " HOME
                                 "/small 2>/dev/null") != 0)
        skip();
    run_ok("dd if=/dev/urandom of=" HOME "/image bs=64k count=64 2>/dev/null");
    put_table(HOME "/image", false, 2048);
    assert_int_equal(diskcopy_open(HOME "/image", &image), 0);
    assert_true(diskcopy_make(&image, HOME "/small/disk", image.size) < 0);
    diskcopy_close(&image);
    run_ok("umount " HOME "/small");
    assert_said(REPORT_INTERNAL, "4 MiB of image");
}

/* A signal that is pending ends a copy, and programs. */
static void a_signal_ends_copies(void **state)
{
    char *sleeper[] = { "sleep", "600", NULL };
    struct diskcopy_image image;
    sigset_t signals;
    struct sigaction old;

    (void)state;
    make_image(HOME "/image", 0);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    raise(SIGTERM);
    assert_int_equal(tool_run(sleeper, "coreutils", NULL), -EINTR);
    assert_said(REPORT_INTERNAL, "interrupted");
    assert_int_equal(diskcopy_open(HOME "/image", &image), 0);
    /* a clone is made at once */
    if (diskcopy_make(&image, HOME "/disk", image.size) != DISKCOPY_REFLINK)
        assert_said(REPORT_INTERNAL, "interrupted");
    diskcopy_close(&image);
    sigaction(SIGTERM, &(struct sigaction){ .sa_handler = SIG_IGN }, &old);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    sigaction(SIGTERM, &old, NULL);
}

static void programs_that_fail_are_named(void **state)
{
    char *missing[] = { "no-such-program", NULL }, *failing[] = { "ls", HOME "/nothing", NULL };
    char *echo[] = { "echo", "two words", NULL }, *output;

    (void)state;
    assert_int_equal(tool_run(missing, "its-package", NULL), -ENOENT);
    assert_said(REPORT_INTERNAL, "apt install its-package");
    assert_true(tool_run(failing, "coreutils", NULL) < 0);
    assert_said(REPORT_INTERNAL, "status 2: ls: ");
    assert_int_equal(tool_run(echo, "coreutils", &output), 0);
    assert_string_equal(output, "two words\n");
    free(output);
}

/* The program gets the file that was checked, by a descriptor, and its format. */
static void qcow2_is_converted_by_a_program(void **state)
{
    char path[4096];
    struct diskcopy_image image;

    (void)state;
    snprintf(path, sizeof(path), "%s", getenv("PATH"));
    put_qcow2(HOME "/qcow2", 0, 0);
    run_ok("mkdir " HOME "/bin && printf '#!/bin/sh\necho \"$1 $2 $3 $4 $5\" >" HOME
           "/words\ncat $8 >$9\n' >" HOME "/bin/qemu-img && chmod +x " HOME "/bin/qemu-img");
    assert_int_equal(diskcopy_open(HOME "/qcow2", &image), 0);
    setenv("PATH", "/nonexistent", 1);
    assert_true(diskcopy_make(&image, HOME "/disk", image.size) < 0);
    assert_said(REPORT_INTERNAL, "apt install qemu-utils");
    setenv("PATH", HOME "/bin:/usr/bin:/bin", 1);
    run_ok("mv " HOME "/qcow2 " HOME "/moved");
    assert_int_equal(diskcopy_make(&image, HOME "/disk", image.size), DISKCOPY_CONVERTED);
    setenv("PATH", path, 1);
    diskcopy_close(&image);
    run_ok("cmp -n 2048 " HOME "/moved " HOME "/disk && test $(stat -c %s " HOME
           "/disk) = 16777216 && grep -q 'convert -f qcow2 -O raw' " HOME "/words");
}

static void sizes_are_read(void **state)
{
    static const char *const wrong[] = { "",     "0",    "-1",
                                         "1.5G", "10GB", "x",
                                         "65T",  "G",    "99999999999999999999" };
    uint64_t bytes;

    (void)state;
    assert_true(diskcopy_parse_size("10", &bytes) && bytes == 10 * MIB);
    assert_true(diskcopy_parse_size("20G", &bytes) && bytes == 20ull << 30);
    assert_true(diskcopy_parse_size("20g", &bytes) && bytes == 20ull << 30);
    assert_true(diskcopy_parse_size("4K", &bytes) && bytes == 4096);
    assert_true(diskcopy_parse_size("64T", &bytes) && bytes == 64ull << 40);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(diskcopy_parse_size(wrong[i], &bytes));
}

/* --- kernels ---------------------------------------------------------------------------------- */

static void assert_extracts(const char *path)
{
    struct diskboot boot;

    unlink(HOME "/vmlinuz");
    unlink(HOME "/initrd");
    assert_int_equal(diskboot_find(path, true, &boot), 0);
    assert_string_equal(boot.kernel, "/boot/vmlinuz-6.1.0-10-cloud");
    assert_string_equal(boot.ramdisk, "/boot/initrd.img-6.1.0-10-cloud");
    assert_int_equal(diskboot_extract(path, &boot, HOME "/vmlinuz", HOME "/initrd"), 0);
    run_ok("echo new | cmp - " HOME "/vmlinuz && seq 20000 | cmp - " HOME "/initrd");
}

static void the_newest_kernel_is_taken_out(void **state)
{
    struct diskboot boot;

    (void)state;
    make_image(HOME "/whole", 0);
    assert_extracts(HOME "/whole");
    assert_int_equal(diskboot_find(HOME "/whole", false, &boot), 0);
    assert_string_equal(boot.root, "/dev/xvda");
    assert_string_equal(boot.kernel, "");
    /* debugfs has its own marks for what follows a name */
    make_image(HOME "/image?offset=7", MIB);
    put_table(HOME "/image?offset=7", false, 2048);
    assert_extracts(HOME "/image?offset=7");
    assert_int_equal(diskboot_find(HOME "/image?offset=7", false, &boot), 0);
    assert_string_equal(boot.root, "PARTUUID=1234abcd-01");
    put_table(HOME "/image?offset=7", true, 2048);
    assert_extracts(HOME "/image?offset=7");
    assert_int_equal(diskboot_find(HOME "/image?offset=7", false, &boot), 0);
    assert_string_equal(boot.root, "PARTUUID=04030201-0605-0807-090a-0b0c0d0e0f10");
}

static void an_image_without_a_kernel_says_why(void **state)
{
    struct diskboot boot;

    (void)state;
    run_ok("truncate -s 4M " HOME "/image");
    put_table(HOME "/image", true, 2048);
    assert_int_equal(diskboot_find(HOME "/image", true, &boot), 0);
    assert_string_equal(boot.why, "no ext file system is on it");
    run_ok("/sbin/mke2fs -q -F -t ext4 -E offset=1048576 " HOME "/image 2M");
    assert_int_equal(diskboot_find(HOME "/image", true, &boot), 0);
    assert_non_null(strstr(boot.why, "no /boot/vmlinuz"));
    assert_int_equal(report_class(&report), REPORT_NONE);
}

/* Partition tables full of anything: nothing but an answer may come of it. */
static void damaged_tables_are_survived(void **state)
{
    struct diskboot boot;
    uint8_t sectors[3 * 512];

    (void)state;
    srand(1);
    for (int round = 0; round < 300; round++) {
        for (size_t i = 0; i < sizeof(sectors); i++)
            sectors[i] = rand() % 4 ? rand() : 0xff;
        put_le(sectors + 510, 0xaa55, 2);
        if (round % 2)
            memcpy(sectors + 512, "EFI PART", 8);
        if (round % 4 == 3) {
            put_le(sectors + 512 + 72, round % 8 < 4 ? 2 : UINT64_MAX / 512, 8);
            put_le(sectors + 512 + 84, 128, 4);
        }
        write_at(HOME "/image", sectors, sizeof(sectors), 0);
        assert_int_equal(diskboot_find(HOME "/image", true, &boot), 0);
        assert_string_equal(boot.kernel, "");
    }
}

/* --- the seed --------------------------------------------------------------------------------- */

static uint32_t le32(const uint8_t *at) { return at[0] | at[1] << 8 | at[2] << 16 | at[3] << 24; }

/* Returns a file of the image as text, by the volume descriptor and the root folder. */
static const char *file_of(const uint8_t *image, const char *name)
{
    static char text[8192];
    const uint8_t *record = image + 2048 * le32(image + 16 * 2048 + 156 + 2);

    for (; record[0]; record += record[0])
        if (record[32] == strlen(name) && memcmp(record + 33, name, record[32]) == 0) {
            snprintf(text, sizeof(text), "%.*s", (int)le32(record + 10),
                     (const char *)image + 2048 * le32(record + 2));
            return text;
        }
    fail_msg("%s is not in the image", name);
    return NULL;
}

static json_t *json_of(const uint8_t *image, const char *name)
{
    const char *text = file_of(image, name);
    json_t *json;

    if (strcmp(name, "user-data") == 0) {
        assert_int_equal(strncmp(text, "#cloud-config\n", 14), 0);
        text += 14;
    }
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static void the_seed_says_what_is_wanted(void **state)
{
    static uint8_t image[MIB];
    struct seed seed = { "web_1", UUID, "00:16:3e:01:02:03", NULL };
    const char *text, *key;
    json_t *json;
    int fd, dhcp;

    (void)state;
    run_ok("printf '# mine\\n\\nssh-ed25519 AAAA me@\"here\"\\r\\n  ecdsa-sha2-nistp256 BBBB\\n' "
           ">" HOME "/keys");
    seed.keys = seed_read_keys(HOME "/keys");
    assert_non_null(seed.keys);
    assert_int_equal(seed_write(&seed, HOME "/seed"), 0);
    run_ok("test \"$(/sbin/blkid -p -o value -s LABEL " HOME "/seed)\" = cidata && "
           "test \"$(/sbin/blkid -p -o value -s TYPE " HOME "/seed)\" = iso9660");
    fd = open(HOME "/seed", O_RDONLY);
    assert_true(read(fd, image, sizeof(image)) > 0);
    close(fd);
    json = json_of(image, "user-data");
    assert_int_equal(json_unpack(json, "{s:s, s:[s,s!]}", "hostname", &text, "ssh_authorized_keys",
                                 &key, &(const char *){ NULL }),
                     0);
    assert_string_equal(text, "web-1");
    assert_string_equal(key, "ssh-ed25519 AAAA me@\"here\"");
    json_decref(json);
    json = json_of(image, "meta-data");
    assert_int_equal(json_unpack(json, "{s:s}", "instance-id", &text), 0);
    assert_string_equal(text, UUID);
    json_decref(json);
    json = json_of(image, "network-config");
    assert_int_equal(json_unpack(json, "{s:{s:{s:{s:s}, s:b}}}", "ethernets", "lan", "match",
                                 "macaddress", &text, "dhcp4", &dhcp),
                     0);
    assert_string_equal(text, "00:16:3e:01:02:03");
    assert_true(dhcp);
    json_decref(json);
    /* for a VM that is made from this one */
    json = seed_keys_of(HOME "/seed");
    assert_true(json_equal(json, seed.keys));
    json_decref(json);
    json_decref(seed.keys);
    assert_null(seed_keys_of(HOME "/keys"));
    assert_null(seed_keys_of(HOME "/nothing"));
    assert_int_equal(report_class(&report), REPORT_NONE);
}

static void what_are_no_keys_is_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = { { "-----BEGIN OPENSSH PRIVATE KEY-----\n", "a private key: give its public one" },
                  { "ssh-rsa AAAA\nhello\n", "keys:2: not a public key" },
                  { "ssh-rsa \xff\xfe\n", "keys:1: not a public key" },
                  { "# none\n", "no key is in it" } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unlink(HOME "/keys");
        write_at(HOME "/keys", cases[i].text, strlen(cases[i].text), 0);
        assert_null(seed_read_keys(HOME "/keys"));
        assert_said(REPORT_USAGE, cases[i].words);
    }
    assert_null(seed_read_keys(HOME "/nothing"));
    assert_said(REPORT_NOT_FOUND, HOME "/nothing");
    run_ok("truncate -s 65537 " HOME "/keys");
    assert_null(seed_read_keys(HOME "/keys"));
    assert_said(REPORT_USAGE, "more than 64 KiB");
}

/* --- folders ---------------------------------------------------------------------------------- */

static void a_folder_is_complete_or_not_there(void **state)
{
    struct vmfolder folder, other;

    (void)state;
    assert_int_equal(vmfolder_make(PARENT, "web", UUID, &folder), 0);
    run_ok("touch " PARENT "/" UUID ".part/disk && test ! -e " PARENT "/web");
    assert_int_equal(vmfolder_sync(&folder), 0);
    assert_int_equal(vmfolder_complete(&folder), 0);
    vmfolder_release(&folder);
    run_ok("test -e " PARENT "/web/disk && test ! -e " PARENT "/" UUID ".part");
    assert_true(vmfolder_make(PARENT, "web", UUID, &other) < 0);
    assert_said(REPORT_STATE, PARENT "/web exists");
    assert_int_equal(vmfolder_make(PARENT, "more", UUID, &other), 0);
    run_ok("touch " PARENT "/" UUID ".part/disk");
    vmfolder_remove(&other);
    run_ok("test \"$(ls " PARENT ")\" = web");
    /* two processes, one name: the second one fails at its end */
    assert_int_equal(vmfolder_make(PARENT, "more", UUID, &other), 0);
    run_ok("mkdir " PARENT "/more && touch " PARENT "/more/disk");
    assert_true(vmfolder_complete(&other) < 0);
    assert_said(REPORT_STATE, PARENT "/more");
    vmfolder_remove(&other);
    run_ok("test -e " PARENT "/more/disk && test ! -e " PARENT "/" UUID ".part");
    assert_true(vmfolder_make(HOME "/a\"b", "web", UUID, &other) < 0);
    assert_said(REPORT_USAGE, "neither quotes nor backslashes");
}

/* Makes a folder and a file in it, in a process that is killed. */
static void make_and_die(const char *uuid, bool wait)
{
    struct vmfolder folder;
    int pipes[2];
    char done;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        run_ok(vmfolder_make(PARENT, "killed", uuid, &folder) == 0 ? "true" : "false");
        write_at(folder.part[0] ? PARENT "/" UUID ".part/disk" : "", "x", 1, 0);
        done = write(pipes[1], "d", 1);
        pause();
    }
    assert_int_equal(read(pipes[0], &done, 1), 1);
    if (wait) { /* it still works in its folder while another one begins */
        assert_int_equal(vmfolder_make(PARENT, "other", "22345678-9abc-def0-1234-56789abcdef0",
                                       &folder),
                         0);
        run_ok("test -e " PARENT "/" UUID ".part/disk");
        vmfolder_remove(&folder);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
}

static void what_a_killed_process_left_is_settled(void **state)
{
    struct vms_record vm = { .uuid = UUID, .name = "killed", .domid = VMS_NO_DOMAIN }, other;
    struct vmfolder folder;
    int lock;

    (void)state;
    assert_int_equal(vms_make_folders(), 0);
    make_and_die(UUID, true);
    assert_int_equal(vmfolder_make(PARENT, "next", UUID, &folder), 0);
    run_ok("test ! -e " PARENT "/" UUID ".part/disk");
    vmfolder_remove(&folder);
    /* killed when its VM was recorded: its files are complete */
    make_and_die(UUID, false);
    lock = vms_add(&vm, "name = \"killed\"\n", &other);
    assert_true(lock >= 0);
    vms_unlock(lock);
    assert_int_equal(vmfolder_make(PARENT, "next", "22345678-9abc-def0-1234-56789abcdef0", &folder),
                     0);
    run_ok("test -e " PARENT "/killed/disk && test ! -e " PARENT "/" UUID ".part");
    vmfolder_remove(&folder);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_image_is_refused),
        TEST(a_copy_is_equal_sparse_and_larger),
        TEST(a_full_disk_is_an_error_with_numbers),
        TEST(a_signal_ends_copies),
        TEST(programs_that_fail_are_named),
        TEST(qcow2_is_converted_by_a_program),
        TEST(sizes_are_read),
        TEST(the_newest_kernel_is_taken_out),
        TEST(an_image_without_a_kernel_says_why),
        TEST(damaged_tables_are_survived),
        TEST(the_seed_says_what_is_wanted),
        TEST(what_are_no_keys_is_refused),
        TEST(a_folder_is_complete_or_not_there),
        TEST(what_a_killed_process_left_is_settled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
