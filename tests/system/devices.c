/* SPDX-License-Identifier: MIT */
/*
 * dom0's own devices: a disk and a network card with message (MSI, MSI-X) or line interrupts. Also
 * resources of the core that dom0's CPUs must not reach, although the test is root and reads
 * /dev/mem. Run with DISK, NIC and, because the kernel withholds claimed addresses from root,
 * DOM0_ARGS=iomem=relaxed. Next to read: hypervisor/dom0/msi.c.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "system.h"

#define PAGE 4096u

static bool has_network(void) { return access("/sys/class/net/eth0", F_OK) == 0; }

/* Interrupt count of the rows of /proc/interrupts with this word, on one CPU; -1: on all. */
static unsigned long interrupts(const char *word, int cpu)
{
    FILE *f = fopen("/proc/interrupts", "r");
    unsigned long sum = 0;
    char line[1024];

    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        char *at = strchr(line, ':'), *end;

        if (!at || !strstr(line, word))
            continue;
        for (int i = 0;; i++, at = end) {
            unsigned long n = strtoul(at + (i == 0), &end, 10);

            if (end == at + (i == 0))
                break;
            if (cpu < 0 || i == cpu)
                sum += n;
        }
    }
    fclose(f);
    return sum;
}

static void what_a_disk_reads_is_what_was_written(void **state)
{
    const char *name = real_disk(), *driver = name && name[5] == 'v' ? "virtio" : "ahci";
    unsigned long before = interrupts(driver, -1);

    (void)state;
    if (!name)
        skip();
    run_ok("dd if=/dev/urandom of=/tmp/data bs=64k count=64");
    run_ok("dd if=/tmp/data of=%s bs=64k oflag=direct", name);
    run_ok("dd if=%s bs=64k count=64 iflag=direct | cmp - /tmp/data; rm /tmp/data", name);
    assert_in_range(interrupts(driver, -1), before + 64, before + 10000);
}

static void bring_the_network_up(void)
{
    run_ok("ip addr replace 10.0.2.15/24 dev eth0 && ip link set eth0 up");
    AWAIT(run("ping -c 1 -W 2 10.0.2.2")->status == 0, 20);
}

/* The end of the row of /proc/interrupts that a received packet raises. */
static const char *network_interrupt(void)
{
    static const char *const names[] = { "-input.0", "eth0-rx-0", "eth0", "virtio1" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (run("grep -q -e '%s$' /proc/interrupts", names[i])->status == 0)
            return names[i];
    fail_msg("the network card has no interrupt");
    return "";
}

static void a_network_card_works_on_each_cpu(void **state)
{
    int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);

    (void)state;
    if (!has_network())
        skip();
    bring_the_network_up();

    const char *row = network_interrupt();

    for (int cpu = cpus - 1; cpu >= 0; cpu--) {
        unsigned long before;

        run_ok("echo %x >/proc/irq/$(sed -n 's/^ *\\([0-9]*\\):.*%s$/\\1/p' "
               "/proc/interrupts)/smp_affinity",
               1u << cpu, row);
        run_ok("ping -c 1 -W 5 10.0.2.2"); /* a pending interrupt may still go to the old CPU */
        before = interrupts(row, cpu);
        run_ok("ping -c 3 -i 0.1 -W 5 10.0.2.2");
        assert_in_range(interrupts(row, cpu), before + 1, before + 1000);
    }
    run_ok("ip link set eth0 down");
}

/* With more disks than the vectors of one CPU suffice for (check-smp4). */
static void each_queue_of_each_disk_interrupts(void **state)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    (void)state;
    if (access("/dev/vda", F_OK))
        skip();
    assert_int_not_equal(run("cleave dmesg | grep 'an interrupt stays disabled'")->status, 0);
    for (long cpu = 0; cpu < cpus; cpu++)
        run_ok("for disk in /dev/vd?; do taskset %lx dd if=$disk of=/dev/null bs=4k count=1 "
               "iflag=direct || exit 1; done",
               1ul << cpu);
    run_ok("[ $(grep -c -e -req /proc/interrupts) = $(($(ls /dev/vd? | wc -l) * %ld)) ]", cpus);
    assert_string_equal(
        run_ok("awk '/-req/ { n = 0; for (i = 2; i <= %ld; i++) n += $i; if (!n) print }' "
               "/proc/interrupts",
               cpus + 1)
            ->out,
        "");
}

static void the_clock_chip_tells_the_time(void **state)
{
    (void)state;
    run_ok("hwclock -r");
    assert_in_range(number_in(run_ok(
                                  "now=$(date +%%s); rtc=$(cat /sys/class/rtc/rtc0/since_epoch); "
                                  "echo '\"off\":' $((now - rtc + 100))")
                                  ->out,
                              "off"),
                    97, 103);
}

/* --- resources of the core --- */

/* Reads 4 bytes of machine memory by dom0's CPU; write: after an attempt to overwrite them. */
static uint32_t access_memory(uint64_t address, bool write)
{
    /* uncached; or write-back, if the kernel has mapped it so for AML and refuses another type */
    static const int modes[] = { O_RDWR | O_SYNC, O_RDWR };
    volatile uint32_t *p = MAP_FAILED;
    uint32_t val;
    int fd = -1;

    for (size_t i = 0; i < 2 && p == MAP_FAILED; i++) {
        if (fd >= 0)
            close(fd);
        fd = open("/dev/mem", modes[i]);
        assert_true(fd >= 0);
        p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                 (off_t)(address & ~(PAGE - 1ull)));
    }
    if (p == MAP_FAILED)
        fail_msg("/dev/mem at %#lx cannot be mapped: DOM0_ARGS=iomem=relaxed?",
                 (unsigned long)address);
    if (write)
        p[address % PAGE / 4] = 0x5a5a5a5a;
    val = p[address % PAGE / 4];
    munmap((void *)(uintptr_t)p, PAGE);
    close(fd);
    return val;
}

static uint32_t peek(uint64_t address) { return access_memory(address, false); }
static uint32_t poke(uint64_t address) { return access_memory(address, true); }

static void memory_that_is_not_dom0s_is_not_there(void **state)
{
    static const uint64_t registers[] = { 0xfee00020, 0xfee00300, 0xfee01000,  0xfeeffffc,
                                          0xfed00000, 0xfed000f0, 0xfdfe000000 };
    unsigned long start, end, ranges = 0;
    char line[256];
    FILE *f;

    (void)state;
    if (!on_cleave())
        skip();
    /* local APIC and interrupt messages, HPET, PCI configuration over HyperTransport */
    for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
        assert_int_equal(poke(registers[i]), 0xffffffff);
    f = fopen("/proc/iomem", "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        if (!strstr(line, "Unusable memory") || sscanf(line, "%lx-%lx", &start, &end) != 2)
            continue;
        ranges++;
        assert_int_equal(poke(start), 0xffffffff);
        assert_int_equal(poke((start + end) / 2 & ~3ul), 0xffffffff);
        assert_int_equal(poke(end & ~3ul), 0xffffffff);
    }
    fclose(f);
    assert_true(ranges > 0);
}

static uint8_t read_port(uint16_t port)
{
    int fd = open("/dev/port", O_RDWR);
    uint8_t val = 0;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &val, 1, port), 1);
    close(fd);
    return val;
}

static void write_port(uint16_t port, uint8_t val)
{
    int fd = open("/dev/port", O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &val, 1, port), 1);
    close(fd);
}

/* The serial port (its scratch register, if visible, is read-write), the PICs, the fast reset. */
static void ports_that_are_the_cores_are_not_there(void **state)
{
    static const uint16_t ports[] = { 0x3f8, 0x3f9, 0x3fb, 0x3ff, 0x20, 0x21, 0xa0, 0xa1, 0x92 };

    (void)state;
    if (!on_cleave())
        skip();
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        write_port(ports[i], 0x01);
        assert_int_equal(read_port(ports[i]), 0xff);
    }
    run_ok("cleave info"); /* the core still runs */
}

/* Opens the configuration space of the first device with a memory base address below 4G. */
static int open_configuration(unsigned int *bar)
{
    DIR *dir = opendir("/sys/bus/pci/devices");
    const struct dirent *entry;
    char path[512];

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        uint32_t header[16];
        int fd;

        snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", entry->d_name);
        fd = entry->d_name[0] == '.' ? -1 : open(path, O_RDWR);
        if (fd >= 0 && pread(fd, header, sizeof(header), 0) == sizeof(header) &&
            !(header[3] >> 16 & 0x7f))
            for (*bar = 0x10; *bar < 0x28; *bar += 4)
                if ((header[*bar / 4] & 7) == 0 && header[*bar / 4] && (header[1] & 2)) {
                    closedir(dir);
                    return fd;
                }
        if (fd >= 0)
            close(fd);
    }
    closedir(dir);
    return -1;
}

/*
 * Moved over the core's local APIC, or over RAM that is not dom0's: the base address is unchanged,
 * and the device works.
 */
static void a_device_cannot_be_moved_over_the_core(void **state)
{
    static const uint32_t forbidden[] = { 0xfee00000, 0xfec00000, 0x60000000, 0xb0000000 };
    uint32_t before, after, to;
    unsigned int bar;
    int fd;

    (void)state;
    fd = on_cleave() ? open_configuration(&bar) : -1;
    if (fd < 0)
        skip();
    assert_int_equal(pread(fd, &before, 4, bar), 4);
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        to = forbidden[i];
        assert_int_equal(pwrite(fd, &to, 4, bar), 4);
        assert_int_equal(pread(fd, &after, 4, bar), 4);
        assert_int_equal(after, before);
    }
    close(fd);
    assert_non_null(strstr(run_ok("cleave dmesg | tail -n 20")->out,
                           "would cover addresses that are not dom0's"));
}

/* The memory window that firmware reports (MCFG): the same registers, and those from 256 on. */
static void configuration_space_is_in_memory_too(void **state)
{
    unsigned int bus, device, function, found = 0, errors = 0;
    const struct dirent *entry;
    uint64_t base = 0;
    FILE *f;
    DIR *dir;

    (void)state;
    if (!on_cleave())
        skip();
    f = fopen("/sys/firmware/acpi/tables/MCFG", "r");
    assert_non_null(f);
    assert_int_equal(fseek(f, 44, SEEK_SET), 0);
    assert_int_equal(fread(&base, sizeof(base), 1, f), 1);
    fclose(f);
    run_ok("dmesg | grep 'PCI: MMCONFIG for domain'");
    dir = opendir("/sys/bus/pci/devices");
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        uint32_t by_file[4];
        char path[512];
        int fd;

        if (sscanf(entry->d_name, "0000:%x:%x.%x", &bus, &device, &function) != 3)
            continue;
        snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", entry->d_name);
        fd = open(path, O_RDONLY);
        assert_int_equal(pread(fd, by_file, sizeof(by_file), 0), sizeof(by_file));
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(peek(base + (bus << 20 | device << 15 | function << 12) + 4 * i),
                             by_file[i]);
        found++;
        errors += pread(fd, by_file, 4, 0x100) == 4 && (by_file[0] & 0xffff) == 1;
        close(fd);
    }
    closedir(dir);
    assert_true(found > 2);
    if (run("[ -e /sys/bus/pci/drivers/e1000e/0000* ]")->status == 0)
        assert_true(errors > 0); /* its Advanced Error Reporting */
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_a_disk_reads_is_what_was_written),
    cmocka_unit_test(a_network_card_works_on_each_cpu),
    cmocka_unit_test(each_queue_of_each_disk_interrupts),
    cmocka_unit_test(the_clock_chip_tells_the_time),
    cmocka_unit_test(memory_that_is_not_dom0s_is_not_there),
    cmocka_unit_test(ports_that_are_the_cores_are_not_there),
    cmocka_unit_test(a_device_cannot_be_moved_over_the_core),
    cmocka_unit_test(configuration_space_is_in_memory_too),
    SYSTEM_TEST(what_a_disk_reads_is_what_was_written), /* works, and the invariants hold */
};

const struct group group_devices = GROUP("devices", tests);
