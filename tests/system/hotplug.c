/* SPDX-License-Identifier: MIT */
/*
 * Disks and network interfaces attached and detached while a guest runs, by cleave and by xl, of
 * VMs of either. Debian's guest prints each second which devices it has, and the checksum of the
 * one disk. It reads that in another process: a read of a disk that is taken away by force never
 * ends. Guests that do not follow: one without drivers, a paused one, and a tiny one whose front
 * end the test plays by the store. Next to read: pv.c, ../../dom0-tools/libcleave/hotplug.c.
 */
#include <stdio.h>
#include <string.h>

#include "cleave-schema.h"
#include "report.h"
#include "system.h"

#define BOOT_S 180
#define FOLLOW_S 30
#define XVDB 51728u

/* Starts the guest, which brings up eth1 as soon as it has one. */
static void start(const char *tool)
{
    FILE *file = fopen("/tmp/vm/plug.cfg", "w");

    assert_non_null(file);
    fprintf(
        file,
        "type = 'pvh'\nname = 'plug'\nmemory = 128\nvcpus = 2\n"
        "kernel = '/guests/debian-vmlinuz'\nramdisk = '/guests/debian-initrd'\n"
        "root = '/dev/xvda'\ndisk = ['/guests/debian-disk,raw,xvda,rw']\n"
        "vif = ['bridge=xenbr0']\nextra = 'console=hvc0 rdinit=/init run=\"while sleep 1; do "
        "s=none; if [ ! -b /dev/xvdb ]; then rm -f /dev/sum; else s=$(cat /dev/sum 2>/dev/null); "
        "[ -e /dev/busy ] || { touch /dev/busy; (dd if=/dev/xvdb bs=64k count=4 iflag=direct "
        "2>/dev/null | md5sum >/dev/sum; rm /dev/busy) & } fi; "
        "[ ! -e /sys/class/net/eth1 ] || { ip link set eth1 up; ip "
        "addr replace 10.0.0.2/24 dev eth1; }; echo has $(cd /dev; echo xvd*) $(cd "
        "/sys/class/net; echo eth*) ${s%% *}; done\"'\n");
    fclose(file);
    run_ok("dd if=/dev/urandom of=/tmp/vm/data bs=64k count=4");
    run_ok("truncate -s 1M /tmp/vm/more");
    run_ok("%s create /tmp/vm/plug.cfg", tool);
    await_said("plug", "\nhas ", BOOT_S);
}

/* Whether the last complete line that the guest printed is this one. */
static bool has(const char *devices)
{
    char line[160];

    snprintf(line, sizeof(line), "has %s", devices);
    return strncmp(run("grep -a '^has ' /var/log/xen/console/guest-plug.log | tail -n 1")->out,
                   line, strlen(line)) == 0;
}

static const char *checksum(const char *path)
{
    static char sum[33];

    snprintf(sum, sizeof(sum), "%.32s", run_ok("md5sum <%s", path)->out);
    return sum;
}

/* Loop devices in use, and interfaces on the bridge. */
static int loops(void)
{
    return (int)number_in(run_ok("echo '\"n\":' $(losetup -a | wc -l)")->out, "n");
}

static int bridged(void)
{
    return (int)number_in(run_ok("echo '\"n\":' $(ls /sys/class/net/xenbr0/brif | wc -l)")->out,
                          "n");
}

static void attach_and_detach(const char *tool)
{
    char devices[128];

    start(tool);
    assert_json(run_ok("cleave device-attach plug disk /tmp/vm/data,raw,xvdb,rw --json")->out,
                "device-attach");
    assert_json(run_ok("cleave device-attach plug vif --json")->out, "device-attach");
    snprintf(devices, sizeof(devices), "xvda xvdb eth0 eth1 %s", checksum("/tmp/vm/data"));
    AWAIT(has(devices), FOLLOW_S);
    AWAIT(run("ping -c 1 -W 1 10.0.0.2")->status == 0, FOLLOW_S);
    run_ok("cleave store check");
    assert_string_equal(run("cleave diff plug /tmp/vm/plug.cfg")->out,
                        "disk xvdb    VM: w                        file: none\n"
                        "vif 1        VM: xenbr0                   file: none\n");
    assert_non_null(strstr(run_ok("xl block-list plug")->out, "51728"));
    assert_words(run_ok("xl list -l plug")->out, "/tmp/vm/data|\"vdev\": \"xvdb\"|\"devid\": 1");
    assert_json(run_ok("cleave device-detach plug xvdb --json")->out, "device-detach");
    run_ok("%s plug 1", strcmp(tool, "xl") == 0 ? "xl network-detach" : "cleave device-detach");
    AWAIT(has("xvda eth0 none"), FOLLOW_S);
    assert_null(strstr(run_ok("xl list -l plug")->out, "\"vdev\": \"xvdb\""));
    AWAIT(loops() == 1 && bridged() == 1, 10);
    run_ok("cleave store check");
    run_ok("%s destroy plug", tool);
    AWAIT(guests() == 0, 20);
}

static void a_guest_of_cleave_follows(void **state)
{
    (void)state;
    attach_and_detach("cleave");
    assert_words(events_of("plug"), "\"attached\"|disk xvdb: /tmp/vm/data|vif 1|\"detached\"");
}

static void a_guest_of_xl_follows(void **state)
{
    (void)state;
    attach_and_detach("xl");
}

/* Whichever tool attaches or detaches: the next domain of the VM has the devices of the last. */
static void devices_survive_reboots(void **state)
{
    int domid;

    (void)state;
    start("cleave");
    domid = domid_of("plug");
    run_ok("cleave device-attach plug disk vdev=xvdb access=rw target=/tmp/vm/data");
    run_ok("xl block-attach plug /tmp/vm/more,raw,xvdc,r");
    run_ok("xl network-attach plug mac=00:16:3e:01:02:03");
    AWAIT(has("xvda xvdb xvdc eth0 eth1"), FOLLOW_S);
    run_ok("rm /var/log/xen/console/guest-plug.log; cleave reboot plug");
    assert_true(domid_of("plug") > domid);
    AWAIT(has("xvda xvdb xvdc eth0 eth1"), BOOT_S);
    assert_non_null(strstr(run_ok("xl network-list plug")->out, "00:16:3e:01:02:03"));
    assert_int_equal(run("cleave device-attach plug vif mac=00:16:3E:01:02:03")->status,
                     REPORT_STATE);
    run_ok("xl block-detach plug xvdc");
    run_ok("cleave device-detach plug 00:16:3E:01:02:03");
    run_ok("rm /var/log/xen/console/guest-plug.log; cleave reboot plug");
    AWAIT(has("xvda xvdb eth0"), BOOT_S);
    assert_null(strstr(run_ok("xl block-list plug")->out, "51744"));
    run_ok("cleave shutdown plug");
    AWAIT(loops() == 0 && bridged() == 0, 10);
}

/* xl's own process builds its VM again, by libxl's record. */
static void devices_survive_a_reboot_by_xl(void **state)
{
    int domid;

    (void)state;
    start("xl");
    domid = domid_of("plug");
    run_ok("cleave device-attach plug disk /tmp/vm/data,raw,xvdb,rw");
    AWAIT(has("xvda xvdb eth0"), FOLLOW_S);
    run_ok("rm /var/log/xen/console/guest-plug.log; xl reboot plug");
    AWAIT(domid_of("plug") > domid, 60);
    AWAIT(has("xvda xvdb eth0"), BOOT_S);
    run_ok("cleave destroy plug");
    assert_string_equal(run("ls /var/lib/xen | grep -v userdata-d.0.")->out, "");
    AWAIT(loops() == 0 && bridged() == 0, 10);
}

/* A disk with a file system goes through the guest's hands: dom0 reads what the guest wrote. */
static void a_defined_vm_keeps_its_devices(void **state)
{
    (void)state;
    run_ok("truncate -s 1M /tmp/vm/data");
    run_ok("cleave define /guests/hello.cfg; cleave start hello");
    run_ok("cleave device-attach hello disk /tmp/vm/data,raw,xvdb,rw --no-wait");
    run_ok("cleave destroy hello; cleave start hello");
    assert_non_null(strstr(run_ok("xl block-list hello")->out, "51728"));
    run_ok("cleave device-detach hello xvdb");
    run_ok("cleave destroy hello; cleave start hello");
    assert_null(strstr(run_ok("xl block-list hello")->out, "51728"));
    run_ok("cleave destroy hello; cleave undefine hello");
}

static void wrong_requests_are_refused(void **state)
{
    static const struct {
        const char *arguments;
        int status;
        const char *words;
    } refusals[] = {
        { "device-attach nobody vif", REPORT_NOT_FOUND, "nobody" },
        { "device-attach 0 vif", REPORT_PERMISSION, "domain 0" },
        { "device-attach hello usb x", REPORT_USAGE, "usb|disk or vif" },
        { "device-attach hello disk", REPORT_USAGE, "which disk" },
        { "device-attach hello disk /tmp/vm/data,qcow2,xvdb", REPORT_USAGE, "only raw" },
        { "device-attach hello disk /tmp/vm/data,raw,hda", REPORT_USAGE, "xvda to xvdz" },
        { "device-attach hello disk /no/such,raw,xvdb", REPORT_NOT_FOUND, "/no/such" },
        { "device-attach hello disk /tmp/vm/data,raw,xvdb --timeout -1", REPORT_USAGE, "timeout" },
        { "device-attach hello disk /tmp/vm/more,raw,xvda", REPORT_STATE, "disk xvda already" },
        { "device-attach hello disk /tmp/vm/same,raw,xvdb", REPORT_STATE, "xvdb|another disk" },
        { "device-attach hello disk /tmp/vm/other,raw,xvdb", REPORT_STATE, "/tmp/vm/other|domain" },
        { "device-attach hello vif bridge=nobr", REPORT_NOT_FOUND, "nobr|ip link add" },
        { "device-attach hello vif devid=0", REPORT_STATE, "devid=0" },
        { "device-attach hello vif devid=99", REPORT_USAGE, "devid=99" },
        { "device-attach hello vif mac=00:16:3e:00:00:01", REPORT_STATE, "00:16:3e:00:00:01" },
        { "device-attach b vif", REPORT_STATE, "paused|--no-wait" },
        { "device-detach hello xvdb", REPORT_NOT_FOUND, "xvdb|xvda, vif 0" },
        { "device-detach hello 7", REPORT_NOT_FOUND, "7|xvda, vif 0" },
        { "device-detach hello 99999999999999", REPORT_NOT_FOUND, "xvda, vif 0" },
        { "device-detach hello 00:16:3e:00:00:09", REPORT_NOT_FOUND, "xvda, vif 0" },
        { "device-detach hello ''", REPORT_NOT_FOUND, "xvda, vif 0" },
        { "device-detach 0 xvda", REPORT_PERMISSION, "domain 0" },
    };

    (void)state;
    run_ok("truncate -s 1M /tmp/vm/data /tmp/vm/more /tmp/vm/other; ln /tmp/vm/data /tmp/vm/same");
    run_ok("cleave create /guests/hello.cfg \"disk=['/tmp/vm/data,raw,xvda,rw']\" "
           "\"vif=['mac=00:16:3e:00:00:01']\"");
    run_ok("cleave create -p /guests/hello.cfg name=b \"disk=['/tmp/vm/other,raw,xvda,rw']\"");
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct run *refused = run("cleave %s", refusals[i].arguments);

        assert_refused(refused, refusals[i].words);
        assert_int_equal(refused->status, refusals[i].status);
    }
    assert_int_equal(loops(), 2);
    assert_int_equal(bridged(), 1);
    run_ok("cleave destroy b; cleave destroy hello");
    assert_int_equal(run("cleave device-attach hello vif")->status, REPORT_NOT_FOUND);
}

/* What a paused guest is given it finds when it boots, and what it is not given it never sees. */
static void a_paused_guest_is_not_waited_for(void **state)
{
    (void)state;
    start("cleave");
    run_ok("cleave pause plug");
    run_ok("cleave device-attach plug disk /tmp/vm/data,raw,xvdb,rw --no-wait");
    run_ok("cleave unpause plug");
    AWAIT(has("xvda xvdb eth0"), FOLLOW_S);
    run_ok("cleave pause plug");
    assert_int_equal(run("cleave device-detach plug xvdb")->status, REPORT_STATE);
    run_ok("cleave device-detach plug xvdb --force");
    run_ok("cleave unpause plug");
    AWAIT(has("xvda eth0"), FOLLOW_S);
    /* Linux removes an interface when its nodes are gone, and a disk before */
    run_ok("cleave device-detach plug 0 --no-wait");
    assert_int_equal(run("cleave device-attach plug vif devid=0")->status, REPORT_STATE);
    run_ok("cleave device-detach plug 0");
    AWAIT(has("xvda eth*"), FOLLOW_S);
    run_ok("cleave device-attach plug vif");
    AWAIT(has("xvda eth0"), FOLLOW_S);
}

/* Nothing of the device remains in the store, in dom0, in libxl's record and in the VM's. */
static void assert_never_attached(const char *name)
{
    int domid = domid_of(name);

    assert_int_equal(loops(), 0);
    assert_int_equal(bridged(), 0);
    assert_int_equal(run("xenstore-exists /local/domain/0/backend/vbd/%d/%u", domid, XVDB)->status,
                     1);
    assert_int_equal(run("xenstore-exists /local/domain/%d/device/vbd/%u", domid, XVDB)->status, 1);
    assert_int_equal(run("xenstore-exists /libxl/%d/device/vbd/%u", domid, XVDB)->status, 1);
    assert_null(strstr(run_ok("xl list -l %s", name)->out, "xvdb"));
    /* the last line that sets the key counts */
    assert_null(strstr(run_ok("grep ^disk /var/lib/cleave/vms/*/config | tail -n 1")->out, "xvdb"));
}

static void a_guest_without_a_driver_gets_nothing(void **state)
{
    const struct run *late;

    (void)state;
    run_ok("truncate -s 1M /tmp/vm/data");
    run_ok("cleave create /guests/hello.cfg; cleave wait hello --for booted --timeout 60");
    late = run("cleave device-attach hello disk /tmp/vm/data,raw,xvdb,rw --timeout 1");
    assert_refused(late, "hello|no driver|within 1 s");
    assert_int_equal(late->status, REPORT_COOPERATION);
    assert_never_attached("hello");
    assert_int_equal(run("cleave device-attach hello vif --timeout 0")->status, REPORT_COOPERATION);
    assert_never_attached("hello");
    late = run("timeout -s INT 2 cleave device-attach hello disk /tmp/vm/data,raw,xvdb,rw");
    assert_words(late->err, "interrupted");
    assert_never_attached("hello");
}

static void write_states(int domid, int front, int back)
{
    run_ok("xenstore-write /local/domain/%d/device/vbd/%u/state %d "
           "/local/domain/0/backend/vbd/%d/%u/state %d",
           domid, XVDB, front, domid, XVDB, back);
}

/* A front end that does not react to the request keeps its disk, until the disk is taken away. */
static void a_guest_that_does_not_let_go_keeps_it(void **state)
{
    const struct run *late;
    int domid;

    (void)state;
    run_ok("truncate -s 1M /tmp/vm/data");
    run_ok("cleave create /guests/hello.cfg \"disk=['/tmp/vm/data,raw,xvdb,rw']\"");
    run_ok("cleave wait hello --for booted --timeout 60");
    domid = domid_of("hello");
    write_states(domid, 4, 4);
    late = run("cleave device-detach hello xvdb --timeout 1");
    assert_refused(late, "hello|xvdb|keeps it|--force");
    assert_int_equal(late->status, REPORT_COOPERATION);
    assert_string_equal(run_ok("xenstore-read /local/domain/0/backend/vbd/%d/%u/online "
                               "/local/domain/0/backend/vbd/%d/%u/state",
                               domid, XVDB, domid, XVDB)
                            ->out,
                        "1\n4\n");
    assert_int_equal(run("cleave device-attach hello disk /tmp/vm/data,raw,xvdb --no-wait")->status,
                     REPORT_STATE);
    write_states(domid, 5, 5);
    late = run("cleave device-detach hello xvdb --timeout 1");
    assert_refused(late, "letting go|wait again");
    assert_int_equal(late->status, REPORT_TIMEOUT);
    assert_words(run_ok("cleave device-detach hello xvdb --timeout 1 --force")->err,
                 "note|taken away");
    AWAIT(loops() == 0, 10);
    assert_never_attached("hello");
    run_ok("xenstore-rm /local/domain/0/error"); /* the back end found no ring */
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(a_guest_of_cleave_follows),
    SYSTEM_TEST(a_guest_of_xl_follows),
    SYSTEM_TEST(devices_survive_reboots),
    SYSTEM_TEST(devices_survive_a_reboot_by_xl),
    SYSTEM_TEST(a_defined_vm_keeps_its_devices),
    SYSTEM_TEST(wrong_requests_are_refused),
    SYSTEM_TEST(a_paused_guest_is_not_waited_for),
    SYSTEM_TEST(a_guest_without_a_driver_gets_nothing),
    SYSTEM_TEST(a_guest_that_does_not_let_go_keeps_it),
};

const struct group group_hotplug = GROUP("hotplug", tests);
