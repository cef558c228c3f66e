/* SPDX-License-Identifier: MIT */
/*
 * What went wrong elsewhere when memory was overcommitted, each as a test of its name: balloons
 * that walk, VMs that reboot while they are small, promises of the dead, dom0 without memory. Those
 * of parallel builds and of refused ones are in balance.c and many.c, those of guests without a
 * balloon in memory.c. Next to read: guests/memhog.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenstore.h>

#include "cleave-schema.h"
#include "core.h"
#include "system.h"

#define MIB 1024
#define BOOT_S 180

static struct hv hv;
static struct xs_handle *store;

static int begin(void **state)
{
    int rc = test_begin(state);

    store = xs_open(0);
    if (rc == 0 && !store)
        rc = -1;
    return rc ? rc : hv_open(&hv);
}

static int end(void **state)
{
    xs_close(store);
    hv_close(&hv);
    return test_end(state);
}

/* RAM that a domain has, touched or not. */
static uint64_t ram_kib(uint32_t domid)
{
    struct cleave_memory memory;

    assert_int_equal(core_memory_get(&hv, domid, &memory), 0);
    return (memory.present + memory.absent) * HV_PAGE_KIB;
}

static void write_number(uint64_t value, const char *format, uint32_t domid)
{
    char path[64], text[24];

    snprintf(path, sizeof(path), format, domid);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    assert_true(xs_write(store, XBT_NULL, path, text, strlen(text)));
}

/* Starts a paused VM that has, with its overhead, nearly all that is free. */
static void take_all(void)
{
    run_ok("cleave create -p /guests/hello.cfg name=all memory=%llu",
           (unsigned long long)(free_kib() / MIB) - 20);
}

/*
 * A balloon that is told another size before it has reached the last one, again and again: what
 * comes back is zeroed, no page is lost, no frame is left over, and what it has is exact at the
 * end.
 */
static void walk(int targets, const char *arguments)
{
    unsigned int seed = 1;
    uint64_t before = free_kib();
    uint32_t domid;

    run_ok("cleave create /guests/memhog.cfg extra='set=6 balloon walk random' "
           "on_poweroff=preserve %s",
           arguments);
    await_said("memhog", "memhog: walks", 60);
    domid = (uint32_t)domid_of("memhog");
    run("cleave mem freeze memhog"); /* the balancer has no targets of its own for it */
    for (int i = 0; i < targets; i++) {
        uint64_t kib = (12 + (uint64_t)rand_r(&seed) % 20) * MIB +
                       4 * ((uint64_t)rand_r(&seed) % 256);

        /* as cleaved does */
        assert_int_equal(core_memory_set(&hv, domid, 0, kib / HV_PAGE_KIB + CLEAVE_MEMORY_SLACK),
                         0);
        write_number(kib, SCHEMA_MEMORY_TARGET_PATH, domid);
        if (rand_r(&seed) % 4 == 0) /* others interrupt it */
            AWAIT(ram_kib(domid) <= kib + 64 && ram_kib(domid) + 64 >= kib, 30);
        else
            pause_ms((unsigned int)rand_r(&seed) % 20);
        if (i % 50 == 49)
            assert_int_equal(core_violations(), 0);
    }
    assert_int_equal(core_memory_set(&hv, domid, 0, 0), 0);
    write_number(32 * MIB, SCHEMA_MEMORY_TARGET_PATH, domid);
    AWAIT(ram_kib(domid) >= 32 * MIB - 64, 30);
    write_number(1, SCHEMA_DATA_PEER_PATH, domid);
    await_said("memhog", "memhog: ok", 60);
    assert_int_equal(core_violations(), 0);
    run_ok("cleave destroy memhog");
    AWAIT(memory_is_back(before), 10);
}

static void a_balloon_walks(void **state)
{
    (void)state;
    need_cleave();
    walk(10 * rounds(), "memory=32 maxmem=32");
}

static void a_balloon_walks_in_memory_that_it_never_had(void **state)
{
    (void)state;
    need_cleave();
    walk(2 * rounds(), "memory=16 maxmem=64 memory_min=12 memory_floor=8");
}

/* What it has given is another's when it boots again: it lives with what it was told to have. */
static void a_vm_reboots_while_it_is_small(void **state)
{
    uint32_t domid;

    (void)state;
    need_cleave();
    run_ok("cleave create /guests/debian.cfg memory=192");
    await_said("debian", "debian:/", BOOT_S);
    run_ok("cleave set-memory debian 128 --timeout 170");
    take_all();
    domid = (uint32_t)domid_of("debian");
    run_ok("cleave reboot debian --timeout 170");
    assert_true((uint32_t)domid_of("debian") > domid);
    await_said("debian", "debian:/", BOOT_S);
    domid = (uint32_t)domid_of("debian");
    AWAIT(ram_kib(domid) <= 128 * MIB + 256, 60);
    assert_true(ram_kib(domid) >= 127 * MIB);
    run_ok("cleave destroy all");
    run_ok("cleave set-memory debian 160 --timeout 170");
    run_ok("cleave destroy debian");
}

/* Who is promised all memory and dies leaves it to the next at once. */
static void a_promise_ends_with_its_domain(void **state)
{
    uint64_t before = free_kib();

    (void)state;
    for (int i = 0; i < 3; i++) {
        take_all();
        assert_refused(run("cleave create -p /guests/hello.cfg memory=24"), "not enough memory");
        run_ok("cleave destroy all");
        AWAIT(memory_is_back(before), 10);
    }
}

/* VMs that want all there is take nothing of dom0's, and it can still work. */
static void dom0_is_not_starved(void **state)
{
    uint64_t had = number_in(run_ok("cleave host --json")->out, "dom0");

    (void)state;
    take_all();
    assert_int_equal(run("cleave create /guests/debian.cfg")->status, 5);
    assert_int_equal(number_in(run_ok("cleave host --json")->out, "dom0"), had);
    run_ok("head -c 32M /dev/zero | md5sum");
    run_ok("cleave destroy all");
}

#define FIELD_TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

static const struct CMUnitTest tests[] = {
    FIELD_TEST(a_balloon_walks),
    FIELD_TEST(a_balloon_walks_in_memory_that_it_never_had),
    FIELD_TEST(a_vm_reboots_while_it_is_small),
    FIELD_TEST(a_promise_ends_with_its_domain),
    FIELD_TEST(dom0_is_not_starved),
};

const struct group group_field = GROUP("field", tests);
