/* SPDX-License-Identifier: MIT */
/*
 * cleaved and what it must survive: kill -9 of itself and of cleave at any point, a kernel that is
 * gone, a guest in a reboot loop, a full disk. Nothing may be lost, and no name may stay in use.
 * dom0's init restarts cleaved after a second, unless /run/cleave/hold exists. Next to read:
 * dom0-tools/cleaved/README.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleave-schema.h"
#include "system.h"

#define HOME "/var/lib/cleave"

static long heartbeat(const char *name)
{
    int id = domid_of(name);

    return id < 0 ? -1 : store_number(SCHEMA_DATA_HEARTBEAT_PATH, id);
}

/* The phase in the record of the VM, or "". */
static const char *phase_of(const char *name)
{
    static char phase[32];
    const char *state = run("cat " HOME "/vms/$(readlink " HOME "/names/%s)/state", name)->out;
    const char *at = strstr(state, "\"phase\": \"");

    phase[0] = '\0';
    if (at)
        sscanf(at, "\"phase\": \"%31[^\"]", phase);
    return phase;
}

static bool is_phase(const char *name, const char *phase)
{
    return strcmp(phase_of(name), phase) == 0;
}

static bool is_known(const char *name)
{
    return run("test -L " HOME "/names/%s", name)->status == 0;
}

static bool console_tty(const char *name)
{
    return run("xenstore-exists /local/domain/%d/console/tty", domid_of(name))->status == 0;
}

/* No domain, no record, no name. */
static bool nothing_is_left(void)
{
    return guests() == 0 &&
           run("ls " HOME "/vms " HOME "/names | grep -v : | grep -q .")->status != 0;
}

static int end_released(void **state)
{
    run("rm -f /run/cleave/hold");
    return test_end(state);
}

/* Kills cleaved and its workers while a guest reboots: at once, and with growing delays. */
static void killed_during_reboots(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    for (int i = 0; i < 8; i++) {
        int id = domid_of("hello");

        AWAIT(heartbeat("hello") > 0, 30);
        /* the last one may not have been replaced yet */
        run_ok("cleave reboot --no-wait hello; sleep 0.%d;"
               " until kill -9 $(pidof cleaved) 2>/dev/null; do sleep 0.1; done",
               i * 12);
        assert_true(is_known("hello"));
        AWAIT(domid_of("hello") > id && guests() == 1, 60);
    }
    AWAIT(heartbeat("hello") > 0, 30);
    run_ok("cleave destroy hello");
    assert_true(nothing_is_left());
}

/* The next cleaved notices VMs that ended while none ran. */
static void ends_are_acted_on_later(void **state)
{
    const struct run *create;

    (void)state;
    hold_cleaved();
    create = run_ok("cleave create /guests/hello.cfg");
    assert_non_null(strstr(create->err, "cleaved does not run"));
    run_ok("cleave create /guests/hello.cfg name=other");
    AWAIT(heartbeat("hello") > 0 && heartbeat("other") > 0, 30);
    run_ok("cleave shutdown -w hello; cleave reboot -w other");
    assert_string_equal(state_of("hello"), "poweroff");
    release_cleaved();
    AWAIT(!is_known("hello"), 20);
    AWAIT(is_phase("other", "running") && heartbeat("other") > 0, 30);
    run_ok("cleave destroy other");
    assert_true(nothing_is_left());
}

/*
 * VMs are created, rebooted, shut down and destroyed all the time, and cleaved is killed at random
 * points. No verb fails, and none takes a name for ever. If no cleaved runs, shutdown is done when
 * the guest is off: the next cleaved frees its name.
 */
static void killed_at_random_points(void **state)
{
    unsigned int seed = (unsigned int)time(NULL);

    (void)state;
    printf("supervisor: SEED=%u\n", seed);
    run_ok("(until [ -e /tmp/vm/stop ]; do"
           " for do in 'create /guests/hello.cfg name=a' 'create /guests/hello.cfg name=b'"
           " 'reboot a' 'shutdown b' 'wait b --for gone' 'create -p /guests/hello.cfg name=b'"
           " 'destroy b' 'destroy a';"
           " do cleave $do >/dev/null 2>/tmp/vm/said || { echo \"$do: $?\"; cat /tmp/vm/said; };"
           " done; done;"
           " echo stopped) >/tmp/vm/failed 2>&1 &");
    for (int i = 0; i < rounds() / 10; i++) {
        pause_ms(rand_r(&seed) % 1500);
        /* the last one may not have been replaced yet */
        run_ok("until kill -9 $(pidof cleaved) 2>/dev/null; do sleep 0.1; done");
    }
    run_ok("touch /tmp/vm/stop");
    AWAIT(strstr(run("cat /tmp/vm/failed")->out, "stopped"), 120);
    assert_string_equal(run("cat /tmp/vm/failed")->out, "stopped\n");
    AWAIT(nothing_is_left(), 30);
}

/*
 * cleaved removes the leftovers of a killed create; the next create of the name does not wait for
 * it.
 */
static void killed_creates_are_swept(void **state)
{
    (void)state;
    for (int i = 0; i < 4 + rounds() / 50; i++) {
        run("cleave create -p /guests/debian.cfg & sleep 0.%d; kill -9 $!; wait $!", i % 6 + 2);
        /* or the build was complete */
        AWAIT(is_phase("debian", "running") || nothing_is_left(), 30);
        run("cleave destroy debian");
        assert_true(nothing_is_left());
        run_ok("cleave store check");
    }
    hold_cleaved();
    run("cleave create -p /guests/debian.cfg & sleep 0.6; kill -9 $!; wait $!");
    run("! cleave list debian || [ $(cat " HOME
        "/vms/*/state | grep -c running) = 0 ] || cleave destroy debian");
    run_ok("cleave create -p /guests/hello.cfg name=debian");
    assert_int_equal(guests(), 1);
    run_ok("cleave destroy debian");
    release_cleaved();
}

static void killed_destroys_are_finished(void **state)
{
    (void)state;
    for (int i = 0; i < 3 + rounds() / 50; i++) {
        run_ok("cleave create /guests/hello.cfg");
        run("cleave destroy hello & sleep 0.0%d; kill -9 $!; wait $!", i % 10);
        run("cleave destroy hello");
        AWAIT(nothing_is_left(), 30);
    }
}

/* The kernel is missing: the old domain and the name stay until it is back. */
static void reboot_without_a_kernel_is_tried_again(void **state)
{
    int id;

    (void)state;
    run_ok("cp /guests/hello.elf /tmp/vm/kernel;"
           "cleave create /guests/hello.cfg kernel=/tmp/vm/kernel");
    AWAIT(heartbeat("hello") > 0, 30);
    id = domid_of("hello");
    run_ok("mv /tmp/vm/kernel /tmp/vm/away; cleave reboot --no-wait hello");
    AWAIT(is_phase("hello", "waiting"), 30);
    assert_int_equal(domid_of("hello"), id);
    assert_non_null(strstr(events_of("hello"), "/tmp/vm/kernel"));
    assert_refused(run("cleave create /guests/hello.cfg"), "hello|in use");
    run_ok("mv /tmp/vm/away /tmp/vm/kernel");
    AWAIT(domid_of("hello") > id && is_phase("hello", "running"), 60);
    run_ok("mv /tmp/vm/kernel /tmp/vm/away; cleave reboot --no-wait hello");
    AWAIT(is_phase("hello", "waiting"), 30);
    run_ok("cleave destroy hello");
    assert_true(nothing_is_left());
}

/* No cleave command asked this guest to reboot. */
static void reboot_loop_is_bounded(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    /* dom0, whose id is 0, would follow as well */
    run_ok("(until [ -e /tmp/vm/stop ]; do for id in $(xenstore-list /local/domain); do"
           " [ $id = 0 ] ||"
           " [ \"$(xenstore-read /local/domain/$id/control/feature-reboot)\" != 1 ] ||"
           " xenstore-write /local/domain/$id/control/shutdown reboot; done; sleep 0.3; done)"
           " >/dev/null 2>&1 &");
    AWAIT(is_phase("hello", "failed"), 60);
    run_ok("touch /tmp/vm/stop");
    assert_string_equal(state_of("hello"), "failed");
    assert_int_equal(guests(), 0);
    assert_non_null(strstr(events_of("hello"), "6 times in a row"));
    assert_refused(run("cleave create /guests/hello.cfg"), "hello|in use|failed");
    run_ok("cleave destroy hello");
    assert_true(nothing_is_left());
}

static void name_is_never_free_during_reboots(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    run_ok("(until [ -e /tmp/vm/stop ]; do cleave list hello >/dev/null || echo missing; done) "
           ">/tmp/vm/missing 2>&1 &");
    for (int i = 0; i < 4; i++) {
        int id = domid_of("hello");

        AWAIT(heartbeat("hello") > 0, 30);
        run_ok("cleave reboot --no-wait hello");
        assert_int_not_equal(run("xl create /guests/hello.cfg")->status, 0);
        assert_int_not_equal(run("cleave create /guests/hello.cfg")->status, 0);
        AWAIT(domid_of("hello") > id && guests() == 1, 60);
    }
    run_ok("touch /tmp/vm/stop; sleep 2");
    assert_string_equal(run_ok("cat /tmp/vm/missing")->out, "");
    run_ok("cleave destroy hello");
}

/* A defined VM outlives its domains and a reboot of dom0, which is only simulated. */
static void a_defined_vm_stays(void **state)
{
    (void)state;
    run_ok("cleave define /guests/hello.cfg name=kept --autostart");
    assert_string_equal(state_of("kept"), "stopped");
    assert_refused(run("cleave create /guests/hello.cfg name=kept"), "kept|in use|stopped");
    assert_refused(run("cleave pause kept"), "kept|stopped|cleave start kept");
    run_ok("cleave start kept");
    assert_refused(run("cleave start kept"), "kept|running already");
    AWAIT(heartbeat("kept") > 0, 30);
    run_ok("cleave shutdown -w kept");
    AWAIT(strcmp(state_of("kept"), "stopped") == 0, 20);
    run_ok("kill -9 $(pidof cleaved); sed -i 's/\"boot\": .*/\"boot\": \"another\",/' " HOME
           "/vms/*/state");
    AWAIT(heartbeat("kept") > 0, 30);
    run_ok("cleave undefine kept");
    assert_true(is_known("kept"));
    run_ok("cleave destroy kept");
    assert_true(nothing_is_left());
    assert_refused(run("cleave undefine kept"), "kept");
}

/* Console output is kept from the first byte and after the end, and so are events, in order. */
static void logs_and_events_are_kept(void **state)
{
    static const char *const words[] = { "created", "ended", "started", "destroyed" };
    const char *at;

    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    AWAIT(heartbeat("hello") > 0, 30);
    run_ok("(cleave logs -f hello & cleave events --json --follow & echo $! >/tmp/vm/pid; wait) "
           ">/tmp/vm/follow 2>&1 &");
    run_ok("cleave reboot --no-wait hello");
    AWAIT(strstr(events_of("hello"), "\"started\""), 30);
    AWAIT(heartbeat("hello") > 0, 30);
    run_ok("cleave destroy hello");
    at = run_ok("cleave events --since all")->out;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        at = strstr(at, words[i]);
        assert_non_null(at);
    }
    AWAIT(strstr(run("cat /tmp/vm/follow")->out, "destroyed"), 20);
    run_ok("cleave logs hello | grep -q 'hello: I am domain'");
    assert_non_null(strstr(run("cat /tmp/vm/follow")->out, "hello: beat 1"));
    run_ok("kill $(cat /tmp/vm/pid); killall cleave");
    /* events carry seconds: those of this second are not older than 0 s */
    AWAIT(run_ok("cleave events --since 0s")->out[0] == '\0', 10);
    assert_refused(run("cleave events --since soon"), "soon|15m");
    assert_refused(run("cleave logs nobody"), "nobody|xenconsoled");
}

/* Leftovers as of a tool that is killed while it destroys a domain. */
static void store_leftovers_are_swept(void **state)
{
    (void)state;
    run_ok("xenstore-write /local/domain/9999/name ghost /libxl/9999/type pvh");
    run_ok("cleave create -p /guests/hello.cfg; cleave destroy hello");
    AWAIT(run("xenstore-exists /local/domain/9999 || xenstore-exists /libxl/9999")->status != 0,
          30);
}

static void twenty_creates_of_one_name(void **state)
{
    (void)state;
    run_ok("cd /tmp/vm; for i in $(seq 20); do"
           " (cleave create -p /guests/hello.cfg 2>err.$i; echo $? >rc.$i) & done;"
           "wait");
    assert_int_equal(guests(), 1);
    assert_string_equal(run_ok("cat /tmp/vm/rc.* | sort | uniq -c | tr -s ' '")->out,
                        " 1 0\n 19 4\n");
    run_ok("cleave destroy hello");
    assert_true(nothing_is_left());
}

static void twenty_creates_of_as_many_names(void **state)
{
    (void)state;
    run_ok("cd /tmp/vm; for i in $(seq 20); do"
           " (cleave create -p /guests/hello.cfg name=vm$i; echo $? >rc.$i) & done;"
           "wait");
    assert_string_equal(run_ok("cat /tmp/vm/rc.* | sort | uniq -c | tr -s ' '")->out, " 20 0\n");
    assert_int_equal(guests(), 20);
    run_ok("for i in $(seq 20); do cleave destroy vm$i & done; wait");
    assert_true(nothing_is_left());
}

/* A reboot needs no space on disk; a VM that cannot be recorded is not created. */
static void full_disk_loses_nothing(void **state)
{
    int id;

    (void)state;
    hold_cleaved();
    run_ok("mount -t tmpfs -o size=128k none " HOME);
    release_cleaved();
    run_ok("cleave create /guests/hello.cfg");
    AWAIT(heartbeat("hello") > 0, 30);
    id = domid_of("hello");
    run("cat /dev/zero >" HOME "/filler");
    assert_refused(run("cleave create /guests/hello.cfg name=other"), "other|No space");
    run_ok("cleave reboot hello");
    AWAIT(domid_of("hello") > id && is_phase("hello", "running"), 60);
    AWAIT(heartbeat("hello") > 0, 30);
    run_ok("kill -9 $(pidof cleaved); rm " HOME "/filler");
    run_ok("cleave create -p /guests/hello.cfg name=other;"
           "cleave destroy other; cleave destroy hello");
    assert_true(nothing_is_left());
    hold_cleaved();
    run_ok("umount " HOME);
    release_cleaved();
}

#define CONSOLES "/var/log/xen/console"
#define RESTART_XENCONSOLED \
    "rm -f /run/xen/xenconsoled.pid; xenconsoled --pid-file=/run/xen/xenconsoled.pid" \
    " --log=guest --log-dir=" CONSOLES " </dev/null >/dev/null 2>&1"

/* A VM is created, runs and is destroyed whether xenconsoled lives or not. */
static void xenconsoled_is_killed_at_any_time(void **state)
{
    (void)state;
    for (int i = 0; i < 1 + rounds() / 50; i++) {
        long beat;

        run_ok(
            "cleave create /guests/hello.cfg & sleep 0.%d; kill -9 $(pidof xenconsoled); wait $!",
            i % 6);
        AWAIT(heartbeat("hello") > 0, 30);
        beat = heartbeat("hello");
        run_ok(RESTART_XENCONSOLED);
        AWAIT(heartbeat("hello") > beat && console_tty("hello"), 30);
        run_ok("cleave destroy hello");
        assert_true(nothing_is_left());
    }
}

/* Guests run on, reboot and end as ever; what they say is kept again when there is room. */
static void full_disk_under_the_logs(void **state)
{
    int id;

    (void)state;
    run_ok("mount -t tmpfs -o size=32k none " CONSOLES);
    run("cat /dev/zero >" CONSOLES "/filler");
    run_ok("cleave create /guests/hello.cfg");
    AWAIT(heartbeat("hello") > 3, 30);
    id = domid_of("hello");
    run_ok("cleave reboot hello");
    AWAIT(domid_of("hello") > id && heartbeat("hello") > 3, 60);
    run_ok("rm " CONSOLES "/filler");
    AWAIT(strstr(console_log("hello"), "beat"), 30);
    run_ok("cleave logs hello | grep -q beat; cleave destroy hello");
    assert_true(nothing_is_left());
    AWAIT(run("umount " CONSOLES)->status == 0, 10);
}

#define SUPERVISOR_TEST(function) \
    { \
#function, function, test_begin, end_released, NULL \
    }
static const struct CMUnitTest tests[] = {
    SUPERVISOR_TEST(killed_during_reboots),
    SUPERVISOR_TEST(ends_are_acted_on_later),
    SUPERVISOR_TEST(killed_at_random_points),
    SUPERVISOR_TEST(killed_creates_are_swept),
    SUPERVISOR_TEST(killed_destroys_are_finished),
    SUPERVISOR_TEST(reboot_without_a_kernel_is_tried_again),
    SUPERVISOR_TEST(reboot_loop_is_bounded),
    SUPERVISOR_TEST(name_is_never_free_during_reboots),
    SUPERVISOR_TEST(a_defined_vm_stays),
    SUPERVISOR_TEST(logs_and_events_are_kept),
    SUPERVISOR_TEST(store_leftovers_are_swept),
    SUPERVISOR_TEST(twenty_creates_of_one_name),
    SUPERVISOR_TEST(twenty_creates_of_as_many_names),
    SUPERVISOR_TEST(full_disk_loses_nothing),
    SUPERVISOR_TEST(xenconsoled_is_killed_at_any_time),
    SUPERVISOR_TEST(full_disk_under_the_logs),
};

const struct group group_supervisor = GROUP("supervisor", tests);
