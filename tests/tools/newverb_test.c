/* SPDX-License-Identifier: MIT */
/*
 * cleave new as a whole, without a hypervisor: the checks of the machine and the start are the
 * test's own, the rest is unchanged. What it leaves on disk is looked at: a VM with its files, or
 * nothing. Run from the tree's root. Next to read: new_test.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "build.h"
#include "command.h"
#include "life.h"
#include "report.h"
#include "seed.h"

#define IMAGES VMS_HOME "/images"
#define FILES "build/tests/tools/newverb.files"
#define FROM_IMAGE "new web --image " FILES "/image --ssh-key " FILES "/keys "

static struct report report;
static struct call call;
static int check_fails, start_fails; /* a negative errno, or 0 */
static int signal_in_check;

int session_open(struct session *session)
{
    session->store = NULL;
    return 0;
}

int session_try(struct session *session, const char *consequence)
{
    (void)consequence;
    return session_open(session);
}

void session_close(struct session *session) { (void)session; }

int __wrap_create_check(struct session *session, const struct vmfile *vm, struct build_plan *plan);
int __wrap_create_check(struct session *session, const struct vmfile *vm, struct build_plan *plan)
{
    (void)session;
    (void)plan;
    for (unsigned int i = 0; i < vm->devices.disk_count; i++)
        assert_int_equal(access(vm->devices.disks[i].path, R_OK), 0);
    assert_true(vm->hvm || access(vm->kernel, R_OK) == 0);
    if (signal_in_check)
        raise(signal_in_check);
    if (check_fails)
        report_error(REPORT_MEMORY, "no memory");
    return check_fails;
}

int __wrap_life_start(struct hv *hv, struct xs_handle *store, const char *who,
                      struct vms_record *vm);
int __wrap_life_start(struct hv *hv, struct xs_handle *store, const char *who,
                      struct vms_record *vm)
{
    (void)hv;
    (void)store;
    assert_int_equal(vms_find(who, vm), 0);
    vm->domid = 7;
    if (start_fails)
        report_error(REPORT_GUEST, "no start");
    return start_fails;
}

static int run_ok(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
    return 0;
}

/* Runs a command line of cleave. */
static int verb(const char *line)
{
    static char copy[512], *words[32];
    int count = 0;

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
    report_begin(&report);
    json_decref(call.json);
    call = (struct call){ .json = json_object() };
    assert_int_equal(command_parse(command_find(words[0]), count, words, &call), 0);
    return call.command->run(&call);
}

static void assert_ok(const char *line)
{
    if (verb(line) != 0)
        fail_msg("%s: %s", line, report_text(&report));
}

static void assert_refused(const char *line, enum report_class class, const char *words)
{
    assert_true(verb(line) < 0);
    if (report_class(&report) != class || !strstr(report_text(&report), words))
        fail_msg("%s: %d: %s", line, report_class(&report), report_text(&report));
}

/* That neither files nor records are left but those of the VM "web", if it is there. */
static void assert_left(const char *names)
{
    struct vms_record *list;
    int count = vms_list(&list);
    char command[256];

    free(list);
    assert_int_equal(count, *names ? 1 : 0);
    snprintf(command, sizeof(command), "test \"$(ls -A " IMAGES ")\" = '%s'", names);
    run_ok(command);
}

static int begin(void **state)
{
    (void)state;
    check_fails = start_fails = signal_in_check = 0;
    run_ok("rm -rf " VMS_HOME " " FILES " && mkdir -p " VMS_HOME " " FILES "/tree/boot " FILES
           "/tree/etc && cd " FILES " && echo kernel >tree/boot/vmlinuz-1 && echo ramdisk "
           ">tree/boot/initrd.img-1 && truncate -s 4M image && /sbin/mke2fs -q -F -t ext4 -d tree "
           "image && truncate -s 2M bare && /sbin/mke2fs -q -F -t ext4 bare && "
           "echo 'ssh-rsa AAAA me' >keys");
    return vms_make_folders();
}

/* The VM file as it is recorded. */
static void read_recorded(const char *name, struct vmfile *file)
{
    struct vms_record vm;

    assert_int_equal(vms_find(name, &vm), 0);
    assert_int_equal(vm.phase, VMS_STOPPED);
    assert_true(vm.defined);
    assert_int_equal(vms_read_file(vm.uuid, NULL, 0, file), 0);
}

static void an_image_becomes_a_vm(void **state)
{
    struct vmfile file;

    (void)state;
    assert_ok(FROM_IMAGE "--memory 256 --vcpus 2 --cpu-mhz 300 --disk-size 8 --bridge br1 "
                         "memory_min=100");
    assert_left("web");
    read_recorded("web", &file);
    assert_false(file.hvm);
    assert_int_equal(file.memory_kib, 256 << 10);
    assert_int_equal(file.memory.min_kib, 100 << 10);
    assert_int_equal(file.max_vcpus, 2);
    assert_int_equal(file.cpu.mhz, 300);
    assert_non_null(strstr(file.kernel, IMAGES "/web/vmlinuz"));
    assert_non_null(strstr(file.ramdisk, IMAGES "/web/initrd"));
    assert_string_equal(file.cmdline, "root=/dev/xvda ro console=hvc0");
    assert_int_equal(file.devices.disk_count, 2);
    assert_true(file.devices.disks[0].writable && !file.devices.disks[1].writable);
    assert_string_equal(file.devices.vifs[0].bridge, "br1");
    assert_string_equal(json_string_value(json_object_get(call.json, "mac")),
                        file.devices.vifs[0].mac);
    vmfile_free(&file);
    run_ok("cd " IMAGES "/web && cmp -n 4194304 disk ../../../newverb.files/image && "
           "test $(stat -c %s disk) = 8388608 && echo kernel | cmp - vmlinuz && "
           "grep -aq 'ssh-rsa AAAA me' seed.iso");
    assert_refused(FROM_IMAGE, REPORT_STATE, "in use");
}

static void what_fails_leaves_nothing(void **state)
{
    (void)state;
    assert_ok(FROM_IMAGE "--dry-run");
    assert_left("");
    check_fails = -ENOMEM;
    assert_refused(FROM_IMAGE, REPORT_MEMORY, "no memory");
    assert_left("");
    check_fails = 0;
    start_fails = -EIO;
    assert_refused(FROM_IMAGE, REPORT_GUEST, "no start");
    assert_left("");
    start_fails = 0;
    assert_refused(FROM_IMAGE "--disk-size 3", REPORT_USAGE, "4 MiB already");
    assert_refused(FROM_IMAGE "disk=[]", REPORT_USAGE, "decides that itself");
    assert_refused(FROM_IMAGE "memory", REPORT_USAGE, "not a setting");
    assert_refused(FROM_IMAGE "--ramdisk /x", REPORT_USAGE, "--kernel");
    assert_refused("new web", REPORT_USAGE, "--image is missing");
    assert_refused("new 12", REPORT_USAGE, "cannot be a name");
    assert_left("");
}

/* A signal that arrives amid all this ends it before the disk is copied. */
static void a_signal_leaves_nothing(void **state)
{
    int status;

    (void)state;
    signal_in_check = SIGTERM;
    /* the process then ends by it */
    if (fork() == 0) {
        verb(FROM_IMAGE);
        _exit(1);
    }
    wait(&status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_left("");
}

static void an_image_without_a_kernel_is_a_pc(void **state)
{
    struct vmfile file;

    (void)state;
    assert_ok("new web --image " FILES "/bare --ssh-key " FILES "/keys");
    read_recorded("web", &file);
    assert_true(file.hvm && !file.kernel);
    vmfile_free(&file);
    assert_string_equal(json_string_value(json_object_get(call.json, "boot")), "firmware");
    run_ok("test ! -e " IMAGES "/web/vmlinuz");
}

static void a_kernel_of_dom0_gets_the_root_of_the_image(void **state)
{
    struct vmfile file;

    (void)state;
    assert_ok("new web --image " FILES "/bare --ssh-key " FILES "/keys --kernel " FILES "/image");
    read_recorded("web", &file);
    assert_non_null(strstr(file.kernel, FILES "/image"));
    assert_string_equal(file.cmdline, "root=/dev/xvda ro console=hvc0");
    vmfile_free(&file);
}

static void a_stopped_vm_is_a_template(void **state)
{
    struct vmfile first, second;
    struct vms_record vm;
    json_t *keys;
    int lock;

    (void)state;
    assert_ok(FROM_IMAGE "--memory 256 --bridge br1");
    read_recorded("web", &first);
    run_ok("echo written | dd of=" IMAGES "/web/disk bs=1 seek=100 conv=notrunc 2>/dev/null");
    assert_ok("new copy --template web --memory 512 --disk-size 16 memory_min=200");
    read_recorded("copy", &second);
    assert_int_equal(second.memory_kib, 512 << 10);
    assert_memory_not_equal(first.uuid, second.uuid, sizeof(first.uuid));
    assert_string_equal(second.devices.vifs[0].bridge, "br1");
    assert_string_not_equal(second.devices.vifs[0].mac, first.devices.vifs[0].mac);
    assert_int_equal(second.devices.disk_count, 2);
    assert_non_null(strstr(second.devices.disks[0].path, IMAGES "/copy/disk"));
    assert_non_null(strstr(second.devices.disks[1].path, IMAGES "/copy/seed.iso"));
    assert_non_null(strstr(second.kernel, IMAGES "/copy/vmlinuz"));
    vmfile_free(&first);
    vmfile_free(&second);
    run_ok("cd " IMAGES "/copy && cmp -n 4194304 disk ../web/disk && echo kernel | cmp - vmlinuz "
           "&& test $(stat -c %s disk) = 16777216 && grep -aq '\"copy\"' seed.iso");
    keys = seed_keys_of(IMAGES "/copy/seed.iso");
    assert_int_equal(json_array_size(keys), 1);
    json_decref(keys);
    assert_refused("new more --template nobody", REPORT_NOT_FOUND, "no VM of cleave");
    assert_refused("new more --template web --disk-size 3", REPORT_USAGE, "4 MiB already");
    assert_refused("new more --template web --hvm", REPORT_USAGE, "mutually exclusive");
    /* one that runs may change its disk */
    assert_int_equal(vms_find("web", &vm), 0);
    lock = vms_lock(vm.uuid, 0);
    vm.phase = VMS_RUNNING;
    vms_save(&vm);
    vms_unlock(lock);
    assert_refused("new more --template web", REPORT_STATE, "it is running");
    run_ok("test ! -e " IMAGES "/more");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(an_image_becomes_a_vm),
        TEST(what_fails_leaves_nothing),
        TEST(a_signal_leaves_nothing),
        TEST(an_image_without_a_kernel_is_a_pc),
        TEST(a_kernel_of_dom0_gets_the_root_of_the_image),
        TEST(a_stopped_vm_is_a_template),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
