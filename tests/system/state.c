/* SPDX-License-Identifier: MIT */
/*
 * The state of the machine, from the tools' JSON, the store, and the core's own checker
 * (hypervisor/include/public/cleave.h). Every test begins and ends here, and must leave everything
 * as it found it. Next to read: verbs.c.
 */
#include "system.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xencall.h>
#include <xenctrl.h>

#include "cleave-schema.h"
#include "cleave.h"
#include "domain.h"
#include "hv.h"
#include "store.h"

/* Real Xen keeps part of its heap; Cleave gives back every byte. */
#define XEN_KEEPS_KIB 1024
#define LONG_S 10 /* what a test takes is told from then on */

static uint64_t free_at_begin;
static time_t began;

uint64_t number_in(const char *json, const char *key)
{
    char quoted[80];
    const char *at;

    snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
    at = strstr(json, quoted);
    if (!at)
        fail_msg("no %s in: %s", key, json);
    return strtoull(at + strlen(quoted), NULL, 10);
}

/* The object of this VM in `cleave list --json`, or NULL. */
static const char *entry_of(const char *json, const char *name)
{
    char quoted[80];

    snprintf(quoted, sizeof(quoted), "\"name\": \"%s\"", name);
    return strstr(json, quoted);
}

/* True if this object of the list has the key: a VM without a domain has no id. */
static bool has_key(const char *entry, const char *key)
{
    char quoted[80];
    const char *at, *next = strstr(entry + 1, "\"name\": ");

    snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
    at = strstr(entry, quoted);
    return at && (!next || at < next);
}

int domid_of(const char *name)
{
    const char *entry = entry_of(run_ok("cleave list --json")->out, name);

    return entry && has_key(entry, "id") ? (int)number_in(entry, "id") : -1;
}

const char *state_of(const char *name)
{
    static char state[32];
    const char *entry = entry_of(run_ok("cleave list --json")->out, name);
    const char *at = entry ? strstr(entry, "\"state\": \"") : NULL;

    state[0] = '\0';
    if (at)
        sscanf(at, "\"state\": \"%31[^\"]", state);
    return state;
}

/* Each test asks for these many times, so no tool is started for them. */
static struct hv *hypervisor(void)
{
    static struct hv hv;

    if (!hv.xc && hv_open(&hv) < 0)
        fail_msg("cannot open the hypervisor");
    return &hv;
}

uint64_t free_kib(void)
{
    struct hv_memory memory;

    assert_int_equal(hv_memory(hypervisor(), &memory), 0);
    return memory.free > memory.claimed ? memory.free - memory.claimed : 0;
}

int guests(void)
{
    struct domain *list;
    int count = domain_list(hypervisor(), NULL, &list);

    assert_true(count >= 1);
    free(list);
    return count - 1;
}

bool is_dead(uint32_t domid)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xc_domaininfo_t info;

    assert_int_equal(xc_domain_getinfolist(xc, domid, 1, &info), 1);
    xc_interface_close(xc);
    return info.domain == domid && (info.flags & XEN_DOMINF_dying);
}

long store_number(const char *pattern, uint32_t domid)
{
    struct xs_handle *store = store_open();
    char path[128];
    char *value;
    long number;

    assert_non_null(store);
    snprintf(path, sizeof(path), pattern, domid);
    value = store_read(store, "%s", path);
    number = value && *value ? atol(value) : -1;
    free(value);
    xs_close(store);
    return number;
}

const char *console_log(const char *name)
{
    return run("tail -c %zu /var/log/xen/console/guest-%s.log", sizeof(((struct run *)0)->out) - 1,
               name)
        ->out;
}

const char *events_of(const char *name)
{
    return run("grep '\"name\":\"%s\"' /var/lib/cleave/events.jsonl", name)->out;
}

void await_said(const char *name, const char *words, int seconds)
{
    for (int steps = seconds * PATIENCE * 10; !strstr(console_log(name), words); pause_ms(100))
        if (steps-- == 0)
            fail_msg("%s: after %d s not on its console: %s; but\n%s", name, seconds * PATIENCE,
                     words, console_log(name));
}

void hold_cleaved(void)
{
    run_ok("mkdir -p /run/cleave; touch /run/cleave/hold; killall cleaved; sleep 1");
    AWAIT(run("pidof cleaved")->status != 0, 5);
}

void release_cleaved(void)
{
    run_ok("rm -f /run/cleave/hold");
    AWAIT(run("pidof cleaved")->status == 0, 5);
}

const char *real_disk(void)
{
    if (access("/dev/vda", F_OK) == 0)
        return "/dev/vda";
    return access("/dev/sda", F_OK) == 0 ? "/dev/sda" : NULL;
}

/* Calls the core; false if it lacks this hypercall, as Xen does. */
static bool call_core(struct cleave_op *op)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xencall_handle *call;
    struct cleave_op *buffer;
    int rc;

    assert_non_null(xc);
    call = xc_interface_xcall_handle(xc);
    buffer = xencall_alloc_buffer(call, sizeof(*buffer));
    assert_non_null(buffer);
    op->interface_version = CLEAVE_INTERFACE_VERSION;
    *buffer = *op;
    rc = xencall1(call, CLEAVE_HYPERCALL, (uint64_t)buffer);
    *op = *buffer;
    xencall_free_buffer(call, buffer);
    xc_interface_close(xc);
    return rc == 0;
}

bool on_cleave(void)
{
    struct cleave_op op = { .cmd = CLEAVE_OP_probe };

    return call_core(&op);
}

void need_cleave(void)
{
    if (!on_cleave())
        skip();
}

unsigned int core_violations(void)
{
    struct cleave_op op = { .cmd = CLEAVE_OP_check };

    return call_core(&op) ? op.u.check.violations : 0;
}

struct cleave_stretch core_stretch(void)
{
    struct cleave_op op = { .cmd = CLEAVE_OP_stretch };

    return call_core(&op) ? op.u.stretch : (struct cleave_stretch){ 0 };
}

bool core_hold(unsigned int lock, struct cleave_hold *hold)
{
    struct cleave_op op = { .cmd = CLEAVE_OP_hold, .u.hold.lock = lock };
    bool found = call_core(&op);

    *hold = op.u.hold;
    return found;
}

bool memory_is_back(uint64_t before)
{
    uint64_t now = free_kib();

    return on_cleave() ? now == before : now + XEN_KEEPS_KIB >= before;
}

/* Whether there is a VM, if only one without a domain. */
static bool has_vms(void)
{
    DIR *names = opendir("/var/lib/cleave/names");
    bool found = false;
    struct dirent *entry;

    while (names && !found && (entry = readdir(names)) != NULL)
        found = entry->d_name[0] != '.';
    if (names)
        closedir(names);
    return found || guests() > 0;
}

static void destroy_all(void)
{
    int count = 0, id;
    int list[64];

    if (!has_vms())
        return;
    for (const char *at = run("cleave list --json")->out;
         (at = strstr(at, "\"id\": ")) && count < 64; at++)
        if (sscanf(at, "\"id\": %d", &id) == 1 && id > 0)
            list[count++] = id;
    for (int i = 0; i < count; i++)
        run("cleave destroy %d", list[i]);
    /* and VMs without a domain */
    run("for vm in /var/lib/cleave/names/*; do [ ! -L $vm ] || cleave destroy ${vm##*/}; done");
}

/*
 * Keeps the leftovers of one test from failing the next ones. Only what cleave says does not exist
 * (exit code 3) is removed: a `list` that failed otherwise is the test's failure.
 */
static void sweep_store(void)
{
    struct xs_handle *store = store_open();
    unsigned int count = 0;
    char **ids;

    assert_non_null(store);
    ids = xs_directory(store, XBT_NULL, "/local/domain", &count);
    free(ids);
    xs_close(store);
    if (count == 1)
        return;
    run_ok(
        "for id in $(xenstore-list /local/domain); do"
        " out=$(cleave list $id 2>&1); status=$?;"
        " if [ $status = 3 ] && [ $id != 0 ]; then xenstore-rm /local/domain/$id;"
        " elif [ $status != 0 ]; then echo \"cleave list $id: status $status: $out\"; exit 1; fi;"
        " done; true");
}

int test_begin(void **state)
{
    (void)state;
    destroy_all();
    sweep_store();
    run("rm -rf /var/lib/cleave/events*.jsonl /tmp/vm /var/log/xen/console/*; mkdir -p /tmp/vm");
    free_at_begin = free_kib();
    began = time(NULL);
    return 0;
}

/* A tool or a driver may be at work for a moment. */
static void await_store_as_the_schema_says(void)
{
    const struct run *check;

    for (int steps = 5 * PATIENCE * 10; (check = run("cleave store check"))->status != 0;
         pause_ms(100))
        if (steps-- == 0)
            fail_msg("%s%s", check->out, check->err);
}

/* Seen once, its cause is unknown: what is left of dom0's nodes is told beside the test. */
static void tell_if_dom0_has_no_name(void)
{
    static bool told;

    if (told || strstr(run("xenstore-read /local/domain/0/name")->out, "Domain-0"))
        return;
    told = true;
    printf("    dom0 has no name in the store any more:\n%s",
           run("xenstore-ls -f /local/domain/0; pidof xenstored; dmesg | tail -n 20")->out);
}

int test_end(void **state)
{
    (void)state;
    /* while VMs live and after their end */
    if (guests() > 0)
        await_store_as_the_schema_says();
    destroy_all();
    AWAIT(guests() == 0, 10);
    /* The hypervisor may delay the last frees by a moment. */
    AWAIT(memory_is_back(free_at_begin), 10);
    await_store_as_the_schema_says();
    assert_int_equal(core_violations(), 0);
    tell_if_dom0_has_no_name();
    if (time(NULL) - began >= LONG_S)
        printf("    %ld s\n", (long)(time(NULL) - began));
    return 0;
}

struct xc_interface_core *xc;

int test_begin_xc(void **state)
{
    int rc = test_begin(state);

    xc = xc_interface_open(NULL, NULL, 0);
    return rc ? rc : xc == NULL;
}

int test_end_xc(void **state)
{
    xc_interface_close(xc);
    return test_end(state);
}
