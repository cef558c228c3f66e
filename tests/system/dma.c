/* SPDX-License-Identifier: MIT */
/*
 * DMA to guests' pages. A guest's disk is a file on dom0's own disk, opened with O_DIRECT: its
 * blocks move between the disk controller and pages that the guest has granted. dom0 has such a
 * page at a frame number that is not its machine address. dom0's kernel therefore bounces all DMA
 * through its own memory (swiotlb=force). Without it (swiotlb=noforce, `make check-dma`), the
 * device accesses unused addresses. Next to read: pv.c.
 */
#include <stdio.h>
#include <string.h>

#include "system.h"

#define BOOT_S 180
#define FOLDER "/tmp/vm/disk"
#define DATA FOLDER "/data"

struct sums {
    char written[33], read[33]; /* checksums of the data written, and of the data then read */
};

static bool has_bounce_buffers(void)
{
    return run("grep -q swiotlb=noforce /proc/cmdline")->status != 0;
}

/* The checksum of DATA on the disk; drops dom0's page cache first. */
static void checksum(char sum[33])
{
    run_ok("sync; echo 3 >/proc/sys/vm/drop_caches");
    snprintf(sum, 33, "%.32s", run_ok("md5sum <" DATA)->out);
}

/* The checksum that the guest printed after this word. */
static void told(const char *word, char sum[33])
{
    const char *log = console_log("dma"), *at = strstr(log, word);

    if (!at)
        fail_msg("not on its console:%s\n: %s", word, log);
    snprintf(sum, 33, "%.32s", at + strlen(word));
}

static void write_vm_file(void)
{
    FILE *file = fopen("/tmp/vm/dma.cfg", "w");

    assert_non_null(file);
    fputs(
        "type = 'pvh'\nname = 'dma'\nmemory = 128\nvcpus = 1\n"
        "kernel = '/guests/debian-vmlinuz'\nramdisk = '/guests/debian-initrd'\n"
        "disk = ['" DATA ",raw,xvdb,rw,direct-io-safe']\n"
        "extra = 'console=hvc0 rdinit=/init run=\""
        "echo read: $(dd if=/dev/xvdb bs=64k count=64 iflag=direct | md5sum); "
        "dd if=/dev/urandom of=/dev/shm/new bs=64k count=64; echo wrote: $(md5sum </dev/shm/new); "
        "dd if=/dev/shm/new of=/dev/xvdb bs=64k oflag=direct\"'\n",
        file);
    fclose(file);
}

/* dom0 writes a file that the guest reads, then vice versa. */
static void exchange(const char *disk, struct sums *in, struct sums *out)
{
    run_ok("mke2fs -F %s && mkdir -p " FOLDER " && mount -t ext4 %s " FOLDER, disk, disk);
    run_ok("dd if=/dev/urandom of=" DATA " bs=64k count=64");
    checksum(in->written);
    write_vm_file();
    run_ok("cleave create /tmp/vm/dma.cfg");
    assert_string_equal(run_ok("cat /sys/block/loop*/loop/dio")->out, "1\n");
    await_said("dma", "has ended with status 0", BOOT_S);
    told("\nread: ", in->read);
    told("\nwrote: ", out->written);
    run_ok("cleave shutdown -w dma");
    AWAIT(!*run_ok("losetup -a")->out, 10);
    checksum(out->read);
    run_ok("umount " FOLDER);
}

static void a_file_past_dom0s_cache_has_the_right_data(void **state)
{
    struct sums in, out;

    (void)state;
    if (!real_disk() || !has_bounce_buffers())
        skip();
    exchange(real_disk(), &in, &out);
    assert_string_equal(in.read, in.written);
    assert_string_equal(out.read, out.written);
}

/* Seen with AHCI; with a virtio disk QEMU stops the whole device at the first such address. */
static void without_bounce_buffers_the_data_is_wrong(void **state)
{
    struct sums in, out;

    (void)state;
    if (!real_disk() || has_bounce_buffers())
        skip();
    exchange(real_disk(), &in, &out);
    assert_string_not_equal(in.read, in.written);
    assert_string_not_equal(out.read, out.written);
    /* dom0's own pages stayed correct, otherwise the file system would be lost. */
    run_ok("mount -t ext4 %s " FOLDER " && test $(wc -c <" DATA ") = 4194304; umount " FOLDER,
           real_disk());
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(a_file_past_dom0s_cache_has_the_right_data),
    SYSTEM_TEST(without_bounce_buffers_the_data_is_wrong),
};

const struct group group_dma = GROUP("dma", tests);
