/* SPDX-License-Identifier: MIT */
/*
 * HVM guests with cleave-dm: a BIOS starts GRUB and Debian's kernel, which knows nothing of Xen
 * (guests/hvm). Needs a machine of its own (`make check-hvmdm`): the guest's disk in /mnt, and dom0
 * with 1 GiB. Next to read: dom0-tools/cleave-dm/README.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleave-schema.h"
#include "system.h"

/* From power-on to a shell, by BIOS calls and a kernel that is unpacked in emulation. */
#define BOOT_S 120
#define STEP_S 60
#define PAIRS_MAX 10
#define VM "/tmp/vm/pc.cfg"

static int domid_of_number(const char *prefix, int number)
{
    char name[16];

    snprintf(name, sizeof(name), "%s%d", prefix, number);
    return domid_of(name);
}

/* Writes the VM file, with a disk of its own. */
static void write_vm(const char *more)
{
    FILE *file;

    run_ok("mkdir -p /tmp/vm; cp /mnt/hvm-disk /tmp/vm/pc-disk");
    file = fopen(VM, "w");
    assert_non_null(file);
    fprintf(file,
            "type = 'hvm'\nname = 'pc'\nmemory = 192\ntsc_mode = 'native'\n"
            "disk = ['/tmp/vm/pc-disk,raw,xvda,rw']\nvif = ['bridge=xenbr0']\n%s\n",
            more);
    fclose(file);
}

/* Types a line on the guest's console. */
static void type(const char *line)
{
    run_ok("echo '%s' >$(xenstore-read /local/domain/%d/console/tty)", line, domid_of("pc"));
}

/* How often the guest's console has said the words. */
static int times_said(const char *words)
{
    const char *at = console_log("pc");
    int count = 0;

    while ((at = strstr(at, words)) != NULL) {
        at += strlen(words);
        count++;
    }
    return count;
}

static int keeper(void)
{
    return atoi(
        run_ok("xenstore-read /local/domain/%d/image/device-model-pid", domid_of("pc"))->out);
}

/* The process that serves the guest; its parent is the keeper. */
static int confined(void)
{
    return atoi(run_ok("grep -l '^PPid:.%d$' /proc/[0-9]*/status | cut -d/ -f3", keeper())->out);
}

static void assert_nothing_left(void)
{
    assert_int_equal(guests(), 0);
    AWAIT(!*run("grep -l '^cleave-dm$' /proc/[0-9]*/comm")->out, STEP_S);
    assert_string_equal(run_ok("ls /sys/class/net/xenbr0/brif")->out, "");
    run_ok("flock -n -x /tmp/vm/pc-disk true");
}

static long free_in_guest(void)
{
    static int asked;
    char line[80], answer[32];
    const char *at;

    snprintf(answer, sizeof(answer), "asked-%d-", ++asked);
    snprintf(line, sizeof(line), "echo asked\\-%d\\-$(sed -n \"s/^MemTotal: *//p\" /proc/meminfo)",
             asked);
    type(line);
    await_said("pc", answer, STEP_S);
    at = strstr(console_log("pc"), answer);
    return strtol(at + strlen(answer), NULL, 10);
}

static void debian_boots_from_its_own_disk(void **state)
{
    long before, less;

    (void)state;
    write_vm("");
    run_ok("cleave create " VM);
    await_said("pc", "GRUB: loading", BOOT_S);
    /* no operating system hears its power button yet */
    assert_refused(run("cleave shutdown pc --no-wait"), "pc|booting|cleave destroy");
    await_said("pc", "hvm guest: up, 1 vCPUs", BOOT_S);
    run_ok("cleave wait pc --for booted --timeout 60");
    /* the network, by dom0's bridge */
    type(
        "ip addr add 10.0.0.9/24 dev eth0; ip link set eth0 up; ping -c 3 10.0.0.1; echo net\\-$?");
    await_said("pc", "net-0", STEP_S);
    run_ok("ping -c 3 10.0.0.9");
    /* random numbers and the second console come from virtio devices */
    type("head -c 8 /dev/hwrng >/root/random; echo hwrng\\-$(wc -c </root/random); "
         "echo >/dev/hvc0; echo hvc\\-$?");
    await_said("pc", "hwrng-8", STEP_S);
    await_said("pc", "hvc-0", STEP_S);
    /* what is written is on the disk: read again without the guest's cache, then after a reboot */
    type("dd if=/dev/urandom of=/root/data bs=64k count=64 2>/dev/null; sync; md5sum /root/data "
         ">/root/sum; sync; echo 3 >/proc/sys/vm/drop_caches; md5sum -c /root/sum");
    await_said("pc", "/root/data: OK", STEP_S);
    /* the balloon follows the target, both ways */
    before = free_in_guest();
    run_ok("cleave set-memory pc 128 --timeout 120");
    less = free_in_guest();
    assert_in_range(before - less, 60 * 1024, 68 * 1024);
    run_ok("cleave set-memory pc 192 --timeout 120");
    assert_in_range(free_in_guest(), before - 2048, before + 2048);
    /* a second VM does not get the disk, whatever its type */
    assert_refused(run("cleave create " VM " name=other 'vif=[]'"), "other|pc-disk|in use");
    assert_refused(
        run("cleave create /guests/debian-disk.cfg 'disk=[\"/tmp/vm/pc-disk,raw,xvda,rw\"]'"),
        "debian-disk|pc-disk|device model");
    assert_refused(run("cleave device-attach pc disk /tmp/vm/pc-disk,raw,xvdb,r"),
                   "pc|HVM|VM file");
    type("reboot");
    AWAIT(times_said("hvm guest: up") == 2, BOOT_S);
    type("md5sum -c /root/sum; echo again\\-$?");
    await_said("pc", "again-0", STEP_S);
    /* its power button */
    run_ok("cleave shutdown pc --timeout 120");
    AWAIT(guests() == 0, STEP_S);
    assert_words(events_of("pc"), "powered off");
    assert_nothing_left();
}

static void several_vcpus_start(void **state)
{
    (void)state;
    write_vm("vcpus = 2");
    run_ok("cleave create " VM);
    await_said("pc", "hvm guest: up, 2 vCPUs", BOOT_S * 2);
    type("poweroff");
    AWAIT(guests() == 0, STEP_S);
    assert_words(events_of("pc"), "powered off");
    assert_nothing_left();
}

/* The guest takes no part: it knows neither Xen nor that it was away. */
static void it_is_saved_and_restored(void **state)
{
    (void)state;
    write_vm("vcpus = 2");
    run_ok("cleave create " VM);
    await_said("pc", "hvm guest: up, 2 vCPUs", BOOT_S * 2);
    type("ip addr add 10.0.0.9/24 dev eth0; ip link set eth0 up; "
         "mkdir -p /dev/shm; head -c 3000000 /dev/urandom >/dev/shm/data; "
         "md5sum /dev/shm/data >/dev/shm/sum; "
         "cat /proc/sys/kernel/random/boot_id >/dev/shm/boot; echo made\\-it");
    await_said("pc", "made-it", STEP_S);
    /* if whoever saves it is killed, it runs on with its devices */
    run_ok("cleave save pc /tmp/vm/state & p=$!;"
           "until [ $(stat -c %%s /tmp/vm/state.part || echo 0) -gt 9000000 ]; do :; done;"
           "kill -9 $p");
    type("sync; md5sum -c /dev/shm/sum; echo onward\\-$?");
    await_said("pc", "onward-0", STEP_S);
    run_ok("ping -c 3 10.0.0.9; [ ! -e /tmp/vm/state.part ]");
    /* amid work on its disk */
    type(
        "(while true; do dd if=/dev/urandom of=/root/work bs=64k count=64; sync; md5sum /root/work "
        ">/root/worksum; done) 2>/dev/null & p=$!; echo works\\-now");
    await_said("pc", "works-now", STEP_S);
    run_ok("cleave save pc /tmp/vm/state");
    assert_nothing_left();
    run_ok("cleave restore /tmp/vm/state; rm /tmp/vm/state");
    type("kill $p; while pidof dd; do sleep 1; done; md5sum /root/work >/root/worksum; sync; "
         "echo 3 >/proc/sys/vm/drop_caches; md5sum -c /root/worksum && md5sum -c /dev/shm/sum && "
         "diff /dev/shm/boot /proc/sys/kernel/random/boot_id; echo back\\-$?");
    await_said("pc", "back-0", STEP_S);
    run_ok("ping -c 3 10.0.0.9");
    run_ok("cleave set-memory pc 160 --timeout 120; cleave set-memory pc 192 --timeout 120");
    type("head -c 8 /dev/hwrng >/root/random; echo again\\-$(wc -c </root/random)");
    await_said("pc", "again-8", STEP_S);
    run_ok("cleave shutdown pc --timeout 120");
    AWAIT(guests() == 0, STEP_S);
    assert_nothing_left();
}

static void the_device_model_is_confined(void **state)
{
    const char *status;
    int pid;

    (void)state;
    write_vm("");
    run_ok("cleave create -p " VM);
    pid = confined();
    status = run_ok("cat /proc/%d/status", pid)->out;
    assert_words(status, "Uid:\t990\t990\t990\t990|Gid:\t990\t990\t990\t990|Groups:\t \n|"
                         "CapPrm:\t0000000000000000|CapEff:\t0000000000000000|NoNewPrivs:\t1|"
                         "Seccomp:\t2");
    assert_string_equal(run_ok("ls -A /proc/%d/root/", pid)->out, "");
    assert_string_equal(run("cat /var/log/xen/cleave-dm-pc.log")->out, "");
    run_ok("cleave destroy pc");
    assert_nothing_left();
}

/* Of its two processes, any or both: the VM is lost, which is told, and does what on_crash says. */
static void a_killed_device_model_ends_the_vm(void **state)
{
    char victims[32];

    (void)state;
    for (int which = 0; which < 3; which++) {
        write_vm("on_crash = 'preserve'");
        run_ok("cleave create " VM);
        snprintf(victims, sizeof(victims), "%d", which ? keeper() : confined());
        if (which == 2)
            snprintf(victims + strlen(victims), 16, " %d", confined());
        /* stopped first, none can tell of the other */
        run_ok("kill -STOP %s; kill -9 %s", victims, victims);
        AWAIT(strcmp(state_of("pc"), "crashed") == 0, STEP_S);
        AWAIT(strstr(events_of("pc"), "crashed"), STEP_S);
        run_ok("cleave destroy pc");
        assert_nothing_left();
    }
    write_vm("on_crash = 'restart'");
    run_ok("cleave create " VM);
    run_ok("kill -9 %d", confined());
    AWAIT(strstr(events_of("pc"), "started"), STEP_S);
    run_ok("cleave destroy pc");
    assert_nothing_left();
}

/* A device model that is stopped holds up its own VM, and not the end of it. */
static void a_stopped_device_model_is_ended(void **state)
{
    (void)state;
    write_vm("");
    run_ok("cleave create " VM);
    run_ok("kill -STOP %d %d", keeper(), confined());
    run_ok("cleave list; cleave destroy pc");
    assert_nothing_left();
}

static void nothing_is_left_of_many(void **state)
{
    (void)state;
    write_vm("");
    for (int i = 0; i < rounds() / 10; i++) {
        run_ok("cleave create " VM);
        run_ok("cleave destroy pc");
    }
    assert_nothing_left();
}

/* HVM guests boot beside as many PVH guests, which go on meanwhile. */
static void they_live_beside_pvh_guests(void **state)
{
    int pairs = rounds() / 50 > PAIRS_MAX ? PAIRS_MAX : rounds() / 50;
    long beats[PAIRS_MAX];

    (void)state;
    write_vm("");
    for (int i = 0; i < pairs; i++) {
        run_ok("cp /mnt/hvm-disk /tmp/vm/disk%d; cleave create /guests/hello.cfg name=pvh%d; "
               "cleave create " VM " name=hvm%d 'disk=[\"/tmp/vm/disk%d,raw,xvda,rw\"]'",
               i, i, i, i);
        beats[i] = store_number(SCHEMA_DATA_HEARTBEAT_PATH, domid_of_number("pvh", i));
    }
    for (int i = 0; i < pairs; i++) {
        char name[16];

        snprintf(name, sizeof(name), "hvm%d", i);
        await_said(name, "hvm guest: up, 1 vCPUs", BOOT_S * pairs);
        AWAIT(store_number(SCHEMA_DATA_HEARTBEAT_PATH, domid_of_number("pvh", i)) > beats[i] + 1,
              STEP_S);
    }
    for (int i = 0; i < pairs; i++)
        run_ok("cleave shutdown hvm%d --timeout 120; cleave destroy pvh%d", i, i);
    AWAIT(guests() == 0, STEP_S);
    assert_nothing_left();
}

static void vm_files_that_are_wrong(void **state)
{
    (void)state;
    write_vm("");
    assert_refused(run("cleave create " VM " kernel=/guests/hello.elf"), "kernel|HVM|first disk");
    assert_refused(run("cleave create " VM " device_model=qemu"),
                   "device_model|cleave-dm|xl create");
    assert_refused(run("cleave create " VM " 'disk=[\"/tmp/vm/none,raw,xvda,rw\"]'"),
                   "/tmp/vm/none|No such file");
    assert_refused(run("cleave create " VM " 'vif=[\"bridge=none\"]'"), "none|ip link add");
    assert_refused(run("cleave create " VM " memory=1"), "memory = 1");
    assert_int_equal(run_ok("cleave check " VM)->status, 0);
    assert_nothing_left();
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(vm_files_that_are_wrong),         SYSTEM_TEST(the_device_model_is_confined),
    SYSTEM_TEST(nothing_is_left_of_many),         SYSTEM_TEST(a_killed_device_model_ends_the_vm),
    SYSTEM_TEST(a_stopped_device_model_is_ended), SYSTEM_TEST(debian_boots_from_its_own_disk),
    SYSTEM_TEST(it_is_saved_and_restored),        SYSTEM_TEST(several_vcpus_start),
    SYSTEM_TEST(they_live_beside_pvh_guests),
};

const struct group group_hvmdm = GROUP("hvmdm", tests);
