/* SPDX-License-Identifier: MIT */
/*
 * Guests that misbehave, each next to a neighbour that must not be affected: one that dies in every
 * way, one that tries every forbidden operation, one whose page is removed while another of its
 * vCPUs reads it. Next to read: guests/crash, guests/evil, guests/flush.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>

#include "cleave-schema.h"
#include "system.h"

static uint32_t neighbour;

static long neighbours_beat(void) { return store_number(SCHEMA_DATA_HEARTBEAT_PATH, neighbour); }

static void start_neighbour(void)
{
    run_ok("cleave create /guests/witness.cfg name=neighbour");
    neighbour = domid_of("neighbour");
    AWAIT(neighbours_beat() > 0, 30);
}

/* It still runs, in the same domain, and the core's invariants hold. */
static void neighbour_is_well(void)
{
    long beat = neighbours_beat();

    AWAIT(neighbours_beat() > beat + 1, 30);
    assert_int_equal(domid_of("neighbour"), neighbour);
    assert_int_equal(core_violations(), 0);
}

/* Ended by itself or by force, and kept by on_...=preserve so that its state is visible. */
static bool has_ended(const char *name)
{
    const char *state = state_of(name);

    return strcmp(state, "crashed") == 0 || strcmp(state, "reboot") == 0 ||
           strcmp(state, "poweroff") == 0;
}

#define WATCHED 10 /* checks of the watchdog */
#define KEEP "on_poweroff=preserve on_reboot=preserve on_crash=preserve"

static void a_triple_fault_ends_the_guest_with_a_reason(void **state)
{
    char prefix[16];
    const char *told;

    (void)state;
    start_neighbour();
    run_ok("cleave create /guests/crash.cfg " KEEP);

    int domid = domid_of("crash");

    AWAIT(has_ended("crash"), 30);
    assert_string_equal(state_of("crash"), "crashed");
    snprintf(prefix, sizeof(prefix), on_cleave() ? "d%d:" : "d%dv0", domid);
    told = run_ok("cleave dmesg | grep -i 'triple fault'")->out;
    if (!strstr(told, prefix))
        fail_msg("the hypervisor does not say why domain %d died: %s", domid, told);
    neighbour_is_well();
}

/* Skips a test that is the same on any number of CPUs. */
static void only_on_one_cpu(void)
{
    if (number_in(run_ok("cleave info --json")->out, "cpus") > 1)
        skip();
}

/*
 * guests/crash describes each death. A read from a hole is not one (it reads as ones), and a CPU
 * may ignore bits that it lacks. Then the guest prints that it is alive, and powers off.
 */
static void every_death_is_the_guests_own(void **state)
{
    static const char *const deaths[] = {
        "exception", "panic",  "hole", "execute", "mmio", "cr3", "cr0",  "cr4",
        "dr7",       "tables", "apic", "own",     "gdt",  "tss", "task",
    };

    (void)state;
    only_on_one_cpu();
    start_neighbour();
    for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
        run_ok("cleave create /guests/crash.cfg extra='%s debug' " KEEP, deaths[i]);
        AWAIT(has_ended("crash"), 30);
        print_message("    %s: %s\n", deaths[i], state_of("crash"));
        /* Xen treats a triple fault as a request to reboot. */
        if (on_cleave() && strcmp(state_of("crash"), "crashed") != 0)
            await_said("crash", "still alive", 10);
        run_ok("cleave destroy crash");
    }
    neighbour_is_well();
}

static void a_crash_is_logged_and_the_domain_is_gone(void **state)
{
    (void)state;
    run_ok("cleave create /guests/crash.cfg on_crash=destroy");
    AWAIT(guests() == 0, 30);
    assert_non_null(strstr(events_of("crash"), "crashed"));
}

static void a_guest_that_crashes_at_once_is_not_started_for_ever(void **state)
{
    (void)state;
    run_ok("cleave create /guests/crash.cfg on_crash=restart");
    /* after 0, 1, 2, 4 and 8 s; a crash that takes the machine 20 s does not count */
    AWAIT(strstr(events_of("crash"), "instead of started again"), 60);
    AWAIT(guests() == 0, 30);
}

static void try_evil(const char *words)
{
    start_neighbour();
    run_ok("cleave create /guests/evil.cfg vcpus=2 extra='%s debug' " KEEP, words);
    AWAIT(has_ended("evil"), 120);
    /*
     * Real Xen may end it earlier, and answers a few calls differently; there it must only not harm
     * others.
     */
    if (on_cleave())
        await_said("evil", "evil: done", 10);
    if (on_cleave() && strstr(console_log("evil"), "WRONG"))
        fail_msg("%s\n%s", state_of("evil"), console_log("evil"));
    neighbour_is_well();
    run_ok("cleave destroy evil");
}

static void nonsense_in_every_hypercall_hurts_nobody(void **state)
{
    (void)state;
    try_evil("hypercalls");
}

static void storms_and_races_hurt_nobody(void **state)
{
    (void)state;
    try_evil("storms races");
}

static void locks_that_all_share_are_free_again_soon(void **state)
{
    (void)state;
    try_evil("locks");
}

static void privileged_instructions_hurt_nobody(void **state)
{
    (void)state;
    try_evil("cpuid privileged");
}

static void arguments_and_pages_in_the_wrong_place_hurt_nobody(void **state)
{
    (void)state;
    try_evil("structures");
}

static void msrs_and_ports_hurt_nobody(void **state)
{
    (void)state;
    only_on_one_cpu();
    /* guests/evil/cpu.c explains why one MSR is skipped on Xen */
    try_evil(on_cleave() ? "msr ports" : "msr ports skip_msr=0xc001011f");
}

/* Endless arrays on both of its vCPUs: others continue, and it can be destroyed in the middle. */
static void endless_hypercalls_stop_nobody(void **state)
{
    (void)state;
    start_neighbour();
    run_ok("cleave create /guests/evil.cfg vcpus=2 extra='endless debug'");
    await_said("evil", "evil: endless", 60);
    neighbour_is_well();
    run_ok("cleave pause evil && cleave unpause evil");
    neighbour_is_well();
    run_ok("cleave destroy evil");
    assert_int_equal(guests(), 1);
}

/*
 * Without competitors, a vCPU that exits all the time never passes through the run loop. The
 * watchdog on other CPUs must see that its CPU is alive; otherwise it stops the machine.
 */
static void an_endless_vcpu_is_not_taken_for_stuck(void **state)
{
    unsigned int cpus = number_in(run_ok("cleave info --json")->out, "cpus"), checks = 0,
                 missed = 0;

    (void)state;
    if (!on_cleave() || cpus < 2)
        skip();
    run_ok("cleave create /guests/evil.cfg cpus=%u extra='endless debug'", cpus - 1);
    await_said("evil", "evil: endless", 60);
    core_stretch();
    for (struct cleave_stretch seen; checks < WATCHED; checks += seen.checks) {
        AWAIT((seen = core_stretch()).checks > 0, 30);
        missed = seen.missed > missed ? seen.missed : missed;
    }
    if (missed >= WATCHED / 2)
        fail_msg("%u checks in a row saw no progress of a CPU", missed);
}

/*
 * 128 vCPUs that request the most interrupts that their timers can raise, and sleep through them.
 */
static void timers_of_sleepers_hurt_nobody(void **state)
{
    static const char *const words[] = { "timers", "far" };

    (void)state;
    if (!on_cleave())
        skip();
    start_neighbour();
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        run_ok("cleave create /guests/evil.cfg vcpus=128 extra='%s debug'", words[i]);
        await_said("evil", "128 vCPUs", 120);
        neighbour_is_well();
        run_ok("cleave pause evil && cleave unpause evil");
        neighbour_is_well();
        run_ok("cleave destroy evil");
    }
    assert_int_equal(guests(), 1);
}

static void a_removed_page_is_flushed_from_all_cpus(void **state)
{
    (void)state;
    if (number_in(run_ok("cleave info --json")->out, "cpus") < 2)
        skip(); /* two vCPUs on one CPU flush each other */
    run_ok("cleave create /guests/flush.cfg " KEEP);
    AWAIT(has_ended("flush"), 60);
    await_said("flush", "removing it", 10);
    /*
     * The reader faults at its first access, or reads ones as from any hole, but never the frame's
     * contents.
     */
    if (strcmp(state_of("flush"), "crashed") != 0)
        await_said("flush", "flush: ok", 10);
    run_ok("! cleave dmesg | grep 'flush: FAILED'");
}

static void four_vcpus_work_together(void **state)
{
    (void)state;
    run_ok("cleave create /guests/smp.cfg " KEEP);
    AWAIT(has_ended("smp"), 60);
    await_said("smp", "x2APIC", 10);
    await_said("smp", "smp: ok", 10);
    run_ok("cleave create /guests/smp.cfg name=smp-page extra=xapic " KEEP);
    AWAIT(has_ended("smp-page"), 60);
    await_said("smp-page", ", xAPIC", 10);
    await_said("smp-page", "smp: ok", 10);
    run_ok("cleave create /guests/smp.cfg name=smp-initialise extra=initialise " KEEP);
    AWAIT(has_ended("smp-initialise"), 60);
    await_said("smp-initialise", "smp: ok", 10);
}

#define DEAD_VCPUS 64
#define DEAD_KEEPS_KIB (DEAD_VCPUS * 2 + 64) /* the vCPUs' structures, the domain's, and the page */

/* The memory of its vCPUs is freed, and no operation on the domain needs it. */
static void a_page_of_the_dead_keeps_little_else(void **state)
{
    xenforeignmemory_handle *foreign = xenforeignmemory_open(NULL, 0);
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xen_pfn_t frame = 0x100;
    uint64_t before;
    uint32_t dead;
    void *page;

    (void)state;
    if (!on_cleave())
        skip();
    start_neighbour();
    before = free_kib();
    run_ok("cleave create /guests/evil.cfg vcpus=%d extra='timers debug'", DEAD_VCPUS);
    await_said("evil", "evil: asleep", 60);
    dead = (uint32_t)domid_of("evil");
    page = xenforeignmemory_map(foreign, dead, PROT_READ, 1, &frame, NULL);
    assert_non_null(page);
    run_ok("cleave destroy evil >/dev/null 2>&1 &"); /* which waits for our page */
    AWAIT(is_dead(dead), 60);
    print_message("    a dead domain of %d vCPUs keeps %lu KiB\n", DEAD_VCPUS, before - free_kib());
    AWAIT(free_kib() + DEAD_KEEPS_KIB >= before, 10);
    assert_int_equal(xc_domain_hvm_getcontext(xc, dead, NULL, 0), -1);
    assert_int_equal(xc_domain_send_trigger(xc, dead, XEN_DOMCTL_SENDTRIGGER_NMI, 0), 0);
    assert_int_equal(xc_domain_pause(xc, dead), 0);
    assert_int_equal(xc_domain_unpause(xc, dead), 0);
    assert_int_equal(xc_send_debug_keys(xc, "qreg"), 0);
    neighbour_is_well();
    xenforeignmemory_unmap(foreign, page, 1);
    AWAIT(guests() == 1, 60);
    xenforeignmemory_close(foreign);
    xc_interface_close(xc);
}

/* A page and events between two guests that dom0 introduces to each other. */
static void two_guests_share_a_page_and_an_event_channel(void **state)
{
    int ping, pong;

    (void)state;
    run_ok("cleave create /guests/ping.cfg " KEEP);
    run_ok("cleave create /guests/pong.cfg " KEEP);
    ping = domid_of("ping");
    pong = domid_of("pong");
    run_ok("xenstore-write /local/domain/%d/data/peer %d", ping, pong);
    run_ok("xenstore-write /local/domain/%d/data/peer %d", pong, ping);
    AWAIT(has_ended("ping") && has_ended("pong"), 60);
    await_said("ping", "ping: ok", 10);
    await_said("pong", "pong: ok", 10);
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(a_triple_fault_ends_the_guest_with_a_reason),
    SYSTEM_TEST(every_death_is_the_guests_own),
    SYSTEM_TEST(a_crash_is_logged_and_the_domain_is_gone),
    SYSTEM_TEST(a_guest_that_crashes_at_once_is_not_started_for_ever),
    SYSTEM_TEST(nonsense_in_every_hypercall_hurts_nobody),
    SYSTEM_TEST(storms_and_races_hurt_nobody),
    SYSTEM_TEST(locks_that_all_share_are_free_again_soon),
    SYSTEM_TEST(privileged_instructions_hurt_nobody),
    SYSTEM_TEST(arguments_and_pages_in_the_wrong_place_hurt_nobody),
    SYSTEM_TEST(msrs_and_ports_hurt_nobody),
    SYSTEM_TEST(endless_hypercalls_stop_nobody),
    SYSTEM_TEST(an_endless_vcpu_is_not_taken_for_stuck),
    SYSTEM_TEST(timers_of_sleepers_hurt_nobody),
    SYSTEM_TEST(a_removed_page_is_flushed_from_all_cpus),
    SYSTEM_TEST(four_vcpus_work_together),
    SYSTEM_TEST(a_page_of_the_dead_keeps_little_else),
    SYSTEM_TEST(two_guests_share_a_page_and_an_event_channel),
};

const struct group group_hostile = GROUP("hostile", tests);
