/* SPDX-License-Identifier: MIT */
/*
 * Disks and network interfaces of guests: Debian's front ends in the guest, Debian's back ends in
 * dom0, connected by the core's grants and event channels. Data is compared by checksums, computed
 * at both ends. Next to read: dma.c, ../../dom0-tools/libcleave/devices.c.
 */
#include <stdio.h>
#include <string.h>

#include "system.h"

#define BOOT_S 180

/* Writes a VM file for Debian on a disk, with a second disk and a network interface. */
static const char *write_file(const char *more_disk, const char *command)
{
    FILE *file = fopen("/tmp/vm/pv.cfg", "w");

    assert_non_null(file);
    fprintf(file,
            "type = 'pvh'\nname = 'pv'\nmemory = 128\nvcpus = 2\nkernel = "
            "'/guests/debian-vmlinuz'\nramdisk = '/guests/debian-initrd'\nroot = '/dev/xvda'\ndisk "
            "= ['/guests/debian-disk,raw,xvda,rw', '%s']\nvif = ['bridge=xenbr0']\nextra = "
            "'console=hvc0 rdinit=/init run=\"%s\"'\n",
            more_disk, command);
    fclose(file);
    return "/tmp/vm/pv.cfg";
}

/* Checks that the guest printed a line that begins with these words, followed by this checksum. */
static void assert_said(const char *words, const char *sum)
{
    char line[64];

    snprintf(line, sizeof(line), "\n%s%.32s", words, sum);
    if (!strstr(console_log("pv"), line))
        fail_msg("not on its console: %s; but\n%s", line + 1, console_log("pv"));
}

static void assert_nothing_left(void)
{
    AWAIT(guests() == 0, 20);
    AWAIT(!*run_ok("losetup -a")->out, 10);
    AWAIT(!*run_ok("ls /sys/class/net/xenbr0/brif")->out, 10);
}

/* The checksum of the first 4 MiB of a file, 32 digits. */
static const char *checksum(const char *path, bool direct)
{
    const char *sum = run_ok("dd if=%s bs=64k count=64 %s 2>/dev/null | md5sum", path,
                             direct ? "iflag=direct" : "")
                          ->out;

    assert_true(strlen(sum) > 32);
    return sum;
}

/*
 * The guest reads what dom0 wrote, writes what dom0 reads, and fetches a file over the network.
 * With a real disk, the data of the guest's pages is transferred by DMA. This is correct only
 * because dom0's kernel bounces it through its own memory (swiotlb=force): the number of a granted
 * frame is not its machine address.
 */
static void read_write_fetch(const char *disk, const char *target, bool direct)
{
    char before[64];

    run_ok("dd if=/dev/urandom of=%s bs=64k count=64 %s", target, direct ? "oflag=direct" : "");
    strcpy(before, checksum(target, direct));
    run_ok("mkdir -p /tmp/vm/www; dd if=/dev/urandom of=/tmp/vm/www/file bs=64k count=32");
    run_ok("httpd -p 10.0.0.1:80 -h /tmp/vm/www");
    run_ok(
        "cleave create %s",
        write_file(disk,
                   "r() { dd if=/dev/xvdb bs=64k count=64 iflag=direct "
                   "2>/dev/null | md5sum; }; echo read: $(r); dd if=/dev/urandom of=/dev/xvdb "
                   "bs=64k count=64 oflag=direct; echo written: $(r); ip addr add 10.0.0.2/24 dev "
                   "eth0; ip link set eth0 up; until ping -c 1 10.0.0.1; do sleep 1; done; echo "
                   "fetched: $(wget -q -O - http://10.0.0.1/file | md5sum); mount | head -1"));
    await_said("pv", "has ended with status 0", BOOT_S);
    assert_non_null(strstr(console_log("pv"), "/dev/xvda on / type ext4"));
    assert_said("read: ", before);
    assert_said("fetched: ", checksum("/tmp/vm/www/file", false));
    run_ok("ping -c 3 10.0.0.2");
    run_ok("killall httpd");
    assert_non_null(strstr(run_ok("xl block-list pv")->out, "51728"));
    assert_non_null(strstr(run_ok("xl network-list pv")->out, "00:16:3e:"));
    run_ok("cleave store check");
    run_ok("cleave shutdown -w pv");
    assert_nothing_left();
    assert_said("written: ", checksum(target, direct));
}

static void a_file_is_a_disk(void **state)
{
    (void)state;
    read_write_fetch("/tmp/vm/data,raw,xvdb,rw", "/tmp/vm/data", false);
}

static void dom0s_disk_is_a_disk(void **state)
{
    char disk[64];

    (void)state;
    if (!real_disk())
        skip();
    snprintf(disk, sizeof(disk), "%s,raw,xvdb,rw", real_disk());
    read_write_fetch(disk, real_disk(), true);
}

static void either_tool_takes_devices_away(void **state)
{
    (void)state;
    run_ok("truncate -s 1M /tmp/vm/data");
    write_file("/tmp/vm/data,raw,xvdb,rw", "true");
    run_ok("cleave create -p /tmp/vm/pv.cfg");
    assert_non_null(strstr(run_ok("losetup -a")->out, "/tmp/vm/data"));
    assert_non_null(strstr(run_ok("ls /sys/class/net/xenbr0/brif")->out, "vif"));
    run_ok("xl destroy pv");
    assert_nothing_left();
    run_ok("xl create -p /tmp/vm/pv.cfg");
    run_ok("cleave store check");
    run_ok("cleave destroy pv");
    assert_nothing_left();
}

static void wrong_devices_are_refused(void **state)
{
    static const struct {
        const char *setting, *words;
    } refusals[] = {
        { "disk=['/no/such,raw,xvda,rw']", "xvda|/no/such|No such file" },
        { "disk=['/tmp,raw,xvda,rw']", "xvda|/tmp|directory" },
        { "disk=['/dev/null,raw,xvda,rw']", "/dev/null|neither a file nor a block device" },
        { "disk=['/dev/zero']", "/dev/zero|no vdev" },
        { "disk=['/guests/debian-disk,raw,hda,rw']", "hda|xvda to xvdz" },
        { "disk=['/guests/debian-disk,qcow2,xvda,rw']", "only raw" },
        { "disk=['/guests/debian-disk,raw,xvda,rw','/guests/debian-disk,raw,xvda,r']",
          "two disks|xvda" },
        { "disk=['a,b,c,d,e,f']", "xl-disk-configuration" },
        { "disk=5", "disk|list" },
        { "vif=['bridge=nobr']", "no bridge nobr|ip link add" },
        { "vif=['mac=01:00:00:00:00:00']", "mac|00:16:3e" },
        { "vif=['ip=1.2.3.4']", "ip=1.2.3.4|xl create" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        print_message("  %s\n", refusals[i].setting);
        assert_refused(run("cleave create /guests/hello.cfg \"%s\"", refusals[i].setting),
                       refusals[i].words);
    }
    assert_nothing_left();
}

static void a_disk_that_somebody_writes_to_is_not_shared(void **state)
{
    (void)state;
    run_ok("truncate -s 1M /tmp/vm/data; ln /tmp/vm/data /tmp/vm/same");
    run_ok("cleave create -p /guests/hello.cfg \"disk=['/tmp/vm/data,raw,xvda,rw']\"");
    assert_refused(
        run("cleave create -p /guests/hello.cfg name=b \"disk=['/tmp/vm/same,raw,xvdb,rw']\""),
        "xvdb|/tmp/vm/same|domain|mode r");
    assert_refused(
        run("cleave create -p /guests/hello.cfg name=b \"disk=['/tmp/vm/same,raw,xvdb,r']\""),
        "xvdb|/tmp/vm/same|domain|mode r");
    run_ok("cleave destroy hello");
    run_ok("cleave create -p /guests/hello.cfg \"disk=['/tmp/vm/data,raw,xvda,r']\"");
    run_ok("cleave create -p /guests/hello.cfg name=b \"disk=['/tmp/vm/same,raw,xvdb,r']\"");
    run_ok("cleave destroy hello; cleave destroy b");
    assert_nothing_left();
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(wrong_devices_are_refused),
    SYSTEM_TEST(a_disk_that_somebody_writes_to_is_not_shared),
    SYSTEM_TEST(either_tool_takes_devices_away),
    SYSTEM_TEST(a_file_is_a_disk),
    SYSTEM_TEST(dom0s_disk_is_a_disk),
};

const struct group group_pv = GROUP("pv", tests);
