/* SPDX-License-Identifier: MIT */
/*
 * The rig decides the result of every other test, so it is tested itself: each way in which a run
 * can end, with a shell script in place of QEMU (fake_qemu.sh), and the lines that count as a
 * crash. Run from the top of the tree.
 */
#define _GNU_SOURCE
#include "channel.h"
#include "hang.h"
#include "watch.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RIG "build/tests/rig/rig"
#define FAKE "tests/rig/fake_qemu.sh"

struct outcome {
    int status;
    char out[4096], err[8192];
};

static char folder[] = "/tmp/rig_test.XXXXXX";

static void slurp(const char *name, char *buffer, size_t size)
{
    FILE *file = fopen(name, "r");

    assert_non_null(file);
    buffer[fread(buffer, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* Runs the rig on the fake machine. more: options for the rig, in shell syntax. */
static void run(struct outcome *outcome, const char *scenario, const char *more)
{
    char command[2048], name[256];

    snprintf(command, sizeof(command),
             "RIG_TEST_COPY=%s/copy %s --kernel k --kernel-args 'a,b c' --image " FAKE
             " --log %s/log %s "
             "-- %s %s >%s/out 2>%s/err",
             folder, RIG, folder, more, FAKE, scenario, folder, folder);
    int status = system(command);

    assert_true(WIFEXITED(status));
    outcome->status = WEXITSTATUS(status);
    snprintf(name, sizeof(name), "%s/out", folder);
    slurp(name, outcome->out, sizeof(outcome->out));
    snprintf(name, sizeof(name), "%s/err", folder);
    slurp(name, outcome->err, sizeof(outcome->err));
}

static void command_output_and_status(void **state)
{
    struct outcome outcome;
    char name[256], log[256];

    (void)state;
    run(&outcome, "output", "--timeout 20 --command true");
    assert_int_equal(outcome.status, 7);
    assert_string_equal(outcome.out, "one two");
    assert_string_equal(outcome.err, "to stderr");
    snprintf(name, sizeof(name), "%s/log", folder);
    slurp(name, log, sizeof(log));
    assert_string_equal(log, "boots\n");
}

/*
 * dom0's image comes first and untouched; the command and the files follow at a multiple of four.
 */
static void initramfs_has_image_command_and_files(void **state)
{
    struct outcome outcome;
    char command[1024];

    (void)state;
    run(&outcome, "initrd",
        "--timeout 20 --command 'echo it is me' --file LICENSE --file Config.mk");
    assert_int_equal(outcome.status, 0);
    assert_non_null(strstr(outcome.out, "k a,,b c,/dev/fd/"));

    snprintf(
        command, sizeof(command),
        "cd %s && size=$(stat -c %%s $OLDPWD/" FAKE ") && head -c $size copy | cmp - $OLDPWD/" FAKE
        " && tail -c +$(((size + 3) / 4 * 4 + 1)) copy | cpio -i -d --quiet"
        " && cmp mnt/LICENSE $OLDPWD/LICENSE"
        " && cmp mnt/Config.mk $OLDPWD/Config.mk && test \"$(cat etc/rig/cmd)\" = 'echo it is me'",
        folder);
    assert_int_equal(system(command), 0);
}

static void missing_file_is_named(void **state)
{
    struct outcome outcome;

    (void)state;
    run(&outcome, "output", "--timeout 20 --command true --file /no/such/file");
    assert_int_equal(outcome.status, 125);
    assert_non_null(strstr(outcome.err, "/no/such/file: No such file"));
    run(&outcome, "output", "--timeout 20 --command true --file /tmp");
    assert_int_equal(outcome.status, 125);
    assert_non_null(strstr(outcome.err, "not a plain file"));
}

static void machine_ends_without_status(void **state)
{
    struct outcome outcome;

    (void)state;
    run(&outcome, "ends", "--timeout 20 --command true");
    assert_int_equal(outcome.status, 125);
    assert_non_null(strstr(outcome.err, "ended before dom0 could run the command"));
    assert_non_null(strstr(outcome.err, "| the last words"));
}

static void crash_ends_the_run_early(void **state)
{
    struct outcome outcome;

    (void)state;
    run(&outcome, "crash-before", "--timeout 20 --command true");
    assert_int_equal(outcome.status, 125);
    assert_non_null(
        strstr(outcome.err, "crash before dom0 could run the command: (CLV) error: panic"));
    assert_non_null(strstr(outcome.err, "| (CLV) dump line"));
    run(&outcome, "crash-within", "--timeout 20 --command true");
    assert_int_equal(outcome.status, 125);
    assert_non_null(
        strstr(outcome.err, "crash while the command ran: [    3.141592] Kernel panic"));
}

static void guest_cannot_fake_a_crash(void **state)
{
    struct outcome outcome;

    (void)state;
    run(&outcome, "guest-panics", "--timeout 20 --command true");
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.err, "");
}

static void hang_ends_in_timeout(void **state)
{
    struct outcome outcome;

    (void)state;
    run(&outcome, "hang", "--timeout 1 --command true");
    assert_int_equal(outcome.status, 124);
    assert_non_null(strstr(outcome.err, "timeout after 1 s while the command ran"));
    assert_non_null(strstr(outcome.err, "| boots"));
    assert_non_null(strstr(outcome.err, "| dump after nmi"));
    assert_non_null(strstr(outcome.err, "QEMU answers on its monitor: the machine is running\n"));
    assert_non_null(strstr(outcome.err, "threads that ran during a second of it: none\n"));
    assert_non_null(strstr(outcome.err, "after an NMI the hypervisor has said where it is"));
}

/* A main loop that runs and accepts no command, like one with timers that always expire. */
static void deaf_machine_is_told_from_a_stuck_guest(void **state)
{
    struct outcome outcome;

    (void)state;
    run(&outcome, "hang-deaf", "--timeout 1 --command true");
    assert_int_equal(outcome.status, 124);
    assert_non_null(strstr(outcome.err, "QEMU does not answer on its monitor within 5 s"));
    assert_non_null(strstr(outcome.err, "threads that ran during a second of it: main loop "));
    assert_non_null(strstr(outcome.err, "after an NMI the hypervisor has said nothing"));
}

static volatile int spinning = 1;

static void *spin(void *unused)
{
    while (spinning)
        ;
    return unused;
}

static void running_thread_is_named(void **state)
{
    struct hang_sample before, after;
    char text[256];
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, spin, NULL);
    pthread_setname_np(thread, "CPU 0) S 1/TCG");
    assert_true(hang_take_sample(getpid(), &before));
    do {
        assert_true(hang_take_sample(getpid(), &after));
        hang_describe(&before, &after, text, sizeof(text));
    } while (!strstr(text, "CPU 0) S 1/TCG ") || !strstr(text, "main loop "));
    spinning = 0;
    pthread_join(thread, NULL);

    hang_describe(&before, &before, text, sizeof(text));
    assert_string_equal(text, "none");
    hang_describe(&before, &after, text, 8); /* text that does not fit is dropped */
    assert_int_equal(strlen(text), 7);
    assert_false(hang_take_sample(0x7ffffffe, &before));
}

/* The answer may arrive in pieces, and late after other output. */
static void monitor_answer_is_found(void **state)
{
    struct hang_monitor monitor = { .used = 0 };
    char word[64];
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_false(hang_answered(fds[0], &monitor, word, sizeof(word)));
    for (int i = 0; i < 2000; i++) {
        assert_true(hang_tell(fds[1], "(qemu) more of the same\r\n"));
        assert_false(hang_answered(fds[0], &monitor, word, sizeof(word)));
    }
    assert_true(hang_tell(fds[1], "info status\r\nVM sta"));
    assert_false(hang_answered(fds[0], &monitor, word, sizeof(word)));
    assert_true(hang_tell(fds[1], "tus: pau"));
    assert_false(hang_answered(fds[0], &monitor, word, sizeof(word)));
    assert_true(hang_tell(fds[1], "sed (internal-error)\r\n"));
    assert_true(hang_answered(fds[0], &monitor, word, sizeof(word)));
    assert_string_equal(word, "paused");
    close(fds[0]);
    assert_false(hang_tell(fds[1], "info status\n"));
    close(fds[1]);
}

static void nonsense_on_the_channel(void **state)
{
    struct outcome outcome;

    (void)state;
    run(&outcome, "nonsense", "--timeout 20 --command true");
    assert_int_equal(outcome.status, 125);
    assert_non_null(strstr(outcome.err, "nonsense"));
}

static int sink(int fd, const void *bytes, size_t length)
{
    (void)fd;
    (void)bytes;
    return length > CHANNEL_MAX ? -E2BIG : 0;
}

static void channel_takes_the_longest_record_only(void **state)
{
    static uint8_t record[CHANNEL_HEADER + CHANNEL_MAX + 1] = {
        CHANNEL_STDOUT,
        CHANNEL_MAX & 0xff,
        CHANNEL_MAX >> 8,
    };
    struct channel channel = { 0 };

    (void)state;
    assert_int_equal(channel_feed(&channel, record, CHANNEL_HEADER + CHANNEL_MAX, sink), 0);
    assert_int_equal(channel.used, 0);
    record[1]++;
    assert_int_equal(channel_feed(&channel, record, sizeof(record), sink), -EPROTO);
}

static void watch_cuts_endless_lines(void **state)
{
    static struct watch watch = { .log_fd = -1 };
    static char text[3 * WATCH_LINE];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(watch_feed(&watch, text, sizeof(text)), 0);
    assert_int_equal(watch.lines, 3);
    assert_false(watch.crashed);
    assert_true(watch_is_crash("(XEN) Panic on CPU 0:"));
    assert_true(watch_is_crash("[   12.345678] Kernel panic - not syncing: VFS"));
    assert_true(watch_is_crash("dom0# (CLV) panic: in the middle of dom0's line"));
    assert_false(watch_is_crash("(XEN) d1v0 Kernel panic - not syncing"));
    assert_false(watch_is_crash("(d1) (CLV) error: panic on CPU 0: a guest's hypervisor"));
    assert_true(watch_is_crash("(dom0) (CLV) error: panic on CPU 0"));
    assert_false(watch_is_crash("[a guest's words] Kernel panic - not syncing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_output_and_status),
        cmocka_unit_test(initramfs_has_image_command_and_files),
        cmocka_unit_test(missing_file_is_named),
        cmocka_unit_test(machine_ends_without_status),
        cmocka_unit_test(crash_ends_the_run_early),
        cmocka_unit_test(guest_cannot_fake_a_crash),
        cmocka_unit_test(hang_ends_in_timeout),
        cmocka_unit_test(deaf_machine_is_told_from_a_stuck_guest),
        cmocka_unit_test(running_thread_is_named),
        cmocka_unit_test(monitor_answer_is_found),
        cmocka_unit_test(nonsense_on_the_channel),
        cmocka_unit_test(channel_takes_the_longest_record_only),
        cmocka_unit_test(watch_cuts_endless_lines),
    };
    char remove[64];

    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }

    int failed = cmocka_run_group_tests_name("rig", tests, NULL, NULL);

    snprintf(remove, sizeof(remove), "rm -rf %s", folder);
    return system(remove) != 0 || failed != 0;
}
