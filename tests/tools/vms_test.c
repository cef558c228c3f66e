/* SPDX-License-Identifier: MIT */
/*
 * Records of VMs, the journal of events, and the action due for a VM in each phase. The state of
 * both programs is under VMS_HOME, here a folder of the build (build.mk). Next to read:
 * dom0-tools/libcleave/vms.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "events.h"
#include "life.h"
#include "report.h"
#include "schema.h"
#include "vmfile.h"
#include "vms.h"
#include "vmtext.h"

#include <xen/sched.h>

#define UUID_A "00000000-0000-4000-8000-00000000000a"
#define UUID_B "00000000-0000-4000-8000-00000000000b"

static struct vms_record named(const char *name, const char *uuid)
{
    struct vms_record vm = { .phase = VMS_BUILDING, .domid = 7 };

    strcpy(vm.name, name);
    strcpy(vm.uuid, uuid);
    return vm;
}

static int clean(void **state)
{
    (void)state;
    return system("rm -rf " VMS_HOME);
}

static void a_record_comes_back_as_written(void **state)
{
    struct vms_record vm = named("a", UUID_A), other, back;
    int lock = vms_add(&vm, "memory = 1\n", &other);
    char path[256];

    (void)state;
    assert_true(lock >= 0);
    vm.phase = VMS_WAITING;
    vm.retry_at = 1ll << 40;
    vm.failed_builds = 3;
    memset(vm.reason, '"', sizeof(vm.reason) - 1); /* the longest that JSON makes of it */
    assert_int_equal(vms_save(&vm), 0);
    assert_int_equal(vms_find("a", &back), 0);
    assert_int_equal(back.phase, VMS_WAITING);
    assert_true(back.retry_at == 1ll << 40 && back.failed_builds == 3 && back.domid == 7);
    assert_string_equal(back.reason, vm.reason);
    assert_string_equal(back.uuid, UUID_A);
    assert_int_equal(vms_find(UUID_A, &back), 0);
    vms_config_path(UUID_A, path, sizeof(path));
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(vms_load(back.uuid, &back), 0); /* its own uuid */
    assert_int_equal(vms_remove(&vm), 0);
    vms_unlock(lock);
    assert_int_equal(vms_find("a", &back), -ESRCH);
    assert_int_equal(vms_load(UUID_A, &back), -ESRCH);
}

static void a_name_and_a_uuid_belong_to_one_vm(void **state)
{
    struct vms_record a = named("a", UUID_A), same_name = named("a", UUID_B);
    struct vms_record same_uuid = named("b", UUID_A), other, *list;
    int lock = vms_add(&a, "", &other);

    (void)state;
    assert_true(lock >= 0);
    assert_int_equal(vms_add(&same_name, "", &other), -EEXIST);
    assert_string_equal(other.uuid, UUID_A);
    assert_int_equal(vms_add(&same_uuid, "", &other), -EEXIST);
    assert_string_equal(other.name, "a");
    assert_int_equal(vms_list(&list), 1);
    free(list);
    vms_remove(&a);
    vms_unlock(lock);
    lock = vms_add(&same_name, "", &other);
    assert_true(lock >= 0);
    vms_remove(&same_name);
    vms_unlock(lock);
    assert_int_equal(vms_find("../names/a", &other), -ESRCH);
    assert_int_equal(vms_find("", &other), -ESRCH);
}

/* Leftovers of a process killed between two steps. */
static void halves_are_no_obstacle(void **state)
{
    struct vms_record a = named("a", UUID_A), other, *list;
    int lock = vms_add(&a, "", &other);

    (void)state;
    vms_unlock(lock);
    assert_int_equal(unlink(VMS_HOME "/vms/" UUID_A "/state"), 0); /* removed, but not its name */
    assert_int_equal(vms_list(&list), 0);
    free(list);
    lock = vms_add(&a, "", &other);
    assert_true(lock >= 0);
    vms_remove(&a);
    vms_unlock(lock);
    assert_int_equal(mkdir(VMS_HOME "/vms/" UUID_B, 0700), 0); /* not recorded yet */
    a = named("b", UUID_B);
    lock = vms_add(&a, "", &other);
    assert_true(lock >= 0);
    vms_remove(&a);
    vms_unlock(lock);
}

/* They do not stay: a folder at any step before its state is written, and a name without one. */
static void halves_are_swept(void **state)
{
    struct vms_record a = named("a", UUID_A), other;
    int lock = vms_add(&a, "", &other);

    (void)state;
    assert_false(vms_has_leftovers());
    assert_int_equal(system("mkdir " VMS_HOME "/vms/" UUID_B " && touch " VMS_HOME "/vms/" UUID_B
                            "/lock && echo >" VMS_HOME "/vms/" UUID_B "/spare && ln -s " UUID_B
                            " " VMS_HOME "/names/b"),
                     0);
    assert_true(vms_has_leftovers());
    assert_int_equal(vms_sweep(), 0);
    assert_false(vms_has_leftovers());
    assert_int_not_equal(access(VMS_HOME "/vms/" UUID_B, F_OK), 0);
    assert_int_equal(symlink(UUID_B, VMS_HOME "/names/b"), 0);
    assert_true(vms_has_leftovers());
    assert_int_equal(vms_sweep(), 0);
    assert_int_equal(system("! test -L " VMS_HOME "/names/b"), 0);
    /* one that lives stays */
    assert_int_equal(vms_find("a", &other), 0);
    vms_remove(&a);
    vms_unlock(lock);
}

/* An unreadable state may belong to a live VM: its name and folder stay. */
static void a_damaged_state_is_not_taken_for_none(void **state)
{
    struct vms_record a = named("a", UUID_A), b = named("a", UUID_B), other, *list;
    int lock = vms_add(&a, "", &other);

    (void)state;
    vms_unlock(lock);
    assert_int_equal(truncate(VMS_HOME "/vms/" UUID_A "/state", 20), 0);
    assert_int_equal(vms_add(&a, "", &other), -EIO);
    assert_int_equal(vms_add(&b, "", &other), -EIO);
    assert_int_equal(vms_list(&list), 0);
    free(list);
    assert_int_equal(access(VMS_HOME "/vms/" UUID_A "/config", F_OK), 0);
}

static void a_lock_ends_with_its_holder(void **state)
{
    struct vms_record vm = named("a", UUID_A), other;
    int lock = vms_add(&vm, "", &other), again;
    pid_t child;
    int status;

    (void)state;
    assert_true(vms_is_busy(UUID_A));
    assert_int_equal(vms_lock(UUID_A, 0), -EBUSY);
    vms_unlock(lock);
    assert_false(vms_is_busy(UUID_A));
    child = fork();
    if (child == 0) {
        vms_lock(UUID_A, 0);
        vms_watch(UUID_A);
        _exit(0);
    }
    waitpid(child, &status, 0);
    assert_false(vms_is_busy(UUID_A));
    again = vms_watch(UUID_A);
    assert_true(vms_is_busy(UUID_A));
    vms_unlock(again);
    lock = vms_lock(UUID_A, 0);
    vms_remove(&vm);
    vms_unlock(lock);
    assert_int_equal(vms_lock(UUID_A, 0), -ESRCH);
}

static void what_is_due(void **state)
{
    struct domain domain = { .domid = 7, .uuid = UUID_A };
    struct vms_record vm = named("a", UUID_A);

    (void)state;
    assert_int_equal(life_due(&vm, &domain, 1), 0); /* building: its builder may be dead */
    vm.phase = VMS_RUNNING;
    assert_true(life_due(&vm, &domain, 1) == LIFE_NEVER);
    assert_int_equal(life_due(&vm, NULL, 0), 0);
    domain.info.flags = XEN_DOMINF_dying;
    assert_int_equal(life_due(&vm, &domain, 1), 0);
    domain.info.flags = XEN_DOMINF_shutdown | SHUTDOWN_suspend << XEN_DOMINF_shutdownshift;
    assert_true(life_due(&vm, &domain, 1) == LIFE_NEVER);
    domain.info.flags = XEN_DOMINF_shutdown | SHUTDOWN_crash << XEN_DOMINF_shutdownshift;
    assert_int_equal(life_due(&vm, &domain, 1), 0);
    vm.phase = VMS_PRESERVED;
    assert_true(life_due(&vm, &domain, 1) == LIFE_NEVER);
    vm.phase = VMS_WAITING;
    vm.retry_at = 99;
    assert_int_equal(life_due(&vm, &domain, 1), 99);
    vm.phase = VMS_FAILED;
    assert_true(life_due(&vm, NULL, 0) == LIFE_NEVER);
    vm.earlier_boot = true;
    assert_int_equal(life_due(&vm, NULL, 0), 0);
    vm.phase = VMS_STOPPED;
    assert_true(life_due(&vm, NULL, 0) == LIFE_NEVER);
    vm.autostart = true;
    assert_int_equal(life_due(&vm, NULL, 0), 0);
    /* another VM's domain of the same id */
    vm = named("a", UUID_B);
    vm.phase = VMS_RUNNING;
    assert_int_equal(life_due(&vm, &domain, 1), 0);
}

static off_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void the_journal_has_a_bound_and_whole_lines(void **state)
{
    struct vms_record vm = named("a", UUID_A), other;
    char line[4096];
    int lock = vms_add(&vm, "", &other);
    FILE *file;

    (void)state;
    for (int i = 0; i < 20000; i++)
        events_append(&vm, "ended", "event %d of a guest that says \"so\" and \xff and \n so on",
                      i);
    assert_in_range(size_of(EVENTS_PATH), 1, (1 << 20) + sizeof(line));
    assert_in_range(size_of(EVENTS_OLD_PATH), 1, (1 << 20) + sizeof(line));
    file = fopen(EVENTS_PATH, "r");
    while (fgets(line, sizeof(line), file))
        assert_true(line[0] == '{' && strcmp(line + strlen(line) - 2, "}\n") == 0);
    assert_non_null(strstr(line, "event 19999 of"));
    fclose(file);
    vms_remove(&vm);
    vms_unlock(lock);
}

/* Reads the last line of the journal, which the caller releases. */
static json_t *last_event(void)
{
    FILE *file = fopen(EVENTS_PATH, "r");
    char line[4096] = "";
    json_t *event;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        ;
    fclose(file);
    event = json_loads(line, 0, NULL);
    assert_non_null(event);
    return event;
}

static void assert_event(const char *kind, const char *what, const char *detail)
{
    json_t *event = last_event();
    char problem[256];

    assert_string_equal(json_string_value(json_object_get(event, "kind")), kind);
    assert_string_equal(json_string_value(json_object_get(event, "what")), what);
    assert_string_equal(json_string_value(json_object_get(event, "detail")), detail);
    assert_string_equal(json_string_value(json_object_get(event, "uuid")), UUID_A);
    assert_int_equal(json_integer_value(json_object_get(event, "domid")), 3);
    if (!schema_check("dom0-tools/schema", "events", event, problem))
        fail_msg("%s", problem);
    json_decref(event);
}

static void each_kind_of_event_matches_its_schema(void **state)
{
    struct domain domain = { .domid = 3, .name = "a\n\xff", .uuid = UUID_A };
    json_t *event;

    (void)state;
    assert_int_equal(mkdir(VMS_HOME, 0700), 0);
    events_domain(&domain, "paused", "");
    assert_event("lifecycle", "paused", "");
    events_memory(&domain, "memory-target", 131072, 98304);
    assert_event("memory", "memory-target", "128 -> 96 MiB");
    event = last_event();
    assert_string_equal(json_string_value(json_object_get(event, "name")), "a??");
    assert_int_equal(json_integer_value(json_object_get(event, "old_kib")), 131072);
    assert_int_equal(json_integer_value(json_object_get(event, "new_kib")), 98304);
    json_decref(event);
    events_vcpus(&domain, "vcpus-reached", 1, 4);
    assert_event("vcpus", "vcpus-reached", "1 -> 4");
    setenv("SUDO_USER", "al\"ice", 1);
    events_device(&domain, "attached", "disk xvdb: /a\x1b[m");
    unsetenv("SUDO_USER");
    assert_event("device", "attached", "disk xvdb: /a?[m");
    event = last_event();
    assert_non_null(strstr(json_string_value(json_object_get(event, "by")), "/al\"ice"));
    json_decref(event);
}

/* A VM file that names its files relative to a folder is read again from another one. */
static void a_config_means_the_same_elsewhere(void **state)
{
    static const char text[] = "type='pvh'\nname='a'\nmemory=8\nkernel='k'\nramdisk='r \"1\"'\n"
                               "disk=['d,raw,xvda,rw', 'e,raw,xvdb,r']\non_crash='restart'\n"
                               "on_host_shutdown='save'\n";
    struct vmfile vm, back;
    char *config, *settings[] = { "vcpus = 2" };
    FILE *file;

    (void)state;
    assert_int_equal(mkdir(VMS_HOME, 0700), 0);
    file = fopen(VMS_HOME "/file", "w");
    fwrite(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_int_equal(vmfile_read(VMS_HOME "/file", settings, 1, &vm), 0);
    config = vmtext_resolve(VMS_HOME "/file", settings, 1, &vm);
    assert_non_null(config);
    file = fopen(VMS_HOME "/file", "w");
    fputs(config, file);
    fclose(file);

    char *path = realpath(VMS_HOME "/file", NULL), *here = get_current_dir_name();

    assert_int_equal(chdir("/"), 0);
    assert_int_equal(vmfile_read(path, NULL, 0, &back), 0);
    assert_int_equal(chdir(here), 0);
    assert_memory_equal(vm.uuid, back.uuid, sizeof(vm.uuid));
    assert_string_equal(vm.kernel, back.kernel);
    assert_string_equal(vm.ramdisk, back.ramdisk);
    assert_int_equal(back.vcpus, 2);
    assert_int_equal(back.on_watchdog, VMFILE_RESTART); /* as on_crash */
    assert_int_equal(back.on_host_shutdown, VMFILE_SAVE);
    assert_int_equal(back.devices.disk_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(vm.devices.disks[i].path, back.devices.disks[i].path);
        assert_string_equal(vm.devices.disks[i].name, back.devices.disks[i].name);
        assert_int_equal(vm.devices.disks[i].writable, back.devices.disks[i].writable);
    }
    free(path);
    free(here);
    free(config);
    vmfile_free(&vm);
    vmfile_free(&back);
}

static void read_config(const char *uuid, struct vmfile *vm)
{
    char path[256];

    vms_config_path(uuid, path, sizeof(path));
    assert_int_equal(vmfile_read(path, NULL, 0, vm), 0);
}

/* Replaced again and again, and between other changes: it stays a VM file, and does not grow. */
static void devices_in_a_config_are_replaced(void **state)
{
    static const char text[] = "type='pvh'\nname='a'\nkernel='/k'\nmemory=1\nuuid='" UUID_A
                               "'\ndisk=['/d,raw,xvda,rw']\nvif=['','bridge=b']\n";
    struct vms_record vm = named("a", UUID_A), other;
    int lock = vms_add(&vm, text, &other);
    struct vmfile file, back;
    char *devices, *before, *after;

    (void)state;
    read_config(UUID_A, &file);
    file.devices.disks[0].direct_io = true;
    strcpy(file.devices.disks[0].path, "/e");
    file.devices.vifs[0] = file.devices.vifs[1]; /* number 1, with the address of number 1 */
    file.devices.vif_count = 1;
    devices = vmtext_devices(file.uuid, &file.devices);
    assert_int_equal(vms_set_devices(&vm, "disk = []\nvif = []\n"), 0);
    read_config(UUID_A, &back);
    assert_int_equal(back.devices.disk_count + back.devices.vif_count, 0);
    vmfile_free(&back);
    assert_int_equal(vms_set_devices(&vm, devices), 0);
    assert_int_equal(vms_rename(&vm, "b", &other), 0);
    before = vms_config(&vm);
    for (int i = 0; i < 3; i++)
        assert_int_equal(vms_set_devices(&vm, devices), 0);
    after = vms_config(&vm);
    assert_int_equal(strlen(after), strlen(before));
    read_config(UUID_A, &back);
    assert_string_equal(back.name, "b");
    assert_int_equal(back.devices.disk_count, 1);
    assert_string_equal(back.devices.disks[0].path, "/e");
    assert_true(back.devices.disks[0].direct_io && back.devices.disks[0].writable);
    assert_int_equal(back.devices.vif_count, 1);
    assert_int_equal(back.devices.vifs[0].number, 1);
    assert_string_equal(back.devices.vifs[0].mac, file.devices.vifs[1].mac);
    assert_string_equal(back.devices.vifs[0].bridge, "b");
    assert_null(strstr(devices, "mac=")); /* a copy of the VM gets another */
    free(devices);
    free(before);
    free(after);
    vmfile_free(&file);
    vmfile_free(&back);
    vms_remove(&vm);
    vms_unlock(lock);
}

#define VMS_TEST(function) \
    { \
#function, function, clean, clean, NULL \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VMS_TEST(a_record_comes_back_as_written),
        VMS_TEST(a_name_and_a_uuid_belong_to_one_vm),
        VMS_TEST(halves_are_no_obstacle),
        VMS_TEST(halves_are_swept),
        VMS_TEST(a_damaged_state_is_not_taken_for_none),
        VMS_TEST(a_lock_ends_with_its_holder),
        VMS_TEST(what_is_due),
        VMS_TEST(the_journal_has_a_bound_and_whole_lines),
        VMS_TEST(each_kind_of_event_matches_its_schema),
        VMS_TEST(a_config_means_the_same_elsewhere),
        VMS_TEST(devices_in_a_config_are_replaced),
    };

    return cmocka_run_group_tests_name("vms", tests, NULL, NULL) != 0;
}
