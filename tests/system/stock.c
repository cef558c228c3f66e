/* SPDX-License-Identifier: MIT */
/*
 * Debian's unmodified tools: xl and cleave side by side, each with the VMs of the other; then xl's
 * other verbs, xentop, xen-hvmctx and lsevtchn. Next to read: many.c.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

#include <xen/hvm/save.h>

#include "cleave-schema.h"
#include "system.h"

static void await_heartbeat(const char *name)
{
    AWAIT(store_number(SCHEMA_DATA_HEARTBEAT_PATH, domid_of(name)) > 0, 30);
}

static void xl_creates_and_destroys(void **state)
{
    (void)state;
    run_ok("xl create /guests/hello.cfg");
    await_heartbeat("hello");
    assert_non_null(strstr(run_ok("xl list")->out, "hello"));
    assert_non_null(strstr(run_ok("xl info")->out, "free_memory"));
    run_ok("xl destroy hello");
    AWAIT(guests() == 0, 10);
}

static void xl_knows_a_vm_of_cleave(void **state)
{
    char domid[16];

    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    await_heartbeat("hello");
    snprintf(domid, sizeof(domid), "%d\n", domid_of("hello"));
    assert_non_null(strstr(run_ok("xl list hello")->out, "hello"));
    assert_string_equal(run_ok("xl domid hello")->out, domid);
    run_ok("timeout 60 xl console hello | grep -m 1 'hello: beat'");
    run_ok("xl pause hello");
    assert_string_equal(state_of("hello"), "paused");
    run_ok("xl unpause hello");
    assert_int_not_equal(run("xl create /guests/hello.cfg")->status, 0);
    AWAIT(guests() == 1, 10);
    run_ok("xl destroy hello");
    AWAIT(guests() == 0, 10);
    AWAIT(run("test -e /var/lib/cleave/names/hello")->status != 0, 5);
}

static void xl_shuts_a_vm_of_cleave_down(void **state)
{
    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    await_heartbeat("hello");
    run_ok("xl shutdown hello");
    AWAIT(guests() == 0, 30);
}

static void cleave_knows_a_vm_of_xl(void **state)
{
    (void)state;
    run_ok("xl create /guests/hello.cfg");
    await_heartbeat("hello");
    assert_non_null(strstr(run_ok("cleave list hello")->out, "hello"));
    run_ok("timeout 60 cleave console hello | grep -m 1 'hello: beat'");
    assert_refused(run("cleave create /guests/hello.cfg"), "in use");
    run_ok("cleave pause hello");
    assert_string_equal(state_of("hello"), "paused");
    run_ok("cleave unpause hello");
    run_ok("cleave destroy hello");
    AWAIT(guests() == 0, 10);
    AWAIT(run("pidof xl")->status != 0, 10);
}

static void cleave_shuts_a_vm_of_xl_down(void **state)
{
    (void)state;
    run_ok("xl create /guests/hello.cfg");
    await_heartbeat("hello");
    run_ok("cleave shutdown -w hello");
    AWAIT(guests() == 0, 30);
}

static void both_write_the_same_nodes(void **state)
{
    static const char nodes[] =
        "xenstore-ls -f -p /local/domain/%d | sed 's/ = .* (/ (/' | sort >/tmp/vm/%s";

    (void)state;
    run_ok("xl create -p /guests/hello.cfg");
    /* written by xenconsoled; after xl's removal of the domain's folder, this would recreate it */
    AWAIT(run("xenstore-read /local/domain/%d/console/tty", domid_of("hello"))->out[0] == '/', 10);
    run_ok(nodes, domid_of("hello"), "xl");
    run_ok("xl destroy hello");
    run_ok("cleave create -p /guests/hello.cfg");
    run_ok(nodes, domid_of("hello"), "cleave");
    run_ok("cd /tmp/vm; sed -i 's/domain.[0-9]*//; s/[0-9]*)/ID)/; s/n[1-9][0-9]*/nID/' xl cleave");
    run_ok("cd /tmp/vm; diff xl cleave");
}

/* --- libxl's records of VMs of cleave --- */

#define XL_FILES "/var/lib/xen/userdata-d.*.libxl-json"

/* The record of the only guest; dom0's has the number 0. */
static json_t *read_record(void)
{
    const char *text = run_ok("cat $(ls " XL_FILES " | grep -v 'userdata-d[.]0[.]')")->out;
    json_t *record = json_loads(text, 0, NULL);

    if (!record)
        fail_msg("no JSON: %s", text);
    return record;
}

/* Checks that ours has each value that theirs has. */
static void assert_covers(const char *place, const json_t *ours, const json_t *theirs)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_object(theirs) && json_is_object(ours)) {
        json_object_foreach((json_t *)theirs, key, value) if (strcmp(key, "uuid") != 0)
            assert_covers(key, json_object_get(ours, key), value);
    } else if (json_is_array(theirs) && json_array_size(ours) == json_array_size(theirs)) {
        json_array_foreach((json_t *)theirs, i, value)
            assert_covers(place, json_array_get(ours, i), value);
    } else if (!json_equal(ours, theirs)) {
        fail_msg("%s: %s, not %s", place, ours ? json_dumps(ours, JSON_ENCODE_ANY) : "nothing",
                 json_dumps(theirs, JSON_ENCODE_ANY));
    }
}

/* Each key that both tools know. */
static void a_record_is_what_xl_would_write(void **state)
{
    json_t *ours, *theirs;

    (void)state;
    run_ok("truncate -s 1M /tmp/vm/a /tmp/vm/b");
    run_ok("{ cat /guests/debian.cfg; printf \"\\nname = 'all'\nmaxmem = 160\nvcpus = 2\n"
           "maxvcpus = 3\ncpus = '0'\ncpu_weight = 512\ntsc_mode = 'native'\n"
           "on_poweroff = 'preserve'\non_reboot = 'destroy'\non_crash = 'preserve'\n"
           "on_watchdog = 'restart'\n"
           "disk = ['/tmp/vm/a,raw,xvda,rw', '/tmp/vm/b,raw,xvdc,r,direct-io-safe']\n"
           "vif = ['mac=00:16:3e:00:00:01,bridge=xenbr0', 'mac=00:16:3e:00:00:02,bridge=xenbr0']"
           "\"; } >/tmp/vm/all.cfg");
    run_ok("cleave create -p /tmp/vm/all.cfg");
    theirs = json_loads(strchr(run_ok("xl create -n /tmp/vm/all.cfg")->out, '{'), 0, NULL);
    assert_non_null(theirs);
    ours = read_record();
    assert_covers("", ours, theirs);
    json_decref(ours);
    json_decref(theirs);
}

static void a_record_follows_and_goes_with_its_domain(void **state)
{
    static const char *const tools[] = { "cleave", "xl" };
    json_t *record;
    const char *name;
    int target, most;

    (void)state;
    run_ok("cleave create /guests/hello.cfg; cleave wait hello --for booted --timeout 60");
    run_ok("cleave rename hello other");
    run_ok("cleave set-memory other 8 --max --no-wait");
    record = read_record();
    assert_int_equal(json_unpack(record, "{s:{s:s}, s:{s:i, s:i}}", "c_info", "name", &name,
                                 "b_info", "target_memkb", &target, "max_memkb", &most),
                     0);
    assert_string_equal(name, "other");
    assert_true(target == 8192 && most == 8192);
    json_decref(record);
    run_ok("cleave reboot other"); /* another domain */
    json_decref(read_record());
    run_ok("cleave shutdown other");
    for (size_t i = 0; i < 4; i++) {
        run_ok("%s create /guests/hello.cfg", tools[i / 2]);
        run_ok("xl config-update hello /guests/hello.cfg");
        run_ok("%s destroy hello", tools[i % 2]);
        AWAIT(guests() == 0, 10);
        AWAIT(!*run("ls /var/lib/xen | grep -v 'userdata-d[.]0[.]'")->out, 10);
    }
}

/* --- the other verbs: with a guest created by xl ------------------------------------------- */

static void assert_contains(const struct run *run, const char *text)
{
    if (!strstr(run->out, text))
        fail_msg("\"%s\" is not in:\n%s%s", text, run->out, run->err);
}

/* Checks that the command fails, and that its error states why. */
static void assert_fails(const struct run *run, const char *why)
{
    if (run->status == 0 || run->status >= 124 || !strstr(run->err, why))
        fail_msg("status %d, not \"%s\": %s%s", run->status, why, run->out, run->err);
}

/* The number after "key :" in the output of xl info. */
static long info_number(const char *info, const char *key)
{
    const char *at = strstr(info, key);
    long number = -1;

    if (!at || sscanf(strchr(at, ':'), ": %ld", &number) != 1)
        fail_msg("no %s in: %s", key, info);
    return number;
}

static void info_is_that_of_the_machine(void **state)
{
    const struct run *info = run_ok("xl info -n");
    const char *node = strstr(info->out, "numa_info");
    long cpus = number_in(run_ok("cleave info --json")->out, "cpus"), size = 0, left = 0;

    (void)state;
    assert_int_equal(info_number(info->out, "nr_cpus"), cpus);
    assert_int_equal(info_number(info->out, "max_cpu_id"), cpus - 1);
    assert_int_equal(info_number(info->out, "free_cpus"), 0);
    assert_int_equal(info_number(info->out, "outstanding_claims"), 0);
    assert_in_range(info_number(info->out, "cpu_mhz"), 100, 10000);
    assert_contains(info, "xen_scheduler          : credit2");
    assert_contains(info, on_cleave() ? "virt_caps              : hvm hap gnttab-v1\n" : "hap");
    assert_non_null(node);
    assert_int_equal(sscanf(node, "%*[^\n] node: %*[^\n] 0: %ld %ld", &size, &left), 2);
    assert_in_range(size - info_number(info->out, "total_memory"), 0, 1024);
    assert_int_equal(left, info_number(info->out, "free_memory"));
    assert_contains(run_ok("xl cpupool-list"), "credit2       y          1\n");
    assert_contains(run_ok("xl cpupool-list -c"), cpus > 1 ? "0,1" : "0\n");
}

static void names_and_numbers(void **state)
{
    char domid[16], uuid[64];

    (void)state;
    run_ok("xl create -p /guests/hello.cfg");
    snprintf(domid, sizeof(domid), "%d", domid_of("hello"));
    snprintf(uuid, sizeof(uuid), "%.40s",
             run_ok("xenstore-read /local/domain/%s/vm", domid)->out + 4);
    uuid[36] = '\0';
    assert_contains(run_ok("xl list -v hello"), uuid);
    assert_contains(run_ok("xl list hello"), "--p---       0.0");
    assert_string_equal(run_ok("xl domname %s", domid)->out, "hello\n");
    run_ok("xl rename hello other");
    assert_string_equal(run_ok("xl domid other")->out, run_ok("echo %s", domid)->out);
    assert_fails(run("xl domid hello"), "hello");
    assert_contains(run_ok("xl uptime other"), domid);
    assert_fails(run("xl destroy hello"), "invalid domain identifier");
    assert_contains(run_ok("xl vcpu-list other"), "   ---       0.0  all / all");
    run_ok("xl unpause other");
    await_heartbeat("other");
    assert_contains(run_ok("xenstore-ls /local/domain/%s", domid), "heartbeat = ");
}

static void create_with_the_console(void **state)
{
    (void)state;
    run_ok("xl create -c /guests/hello.cfg >/tmp/vm/console & echo $! >/tmp/vm/pid");
    AWAIT(strstr(run("cat /tmp/vm/console")->out, "hello: beat"), 20);
    run_ok("xl destroy hello");
    AWAIT(run("kill -0 $(cat /tmp/vm/pid)")->status != 0, 10);
}

/* MEM(k) or MAXMEM(k) of the guest, from xentop's second iteration. */
static long top(unsigned int column)
{
    return atol(
        run_ok("xentop -b -i 2 -d 0.5 | awk '$1 == \"hello\" { v = $%u } END { print v }'", column)
            ->out);
}

static void memory_of_a_vm_of(const char *tool)
{
    int domid;

    run_ok("%s create /guests/hello.cfg", tool);
    domid = domid_of("hello");
    await_heartbeat("hello");
    assert_in_range(top(5), 4096, 4096 + 1024);
    assert_int_equal(top(7), 4096 + 1024);
    run_ok("xl mem-max hello 8");
    assert_int_equal(top(7), 8192 + 1024);
    run_ok("xl mem-set hello 3");
    assert_int_equal(store_number(SCHEMA_MEMORY_TARGET_PATH, domid), 3072);
    assert_fails(run("xl mem-max hello 2"), "must be greater");
    assert_fails(run("xl mem-set hello 100"), "must be less");
    assert_contains(run_ok("xl list -l hello"), "\"max_memkb\": 8192,\n                "
                                                "\"target_memkb\": 3072,");
    run_ok("cleave-schema-check; xl destroy hello");
    AWAIT(guests() == 0, 10);
}

static void memory_limit_and_target(void **state)
{
    (void)state;
    memory_of_a_vm_of("xl");
    memory_of_a_vm_of("cleave");
}

static void vcpus_and_their_cpus(void **state)
{
    bool two = number_in(run_ok("cleave info --json")->out, "cpus") > 1;
    int domid;

    (void)state;
    run_ok("xl create -p /guests/hello.cfg maxvcpus=2");
    domid = domid_of("hello");
    assert_string_equal(run_ok("xenstore-read /local/domain/%d/cpu/1/availability", domid)->out,
                        "offline\n");
    run_ok("xl vcpu-set -i hello 2");
    assert_string_equal(run_ok("xenstore-read /local/domain/%d/cpu/1/availability", domid)->out,
                        "online\n");
    assert_fails(run("xl vcpu-set -i hello 3"), "maxcpus is 2");
    assert_contains(run_ok("xl vcpu-list hello"), "all / all");
    run_ok("xl vcpu-pin hello 1 0");
    assert_contains(run_ok("xl vcpu-list hello"), two ? "0 / all" : "all / all");
    run_ok("xl vcpu-pin hello all all 0");
    assert_contains(run_ok("xl vcpu-list hello"), two ? "all / 0" : "all / all");
    if (two) {
        run_ok("xl vcpu-pin hello 0 0 1"); /* a soft affinity that cannot be met */
        assert_contains(run_ok("xl vcpu-list hello"), "0 / 1\n");
    }
    assert_fails(run("xl vcpu-pin hello 0 63"), "affinity");
    assert_fails(run("xl vcpu-pin hello 7 0"), "affinity");
}

static void weight_and_cap(void **state)
{
    (void)state;
    run_ok("xl create -p /guests/hello.cfg cpu_weight=512");
    assert_contains(run_ok("xl sched-credit2 -d hello"), "512    0\n");
    run_ok("xl sched-credit2 -d hello -c 50");
    assert_contains(run_ok("xl sched-credit2"), "512   50\n");
    run_ok("xl sched-credit2 -d hello -w 1000");
    assert_contains(run_ok("xl sched-credit2 -d hello"), "1000   50\n");
    assert_fails(run("xl sched-credit2 -d hello -w 70000"), "out of range");
    assert_fails(run("xl sched-credit2 -d nobody"), "nobody");
}

/*
 * A small guest does not handle NMIs: it dies of one, with a message. A PVH guest has no buttons.
 */
static void triggers(void **state)
{
    (void)state;
    run_ok("xl create /guests/hello.cfg 'on_crash=\"preserve\"' 'on_poweroff=\"preserve\"'");
    await_heartbeat("hello");
    if (on_cleave())
        assert_non_null(strstr(run("xl trigger hello power")->err, "not supported"));
    assert_string_equal(run("xl trigger hello nmi 1")->out, "");
    run_ok("xl trigger hello nmi");
    await_said("hello", "NMI", 10);
}

static void messages_of_the_hypervisor(void **state)
{
    (void)state;
    /* other messages may appear in between */
    AWAIT(!run_ok("xl dmesg -c >/dev/null; xl dmesg")->out[0], 10);
    run_ok("xl debug-keys q");
    assert_contains(run_ok("xl dmesg"), on_cleave() ? "d0: " : "General information for domain 0");
    run_ok("xl debug-keys h");
    assert_contains(run_ok("xl dmesg"), on_cleave() ? "key I: " : "key 'q'");
}

static void what_a_guest_is_made_of(void **state)
{
    const struct run *state_of_cpu;

    (void)state;
    run_ok("xl create /guests/hello.cfg");
    await_heartbeat("hello");
    state_of_cpu = run_ok("xen-hvmctx %d", domid_of("hello"));
    assert_contains(state_of_cpu, "rip 0x00000000001");
    assert_contains(state_of_cpu, "efer         0x00000d00");
    assert_contains(state_of_cpu, "LAPIC registers");
    assert_contains(state_of_cpu, "type 0 instance 0, length 0\n");
    assert_contains(run_ok("lsevtchn %d", domid_of("hello")),
                    "Interdomain (Connected) - Remote Domain 0");
    assert_contains(run_ok("lsevtchn"), "Virtual IRQ 3");
    assert_fails(run("lsevtchn 99"), "No such process");
}

/* Reads the registers in the other form of the ABI: the record of vCPU 0. */
static void read_cpu_record(int domid, struct hvm_hw_cpu *cpu)
{
    static uint8_t context[1 << 16];
    struct hvm_save_descriptor record = { .typecode = 0 };
    int size = xc_domain_hvm_getcontext(xc, domid, context, sizeof(context));

    for (int at = 0; at < size; at += sizeof(record) + record.length) {
        memcpy(&record, context + at, sizeof(record));
        if (record.typecode == HVM_SAVE_CODE(CPU) && record.length == sizeof(*cpu)) {
            memcpy(cpu, context + at + sizeof(record), sizeof(*cpu));
            return;
        }
    }
    fail_msg("no registers in a context of %d bytes", size);
}

/* What a core file has. */
static void registers_of_a_vcpu(void **state)
{
    static vcpu_guest_context_any_t any;
    const vcpu_guest_context_x86_64_t *context = &any.x64;
    struct hvm_hw_cpu cpu;
    int domid;

    (void)state;
    run_ok("xl create /guests/hello.cfg");
    await_heartbeat("hello");
    domid = domid_of("hello");
    run_ok("xl pause hello");
    read_cpu_record(domid, &cpu);
    assert_int_equal(xc_vcpu_getcontext(xc, domid, 0, &any), 0);
    assert_int_equal(context->user_regs.rip, cpu.rip);
    assert_int_equal(context->user_regs.rsp, cpu.rsp);
    assert_int_equal(context->user_regs.r12, cpu.r12);
    assert_int_equal(context->user_regs.cs, cpu.cs_sel);
    assert_int_equal(context->ctrlreg[0], cpu.cr0);
    assert_int_equal(context->ctrlreg[3], cpu.cr3);
    assert_int_equal(context->ctrlreg[4], cpu.cr4);
    assert_int_equal(context->debugreg[7], cpu.dr7);
    assert_memory_equal(&context->fpu_ctxt, cpu.fpu_regs, sizeof(context->fpu_ctxt));
    assert_int_equal(xc_vcpu_getcontext(xc, domid, 1, &any), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(xc_vcpu_getcontext(xc, 0, 0, &any), -1);
    run_ok("xl unpause hello");
    await_heartbeat("hello");
}

/* Variants that guests/lib does not use by default: see guests/lib/evtchn.h and hypercall.c. */
static void the_other_forms_of_events_and_hypercalls(void **state)
{
    (void)state;
    run_ok("xl create /guests/hello.cfg 'extra=\"beat=1 upcall=param vcpu_info=shared "
           "hypercall=page\"'");
    await_heartbeat("hello");
    await_said("hello", "hello: beat 2", 10);
    run_ok("xl shutdown -w hello");
    AWAIT(guests() == 0, 20);
}

/* xl's process for the guest restarts it, and exits when it has powered off. */
static void reboot_is_done_by_xls_process(void **state)
{
    int domid;

    (void)state;
    run_ok("xl create /guests/hello.cfg");
    domid = domid_of("hello");
    await_heartbeat("hello");
    run_ok("xl reboot hello");
    AWAIT(domid_of("hello") > domid, 30);
    await_heartbeat("hello");
    run_ok("xl shutdown -w hello");
    AWAIT(guests() == 0 && run("pidof xl")->status != 0, 20);
}

/* --- Xen's own tests, of the package xen-utils --- */

#define XEN_TESTS "/usr/lib/xen-4.17/bin/"

static void xens_tests_of_memory_pass(void **state)
{
    const struct run *run;

    (void)state;
    run = run_ok(XEN_TESTS "test-resource");
    assert_contains(run, on_cleave() ? "Test x86 PV\n  Skip: PV not available\n"
                                     : "Test x86 PV\n  Created d");
    assert_contains(run, "Test x86 PVH\n  Created d");
    assert_contains(run, "  Test grant table\n");
    assert_contains(run_ok(XEN_TESTS "test-paging-mempool"),
                    "mempool size 1048576 bytes (1024kB, 1MB)\n"
                    "Test that allocate doesn't alter pool size\n"
                    "Test bad set size\n"
                    "Test set continuation\n");
}

/*
 * The emulator executes XBEGIN, which always aborts, although its CPUID lacks RTM. test-tsx
 * complains about that, under Xen as here. Its queries to the hypervisor about each CPU must
 * succeed without a complaint.
 */
static void xens_tests_of_cpus_say_the_same(void **state)
{
    const struct run *tsx = run(XEN_TESTS "test-tsx");

    (void)state;
    assert_contains(tsx, "Testing MSR_TSX_FORCE_ABORT consistency\n"
                         "Testing MSR_TSX_CTRL consistency\n"
                         "Testing MSR_MCU_OPT_CTRL consistency\n"
                         "Testing RTM behaviour\n");
    assert_contains(tsx, "Testing HVM guest\n  Created d");
    assert_int_equal(tsx->status, strstr(tsx->out, "but appears available") ? 1 : 0);
    assert_contains(run_ok(XEN_TESTS "test-cpu-policy"), "Done: all ok\n");
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(xens_tests_of_memory_pass),
    SYSTEM_TEST(xens_tests_of_cpus_say_the_same),
    SYSTEM_TEST(xl_creates_and_destroys),
    SYSTEM_TEST(xl_knows_a_vm_of_cleave),
    SYSTEM_TEST(xl_shuts_a_vm_of_cleave_down),
    SYSTEM_TEST(cleave_knows_a_vm_of_xl),
    SYSTEM_TEST(cleave_shuts_a_vm_of_xl_down),
    SYSTEM_TEST(both_write_the_same_nodes),
    SYSTEM_TEST(a_record_is_what_xl_would_write),
    SYSTEM_TEST(a_record_follows_and_goes_with_its_domain),
    SYSTEM_TEST(info_is_that_of_the_machine),
    SYSTEM_TEST(names_and_numbers),
    SYSTEM_TEST(create_with_the_console),
    SYSTEM_TEST(memory_limit_and_target),
    SYSTEM_TEST(vcpus_and_their_cpus),
    SYSTEM_TEST(weight_and_cap),
    SYSTEM_TEST(triggers),
    SYSTEM_TEST(messages_of_the_hypervisor),
    SYSTEM_TEST(what_a_guest_is_made_of),
    SYSTEM_TEST_XC(registers_of_a_vcpu),
    SYSTEM_TEST(the_other_forms_of_events_and_hypercalls),
    SYSTEM_TEST(reboot_is_done_by_xls_process),
};

const struct group group_stock = GROUP("stock", tests);
