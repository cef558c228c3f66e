/* SPDX-License-Identifier: MIT */
/*
 * cleave new: a VM from an image, with the kernel that is in it, a larger disk and a seed. What is
 * refused, interrupted or killed leaves nothing. The image is made here: an ext file system with
 * the files of the Debian guest. Next to read: ../tools/new_test.c, dom0-tools/cleave/new.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system.h"

#define BOOT_S 120
#define IMAGES "/var/lib/cleave/images"
#define NEW "cleave new web --image /tmp/vm/image --ssh-key /tmp/vm/key.pub --memory 128 "

/*
 * Makes an image of 48 MiB with a kernel, its initrd and a root file system. Guests that were
 * destroyed leave a journal on the disk, which is not needed.
 */
static void make_image(void)
{
    run_ok("modprobe ext4; mkdir -p /tmp/vm/from /tmp/vm/to; rm -f /tmp/vm/image; "
           "truncate -s 48M /tmp/vm/image && mke2fs -F /tmp/vm/image && "
           "mount -t ext4 -o loop,ro,noload /guests/debian-disk /tmp/vm/from && "
           "mount -t ext2 -o loop /tmp/vm/image /tmp/vm/to");
    run_ok("cp -a /tmp/vm/from/. /tmp/vm/to && mkdir -p /tmp/vm/to/etc /tmp/vm/to/boot && "
           "cp /guests/debian-vmlinuz /tmp/vm/to/boot/vmlinuz-1.10 && "
           "cp /guests/debian-initrd /tmp/vm/to/boot/initrd.img-1.10 && "
           "echo none >/tmp/vm/to/boot/vmlinuz-1.9; sync");
    run_ok("umount /tmp/vm/to && umount /tmp/vm/from");
    run_ok("echo 'ssh-ed25519 AAAAC3Nza root@dom0' >/tmp/vm/key.pub");
}

/* That neither files nor VMs are left. */
static void assert_nothing_left(void)
{
    assert_string_equal(run("ls -A " IMAGES)->out, "");
    assert_null(strstr(run_ok("cleave list")->out, "web"));
}

static int end(void **state)
{
    run("for vm in web second; do cleave destroy $vm; cleave undefine $vm; done; rm -rf " IMAGES);
    return test_end(state);
}

static void an_image_becomes_a_vm(void **state)
{
    const char *json;

    (void)state;
    make_image();
    json = run_ok(NEW "--disk-size 96 --dry-run --json")->out;
    assert_json(json, "new");
    assert_words(json, "\"boot\": \"kernel\"|\"disk_bytes\": 100663296|\"memory_kib\": 131072");
    assert_words(run_ok(NEW "--dry-run")->out, "/boot/vmlinuz-1.10|48 MiB, 48 of the image");
    assert_nothing_left();
    json = run_ok(NEW
                  "--disk-size 96 --json 'extra=ro console=hvc0 rdinit=/init run=\"cat "
                  "/sys/block/xvda/size; grep -a -c ed25519 /dev/xvdb; cat /boot/vmlinuz-1.9\"'")
               ->out;
    assert_json(json, "new");
    assert_words(json, "\"folder\": \"" IMAGES "/web\"|\"mac\": \"00:16:3e:");
    await_said("web", "the command has ended with status 0", BOOT_S);
    assert_words(console_log("web"), "\n196608\r\n1\r\nnone");
    run_ok("cmp -n 1000000 /guests/debian-vmlinuz " IMAGES "/web/vmlinuz");
    run_ok("cleave store check");
    /* it is a VM like others that are defined, and its disk is its own */
    run_ok("rm /tmp/vm/image && cleave destroy web && cleave start web");
    assert_true(domid_of("web") > 0);
}

static void what_is_refused_leaves_nothing(void **state)
{
    static const struct {
        const char *options;
        int status;
        const char *words;
    } cases[] = {
        { "--memory 9000000", 5, "MiB" },
        { "--bridge nobridge", 3, "nobridge" },
        { "--disk-size 10", 2, "48 MiB already|can only grow" },
        { "--kernel /nothing", 3, "/nothing" },
        { "--kernel /etc/passwd --hvm", 2, "mutually exclusive" },
        { "--ramdisk /tmp/vm/image", 2, "--kernel, which is missing" },
        { "vif=[]", 2, "use --bridge" },
        { "disk=[]", 2, "decides that itself" },
        { "memory_min=100000", 2, "memory_min" },
        { "--cpu-mhz 99999", 6, "99999 MHz" },
    };

    (void)state;
    make_image();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct run *refused = run(NEW "%s", cases[i].options);

        assert_refused(refused, cases[i].words);
        if (refused->status != cases[i].status)
            fail_msg("%s: status %d: %s", cases[i].options, refused->status, refused->err);
        assert_nothing_left();
    }
    assert_refused(run("cleave new web --image /tmp/vm/image"), "--ssh-key is missing");
    assert_refused(run("cleave new web --image /tmp/vm/key.pub --ssh-key /tmp/vm/key.pub"),
                   "too small for a disk");
    run_ok("cleave define /guests/hello.cfg name=web");
    assert_int_equal(run(NEW)->status, 4);
    run_ok("cleave undefine web");
    assert_nothing_left();
}

/* What the guest writes is in the copy, and the template's own disk is not touched any more. */
static void a_stopped_vm_is_a_template(void **state)
{
    const char *json;

    (void)state;
    make_image();
    run_ok(NEW "'extra=ro console=hvc0 rdinit=/init run=\"mount -o remount,rw /; hostname "
               "$(grep -a -o local-hostname.* /dev/xvdb | cut -d: -f2 | tr -cd a-z); "
               "echo by $(hostname) >>/mark; sync; cat /mark\"'");
    await_said("web", "the command has ended with status 0", BOOT_S);
    assert_words(console_log("web"), "\nby web\r\n");
    assert_refused(run("cleave new second --template web"),
                   "--template web: it is running|shutdown");
    run_ok("cleave destroy web");
    assert_refused(run("cleave new second --template web --disk-size 47"), "48 MiB already");
    assert_refused(run("cleave new second --template web --image /tmp/vm/image"), "exclusive");
    assert_refused(run("cleave new second --template nobody"), "no VM of cleave");
    json = run_ok("cleave new second --template web --memory 144 --disk-size 64 --json")->out;
    assert_json(json, "new");
    assert_words(json, "\"disk_bytes\": 67108864|00:16:3e:");
    /* its own files, its own name, and the template's is free to start */
    await_said("second", "the command has ended with status 0", BOOT_S);
    assert_words(console_log("second"), "\nby web\r\nby second\r\n");
    run_ok("cleave start web");
    await_said("web", "by web\r\nby web\r\n", BOOT_S);
    assert_words(run_ok(
                     "grep -h -e '^kernel' -e '^memory' /var/lib/cleave/vms/$(cleave list second "
                     "--json | sed -n 's/.*\"uuid\": \"\\(.*\\)\".*/\\1/p')/config")
                     ->out,
                 IMAGES "/second/vmlinuz|memory = 144");
    run_ok("cleave store check");
    run_ok("cleave destroy second && cleave undefine second");
}

/* An image whose kernel cannot be found is started by its own boot loader. */
static void without_a_kernel_it_is_a_pc(void **state)
{
    const struct run *pc;

    (void)state;
    run_ok("mkdir -p /tmp/vm; truncate -s 16M /tmp/vm/image; mke2fs -F /tmp/vm/image; "
           "echo 'ssh-rsa AAAA' >/tmp/vm/key.pub");
    pc = run(NEW "--dry-run --json");
    assert_int_equal(pc->status, 0);
    assert_json(pc->out, "new");
    assert_words(pc->out, "\"boot\": \"firmware\"");
    assert_words(pc->err, "note: web: no /boot/vmlinuz-VERSION is on it|a PC");
    assert_nothing_left();
}

/* Interrupted at any moment, it leaves no VM; killed, nothing that the next one does not settle. */
static void who_is_stopped_leaves_nothing(void **state)
{
    (void)state;
    make_image();
    for (int step = 0; step < 12; step++) {
        const char *signal = step % 2 ? "TERM" : "KILL";
        const char *state_now;

        run("sh -c '" NEW ">/dev/null 2>&1 & sleep 0.%02d; kill -%s $!; wait'", step * 8, signal);
        run_ok("cleave new other --image /tmp/vm/image --ssh-key /tmp/vm/key.pub --memory 128 "
               "--dry-run");
        assert_string_equal(run("ls " IMAGES " | grep part")->out, "");
        AWAIT(strcmp(state_now = state_of("web"), "building") != 0, 60);
        /* the folder and the VM are there, or neither */
        if ((access(IMAGES "/web/seed.iso", F_OK) == 0) != (*state_now != '\0'))
            fail_msg("%s after 0.%02d s: VM \"%s\", but folder: %s", signal, step * 8, state_now,
                     run("ls " IMAGES)->out);
        run("cleave destroy web; cleave undefine web; rm -rf " IMAGES "/web");
    }
}

#define NEW_TEST(function) \
    { \
#function, function, test_begin, end, NULL \
    }

static const struct CMUnitTest tests[] = {
    NEW_TEST(an_image_becomes_a_vm),          NEW_TEST(a_stopped_vm_is_a_template),
    NEW_TEST(what_is_refused_leaves_nothing), NEW_TEST(without_a_kernel_it_is_a_pc),
    NEW_TEST(who_is_stopped_leaves_nothing),
};

const struct group group_new = GROUP("new", tests);
