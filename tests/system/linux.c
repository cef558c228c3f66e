/* SPDX-License-Identifier: MIT */
/*
 * Debian's stock kernel as a guest, with one vCPU and with two: its shell on the console, its own
 * poweroff and reboot, and the tools' requests. It boots once per test, which takes most of the
 * time.
 */
#include <stdio.h>
#include <string.h>

#include "system.h"

#define BOOT_S 120

/* Starts the guest and waits for its shell. */
static void boot(const char *name, const char *settings)
{
    run_ok("cleave create /guests/%s.cfg %s", name, settings);
    await_said(name, "debian:/", BOOT_S);
}

/*
 * Types a line at the guest's shell, and keeps the console open for a while in the background. A
 * shell that is setting up its terminal drops earlier input, so this waits for the echo.
 */
static void type(const char *name, const char *line)
{
    for (int tries = 0; tries < 5 && !strstr(console_log(name), line); tries++) {
        run_ok("(sleep 1; echo '%s'; sleep 5) | timeout 10 cleave console %s >/tmp/vm/typed 2>&1 &",
               line, name);
        for (int waited = 0; waited < 50 && !strstr(console_log(name), line); waited++)
            pause_ms(100);
    }
}

/* Without MTRRs, Linux 6.1 leaves PAT disabled, and maps write-combining memory uncached. */
#define WRITE_COMBINING "x86/PAT: Configuration [0-7]: WB  WC"

static void one_vcpu_boots_and_powers_off(void **state)
{
    (void)state;
    boot("debian", "");
    assert_non_null(strstr(console_log("debian"), "up, 1 vCPUs"));
    type("debian", "echo $((6*7)) $(uname -s)");
    await_said("debian", "42 Linux", 10);
    type("debian", "dmesg | grep PAT:");
    await_said("debian", WRITE_COMBINING, 10);
    type("debian", "poweroff");
    AWAIT(guests() == 0, 60);
    assert_non_null(strstr(events_of("debian"), "powered off"));
}

static void dom0_can_combine_writes(void **state)
{
    (void)state;
    assert_non_null(strstr(run_ok("dmesg | grep PAT:")->out, WRITE_COMBINING));
}

static void two_vcpus_boot_and_listen_to_the_tools(void **state)
{
    (void)state;
    boot("debian2", "");
    assert_non_null(strstr(console_log("debian2"), "up, 2 vCPUs"));
    run_ok("cleave shutdown -w debian2");
    AWAIT(guests() == 0, 60);
}

static void reboot_inside_starts_it_again(void **state)
{
    int domid;

    (void)state;
    boot("debian2", "");
    domid = domid_of("debian2");
    type("debian2", "reboot");
    AWAIT(domid_of("debian2") > domid, 60);
    AWAIT(guests() == 1, 10);
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(one_vcpu_boots_and_powers_off),
    SYSTEM_TEST(dom0_can_combine_writes),
    SYSTEM_TEST(two_vcpus_boot_and_listen_to_the_tools),
    SYSTEM_TEST(reboot_inside_starts_it_again),
};

const struct group group_linux = GROUP("linux", tests);
