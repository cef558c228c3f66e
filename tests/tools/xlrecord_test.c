/* SPDX-License-Identifier: MIT */
/*
 * libxl's records of domains, in a folder of the build (build.mk): written, changed, read and
 * removed. That libxl understands them is seen in dom0: tests/system/stock.c.
 */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "xlrecord.h"

#define UUID "00000000-0000-4000-8000-00000000000a"
#define RECORD XLRECORD_HOME "/userdata-d.7." UUID ".libxl-json"

static struct vmdevices_disk disk(char *path, const char *name)
{
    struct vmdevices_disk disk = { .path = path, .writable = true };

    strcpy(disk.name, name);
    assert_true(vmdevices_number(name, &disk.number));
    return disk;
}

static struct vmdevices_vif vif(unsigned int number)
{
    struct vmdevices_vif vif = { .number = number, .bridge = "br" };

    snprintf(vif.mac, sizeof(vif.mac), "00:16:3e:00:00:%02x", number);
    return vif;
}

/* Writes the record of domain 7, with xvda and vif 0. */
static int write_record(void **state)
{
    struct vmfile vm = { .name = "a",
                         .memory_kib = 4096,
                         .max_memory_kib = 8192,
                         .vcpus = 1,
                         .max_vcpus = 2,
                         .kernel = "/k",
                         .cmdline = "c" };

    (void)state;
    uuid_parse(UUID, vm.uuid);
    vm.devices.disks[0] = disk("/d", "xvda");
    vm.devices.vifs[0] = vif(0);
    vm.devices.disk_count = vm.devices.vif_count = 1;
    return system("rm -rf " XLRECORD_HOME) || xlrecord_write(7, &vm);
}

/* Reads the record as libxl does: all of the file, and its last byte is zero. */
static json_t *record(void)
{
    char text[8192];
    FILE *file = fopen(RECORD, "r");
    size_t length;
    json_t *root;

    assert_non_null(file);
    length = fread(text, 1, sizeof(text), file);
    fclose(file);
    assert_in_range(length, 1, sizeof(text) - 1);
    assert_int_equal(text[length - 1], '\0');
    root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    return root;
}

static void a_record_has_what_the_vm_has(void **state)
{
    json_t *root = record();
    const char *name, *type, *kernel, *reboot;
    int most, target, last_vcpu, number;

    (void)state;
    assert_int_equal(json_unpack(root,
                                 "{s:{s:s, s:s}, s:{s:i, s:i, s:s, s:[i], s:{}}, s:s, s:[{s:i}]}",
                                 "c_info", "name", &name, "type", &type, "b_info", "max_vcpus",
                                 &most, "target_memkb", &target, "kernel", &kernel, "avail_vcpus",
                                 &last_vcpu, "type.pvh", "on_reboot", &reboot, "nics", "devid",
                                 &number),
                     0);
    assert_string_equal(name, "a");
    assert_string_equal(type, "pvh");
    assert_string_equal(kernel, "/k");
    assert_string_equal(reboot, "destroy");
    assert_true(most == 2 && target == 4096 && last_vcpu == 0 && number == 0);
    json_decref(root);
}

static void changes_leave_the_rest(void **state)
{
    json_t *before = record(), *after;

    (void)state;
    assert_int_equal(xlrecord_change(7, UUID, &(struct xlrecord_change){ .vcpus = 2 }), 0);
    assert_int_equal(xlrecord_change(7, UUID, &(struct xlrecord_change){ .name = "b" }), 0);
    assert_int_equal(
        xlrecord_change(7, UUID, &(struct xlrecord_change){ .memory_kib = 1, .max_memory_kib = 2 }),
        0);
    after = record();
    assert_int_equal(json_array_size(
                         json_object_get(json_object_get(after, "b_info"), "avail_vcpus")),
                     2);
    json_object_set_new(json_object_get(before, "c_info"), "name", json_string("b"));
    json_object_set_new(json_object_get(before, "b_info"), "target_memkb", json_integer(1));
    json_object_set_new(json_object_get(before, "b_info"), "max_memkb", json_integer(2));
    json_object_set_new(json_object_get(before, "b_info"), "avail_vcpus",
                        json_pack("[i, i]", 0, 1));
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    assert_int_equal(xlrecord_change(8, UUID, &(struct xlrecord_change){ .vcpus = 2 }), -ENOENT);
}

static void devices_come_and_go(void **state)
{
    struct vmdevices more = { .disk_count = 1, .vif_count = 1 }, all;

    (void)state;
    more.disks[0] = disk("/e", "xvdb");
    more.disks[0].direct_io = true;
    more.vifs[0] = vif(1);
    assert_int_equal(xlrecord_add(7, UUID, &more), 0);
    more.disks[0].writable = false;
    assert_int_equal(xlrecord_add(7, UUID, &more), 0); /* in place of the same */
    assert_int_equal(xlrecord_devices(7, UUID, &all), 0);
    assert_true(all.disk_count == 2 && all.vif_count == 2);
    assert_string_equal(all.disks[1].path, "/e");
    assert_string_equal(all.disks[1].name, "xvdb");
    assert_int_equal(all.disks[1].number, more.disks[0].number);
    assert_true(all.disks[1].direct_io && !all.disks[1].writable && all.disks[0].writable);
    assert_string_equal(all.vifs[1].mac, more.vifs[0].mac);
    vmdevices_free(&all);
    assert_int_equal(xlrecord_drop(7, UUID, &more), 0);
    assert_int_equal(xlrecord_drop(7, UUID, &more), 0);
    assert_int_equal(xlrecord_devices(7, UUID, &all), 0);
    assert_true(all.disk_count == 1 && all.vif_count == 1 && all.vifs[0].number == 0);
    vmdevices_free(&all);
    assert_int_equal(xlrecord_devices(8, UUID, &all), -ENOENT);
    assert_int_equal(access(XLRECORD_HOME "/userdata-l.7." UUID ".domain-userdata-lock", F_OK), -1);
}

/* Devices of kinds that only xl serves, and nonsense, are left out. */
static void foreign_devices_are_left_out(void **state)
{
    static const char text[] =
        "{\"disks\": [{\"vdev\": \"xvda\", \"pdev_path\": \"/d\", \"format\": \"qcow2\"},"
        " {\"vdev\": \"hda\", \"pdev_path\": \"/d\"}, {\"vdev\": 5}, 7,"
        " {\"vdev\": \"xvdc\", \"pdev_path\": \"/c\", \"script\": \"s\"},"
        " {\"vdev\": \"xvdb\", \"pdev_path\": \"/b\", \"format\": \"raw\"}],"
        " \"nics\": [{\"devid\": 8, \"mac\": \"00:16:3e:00:00:00\", \"bridge\": \"br\"},"
        " {\"devid\": 0, \"mac\": \"00\", \"bridge\": \"br\"}, {},"
        " {\"devid\": 1, \"mac\": \"00:16:3e:00:00:00\"}]}"; /* on the default bridge */
    struct vmdevices all;
    FILE *file = fopen(RECORD, "w");

    (void)state;
    fwrite(text, 1, sizeof(text), file);
    fclose(file);
    assert_int_equal(xlrecord_devices(7, UUID, &all), 0);
    assert_true(all.disk_count == 1 && all.vif_count == 1);
    assert_string_equal(all.disks[0].path, "/b");
    assert_string_equal(all.vifs[0].bridge, "xenbr0");
    vmdevices_free(&all);
    file = fopen(RECORD, "w");
    fclose(file);
    assert_int_equal(xlrecord_devices(7, UUID, &all), -EINVAL);
    assert_int_equal(xlrecord_change(7, UUID, &(struct xlrecord_change){ .vcpus = 2 }), -EINVAL);
}

static bool is_domain_7(uint32_t domid, const char *uuid, void *data)
{
    (void)data;
    return domid == 7 && strcmp(uuid, UUID) == 0;
}

static void only_files_of_the_dead_are_removed(void **state)
{
    static const char other[] = "00000000-0000-4000-8000-00000000000b";

    (void)state;
    assert_int_equal(system("cd " XLRECORD_HOME "; touch userdata-d.7.00000000-0000-4000-8000-"
                            "00000000000b.libxl-json userdata-l.8." UUID ".x userdata-d.7." UUID
                            ".xl other userdata-d.7.x.y"),
                     0);
    xlrecord_sweep(is_domain_7, NULL);
    assert_int_equal(system("cd " XLRECORD_HOME "; [ $(ls | wc -l) = 4 ]"), 0);
    xlrecord_remove(7, other);
    assert_int_equal(access(RECORD, F_OK), 0);
    xlrecord_remove(7, UUID);
    assert_int_equal(system("cd " XLRECORD_HOME "; [ \"$(echo *)\" = 'other userdata-d.7.x.y' ]"),
                     0);
}

#define RECORD_TEST(function) \
    { \
#function, function, write_record, NULL, NULL \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        RECORD_TEST(a_record_has_what_the_vm_has),
        RECORD_TEST(changes_leave_the_rest),
        RECORD_TEST(devices_come_and_go),
        RECORD_TEST(foreign_devices_are_left_out),
        RECORD_TEST(only_files_of_the_dead_are_removed),
    };

    return cmocka_run_group_tests_name("xlrecord", tests, NULL, NULL) != 0;
}
