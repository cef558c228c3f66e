/* SPDX-License-Identifier: MIT */
/*
 * The file of a saved VM: what is written comes back; a byte that is changed in any part, a cut at
 * any length and a file of somebody else are refused with a reason; and after a failure nothing is
 * left. Next to read: dom0-tools/libcleave/statefile.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "report.h"
#include "statefile.h"

#define FOLDER "build/tests/tools/statefile"
#define PATH FOLDER "/state"
#define STREAM (3u << 20)
#define CONFIG "name = \"a\"\nmemory = 64\n"

static const struct statefile_vm vm = { "a", "00000000-0000-4000-8000-00000000000a", 65536, 5 };
static struct report report;
static char stream[STREAM];

static int begin(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < STREAM; i++)
        stream[i] = (char)(i * 2654435761u >> 13);
    report_begin(&report);
    return system("rm -rf " FOLDER " && mkdir -p " FOLDER);
}

static int end(void **state)
{
    (void)state;
    report_end(&report);
    return 0;
}

static void write_stream(const struct statefile *file, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = write(file->input, stream + done, size - done);

        if (count <= 0)
            break;
        done += count;
    }
}

static int save(size_t size)
{
    struct statefile file;
    int rc = statefile_begin(&file, PATH, &vm, CONFIG, size);

    if (rc < 0)
        return rc;
    write_stream(&file, size);
    return statefile_end(&file, true);
}

static off_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) < 0 ? -1 : st.st_size;
}

static void assert_nothing_left(void) { assert_int_equal(rmdir(FOLDER), 0); }

/* The test fails unless the file is refused so, with these words. */
static void assert_refused(enum report_class class, const char *words)
{
    struct statefile file;

    report_begin(&report);
    assert_true(statefile_open(&file, PATH) < 0);
    statefile_close(&file);
    if (!strstr(report_text(&report), words))
        fail_msg("\"%s\" is not in: %s", words, report_text(&report));
    assert_int_equal(report_class(&report), class);
}

static void change_byte(off_t at, int by)
{
    int fd = open(PATH, O_RDWR);
    unsigned char byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte += by;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void what_is_written_comes_back(void **state)
{
    struct statefile file;
    char *back = malloc(STREAM);

    (void)state;
    assert_int_equal(save(STREAM), 0);
    assert_int_equal(access(PATH ".part", F_OK), -1);
    assert_int_equal(statefile_open(&file, PATH), 0);
    assert_string_equal(file.config, CONFIG);
    assert_string_equal(file.vm.name, vm.name);
    assert_string_equal(file.vm.uuid, vm.uuid);
    assert_int_equal(file.vm.memory_kib, vm.memory_kib);
    assert_int_equal(file.vm.features, vm.features);
    assert_int_equal(read(file.fd, back, STREAM), STREAM);
    assert_memory_equal(back, stream, STREAM);
    statefile_close(&file);
    free(back);
    assert_true(statefile_is_of(PATH, vm.uuid));
    assert_false(statefile_is_of(PATH, "00000000-0000-4000-8000-00000000000b"));
}

static void damage_is_found_in_each_part(void **state)
{
    off_t size;

    (void)state;
    assert_int_equal(save(STREAM), 0);
    size = size_of(PATH);

    const off_t config = size - STREAM - 24 - (off_t)strlen(CONFIG);
    const struct {
        off_t at;
        const char *words;
    } parts[] = {
        { 0, "not written by `cleave save`" },
        { 12, "its header" },
        { 17, "its header" },
        { config - 1, "its header" },
        { config, "the VM file" },
        { config + (off_t)strlen(CONFIG) - 1, "the VM file" },
        { size - 24 - STREAM, "the guest's state" },
        { size / 2, "the guest's state" },
        { size - 25, "the guest's state" },
        { size - 24, "does not end with a trailer" },
        { size - 16, "its trailer" },
        { size - 1, "its trailer" },
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        change_byte(parts[i].at, 1);
        assert_refused(REPORT_USAGE, parts[i].words);
        change_byte(parts[i].at, -1);
    }
    for (off_t at = 0; at < size; at += at < config + 64 ? 1 : 65521) {
        change_byte(at, 128);
        assert_refused(at >= 8 && at < 12 ? REPORT_STATE : REPORT_USAGE, PATH); /* the version */
        change_byte(at, -128);
    }
    report_begin(&report);
    assert_true(statefile_is_of(PATH, vm.uuid));
}

static void a_file_that_is_cut_or_longer_is_refused(void **state)
{
    static const off_t cuts[] = { 1, 23, 24, 25, STREAM / 2, STREAM + 24, STREAM + 30 };
    off_t size;

    (void)state;
    assert_int_equal(save(STREAM), 0);
    size = size_of(PATH);
    assert_int_equal(truncate(PATH, size + 1), 0);
    assert_refused(REPORT_USAGE, "truncated or damaged");
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        assert_int_equal(truncate(PATH, size - cuts[i]), 0);
        assert_refused(REPORT_USAGE, PATH);
    }
    assert_int_equal(truncate(PATH, 20), 0);
    assert_refused(REPORT_USAGE, "ends in its header");
    assert_int_equal(truncate(PATH, 0), 0);
    assert_refused(REPORT_USAGE, "not written by");
}

static void foreign_and_newer_files_are_named(void **state)
{
    (void)state;
    assert_refused(REPORT_NOT_FOUND, "No such file");
    assert_int_equal(system("echo 'Xen saved domain, xl format' >" PATH), 0);
    assert_refused(REPORT_USAGE, "xl restore");
    assert_int_equal(system("echo hello >" PATH), 0);
    assert_refused(REPORT_USAGE, "not written by `cleave save`");
    unlink(PATH);
    assert_int_equal(save(100), 0);
    change_byte(8, 1);
    assert_refused(REPORT_STATE, "its format is version 2, and this cleave reads up to 1");
    unlink(PATH);
    assert_int_equal(mkdir(PATH, 0755), 0);
    assert_refused(REPORT_USAGE, "this is no file");
}

static void a_file_is_never_overwritten(void **state)
{
    (void)state;
    assert_int_equal(save(100), 0);
    assert_int_equal(save(100), -EEXIST);
    assert_int_equal(report_class(&report), REPORT_STATE);
    report_begin(&report);
    assert_true(statefile_is_of(PATH, vm.uuid));
}

static void an_abandoned_file_is_gone(void **state)
{
    struct statefile file;

    (void)state;
    assert_int_equal(statefile_begin(&file, PATH, &vm, CONFIG, STREAM), 0);
    write_stream(&file, STREAM / 2);
    assert_true(statefile_end(&file, false) < 0);
    assert_int_equal(report_class(&report), REPORT_NONE);
    assert_nothing_left();
}

/* The limit on a file's size stands for a full disk. */
static void a_full_disk_leaves_nothing(void **state)
{
    struct rlimit limit, before;
    struct statefile file;
    int rc;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){ 1 << 20, before.rlim_max };
    assert_int_equal(statefile_begin(&file, PATH, &vm, CONFIG, 0), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    write_stream(&file, STREAM);
    rc = statefile_end(&file, true);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, -EFBIG);
    assert_non_null(strstr(report_text(&report), "no space after"));
    assert_int_equal(report_class(&report), REPORT_STATE);
    assert_nothing_left();
}

/* A signal to end is pending, as verbs block them. */
static void an_interrupt_leaves_nothing(void **state)
{
    struct statefile file;
    sigset_t signals;
    int taken, rc;

    (void)state;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    assert_int_equal(statefile_begin(&file, PATH, &vm, CONFIG, STREAM), 0);
    kill(getpid(), SIGTERM);
    write_stream(&file, STREAM);
    rc = statefile_end(&file, false);
    sigwait(&signals, &taken);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    assert_int_equal(rc, -EINTR);
    assert_non_null(strstr(report_text(&report), "interrupted"));
    assert_nothing_left();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_comes_back),
        TEST(damage_is_found_in_each_part),
        TEST(a_file_that_is_cut_or_longer_is_refused),
        TEST(foreign_and_newer_files_are_named),
        TEST(a_file_is_never_overwritten),
        TEST(an_abandoned_file_is_gone),
        TEST(a_full_disk_leaves_nothing),
        TEST(an_interrupt_leaves_nothing),
    };

    return cmocka_run_group_tests_name("statefile", tests, NULL, NULL);
}
