/* SPDX-License-Identifier: MIT */
/*
 * User errors, and how cleave reports them: one line with the cause, the numbers and a remedy, a
 * non-zero status, and nothing left over (test_end checks). Next to read: stock.c.
 */
#include <stdio.h>
#include <string.h>

#include "system.h"

struct refusal {
    const char *command;
    const char *words; /* |-separated, all must be in the error line */
    int status;        /* by enum report_class */
};

#define REFUSED(table) refuse_all(table, sizeof(table) / sizeof((table)[0]))

static void refuse_all(const struct refusal *refusals, size_t count)
{
    int before = guests();

    for (size_t i = 0; i < count; i++) {
        print_message("  $ %s\n", refusals[i].command);
        const struct run *refused = run("%s", refusals[i].command);

        assert_refused(refused, refusals[i].words);
        assert_int_equal(refused->status, refusals[i].status);
        assert_int_equal(guests(), before);
    }
}

static void wrong_words_on_the_command_line(void **state)
{
    static const struct refusal refusals[] = {
        { "cleave", "no verb|cleave help", 2 },
        { "cleave frobnicate", "verb|frobnicate|cleave help", 2 },
        { "cleave --frob", "option|--frob|cleave help", 2 },
        { "cleave lsit", "did you mean \"list\"?", 2 },
        { "cleave create", "missing|usage|create", 2 },
        { "cleave create --frob /guests/hello.cfg", "--frob|usage", 2 },
        { "cleave list -x", "-x|usage", 2 },
        { "cleave create -xF /guests/hello.cfg", "-x|usage", 2 },
        { "cleave destroy", "missing|usage", 2 },
        { "cleave destroy a b", "too many|usage", 2 },
        { "cleave create /guests/hello.cfg frob", "frob|KEY=VALUE", 2 },
    };

    (void)state;
    REFUSED(refusals);
    assert_non_null(
        strstr(run_ok("cleave destroy --help")->out, "usage: cleave destroy [OPTION]... VM"));
}

static void vms_that_are_not_there(void **state)
{
    static const struct refusal refusals[] = {
        { "cleave destroy nobody", "nobody|cleave list", 3 },
        { "cleave destroy 4711", "4711|cleave list", 3 },
        { "cleave pause nobody", "nobody", 3 },
        { "cleave unpause nobody", "nobody", 3 },
        { "cleave shutdown nobody", "nobody", 3 },
        { "cleave reboot nobody", "nobody", 3 },
        { "cleave console nobody", "nobody", 3 },
        { "cleave list nobody", "nobody", 3 },
        { "cleave destroy 0", "control domain", 9 },
        { "cleave pause Domain-0", "control domain", 9 },
    };

    (void)state;
    REFUSED(refusals);
}

/* A domain has no name while it is being built; a script's empty variable must not match it. */
static void nobody_is_meant_by_no_name(void **state)
{
    (void)state;
    run_ok("cleave create -p /guests/hello.cfg");
    run_ok("xenstore-rm /local/domain/%d/name", domid_of("hello"));
    assert_refused(run("cleave destroy ''"), "\"\"|cleave list");
    assert_int_equal(guests(), 1);
}

static void output_that_cannot_be_written(void **state)
{
    static const struct refusal refusals[] = {
        { "cleave help >/dev/full", "write|No space", 1 },
        { "cleave list --json >/dev/full", "write|No space", 1 },
        { "cleave list >&-", "write|Bad file descriptor", 1 },
        { "cleave dmesg -c >/dev/full", "write", 1 },
        { "cleave create /guests/hello.cfg >/dev/full", "write|No space|\"hello\" was removed", 1 },
    };

    (void)state;
    REFUSED(refusals);
    assert_non_null(strchr(run_ok("cleave dmesg")->out, '\n'));
    run_ok("cleave create /guests/hello.cfg");
    run_ok("cleave define /guests/hello.cfg name=full");
    assert_refused(run("cleave start full >/dev/full"), "write|\"full\" was started");
    run_ok("cleave destroy full; cleave undefine full");
    assert_refused(run("cleave console hello >/dev/full"), "hello|write|No space");
}

static void vm_files_that_are_wrong(void **state)
{
    static const struct refusal refusals[] = {
        { "cleave create /tmp/vm/missing", "/tmp/vm/missing|No such file", 3 },
        { "cleave create /tmp/vm", "/tmp/vm|not a regular file", 2 },
        { "cleave create /guests/hello.elf", "hello.elf|not a text file", 2 },
        { "cleave create /tmp/vm/syntax", "/tmp/vm/syntax|syntax|:2:", 2 },
        { "cleave create /guests/hello.cfg name=", "no name", 2 },
        { "cleave create /guests/hello.cfg name=12", "12|digits", 2 },
        { "cleave create /guests/hello.cfg name=a/b", "a/b|letters", 2 },
        { "cleave create /guests/hello.cfg type=hvm", "kernel|HVM|first disk", 2 },
        { "cleave create /guests/hello.cfg type=pv", "pv|pvh", 2 },
        { "cleave create /tmp/vm/typeless", "no type|pvh", 2 },
        { "cleave create /guests/hello.cfg memory=many", "memory|number|MiB", 2 },
        { "cleave create /guests/hello.cfg memory=4G", "memory = \"4G\"|MiB|memory = 4096", 2 },
        { "cleave create /guests/hello.cfg memroy=4 --strict", "memroy|did you mean \"memory\"?",
          2 },
        { "cleave create /guests/hello.cfg 'memory=[1]'", "memory|number", 2 },
        { "cleave create /guests/hello.cfg memory=0", "memory = 0", 2 },
        { "cleave create /guests/hello.cfg memory=8 maxmem=4", "maxmem = 4", 2 },
        { "cleave create /guests/hello.cfg vcpus=0", "vcpus = 0|128", 2 },
        { "cleave create /guests/hello.cfg vcpus=129", "vcpus = 129|128", 2 },
        { "cleave create /guests/hello.cfg vcpus=2 maxvcpus=1", "maxvcpus = 1", 2 },
        { "cleave create /guests/hello.cfg on_crash=pray", "on_crash|pray|restart", 2 },
        { "cleave create /guests/hello.cfg uuid=zz", "uuid|zz", 2 },
        { "cleave create /guests/hello.cfg cpus=x", "cpus|x", 2 },
        { "cleave create /guests/hello.cfg cpus=900-901", "cpus|none", 6 },
        { "cleave create /guests/hello.cfg kernel=", "no kernel", 2 },
    };

    (void)state;
    run_ok("printf 'type = \"pvh\"\\nname = = \"x\"\\n' >/tmp/vm/syntax");
    run_ok("grep -v ^type /guests/hello.cfg >/tmp/vm/typeless");
    REFUSED(refusals);
}

static void kernels_that_are_wrong(void **state)
{
    static const struct refusal refusals[] = {
        { "cleave create /guests/hello.cfg kernel=/tmp/vm/missing", "kernel|missing|No such file",
          3 },
        { "cleave create /guests/hello.cfg kernel=/tmp", "kernel|/tmp|not a regular file", 2 },
        { "cleave create /guests/hello.cfg kernel=/tmp/vm/empty", "kernel|empty", 2 },
        { "cleave create /guests/hello.cfg kernel=/guests/hello.cfg",
          "neither an ELF nor a Linux bzImage", 2 },
        { "cleave create /guests/hello.cfg kernel=/bin/busybox", "PVH entry", 2 },
        { "cleave create /guests/hello.cfg kernel=/tmp/vm/short.elf", "truncated|2000 bytes", 2 },
        { "cleave create /guests/debian.cfg kernel=/tmp/vm/short.bzimage", "truncated|100000 bytes",
          2 },
        { "cleave create /guests/debian.cfg kernel=/tmp/vm/damaged.bzimage",
          "damaged.bzimage|damaged", 2 },
    };

    (void)state;
    run_ok("cd /tmp/vm; >empty; head -c 2000 /guests/hello.elf >short.elf;head -c 100000 "
           "/guests/debian-vmlinuz >short.bzimage; cp /guests/debian-vmlinuz damaged.bzimage;dd "
           "if=/dev/zero of=damaged.bzimage bs=4096 seek=500 count=50 conv=notrunc 2>/dev/null");
    REFUSED(refusals);
    run("rm -r /tmp/vm");
}

static void ramdisks_that_are_wrong(void **state)
{
    static const struct refusal refusals[] = {
        { "cleave create /guests/debian.cfg ramdisk=/tmp/vm/missing",
          "ramdisk|missing|No such file", 3 },
        { "cleave create /guests/debian.cfg ramdisk=/tmp/vm/empty", "ramdisk|empty", 2 },
        { "cleave create /guests/debian.cfg ramdisk=/guests/hello.cfg", "ramdisk|cpio", 2 },
        { "cleave create /guests/debian.cfg ramdisk=/tmp/vm/short.gz",
          "ramdisk|truncated|300000 bytes", 2 },
        { "cleave create /guests/debian.cfg ramdisk=/tmp/vm/damaged.gz", "ramdisk|damaged", 2 },
    };

    (void)state;
    run_ok("cd /tmp/vm; >empty; head -c 300000 /guests/debian-initrd >short.gz; cp "
           "/guests/debian-initrd damaged.gz;dd if=/dev/zero of=damaged.gz bs=4096 seek=50 count=2 "
           "conv=notrunc 2>/dev/null");
    REFUSED(refusals);
}

static void more_than_there_is(void **state)
{
    static const struct refusal refusals[] = {
        { "cleave create /guests/hello.cfg memory=1000000", "1000000 MiB|are free|lower memory",
          5 },
        { "cleave create /guests/hello.cfg maxmem=1000000", "of overhead|are free|lower memory",
          5 },
        { "cleave create /guests/hello.cfg memory=1", "memory = 1 MiB is too little|at least 2 MiB",
          2 },
        { "cleave create /guests/debian.cfg memory=16", "memory = 16 MiB is too little|ramdisk",
          2 },
    };

    (void)state;
    REFUSED(refusals);
    /*
     * All free memory, except less than its page tables need: refused by the reservation or before
     * it.
     */
    assert_refused(run("cleave create /guests/hello.cfg memory=%llu",
                       (unsigned long long)free_kib() / 1024),
                   "not enough memory|free");
}

static void names_that_are_taken(void **state)
{
    static const struct refusal refusals[] = {
        { "cleave create /guests/hello.cfg", "hello|in use|domain|cleave destroy hello", 4 },
        { "cleave create /guests/hello.cfg name=other uuid=00112233-4455-6677-8899-aabbccddeeff",
          "uuid|in use", 4 },
    };

    (void)state;
    run_ok("cleave create /guests/hello.cfg uuid=00112233-4455-6677-8899-aabbccddeeff");
    REFUSED(refusals);
    run_ok("cleave pause hello");
    assert_refused(run("cleave shutdown hello"), "paused|cleave unpause hello");
    assert_int_equal(guests(), 1);
}

static void waits_that_are_wrong(void **state)
{
    static const struct refusal refusals[] = {
        { "cleave wait hello", "what to wait for|--for", 2 },
        { "cleave wait hello --for godot", "--for godot|booted", 2 },
        { "cleave wait hello --for", "argument is missing|--for", 2 },
        { "cleave wait nobody --for running", "nobody", 3 },
        { "cleave wait nobody --for running --timeout 1", "nobody|does not exist|1 s", 7 },
        { "cleave shutdown hello --timeout soon", "--timeout soon|seconds", 2 },
        { "cleave shutdown hello --timeout -1", "--timeout -1|seconds", 2 },
        { "cleave set-memory hello 4G", "4G|MiB", 2 },
        { "cleave set-memory hello 0", "0|MiB", 2 },
        { "cleave set-memory hello 5", "5 MiB|maximum of 4 MiB|--max", 5 },
        { "cleave set-memory hello 100000 --max", "are free|more, of which", 5 },
        { "cleave set-memory hello 2 --timeout 1", "4 MiB after 1 s|target is 2|balloon", 10 },
        { "cleave set-vcpus hello 2", "2 vCPUs|maximum of 1", 6 },
        { "cleave set-vcpus hello none", "none|vCPUs", 2 },
    };

    (void)state;
    run_ok("cleave create /guests/hello.cfg -p");
    REFUSED(refusals);
}

static void a_guest_that_does_not_listen(void **state)
{
    (void)state;
    run_ok("cleave create -p /guests/hello.cfg");
    run_ok("xenstore-write /local/domain/%d/control/feature-poweroff 0; cleave unpause hello; "
           "cleave pause hello",
           domid_of("hello"));
    assert_refused(run("cleave shutdown hello"), "hello");
}

static void no_store(void **state)
{
    (void)state;
    run_ok("mv /run/xenstored/socket /run/xenstored/away");
    const struct run *create = run("cleave create /guests/hello.cfg");

    run("mv /run/xenstored/away /run/xenstored/socket");
    assert_refused(create, "xenstored is not running|start it");
    assert_int_equal(run("cleave list")->status, 0);
}

static void a_store_that_hangs(void **state)
{
    (void)state;
    run_ok("kill -STOP $(pidof xenstored)");
    /* the first ones fill its queue of connections */
    const struct run *create =
        run("for i in 1 2 3; do cleave list >/dev/null 2>&1 & done;"
            "cleave create /guests/hello.cfg; status=$?; wait; exit $status");

    run("kill -CONT $(pidof xenstored)");
    assert_refused(create, "xenstored does not answer");
}

static void no_hypervisor(void **state)
{
    (void)state;
    assert_refused(run_hiding("/proc/xen /dev/xen", "cleave list"),
                   "no hypervisor|/proc/xen/privcmd");
    assert_refused(run_hiding("/proc/xen /dev/xen", "cleave create /guests/hello.cfg"),
                   "no hypervisor");
}

/* With --json, an error is JSON on standard output, and still one line on standard error. */
static void errors_are_json_for_who_asks_for_it(void **state)
{
    static const struct refusal refusals[] = {
        { "cleave list nobody --json", "\"list\"|\"not-found\"|nobody", 3 },
        { "cleave destroy --json", "\"destroy\"|\"usage\"|argument is missing", 2 },
        { "cleave lsit -j", "\"verb\": \"\"|\"usage\"|did you mean", 2 },
        { "cleave create --json /guests/hello.cfg memory=1000000",
          "\"create\"|\"memory\"|1000000 MiB", 5 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct run *refused = run("%s", refusals[i].command);

        assert_int_equal(refused->status, refusals[i].status);
        assert_json(refused->out, "error");
        assert_int_equal(number_in(refused->out, "code"), refusals[i].status);
        assert_words(refused->out, refusals[i].words);
        assert_int_equal(strncmp(refused->err, "cleave: ", 8), 0);
    }
}

static const struct CMUnitTest tests[] = {
    SYSTEM_TEST(wrong_words_on_the_command_line),
    SYSTEM_TEST(vms_that_are_not_there),
    SYSTEM_TEST(nobody_is_meant_by_no_name),
    SYSTEM_TEST(output_that_cannot_be_written),
    SYSTEM_TEST(vm_files_that_are_wrong),
    SYSTEM_TEST(kernels_that_are_wrong),
    SYSTEM_TEST(ramdisks_that_are_wrong),
    SYSTEM_TEST(more_than_there_is),
    SYSTEM_TEST(names_that_are_taken),
    SYSTEM_TEST(waits_that_are_wrong),
    SYSTEM_TEST(a_guest_that_does_not_listen),
    SYSTEM_TEST(no_store),
    SYSTEM_TEST(a_store_that_hangs),
    SYSTEM_TEST(no_hypervisor),
    SYSTEM_TEST(errors_are_json_for_who_asks_for_it),
};

const struct group group_refusals = GROUP("refusals", tests);
