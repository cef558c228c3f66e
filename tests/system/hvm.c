/* SPDX-License-Identifier: MIT */
/*
 * Unmodified machines: Debian from a disk that GRUB boots by a BIOS, with Debian's own xl,
 * hvmloader, SeaBIOS and QEMU (tests/hvm). One kernel runs without any knowledge of Xen (xen_nopv),
 * the other with Xen's drivers. The test types at the first serial port. Runs on a machine of its
 * own (build.mk), which has QEMU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>

#include <xen/hvm/ioreq.h>
#include <xen/memory.h>

#include "system.h"

#define BOOT_S 180
#define ANSWER_S 60
#define SERIAL "/tmp/vm/serial"
#define UP "debian guest: up"

static char said[65536];

/* What the guest has written to its serial port since await_domain(). */
static const char *serial(void)
{
    FILE *file = fopen(SERIAL, "r");
    size_t n = 0;

    if (file) {
        n = fread(said, 1, sizeof(said) - 1, file);
        fclose(file);
    }
    for (size_t i = 0; i < n; i++)
        if (!said[i])
            said[i] = '?';
    said[n] = '\0';
    return said;
}

/* Follows the serial port of the domain, if xl has got it from QEMU. */
static bool follow(int domid)
{
    const struct run *tty = run("xenstore-read /local/domain/%d/serial/0/tty", domid);

    if (tty->status || strncmp(tty->out, "/dev/pts/", strlen("/dev/pts/")) != 0)
        return false;
    run_ok("killall cat; t=%.*s; stty -F $t raw -echo && "
           "{ cat $t >" SERIAL " 2>/dev/null & }; ln -sf $t /tmp/vm/tty",
           (int)strcspn(tty->out, "\n"), tty->out);
    return true;
}

/* Waits for a domain of this name with an id above `after`. */
static int await_domain(const char *name, int after)
{
    int domid = -1;

    for (int s = 0; s < ANSWER_S * PATIENCE; s++) {
        domid = domid_of(name);
        if (domid > after && follow(domid))
            return domid;
        pause_ms(1000);
    }
    fail_msg("%s has no domain after %d, or no serial port: %d", name, after, domid);
    return -1;
}

/* The end of what the guest has said: cmocka's messages are short. The machine's log gets all. */
static void fail_with_serial(const char *name, const char *problem, const char *words)
{
    size_t n = strlen(serial());

    run("{ tr -d '\\033' <" SERIAL "; tail -n 40 /var/log/xen/*.log; xl list; } >/dev/console");
    fail_msg("%s %s \"%s\"; it said:\n%s", name, problem, words, said + (n > 600 ? n - 600 : 0));
}

/* What asks for a domain is slow, and takes its CPU from QEMU: hence rarely. */
static void await_serial(const char *name, const char *words, long seconds)
{
    for (long steps = seconds * PATIENCE * 10; !strstr(serial(), words); steps--) {
        if (steps == 0)
            fail_with_serial(name, "has not said in time:", words);
        if (steps % 100 == 0 && domid_of(name) < 0)
            fail_with_serial(name, "has ended instead of saying", words);
        pause_ms(100);
    }
}

/* Types a command line, and waits until the guest has printed the words. */
static void type(const char *name, const char *line, const char *words)
{
    FILE *tty = fopen("/tmp/vm/tty", "w");

    assert_non_null(tty);
    fprintf(tty, "%s\r", line);
    fclose(tty);
    if (words)
        await_serial(name, words, ANSWER_S);
}

static void describe(const char *name, const char *image, unsigned int vcpus, const char *more)
{
    FILE *file = fopen("/tmp/vm/pc.cfg", "w");

    assert_non_null(file);
    fprintf(file,
            "type = 'hvm'\nname = '%s'\nmemory = 128\nvcpus = %u\n"
            "vga = 'stdvga'\nvnc = 0\nnographic = 1\ntsc_mode = 'native'\n"
            "serial = 'pty'\nhdtype = 'ahci'\ndisk = ['%s,raw,hda,w']\n%s\n",
            name, vcpus, image, more);
    fclose(file);
}

static int start(const char *name)
{
    int before = domid_of(name);

    run_ok("xl create /tmp/vm/pc.cfg");
    return await_domain(name, before);
}

static bool is_gone(int domid)
{
    return run("xenstore-exists /local/domain/%d", domid)->status != 0;
}

/* Guest and dom0 see the same disk, and what the guest writes at its end. */
static void read_and_write(const char *name, const char *disk)
{
    char line[200], before[40], after[40];

    snprintf(before, sizeof(before), "%.32s", run_ok("md5sum </mnt/%s.img", name)->out);
    /* the kernel looks for disks while its user space runs */
    snprintf(line, sizeof(line), "until [ -b /dev/%s ]; do sleep 1; done; md5sum </dev/%s", disk,
             disk);
    type(name, line, before);
    snprintf(line, sizeof(line),
             "dd if=/dev/urandom of=/dev/%s bs=64k count=16 conv=fsync "
             "seek=$(($(cat /sys/block/%s/size) / 128 - 16)); echo dd$((3 + 4))-$?",
             disk, disk);
    type(name, line, "dd7-0");
    snprintf(after, sizeof(after), "%.32s", run_ok("md5sum </mnt/%s.img", name)->out);
    assert_string_not_equal(after, before);
    snprintf(line, sizeof(line), "echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/%s", disk);
    type(name, line, after);
}

/* The guest and dom0 reach each other. */
static void use_network(const char *name)
{
    type(name,
         "ip addr add 10.0.0.9/24 dev eth0; ip link set eth0 up; "
         "until ping -c 1 -W 5 10.0.0.1; do sleep 1; done; echo net$((3 + 4))",
         "net7");
    run_ok("ping -c 3 10.0.0.9");
}

static void a_bare_machine_boots_and_reboots(void **state)
{
    int domid;

    (void)state;
    describe("bare", "/mnt/bare.img", 1,
             "xen_platform_pci = 0\nvif = ['model=e1000,bridge=xenbr0']");
    domid = start("bare");
    await_serial("bare", UP, BOOT_S);
    read_and_write("bare", "sda"); /* by AHCI's message interrupts */
    use_network("bare");           /* by a line */
    type("bare", "cat /sys/hypervisor/type; echo no$((3 + 4))xen", "no7xen");
    assert_non_null(strstr(serial(), "No such file")); /* Linux has not found Xen */
    type("bare", "reboot", NULL);
    AWAIT(is_gone(domid), ANSWER_S);
    domid = await_domain("bare", domid);
    await_serial("bare", "GRUB", BOOT_S);
    run_ok("xl destroy bare");
    AWAIT(is_gone(domid), ANSWER_S);
}

static void a_machine_with_xens_drivers_is_turned_off_by_its_button(void **state)
{
    int domid;

    (void)state;
    describe("pv", "/mnt/pv.img", 2, "vif = ['bridge=xenbr0']");
    domid = start("pv");
    await_serial("pv", UP ", 2 vCPUs", BOOT_S);
    type("pv", "cat /sys/hypervisor/type; echo a$((3 + 4))b", "a7b");
    assert_non_null(strstr(serial(), "xen\r\n"));
    /* the kernel has unplugged the emulated card; QEMU 7.2 leaves AHCI disks */
    read_and_write("pv", "xvda");
    use_network("pv");
    type("pv", "ls -l /sys/class/net/eth*/device/driver; ls /sys/class/net; echo b$((3 + 4))c",
         "b7c");
    assert_non_null(strstr(serial(), "bus/xen/drivers/vif"));
    assert_null(strstr(serial(), "eth1"));
    run_ok("xl trigger pv power");
    AWAIT(is_gone(domid), ANSWER_S);
    AWAIT(domid_of("pv") < 0, ANSWER_S);
}

/* --- device models that misbehave --- */

/* A device model of this test, which takes the guest's serial port from QEMU. */
static struct {
    xendevicemodel_handle *model;
    xenforeignmemory_handle *memory;
    xenforeignmemory_resource_handle *page;
    xenevtchn_handle *events;
    struct ioreq *slot; /* of vcpu 0 */
    ioservid_t id;
} own;

static void take_serial(int domid)
{
    void *page = NULL;

    own.model = xendevicemodel_open(NULL, 0);
    own.memory = xenforeignmemory_open(NULL, 0);
    own.events = xenevtchn_open(NULL, 0);
    assert_true(own.model && own.memory && own.events);
    assert_int_equal(xendevicemodel_create_ioreq_server(own.model, (domid_t)domid, 0, &own.id), 0);
    own.page = xenforeignmemory_map_resource(own.memory, (domid_t)domid,
                                             XENMEM_resource_ioreq_server, own.id,
                                             XENMEM_resource_ioreq_server_frame_ioreq(0), 1, &page,
                                             PROT_READ | PROT_WRITE, 0);
    assert_non_null(own.page);
    own.slot = page;
    assert_int_equal(xendevicemodel_map_io_range_to_ioreq_server(own.model, (domid_t)domid, own.id,
                                                                 0, 0x3f8, 0x3ff),
                     0);
    assert_int_equal(xendevicemodel_set_ioreq_server_state(own.model, (domid_t)domid, own.id, 1),
                     0);
    AWAIT(((volatile struct ioreq *)own.slot)->state == STATE_IOREQ_READY, ANSWER_S);
}

static void give_serial_back(int domid)
{
    xenforeignmemory_unmap_resource(own.memory, own.page);
    if (domid >= 0)
        assert_int_equal(xendevicemodel_destroy_ioreq_server(own.model, (domid_t)domid, own.id), 0);
    xenevtchn_close(own.events);
    xenforeignmemory_close(own.memory);
    xendevicemodel_close(own.model);
}

/* Its vcpu waits for an answer that does not come; nobody else notices. */
static void device_models_that_die_or_lie_take_only_their_machine(void **state)
{
    size_t heard;
    int domid;

    (void)state;
    describe("dead", "/mnt/bare.img", 1, "xen_platform_pci = 0\non_crash = 'destroy'");
    domid = start("dead");
    await_serial("dead", "GRUB", BOOT_S);
    take_serial(domid); /* of two, the later one gets it; it does not answer, and ends */
    run_ok("cleave create /guests/hello.cfg");
    await_said("hello", "hello: beat", ANSWER_S);
    assert_int_equal(((volatile struct ioreq *)own.slot)->state, STATE_IOREQ_READY);
    heard = strlen(serial());
    give_serial_back(domid);
    AWAIT(strlen(serial()) > heard, ANSWER_S); /* QEMU has it again */
    take_serial(domid);
    int port = xenevtchn_bind_interdomain(own.events, (uint32_t)domid, own.slot->vp_eport);
    assert_true(port > 0);
    own.slot->state = 9;
    assert_int_equal(xenevtchn_notify(own.events, (evtchn_port_t)port), 0);
    AWAIT(is_gone(domid), ANSWER_S);
    give_serial_back(-1);
    if (on_cleave())
        assert_words(run_ok("cleave dmesg | tail -n 30")->out, "a state that does not exist");
    run_ok("cleave destroy hello");

    domid = start("dead");
    await_serial("dead", "GRUB", BOOT_S);
    run_ok("kill -9 $(xenstore-read /local/domain/%d/image/device-model-pid)", domid);
    run_ok("cleave create /guests/hello.cfg");
    await_said("hello", "hello: beat", ANSWER_S);
    assert_false(is_gone(domid));
    run_ok("xl destroy dead");
    AWAIT(domid_of("dead") < 0, ANSWER_S);
    run_ok("cleave destroy hello");
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(a_bare_machine_boots_and_reboots),
    SYSTEM_TEST(a_machine_with_xens_drivers_is_turned_off_by_its_button),
    SYSTEM_TEST(device_models_that_die_or_lie_take_only_their_machine),
};
const struct group group_hvm = GROUP("hvm", tests);
