/* SPDX-License-Identifier: MIT */
/*
 * Debian's stock kernel, saved and restored by cleave: a process in it counts, and reads its disk
 * past all caches at each step; its network answers. Damaged files and full disks are refused, and
 * the guest runs on. Next to read: ../tools/statefile_test.c, dom0-tools/libcleave/suspend.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "system.h"

#define BOOT_S 180
#define STEPS_S 60
#define PAGES_PER_MIB 256
#define STATE "/tmp/vm/state"

/* The last number that the guest counted to. */
static long counted(const char *name)
{
    const char *at = console_log(name), *next;
    long number = 0;

    while ((next = strstr(at, "\ncount ")) != NULL) {
        at = next + 1;
        if (strchr(at, '\n'))
            number = strtol(at + strlen("count "), NULL, 10);
    }
    return number;
}

/* What a kernel that ended itself wrote from its first complaint on, or "". */
static const char *last_words(const char *name)
{
    static const char *const begins[] = { "] BUG", "] Oops", "] general protection", "] kernel BUG",
                                          "] Kernel panic" };
    const char *log = console_log(name), *first = NULL;

    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        const char *at = strstr(log, begins[i]);

        if (at && (!first || at < first))
            first = at;
    }
    return first ? first : "";
}

static bool goes_on(const char *name, long from)
{
    if (strstr(events_of(name), "\"detail\":\"crashed\""))
        fail_msg("%s crashed: %s", name, last_words(name));
    return counted(name) > from + 1;
}

/* That the guest counts on from there. */
static void await_counting(const char *name, long from) { AWAIT(goes_on(name, from), STEPS_S); }

/* Starts the guest, which counts when it has its disks and its network. */
static void start_with(unsigned int memory, unsigned int vcpus)
{
    FILE *file = fopen("/tmp/vm/saved.cfg", "w");

    assert_non_null(file);
    fprintf(file,
            "type = 'pvh'\nname = 'saved'\nmemory = %u\nvcpus = %u\n"
            "kernel = '/guests/debian-vmlinuz'\nramdisk = '/guests/debian-initrd'\n"
            "root = '/dev/xvda'\n"
            "disk = ['/guests/debian-disk,raw,xvda,rw', '/tmp/vm/data,raw,xvdb,rw']\n"
            "vif = ['bridge=xenbr0']\nextra = 'console=hvc0 rdinit=/init run=\""
            "ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; n=0; while sleep 1; do "
            "n=$((n+1)); echo count $n $(dd if=/dev/xvdb bs=64k count=4 iflag=direct 2>/dev/null "
            "| md5sum); done\"'\n",
            memory, vcpus);
    fclose(file);
    run_ok("dd if=/dev/urandom of=/tmp/vm/data bs=64k count=4");
    run_ok("cleave create /tmp/vm/saved.cfg");
    AWAIT(counted("saved") > 1, BOOT_S);
}

/* With 128 MiB, of which its kernel leaves 79, four vCPUs run out of memory now and then. */
static void start(unsigned int vcpus) { start_with(vcpus > 1 ? 176 : 128, vcpus); }

/* That the guest's last count has the checksum that the disk has in dom0. */
static void assert_disk_is_read(const char *name)
{
    char sum[33], line[64];
    long last = counted(name);

    snprintf(sum, sizeof(sum), "%.32s", run_ok("md5sum </tmp/vm/data")->out);
    snprintf(line, sizeof(line), "count %ld %s", last, sum);
    if (!strstr(console_log(name), line))
        fail_msg("not on its console: %s; but\n%s", line, console_log(name));
}

static void assert_nothing_left(void)
{
    assert_int_equal(guests(), 0);
    AWAIT(!*run_ok("losetup -a")->out, 10);
    AWAIT(!*run_ok("ls /sys/class/net/xenbr0/brif")->out, 10);
}

static void save_and_restore(unsigned int vcpus)
{
    long before;
    int domid;

    start(vcpus);
    domid = domid_of("saved");
    assert_json(run_ok("cleave save --json saved " STATE)->out, "save");
    assert_nothing_left();
    before = counted("saved");
    assert_json(run_ok("cleave restore --json " STATE)->out, "restore");
    assert_true(domid_of("saved") > domid);
    await_counting("saved", before);
    assert_disk_is_read("saved");
    run_ok("ping -c 3 10.0.0.2");
    run_ok("cleave store check");
    assert_null(strstr(strstr(console_log("saved"), "Linux version") + 1, "Linux version"));
    assert_refused(run("cleave restore " STATE), "saved|in use");
    run_ok("cleave shutdown -w saved");
    AWAIT(guests() == 0, 20);
}

static void one_vcpu_counts_on(void **state)
{
    (void)state;
    save_and_restore(1);
}

static struct cleave_memory memory_of_saved(void)
{
    struct cleave_memory memory;
    struct hv hv;

    assert_int_equal(hv_open(&hv), 0);
    assert_int_equal(core_memory_get(&hv, (uint32_t)domid_of("saved"), &memory), 0);
    hv_close(&hv);
    return memory;
}

/* Pages that the guest has never touched are not in the file, and have no frames afterwards. */
static void what_was_not_touched_is_not_saved(void **state)
{
    struct cleave_memory before, after;
    uint64_t size;
    long count;

    (void)state;
    need_cleave();
    start_with(512, 1);
    before = memory_of_saved();
    assert_true(before.absent > 256 * PAGES_PER_MIB);
    run_ok("cleave save saved " STATE);
    assert_nothing_left();
    count = counted("saved");
    size = strtoull(run_ok("stat -c %%s " STATE)->out, NULL, 10);
    run_ok("cleave restore " STATE);
    await_counting("saved", count);
    assert_disk_is_read("saved");
    after = memory_of_saved();
    printf("%lu MiB of 512 were touched, %lu are in the file, %lu have frames after the restore\n",
           before.present / PAGES_PER_MIB, size >> 20, after.present / PAGES_PER_MIB);
    assert_in_range(size >> 20, before.present / PAGES_PER_MIB - 8,
                    before.present / PAGES_PER_MIB + 24);
    assert_in_range(after.present, before.present - 8 * PAGES_PER_MIB,
                    before.present + 24 * PAGES_PER_MIB);
    assert_int_equal(after.present + after.absent, before.present + before.absent);
    assert_int_equal(after.promised, after.absent);
    assert_int_equal(core_violations(), 0);
    run_ok("cleave shutdown -w saved");
    AWAIT(guests() == 0, 20);
}

/* Its disk and its network use pages that are not there; those who save it wait for them. */
static void a_guest_that_is_half_paged_out_counts_on(void **state)
{
    long before;

    (void)state;
    need_cleave();
    start(4);
    before = counted("saved");
    run_ok("cleave mem set saved memory_paging=1");
    run_ok("cleave mem page-out saved 88");
    assert_true(number_in(run_ok("cleave mem show saved --json")->out, "paged_kib") > 44 * 1024);
    await_counting("saved", before);
    assert_disk_is_read("saved");
    run_ok("ping -c 3 10.0.0.2");
    run_ok("cleave mem page-out saved 32");
    before = counted("saved");
    run_ok("cleave save saved " STATE);
    assert_nothing_left();
    run_ok("cleave restore " STATE);
    await_counting("saved", before);
    assert_disk_is_read("saved");
    assert_int_equal(core_violations(), 0);
    run_ok("cleave shutdown -w saved");
    AWAIT(guests() == 0, 20);
}

static void four_vcpus_count_on(void **state)
{
    (void)state;
    save_and_restore(4);
}

/* A disk that was attached while the guest ran belongs to what is saved, by either tool. */
static void what_was_attached_is_saved(void **state)
{
    long before;

    (void)state;
    start(1);
    run_ok("truncate -s 1M /tmp/vm/more; cleave device-attach saved disk /tmp/vm/more,raw,xvdc,r");
    run_ok("cleave save saved " STATE);
    before = counted("saved");
    run_ok("cleave restore " STATE "; rm " STATE);
    await_counting("saved", before);
    AWAIT(strstr(run_ok("xl block-list saved")->out, "51744 0   "), 10);
    run_ok("xl save saved " STATE);
    assert_nothing_left();
    before = counted("saved");
    run_ok("xl restore " STATE);
    await_counting("saved", before);
    assert_disk_is_read("saved");
    assert_non_null(strstr(run_ok("xl block-list saved")->out, "51744 0   "));
    run_ok("cleave device-detach saved xvdc");
    run_ok("cleave destroy saved");
    assert_nothing_left();
}

static void another_name_is_another_vm(void **state)
{
    long before;

    (void)state;
    start(1);
    run_ok("cleave save saved " STATE);
    before = counted("saved");
    run_ok("cleave restore --name other " STATE);
    assert_int_equal(domid_of("saved"), -1);
    await_counting("other", 0);
    assert_true(counted("other") > before);
    assert_disk_is_read("other");
    run_ok("ping -c 3 10.0.0.2");
    run_ok("cleave destroy other");
}

static void failures_leave_the_guest_running(void **state)
{
    long before;

    (void)state;
    start(1);
    run_ok("mkdir /tmp/vm/small && mount -t tmpfs -o size=20m none /tmp/vm/small");
    assert_refused(run("cleave save saved /tmp/vm/small/state"), "saved|MiB|space");
    assert_string_equal(run_ok("ls /tmp/vm/small; umount /tmp/vm/small")->out, "");
    assert_int_equal(run("cleave save saved /nowhere/state")->status, 3);
    run_ok("touch " STATE);
    assert_refused(run("cleave save saved " STATE), "exists");
    run_ok("rm " STATE);
    /* in the middle of its memory: it has been suspended, and goes on as if it had not been */
    before = counted("saved");
    run_ok("cleave save saved " STATE " 2>/tmp/vm/error & save=$!; until [ $(stat -c %%s " STATE
           ".part 2>/dev/null || echo 0) -gt 1000000 ]; do sleep 0.1; done; kill -TERM $save; "
           "! wait $save");
    assert_words(run_ok("cat /tmp/vm/error")->out, "interrupted|runs on");
    assert_int_equal(access(STATE, F_OK), -1);
    assert_int_equal(access(STATE ".part", F_OK), -1);
    await_counting("saved", before);
    assert_disk_is_read("saved");
    run_ok("ping -c 3 10.0.0.2");
    /* killed at the same place: cleaved lets the guest run on */
    before = counted("saved");
    run("cleave save saved " STATE " & save=$!; until [ $(stat -c %%s " STATE
        ".part 2>/dev/null || echo 0) -gt 1000000 ]; do sleep 0.1; done; kill -KILL $save; wait");
    await_counting("saved", before);
    AWAIT(access(STATE ".part", F_OK) < 0, 10);
    run_ok("cleave shutdown -w saved");
    AWAIT(guests() == 0, 20);
}

/* Changes one byte of the file, at this place, and puts it right again. */
static void assert_damage_is_found(const char *place, const char *words)
{
    run_ok("size=$(stat -c %%s " STATE "); echo $((%s)) >/tmp/vm/place", place);
    run_ok("dd if=" STATE " of=/tmp/vm/byte bs=1 count=1 skip=$(cat /tmp/vm/place)");
    run_ok("tr '\\000-\\377' '\\001-\\377\\000' </tmp/vm/byte | "
           "dd of=" STATE " bs=1 conv=notrunc seek=$(cat /tmp/vm/place)");
    assert_refused(run("cleave restore " STATE), words);
    assert_int_equal(guests(), 0);
    run_ok("dd if=/tmp/vm/byte of=" STATE " bs=1 conv=notrunc seek=$(cat /tmp/vm/place)");
}

static void a_damaged_file_builds_nothing(void **state)
{
    (void)state;
    start(1);
    run_ok("cleave save saved " STATE);
    assert_damage_is_found("0", "not written by");
    assert_damage_is_found("41", "damaged|header");
    assert_damage_is_found("300", "damaged|VM file");
    assert_damage_is_found("size / 2", "damaged|guest's state");
    assert_damage_is_found("size - 1", "damaged|trailer");
    run_ok("truncate -s 30M " STATE);
    assert_refused(run("cleave restore " STATE), "truncated");
    assert_int_equal(run("cleave restore /guests/debian-vmlinuz")->status, 2);
    assert_int_equal(run("cleave restore /nowhere")->status, 3);
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(one_vcpu_counts_on),
    SYSTEM_TEST(what_was_not_touched_is_not_saved),
    SYSTEM_TEST(a_guest_that_is_half_paged_out_counts_on),
    SYSTEM_TEST(four_vcpus_count_on),
    SYSTEM_TEST(what_was_attached_is_saved),
    SYSTEM_TEST(another_name_is_another_vm),
    SYSTEM_TEST(failures_leave_the_guest_running),
    SYSTEM_TEST(a_damaged_file_builds_nothing),
};

const struct group group_saving = GROUP("saving", tests);
