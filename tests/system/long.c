/* SPDX-License-Identifier: MIT */
/*
 * Tests that take minutes, run by `make check-long` and not by `make check`: Debian's kernels with
 * many vCPUs, hot-plug of vCPUs and memory, clocks, and load on more vCPUs than CPUs. The guest
 * reports in the store (data/result). The files in /mnt come from FILES. Next to read: pv.c.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xenctrl.h>

#include "system.h"

#define BOOT_S 300

/* Each second: the guest's CPUs, memory and time. Brings new CPUs online, as udev would. */
#define REPORT \
    "while :; do for c in /sys/devices/system/cpu/cpu[1-9]*/online; do echo 1 >$c;" \
    " done 2>/dev/null; " \
    "xenstore-write data/result $(grep -c ^processor /proc/cpuinfo)/" \
    "$(grep MemTotal /proc/meminfo | tr -dc 0-9)/$(date +%s); sleep 1; done"

struct report {
    unsigned int vcpus, kib;
    long seconds;
};

/* The guest's last report; zeros before the first. */
static struct report report_of(const char *name)
{
    const struct run *read = run("xenstore-read /local/domain/%d/data/result", domid_of(name));
    struct report report = { 0 };

    sscanf(read->out, "%u/%u/%ld", &report.vcpus, &report.kib, &report.seconds);
    return report;
}

static void create(const char *tool, const char *name, const char *settings, const char *command)
{
    FILE *file;
    char path[64];

    snprintf(path, sizeof(path), "/tmp/vm/%s.cfg", name);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "type = 'pvh'\nname = '%s'\n%s\nextra = 'console=hvc0 rdinit=/init run=\"%s\"'\n",
            name, settings, command);
    fclose(file);
    run_ok("%s create %s", tool, path);
}

static void boot_by(const char *tool, const char *name, const char *settings, const char *command)
{
    create(tool, name, settings, command);
    AWAIT(report_of(name).vcpus > 0, BOOT_S);
}

static void boot(const char *name, const char *settings, const char *command)
{
    boot_by("cleave", name, settings, command);
}

#define DEBIAN "kernel = '/guests/debian-vmlinuz'\nramdisk = '/guests/debian-initrd'\n"

static void vcpus_come_and_go(void **state)
{
    (void)state;
    boot("eight", DEBIAN "memory = 256\nvcpus = 8", REPORT);
    AWAIT(report_of("eight").vcpus == 8, BOOT_S);
    run_ok("xl vcpu-set eight 2");
    AWAIT(report_of("eight").vcpus == 2, 60);
    run_ok("xl vcpu-set -i eight 7");
    AWAIT(report_of("eight").vcpus == 7, 60);
    run_ok("cleave store check");
}

/* Reads the section of this name of an ELF file. */
static void read_section(FILE *file, const char *name, void *to, size_t size)
{
    static char names[4096];
    Elf64_Shdr header;
    Elf64_Ehdr elf;

    assert_int_equal(fread(&elf, sizeof(elf), 1, file), 1);
    assert_memory_equal(elf.e_ident, ELFMAG, SELFMAG);
    assert_int_equal(elf.e_type, ET_CORE);
    assert_int_equal(elf.e_machine, EM_X86_64);
    fseek(file, elf.e_shoff + elf.e_shstrndx * sizeof(header), SEEK_SET);
    assert_int_equal(fread(&header, sizeof(header), 1, file), 1);
    fseek(file, header.sh_offset, SEEK_SET);
    assert_true(fread(names, 1, sizeof(names) - 1, file) > 0);
    for (unsigned int i = 1; i < elf.e_shnum; i++) {
        fseek(file, elf.e_shoff + i * sizeof(header), SEEK_SET);
        assert_int_equal(fread(&header, sizeof(header), 1, file), 1);
        if (header.sh_name < sizeof(names) - 32 && strcmp(names + header.sh_name, name) == 0) {
            assert_true(header.sh_size >= size);
            fseek(file, header.sh_offset, SEEK_SET);
            assert_int_equal(fread(to, size, 1, file), 1);
            return;
        }
    }
    fail_msg("no section %s", name);
}

/*
 * xl dump-core looks at each guest frame number below 4 GiB, since the special pages are there.
 * That takes an emulated machine minutes.
 */
static void a_core_has_the_registers_of_its_vcpus(void **state)
{
    static struct vcpu_guest_context context;
    FILE *core;

    (void)state;
    run_ok("cleave create /guests/hello.cfg; cleave wait hello --for booted --timeout 60");
    run_ok("(xl dump-core hello /tmp/vm/core >/tmp/vm/dump 2>&1; echo $? >/tmp/vm/status) &");
    AWAIT(run("test -s /tmp/vm/status")->status == 0, 600);
    assert_string_equal(run_ok("cat /tmp/vm/dump /tmp/vm/status")->out, "0\n");
    core = fopen("/tmp/vm/core", "r");
    assert_non_null(core);
    read_section(core, ".xen_prstatus", &context, sizeof(context));
    fclose(core);
    assert_in_range(context.user_regs.rip, 0x100000, 0x200000);
    assert_int_equal(context.user_regs.cs & 3, 0);
    assert_true(context.ctrlreg[0] >> 31);
    assert_true(context.ctrlreg[3] != 0);
    assert_true(context.flags & VGCF_online);
    run_ok("cleave list hello | grep -q blocked; rm /tmp/vm/core");
}

static void memory_comes_and_goes(void **state)
{
    uint64_t free_before;

    (void)state;
    /* libxl's mem-set needs the record that only libxl's create leaves in dom0. */
    boot_by("xl", "balloon", DEBIAN "memory = 256\nvcpus = 1", REPORT);
    free_before = free_kib();
    run_ok("xl mem-set balloon 160");
    AWAIT(free_kib() >= free_before + 90 * 1024, 60);
    run_ok("xl mem-set balloon 256");
    AWAIT(free_kib() <= free_before + 1024, 60);
    /* still alive: the time in its report advances */
    long seconds = report_of("balloon").seconds;

    AWAIT(report_of("balloon").seconds > seconds, 30);
}

/*
 * The guest's clock agrees with dom0's, also minutes later. A report is one second old, or three on
 * a busy host.
 */
static void clocks_agree(void **state)
{
    (void)state;
    boot("clock", DEBIAN "memory = 128\nvcpus = 2", REPORT);
    for (int minutes = 0; minutes < 3; minutes++) {
        long before = report_of("clock").seconds, now;

        AWAIT(report_of("clock").seconds > before, 30);
        now = time(NULL);
        assert_in_range(report_of("clock").seconds, now - 3, now + 3);
        pause_ms(60000);
    }
}

static void cloud_kernel_with_disk_and_network(void **state)
{
    (void)state;
    if (access("/mnt/cloud-vmlinuz", F_OK) < 0)
        skip();
    boot("cloud",
         "kernel = '/mnt/cloud-vmlinuz'\nramdisk = '/mnt/cloud-initrd'\nmemory = 192\nvcpus = 8\n"
         "root = '/dev/xvda'\ndisk = ['/guests/debian-disk,raw,xvda,rw']\nvif = ['bridge=xenbr0']",
         "ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; uname -r; " REPORT);
    assert_non_null(strstr(console_log("cloud"), "cloud-amd64"));
    run_ok("ping -c 3 10.0.0.2");
    run_ok("cleave shutdown -w cloud");
}

/* Two guests, each with as many vCPUs as CPUs: compression, fork storms, files, and no stall. */
static void no_stall_under_overcommit(void **state)
{
    static const char *const signs[] = { "soft lockup", "rcu_sched", "blocked for more",
                                         "BUG:", "Oops" };
    static const char *const names[] = { "load1", "load2" };
    static const char work[] =
        "for i in 1 2 3 4; do (while :; do head -c 300000 /bin/busybox | gzip -9 | gunzip |"
        " md5sum; done >/dev/null)& done; "
        "for i in 1 2; do (while :; do for j in 1 2 3 4 5 6 7 8; do /bin/true & done; wait; done)&"
        " done; "
        "(while :; do cp /bin/busybox /dev/shm/x; sync; rm /dev/shm/x; done)& " REPORT;

    (void)state;
    for (int i = 0; i < 2; i++) {
        char settings[256];

        snprintf(settings, sizeof(settings), DEBIAN "memory = 192\nvcpus = %ld",
                 sysconf(_SC_NPROCESSORS_ONLN));
        boot(names[i], settings, work);
    }
    for (int seconds = 0; seconds < 180; seconds += 5)
        pause_ms(5000);
    for (int i = 0; i < 2; i++) {
        const char *log = console_log(names[i]);
        long before = report_of(names[i]).seconds;

        for (size_t sign = 0; sign < sizeof(signs) / sizeof(signs[0]); sign++)
            if (strstr(log, signs[sign]))
                fail_msg("%s: %s:\n%s", names[i], signs[sign], log);
        AWAIT(report_of(names[i]).seconds > before, 60);
    }
}

/* Twenty kernels of Debian are unpacked in dom0's memory. */
static void starts_of_debian_at_once(void **state)
{
    (void)state;
    balance_starts_at_once("/guests/debian.cfg");
}

static void grub_reaches_its_prompt(void **state)
{
    (void)state;
    if (access("/mnt/grub-pvh", F_OK) < 0)
        skip();
    run_ok("cleave create /guests/grub.cfg");
    await_said("grub", "grub>", 60);
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(grub_reaches_its_prompt),   SYSTEM_TEST(cloud_kernel_with_disk_and_network),
    SYSTEM_TEST(vcpus_come_and_go),         SYSTEM_TEST(a_core_has_the_registers_of_its_vcpus),
    SYSTEM_TEST(memory_comes_and_goes),     SYSTEM_TEST(clocks_agree),
    SYSTEM_TEST(no_stall_under_overcommit), SYSTEM_TEST(starts_of_debian_at_once),
};

const struct group group_long = GROUP("long", tests);
