/* SPDX-License-Identifier: MIT */
/*
 * VM files and kernel images as libcleave reads them: user errors are refused with one precise
 * line, and valid input is read correctly. Further behaviour of cleave needs a machine:
 * tests/system/refusals.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "image.h"
#include "report.h"
#include "similar.h"
#include "vmfile.h"

#define BASE "type='pvh'\nname='a'\nmemory=8\nkernel='/k'\n"

static char folder[] = "/tmp/tools_test.XXXXXX";
static char said[8192];
static struct report report;

/* Captures in `said` what run prints to standard error. */
static int hear(int (*run)(void *), void *arg)
{
    int old = dup(STDERR_FILENO), rc;
    FILE *catch = tmpfile();

    assert_non_null(catch);
    report.echo = stderr;
    fflush(stderr);
    dup2(fileno(catch), STDERR_FILENO);
    report_begin(&report);
    rc = run(arg);
    dup2(old, STDERR_FILENO);
    close(old);
    said[pread(fileno(catch), said, sizeof(said) - 1, 0)] = '\0';
    fclose(catch);
    return rc;
}

struct reading {
    const char *path;
    char *setting;
    struct vmfile vm;
};

static int read_it(void *arg)
{
    struct reading *reading = arg;

    return vmfile_read(reading->path, &reading->setting, reading->setting != NULL, &reading->vm);
}

static void write_file(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    fclose(file);
}

/* Reads the file's text, followed by one setting or NULL. */
static int read_text(const char *text, const char *setting, struct vmfile *vm)
{
    struct reading reading = { .path = "vm.cfg", .setting = (char *)setting };
    int rc;

    write_file("vm.cfg", text, strlen(text));
    rc = hear(read_it, &reading);
    *vm = reading.vm;
    return rc;
}

static void assert_one_line(const char *words)
{
    const char *end = strchr(said, '\n');

    if (strncmp(said, "cleave: ", 8) != 0 || !end || end[1] || !strstr(said, words))
        fail_msg("not one line with \"%s\": %s", words, said);
}

static void assert_setting_refused(const char *setting, const char *words)
{
    struct vmfile vm;

    print_message("  %.60s\n", setting);
    assert_true(read_text(BASE, setting, &vm) < 0);
    vmfile_free(&vm);
    assert_one_line(words);
}

static void numbers_are_numbers_and_nothing_else(void **state)
{
    static const char *const refused[][2] = {
        { "memory=-5", "syntax" },
        { "memory='-5'", "memory = -5" },
        { "memory=0", "memory = 0" },
        { "memory='12MB'", "number" },
        { "memory=''", "memory" },
        { "memory='1.5'", "number" },
        { "memory=99999999999999999999", "too large" },
        { "memory=9007199254740992", "9007199254740991" },
        { "vcpus='0x100'", "256" },
        { "cpu_weight=65536", "65535" },
        { "maxmem=7", "maxmem = 7" },
        { "memory_max=7", "memory_max = 7" },
        { "memory_min=9", "memory_min = 9" },
        { "memory_min=0", "memory_min = 0" },
        { "memory_min=4", "does not live with less than 73 MiB" },
        { "memory_shares=0", "from 1 to 1000000" },
        { "memory_priority=1001", "from 0 to 1000" },
        { "memory_paging=2", "from 0 to 1" },
        { "memory_hotplug=8", "memory_hotplug = 8 MiB: must be from 9" },
        { "memory_hotplug='1G'", "without a unit: memory_hotplug = 1024" },
        { "cpus='4294967296'", "cpus" },
        { "cpus='18446744073709551617'", "cpus" },
        { "cpus='0-3x'", "cpus" },
        { "cpus='1-'", "cpus" },
        { "cpus='2-1'", "cpus" },
        { "cpus=',1'", "cpus" },
        { "cpus='-1'", "cpus" },
        { "cpus='1024'", "1024" },
        { "cpus='+1'", "cpus" },
        { "cpus='^'", "cpus" },
        { "cpu_mhz=100001", "100000" },
        { "cpu_mhz='1 GHz'", "number" },
        { "cpu_slo=101", "from 1 to 100" },
        { "cosched=2", "from 0 to 1" },
        { "cpu_class='gold'", "guaranteed, relaxed or spare" },
        { "cpu_class='relaxed'", "add cpu_mhz" },
        { "cpu_latency_us=100", "add cpu_mhz" },
        { "cosched=1", "add cpu_mhz" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_setting_refused(refused[i][0], refused[i][1]);
}

/* The message has the line, the unit and the correction. */
static void memory_is_in_mib(void **state)
{
    struct vmfile vm;

    (void)state;
    assert_setting_refused("memory='4G'", "without a unit: memory = 4096");
    assert_setting_refused("maxmem='2 GiB'", "number of MiB, without a unit: maxmem = 2048");
    assert_setting_refused("memory='abc'", "memory = \"abc\" is not a whole number: it must be a "
                                           "number of MiB");
    assert_setting_refused("memory=0", "memory = 0 MiB");
    assert_true(read_text("type='pvh'\nname='a'\nmemory='4G'\nkernel='/k'\n", NULL, &vm) < 0);
    vmfile_free(&vm);
    assert_one_line("VM file vm.cfg:3: memory");
}

/* What Linux would not do with the memory that it adds is said, and is no error. */
static void memory_that_is_added_is_brought_online(void **state)
{
    struct vmfile vm;

    (void)state;
    assert_int_equal(read_text(BASE "extra='memhp_default_state=online'\n", "memory_hotplug=64",
                               &vm),
                     0);
    assert_int_equal(vm.memory.hotplug_kib, 64 * 1024);
    assert_int_equal(vm.max_memory_kib, 8 * 1024);
    assert_string_equal(said, "");
    vmfile_free(&vm);
    assert_int_equal(read_text(BASE, "memory_hotplug=64", &vm), 0);
    assert_one_line("add memhp_default_state=online to extra");
    vmfile_free(&vm);
    assert_int_equal(read_text(BASE "extra='memhp_default_state=online_movable'\n",
                               "memory_hotplug=64", &vm),
                     0);
    assert_one_line("use online");
    vmfile_free(&vm);
    assert_int_equal(read_text(BASE "maxmem=32\n", "memory_hotplug=32", &vm), -EINVAL);
    assert_one_line("must be from 33");
    vmfile_free(&vm);
    assert_int_equal(read_text("type='hvm'\nname='a'\nmemory=8\n", "memory_hotplug=64", &vm),
                     -EINVAL);
    assert_one_line("raise maxmem");
    vmfile_free(&vm);
    assert_int_equal(read_text(BASE, NULL, &vm), 0);
    assert_int_equal(vm.memory.hotplug_kib, 0);
    vmfile_free(&vm);
}

/* It has firmware in place of a kernel, and one device model. */
static void an_hvm_guest_has_no_kernel(void **state)
{
    struct vmfile vm;

    (void)state;
    assert_int_equal(read_text("type='hvm'\nname='a'\nmemory=8\n", NULL, &vm), 0);
    assert_true(vm.hvm);
    assert_null(vm.kernel);
    assert_int_equal(vm.model, 0);
    vmfile_free(&vm);
    assert_int_equal(read_text(BASE, NULL, &vm), 0);
    assert_false(vm.hvm);
    vmfile_free(&vm);
    assert_true(read_text("type='hvm'\nname='a'\nmemory=8\nkernel='/k'\n", NULL, &vm) < 0);
    vmfile_free(&vm);
    assert_one_line("VM file vm.cfg:4: an HVM guest has no kernel");
    assert_true(read_text("type='pvh'\nname='a'\nmemory=8\n", NULL, &vm) < 0);
    vmfile_free(&vm);
    assert_one_line("no kernel: add kernel");
    assert_setting_refused("type='pv'", "only PVH and HVM guests run here");
    assert_setting_refused("device_model='bochs'", "cleave, qemu or qemu-xen");
}

static int read_strictly(void *arg)
{
    struct vmfile *vm = arg;

    return vmfile_read_strict("vm.cfg", NULL, 0, vm);
}

static char balanced[] = "memory=200\nmemory_min=150\nmemory_max=512";

static void memory_has_a_range(void **state)
{
    struct vmfile vm;

    (void)state;
    assert_int_equal(read_text(BASE, NULL, &vm), 0);
    assert_int_equal(vm.memory.min_kib, vm.max_memory_kib);
    vmfile_free(&vm);
    assert_int_equal(read_text(BASE "maxmem=512\n", NULL, &vm), 0);
    assert_int_equal(vm.memory.min_kib, vm.max_memory_kib);
    vmfile_free(&vm);
    assert_int_equal(read_text(BASE, balanced, &vm), 0);
    assert_int_equal(vm.memory_kib, 200 * 1024);
    assert_int_equal(vm.memory.min_kib, 150 * 1024);
    assert_int_equal(vm.max_memory_kib, 512 * 1024);
    assert_int_equal(vm.memory.shares, 512);
    assert_in_range(vm.memory.floor_kib, 123 * 1024, 124 * 1024);
    vmfile_free(&vm);
}

static void contradictions_of_memory_are_named(void **state)
{
    static char twice[] = "memory_max=512\nmaxmem=256\nmemory_min=4";
    static char floor[] = "memory_min=4\nmemory_floor=5";
    static char known[] = "memory_min=4\nmemory_floor=1";
    static char low[] = "memory=96\nmemory_max=512";
    struct vmfile vm;

    (void)state;
    assert_setting_refused(twice, "memory_max and maxmem mean the same, and differ");
    assert_setting_refused(floor, "memory_floor = 5 MiB: must be from 1 to 4");
    assert_setting_refused(low,
                           "memory = 96: a Linux guest with a maximum of 512 MiB does not live "
                           "with less than 124 MiB");
    assert_int_equal(read_text(BASE, known, &vm), 0);
    assert_int_equal(vm.memory.floor_kib, 1024);
    vmfile_free(&vm);
}

/* A row of the table whose reader reads another key would have no effect. */
static void each_known_key_is_read(void **state)
{
    struct vmfile vm;
    char text[256];

    (void)state;
    for (size_t i = 0; vmfile_key(i); i++) {
        const char *key = vmfile_key(i);

        print_message("  %s\n", key);
        snprintf(text, sizeof(text), BASE "%s=['x', ['y']]\n", key);
        assert_true(read_text(text, NULL, &vm) < 0);
        vmfile_free(&vm);
        assert_non_null(strstr(said, key));
    }
}

static void a_misspelt_key_is_named_with_its_line(void **state)
{
    static const char text[] = BASE "# memroy=1\nmemroy=8\nextra='frob=1'\nfrob=[\n'a=b'\n]\n";
    static char setting[] = "nmae='b'";
    struct vmfile vm;

    (void)state;
    assert_int_equal(read_text(text, setting, &vm), 0);
    vmfile_free(&vm);
    assert_non_null(strstr(said,
                           "warning: VM file vm.cfg:6: the key \"memroy\" is unknown and has no "
                           "effect: did you mean \"memory\"?\n"));
    assert_non_null(strstr(said, "vm.cfg:8: the key \"frob\" is unknown and has no effect\n"));
    assert_non_null(strstr(said, "vm.cfg: the key \"nmae\" is unknown and has no effect: did you "
                                 "mean \"name\"?\n"));
    assert_null(strstr(said, "\"a\""));
    assert_true(hear(read_strictly, &vm) < 0);
    vmfile_free(&vm);
    assert_one_line("vm.cfg:6: the key \"memroy\" is unknown: did you mean \"memory\"?");
    assert_int_equal(report_class(&report), REPORT_USAGE);
}

static void cpus_are_ranges_and_exclusions(void **state)
{
    struct vmfile vm;

    (void)state;
    assert_int_equal(read_text(BASE, "cpus='0-3, 9,^2,1023'", &vm), 0);
    assert_true(vm.pinned);
    assert_int_equal(vm.cpus[0], 0x0b);
    assert_int_equal(vm.cpus[1], 0x02);
    assert_int_equal(vm.cpus[127], 0x80);
    vmfile_free(&vm);
    assert_int_equal(read_text(BASE, "cpus='all'", &vm), 0);
    assert_false(vm.pinned);
    vmfile_free(&vm);
}

static void devices_have_exact_names_and_addresses(void **state)
{
    static const char *const refused[][2] = {
        { "vif=['mac=00:16:3e: 1: 2: 3']", "mac" },
        { "vif=['mac=00:16:3e:1:2:3']", "mac" },
        { "vif=['mac=00:16:3e:01:02:03:04']", "mac" },
        { "vif=['mac=01:16:3e:01:02:03']", "even" },
        { "vif=['mac=00-16-3e-01-02-03']", "mac" },
        { "vif=['bridge=a23456789012345x']", "bridge" },
        { "vif=['devid=8']", "devid=8" },
        { "vif=['devid=-1']", "devid=-1" },
        { "vif=['devid=']", "devid=" },
        { "vif=['', 'devid=0']", "devid=0" },
        { "disk=['/d,raw,xvda+1,rw']", "xvda+1" },
        { "disk=['/d,raw,xvda 1,rw']", "xvda" },
        { "disk=['/d,raw,xvda16,rw']", "xvda16" },
        { "disk=['/d,raw,sda,rw']", "sda" },
        { "disk=['/d,raw,xvdb,rw','/e,raw,xvdb,r']", "two disks" },
    };
    struct vmfile vm;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_setting_refused(refused[i][0], refused[i][1]);
    assert_int_equal(
        read_text(BASE, "disk=['/d,raw,xvdb2,r','e,raw,xvdz,rw']\nvif=['mac=00:16:3E:00:00:0a']",
                  &vm),
        0);
    assert_int_equal(vm.devices.disks[0].number, 202 << 8 | (16 + 2));
    assert_int_equal(vm.devices.disks[1].number, 1u << 28 | 25 << 8);
    assert_false(vm.devices.disks[0].writable);
    assert_string_equal(vm.devices.vifs[0].mac, "00:16:3E:00:00:0a");
    vmfile_free(&vm);
}

/* cleaved runs in another folder, and reads the files again when the VM reboots. */
static void relative_paths_are_those_of_the_caller(void **state)
{
    struct vmfile vm;
    char expected[64];

    (void)state;
    assert_int_equal(read_text(BASE, "kernel='x/k'\nramdisk='r'\ndisk=['d,raw,xvda,rw']", &vm), 0);
    snprintf(expected, sizeof(expected), "%s/x/k", folder);
    assert_string_equal(vm.kernel, expected);
    snprintf(expected, sizeof(expected), "%s/r", folder);
    assert_string_equal(vm.ramdisk, expected);
    snprintf(expected, sizeof(expected), "%s/d", folder);
    assert_string_equal(vm.devices.disks[0].path, expected);
    vmfile_free(&vm);
}

static void files_that_are_no_vm_files(void **state)
{
    static const char *const files[][2] = {
        { "", "no type" },
        { "\r\n", "line endings" },
        { BASE "x = ", "syntax" },
        { "\xef\xbb\xbf" BASE, "syntax" },
        { BASE "name='b c'\n", "letters" },
        { BASE "name='\x1b[2J'\n", "?[2J" },
        { BASE "name=''\n", "no name" },
        { BASE "name='-F'\n", "leading" },
    };
    struct reading reading = { .path = "vm.cfg" };
    char *large = calloc(1, (1 << 20) + 1);

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        write_file("vm.cfg", files[i][0], strlen(files[i][0]));
        assert_true(hear(read_it, &reading) < 0);
        vmfile_free(&reading.vm);
        assert_one_line(files[i][1]);
    }
    write_file("vm.cfg", "type\0", 5);
    assert_true(hear(read_it, &reading) < 0);
    assert_one_line("zero bytes");
    memset(large, '#', (1 << 20) + 1);
    write_file("vm.cfg", large, (1 << 20) + 1);
    assert_true(hear(read_it, &reading) < 0);
    assert_one_line("1 MiB");
    free(large);
    reading.path = "missing\nfile";
    assert_true(hear(read_it, &reading) < 0);
    assert_one_line("missing?file: No such file");
}

/* A message holds any input, and its remedy still follows. */
static void long_words_do_not_cut_a_message(void **state)
{
    char setting[4100];

    (void)state;
    memset(setting, 'x', sizeof(setting));
    memcpy(setting, "on_crash='", 10);
    strcpy(setting + sizeof(setting) - 2, "'");
    assert_setting_refused(setting, "must be destroy, restart or preserve");
}

static void the_last_of_a_key_counts(void **state)
{
    struct vmfile vm;

    (void)state;
    assert_int_equal(read_text(BASE "memory=9\n", "memory=0x10", &vm), 0);
    assert_int_equal(vm.memory_kib, 16 * 1024);
    vmfile_free(&vm);
}

/* --- errors ----------------------------------------------------------------------------------- */

static int fail_twice(void *arg)
{
    (void)arg;
    report_error(REPORT_MEMORY, "the %s\ncause", "first");
    report_error(REPORT_STATE, "clean-up failed");
    return -1;
}

static void the_first_error_of_an_operation_counts(void **state)
{
    (void)state;
    assert_true(hear(fail_twice, NULL) < 0);
    assert_string_equal(said, "cleave: the first?cause\n");
    assert_int_equal(report_class(&report), 5);
    assert_string_equal(report_text(&report), "the first?cause");
    assert_string_equal(report_class_name(report_class(&report)), "memory");
}

static int fail_silently(void *arg)
{
    (void)arg;
    report.echo = NULL;
    return fail_twice(NULL);
}

static void an_error_is_a_value(void **state)
{
    struct report other = { .echo = NULL };

    (void)state;
    hear(fail_silently, NULL);
    assert_string_equal(said, "");
    report_begin(&other);
    assert_ptr_equal(report_current(), &other);
    report_error(report_by_errno(EEXIST), "there already");
    assert_int_equal(report_class(&other), 4);
    assert_int_equal(report_class(&report), 5);
    report_begin(&other);
    assert_int_equal(report_class(&other), 0);
    assert_string_equal(report_text(&other), "");
    report_end(&other);
    assert_null(report_current());
}

/* --- kernels ---------------------------------------------------------------------------------- */

static int check_kernel(void *arg)
{
    struct image image;
    int rc = image_map(arg, "kernel", &image);

    if (rc == 0)
        rc = image_check_kernel(&image);
    image_unmap(&image);
    return rc;
}

/*
 * Headers with wrong numbers: each is refused, and no read goes far past the file, which is a whole
 * page.
 */
static void kernels_whose_headers_lie(void **state)
{
    static const uint8_t values[] = { 0, 1, 4, 0x7f, 0x80, 0xfc, 0xff };
    unsigned char page[4096];

    (void)state;
    for (unsigned int wide = 1; wide <= 2; wide++) {
        for (unsigned int at = 16; at < 200; at++) {
            for (size_t i = 0; i < sizeof(values); i++) {
                memset(page, 0, sizeof(page));
                memcpy(page,
                       "\x7f"
                       "ELF",
                       4);
                page[4] = wide;
                page[wide == 2 ? 32 : 28] = 64; /* program headers at 64, 2 of them */
                page[wide == 2 ? 56 : 44] = 2;
                page[64] = 4; /* PT_NOTE, its length to the file's end */
                page[wide == 2 ? 64 + 9 : 64 + 5] = 0x0f;
                page[wide == 2 ? 64 + 33 : 64 + 17] = 1;
                page[0xf00] = 4;
                page[0xf08] = 1;
                for (unsigned int byte = 0; byte < 4; byte++)
                    page[at + byte] = values[i];
                write_file("kernel", (char *)page, sizeof(page));
                assert_true(hear(check_kernel, "kernel") < 0);
                assert_one_line("kernel: ");
            }
        }
    }
}

/* --- misspelt words --------------------------------------------------------------------------- */

static const char *meant(const char *word)
{
    static const char *const words[] = { "memory", "maxmem", "vcpus", "name", "on_crash", "list" };

    return similar_word(word, strlen(word), words, sizeof(words) / sizeof(words[0]));
}

static void a_misspelt_word_has_one_that_is_meant(void **state)
{
    (void)state;
    assert_string_equal(meant("memroy"), "memory");
    assert_string_equal(meant("memor"), "memory");
    assert_string_equal(meant("oncrash"), "on_crash");
    assert_string_equal(meant("lsit"), "list");
    assert_string_equal(meant("vcpu"), "vcpus");
    assert_null(meant("x"));
    assert_null(meant(""));
    assert_null(meant("frobs"));
    assert_null(meant("namespaces"));
    assert_null(meant("a_word_longer_than_any_that_is_compared"));
}

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    unlink("vm.cfg");
    unlink("kernel");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_numbers_and_nothing_else),
        cmocka_unit_test(memory_is_in_mib),
        cmocka_unit_test(memory_that_is_added_is_brought_online),
        cmocka_unit_test(an_hvm_guest_has_no_kernel),
        cmocka_unit_test(memory_has_a_range),
        cmocka_unit_test(contradictions_of_memory_are_named),
        cmocka_unit_test(each_known_key_is_read),
        cmocka_unit_test(a_misspelt_key_is_named_with_its_line),
        cmocka_unit_test(cpus_are_ranges_and_exclusions),
        cmocka_unit_test(devices_have_exact_names_and_addresses),
        cmocka_unit_test(relative_paths_are_those_of_the_caller),
        cmocka_unit_test(files_that_are_no_vm_files),
        cmocka_unit_test(long_words_do_not_cut_a_message),
        cmocka_unit_test(the_last_of_a_key_counts),
        cmocka_unit_test(the_first_error_of_an_operation_counts),
        cmocka_unit_test(an_error_is_a_value),
        cmocka_unit_test(kernels_whose_headers_lie),
        cmocka_unit_test(a_misspelt_word_has_one_that_is_meant),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
