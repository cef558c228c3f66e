/* SPDX-License-Identifier: MIT */
/*
 * Each verb of cleave, with the smallest guest: its output, and its effect on the guest, whose
 * heartbeat in the store shows that it runs. Next to read: refusals.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleave-schema.h"
#include "system.h"

static long heartbeat(uint32_t domid) { return store_number(SCHEMA_DATA_HEARTBEAT_PATH, domid); }

/* Starts hello and waits for its first heartbeat. */
static uint32_t start(const char *name)
{
    run_ok("cleave create /guests/hello.cfg name=%s", name);

    int domid = domid_of(name);

    assert_true(domid > 0);
    AWAIT(heartbeat(domid) > 0, 20);
    return domid;
}

static void create_makes_a_running_guest(void **state)
{
    char created[64], expected[64];
    int domid;

    (void)state;
    snprintf(created, sizeof(created), "%.60s", run_ok("cleave create /guests/hello.cfg")->out);
    domid = domid_of("hello");
    assert_true(domid > 0);
    snprintf(expected, sizeof(expected), "hello is domain %d\n", domid);
    assert_string_equal(created, expected);
    AWAIT(heartbeat(domid) >= 2, 20);
    await_said("hello", "hello: beat 2", 10);
    assert_non_null(strstr(events_of("hello"), "\"what\":\"created\""));
}

static void create_takes_exactly_the_memory_asked_for(void **state)
{
    uint64_t before = free_kib(), taken;

    (void)state;
    start("hello");
    taken = before - free_kib();
    /*
     * 4 MiB of RAM, the special pages, and the hypervisor's memory for one vCPU: on Xen, a pool of
     * 2 MiB for page tables.
     */
    assert_in_range(taken, 4096, 4096 + 1024 + 2048 + 512);
    /* on Cleave, what the guest has not touched yet is promised to it */
    assert_in_range(number_in(run_ok("cleave info --json")->out, "memory_claimed_kib"), 0,
                    on_cleave() ? 4096 : 0);
}

static void create_takes_settings_behind_the_file(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg name=other memory=8 vcpus=2 maxvcpus=3");
    assert_int_equal(domid_of("hello"), -1);

    int domid = domid_of("other");

    assert_int_equal(store_number(SCHEMA_MEMORY_STATIC_MAX_PATH, domid), 8192);
    assert_int_equal(number_in(strstr(run_ok("cleave list --json other")->out, "other"),
                               "max_vcpus"),
                     3);
    assert_string_equal(run_ok("xenstore-read /local/domain/%d/cpu/2/availability", domid)->out,
                        "offline\n");
}

static void create_paused_waits_for_unpause(void **state)
{
    (void)state;
    run_ok("cleave create -p /guests/hello.cfg");
    assert_string_equal(state_of("hello"), "paused");

    uint32_t domid = domid_of("hello");

    pause_ms(1500);
    assert_int_equal(heartbeat(domid), -1);
    run_ok("cleave unpause hello");
    AWAIT(heartbeat(domid) > 0, 20);
}

static void create_in_the_foreground_stays_until_the_end(void **state)
{
    (void)state;
    run_ok("cleave create -F /guests/hello.cfg >/tmp/vm/out 2>&1 & echo $! >/tmp/vm/pid");
    AWAIT(domid_of("hello") > 0, 20);
    AWAIT(heartbeat(domid_of("hello")) > 0, 20);
    run_ok("kill -0 $(cat /tmp/vm/pid)");
    run_ok("cleave shutdown hello");
    AWAIT(run("kill -0 $(cat /tmp/vm/pid)")->status != 0, 20);
    assert_int_equal(domid_of("hello"), -1);
    assert_non_null(strstr(run_ok("cat /tmp/vm/out")->out, "powered off"));
}

static void an_unknown_key_is_warned_about_by_name(void **state)
{
    const struct run *created;

    (void)state;
    created = run_ok("cleave create -p /guests/hello.cfg 'vfb=[\"a=b\"]' 'frobs=1'");
    assert_non_null(strstr(created->err, "warning"));
    assert_non_null(strstr(created->err, "\"vfb\""));
    assert_non_null(strstr(created->err, "\"frobs\""));
    assert_null(strstr(created->err, "\"name\""));
    assert_null(strstr(created->err, "\"a\""));
}

static void each_verb_has_help_and_json(void **state)
{
    static const char *const verbs[] = { "unpause", "pause", "destroy" };

    (void)state;
    assert_words(run_ok("cleave help")->out, "create|shutdown|dmesg|version");
    assert_string_equal(run_ok("cleave --version")->out, run_ok("cleave version")->out);
    assert_words(run_ok("cleave help --json")->out, "\"verb\": \"help\"|\"shutdown\"|\"wait\"");
    assert_words(run_ok("cleave create --json -p /guests/hello.cfg")->out,
                 "\"create\"|\"name\": \"hello\"|\"id\"");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        assert_words(run_ok("cleave %s --help", verbs[i])->out, "usage|--json");
        assert_words(run_ok("cleave %s hello --json", verbs[i])->out,
                     "\"cleave\": 1|\"name\": \"hello\"");
    }
    assert_int_equal(guests(), 0);
    run_ok("bash -n /usr/share/bash-completion/completions/cleave");
    assert_words(run_ok("cat /usr/share/man/man1/cleave.1")->out, ".TH CLEAVE|EXIT STATUS");
}

static void list_shows_names_and_states(void **state)
{
    uint32_t domid = start("hello");
    const char *out;
    char row[128];

    (void)state;
    out = run_ok("cleave list")->out;
    assert_non_null(strstr(out, "Domain-0"));
    snprintf(row, sizeof(row), "%-32s %5u %7u %5u", "hello", domid, 4, 1);
    assert_non_null(strstr(out, row));
    assert_null(strstr(run_ok("cleave list hello")->out, "Domain-0"));
    assert_non_null(strstr(run_ok("cleave list %u", domid)->out, "hello"));
}

/* Each verb's output matches its schema. */
static void json_obeys_the_schemas(void **state)
{
    static const char *const verbs[] = { "unpause", "pause", "unpause", "list", "reboot" };
    int domid;

    (void)state;
    assert_json(run_ok("cleave create --json /guests/hello.cfg -p")->out, "create");
    assert_json(run_ok("cleave list --json")->out, "list");
    assert_json(run_ok("cleave info --json")->out, "info");
    assert_json(run_ok("cleave version --json")->out, "version");
    assert_json(run_ok("cleave help --json")->out, "help");
    assert_json(run_ok("cleave help list --json")->out, "help");
    run_ok("cleave dmesg --json >/tmp/vm/dmesg");
    assert_json_file("/tmp/vm/dmesg", "dmesg");
    domid = domid_of("hello");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i], "reboot") == 0)
            AWAIT(heartbeat(domid_of("hello")) > 0, 20);
        assert_json(run_ok("cleave %s hello --json", verbs[i])->out, verbs[i]);
    }
    AWAIT(domid_of("hello") > domid && heartbeat(domid_of("hello")) > 0, 30);
    assert_json(run_ok("cleave shutdown hello -w --json")->out, "shutdown");
    AWAIT(guests() == 0, 20);
    run_ok("cleave create /guests/hello.cfg");
    assert_json(run_ok("cleave destroy hello --json")->out, "destroy");
    assert_json(run("cleave destroy hello --json")->out, "error");
    /* the checker can fail */
    assert_false(json_is_valid("{ \"a\": 1, }"));
}

static void info_describes_the_machine(void **state)
{
    const char *json = run_ok("cleave info --json")->out;

    (void)state;
    assert_true(number_in(json, "cpus") >= 1);
    assert_true(number_in(json, "memory_total_kib") > number_in(json, "memory_free_kib"));
    assert_non_null(strstr(json, "\"version\": \"4.17"));
    assert_non_null(strstr(json, "hvm-3.0-x86_64"));
    assert_non_null(strstr(run_ok("cleave info")->out, "scheduler"));
}

/* Design budget: 1 % of the memory and 8 MiB, without page tables; even with them it fits. */
static void the_core_takes_little_memory(void **state)
{
    const char *json = run_ok("cleave info --json")->out;
    uint64_t total = number_in(json, "memory_total_kib");
    uint64_t core = total - number_in(json, "memory_free_kib") -
                    number_in(run_ok("cleave list --json")->out, "memory_kib");

    (void)state;
    if (!on_cleave())
        skip();
    print_message("    %lu of %lu KiB\n", core, total);
    assert_in_range(core, 1, total / 100 + 8192);
}

static void pause_stops_a_guest_and_unpause_lets_it_go_on(void **state)
{
    uint32_t domid = start("hello");
    long beats;

    (void)state;
    run_ok("cleave pause hello");
    assert_string_equal(state_of("hello"), "paused");
    pause_ms(500);
    beats = heartbeat(domid);
    pause_ms(2500);
    assert_int_equal(heartbeat(domid), beats);
    run_ok("cleave unpause hello");
    AWAIT(heartbeat(domid) > beats, 20);
}

static void shutdown_ends_a_guest_by_its_own_will(void **state)
{
    (void)state;
    start("hello");
    run_ok("cleave shutdown -w hello");
    AWAIT(domid_of("hello") == -1, 20);
    assert_non_null(strstr(events_of("hello"), "powered off"));
}

static void reboot_gives_the_vm_a_new_domain(void **state)
{
    uint32_t domid;
    char *vm;

    (void)state;
    /* its files are found again, although cleaved runs in another folder */
    run_ok("cd /guests; cleave create hello.cfg kernel=hello.elf");
    domid = domid_of("hello");
    AWAIT(heartbeat(domid) > 0, 20);
    vm = strdup(run_ok("xenstore-read /local/domain/%u/vm", domid)->out);
    run_ok("cleave reboot hello");
    AWAIT(domid_of("hello") > (int)domid, 30);
    domid = domid_of("hello");
    assert_string_equal(vm, run_ok("xenstore-read /local/domain/%u/vm", domid)->out);
    free(vm);
    AWAIT(heartbeat(domid) > 0, 20);
    AWAIT(strstr(events_of("hello"), "\"what\":\"started\""), 10);
}

static void on_reboot_destroy_does_not_start_again(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg on_reboot=destroy");
    AWAIT(heartbeat(domid_of("hello")) > 0, 20);
    run_ok("cleave reboot hello");
    AWAIT(guests() == 0, 20);
    pause_ms(1000);
    assert_int_equal(guests(), 0);
}

/* A lock that a script held while it ran cleave is released afterwards. */
static void no_file_of_the_caller_stays_open(void **state)
{
    (void)state;
    run_ok("exec 9>/tmp/vm/lock; flock 9; cleave create -p /guests/hello.cfg");
    run_ok("flock -n /tmp/vm/lock true");
}

static void on_poweroff_preserve_keeps_the_domain(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg on_poweroff=preserve");
    AWAIT(heartbeat(domid_of("hello")) > 0, 20);
    run_ok("cleave shutdown -w hello");
    pause_ms(1000);
    assert_string_equal(state_of("hello"), "poweroff");
    await_said("hello", "told to poweroff", 10);
    assert_refused(run("cleave shutdown hello"), "already ended|poweroff|cleave destroy hello");
    run_ok("cleave destroy hello");
    assert_int_equal(guests(), 0);
}

static void destroy_ends_a_guest_at_once(void **state)
{
    uint32_t domid = start("hello");

    (void)state;
    run_ok("cleave destroy hello");
    assert_int_equal(guests(), 0);
    assert_int_not_equal(run("xenstore-exists /local/domain/%u", domid)->status, 0);
    assert_int_not_equal(run("pidof cleave")->status, 0); /* no process is left */
}

static void console_shows_what_the_guest_says(void **state)
{
    (void)state;
    start("hello");
    run_ok("timeout 60 cleave console hello | grep -m 1 'hello: beat'");
}

static void console_ends_with_the_guest(void **state)
{
    (void)state;
    start("hello");
    run_ok("cleave console hello >/tmp/vm/console & echo $! >/tmp/vm/pid");
    AWAIT(strstr(run("cat /tmp/vm/console")->out, "hello: beat"), 20);
    run_ok("cleave destroy hello");
    AWAIT(run("kill -0 $(cat /tmp/vm/pid)")->status != 0, 10);
}

static void dmesg_shows_the_hypervisors_messages(void **state)
{
    (void)state;
    assert_non_null(
        strstr(run_ok("cleave dmesg | head -c 20000")->out, on_cleave() ? "(CLV)" : "(XEN)"));
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(create_makes_a_running_guest),
    SYSTEM_TEST(create_takes_exactly_the_memory_asked_for),
    SYSTEM_TEST(create_takes_settings_behind_the_file),
    SYSTEM_TEST(create_paused_waits_for_unpause),
    SYSTEM_TEST(create_in_the_foreground_stays_until_the_end),
    SYSTEM_TEST(an_unknown_key_is_warned_about_by_name),
    SYSTEM_TEST(each_verb_has_help_and_json),
    SYSTEM_TEST(list_shows_names_and_states),
    SYSTEM_TEST(json_obeys_the_schemas),
    SYSTEM_TEST(info_describes_the_machine),
    SYSTEM_TEST(the_core_takes_little_memory),
    SYSTEM_TEST(pause_stops_a_guest_and_unpause_lets_it_go_on),
    SYSTEM_TEST(shutdown_ends_a_guest_by_its_own_will),
    SYSTEM_TEST(reboot_gives_the_vm_a_new_domain),
    SYSTEM_TEST(on_reboot_destroy_does_not_start_again),
    SYSTEM_TEST(no_file_of_the_caller_stays_open),
    SYSTEM_TEST(on_poweroff_preserve_keeps_the_domain),
    SYSTEM_TEST(destroy_ends_a_guest_at_once),
    SYSTEM_TEST(console_shows_what_the_guest_says),
    SYSTEM_TEST(console_ends_with_the_guest),
    SYSTEM_TEST(dmesg_shows_the_hypervisors_messages),
};

const struct group group_verbs = GROUP("verbs", tests);
