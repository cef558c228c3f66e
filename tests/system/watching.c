/* SPDX-License-Identifier: MIT */
/*
 * Watching VMs: `cleave top` with and without a screen, `cleave metrics` printed and served, and
 * the events of promises that are broken or at risk, with their causes. Next to read:
 * ../tools/metrics_test.c, ../tools/http_test.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prometheus.h"
#include "report.h"
#include "system.h"

#define BOOK "/var/lib/cleave/cpu.json"
#define BUCKETS 32 /* of a history, besides that of seconds in which nothing was wanted */
#define PORT "9177"

static int end(void **state)
{
    run("rm -f /run/cleave/hold; [ ! -e /tmp/served ] || kill $(cat /tmp/served); rm -f "
        "/tmp/served");
    if (access(BOOK, F_OK) == 0)
        run("cleave cpu set Domain-0 default");
    return test_end(state);
}

static int cpus(void) { return sysconf(_SC_NPROCESSORS_ONLN); }

/* The number behind "key": in a line of JSON without spaces. */
static long compact_number(const char *json, const char *key)
{
    char word[64];
    const char *at;

    snprintf(word, sizeof(word), "\"%s\":", key);
    at = strstr(json, word);
    if (!at)
        fail_msg("no %s in: %s", key, json);
    return strtol(at + strlen(word), NULL, 10);
}

static int clock_mhz(void) { return compact_number(run_ok("cleave top --json -n 1")->out, "mhz"); }

/* --- top -------------------------------------------------------------------------------------- */

static int count_of(const char *text, const char *word)
{
    int count = 0;

    for (; (text = strstr(text, word)); text += strlen(word))
        count++;
    return count;
}

static void top_prints_each_interval(void **state)
{
    const struct run *top;
    char *line;

    (void)state;
    run_ok("cleave create /guests/spin.cfg");
    run_ok("cleave create -p /guests/hello.cfg");
    run_ok("cleave define /guests/smp.cfg");
    top = run_ok("cleave top --batch -n 2");
    assert_int_equal(count_of(top->out, "Wanted"), 2);
    assert_int_equal(count_of(top->out, "\nspin "), 2);
    assert_words(top->out, "Domain-0|hello|paused|smp|stopped|MHz reserved|by unmet|CPUs at");
    top = run_ok("cleave top --json -n 3 --sort name");
    assert_int_equal(count_of(top->out, "\n"), 3);
    line = strndup(top->out, strcspn(top->out, "\n"));
    assert_json(line, "top");
    assert_true(strstr(line, "Domain-0") < strstr(line, "\"hello\""));
    assert_true(strstr(line, "\"hello\"") < strstr(line, "\"spin\""));
    assert_true(strstr(line, "\"spin\"") < strstr(line, "\"smp\"")); /* it has no domain */
    free(line);
    run_ok("cleave undefine smp");
}

/* The spinner got more than all others, dom0 among them. */
static void top_shows_who_got_most(void **state)
{
    const char *out;

    (void)state;
    run_ok("cleave create /guests/hello.cfg && cleave create /guests/spin.cfg");
    out = run_ok("cleave top --json -n 1 -i 2 -s got")->out;
    assert_true(strstr(out, "\"spin\"") < strstr(out, "\"hello\""));
    assert_true(compact_number(strstr(out, "\"spin\""), "got_mhz") > 0);
    out = run_ok("cleave top --json -n 1 -s memory")->out;
    assert_true(strstr(out, "\"Domain-0\"") < strstr(out, "\"spin\""));
}

static void wrong_words_are_refused(void **state)
{
    static const struct {
        const char *words, *says;
    } wrong[] = {
        { "top", "needs a terminal|--batch" },
        { "top -n 1", "needs a terminal" },
        { "top -b -n 0", "--intervals 0|from 1" },
        { "top -b -n -1", "--intervals -1" },
        { "top -b -n 99999999999999999999", "--intervals" },
        { "top -b -i 0", "--interval 0|from 1" },
        { "top -b -i 3601", "to 3600" },
        { "top -b -s load", "--sort load|unmet" },
        { "top -b VM", "too many arguments" },
        { "metrics VM", "too many arguments" },
        { "metrics --listen 0", "--listen 0|from 1 to 65535" },
        { "metrics --listen 65536", "--listen 65536" },
        { "metrics --listen somewhere", "must be PORT" },
        { "metrics --listen localhost:80", "must be PORT" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct run *refused = run("cleave %s", wrong[i].words);

        assert_refused(refused, wrong[i].says);
        assert_int_equal(refused->status, REPORT_USAGE);
    }
    assert_refused(run("cleave metrics --listen 192.0.2.1:80"), "cannot listen on 192.0.2.1:80");
    assert_json(run("cleave top --json --sort x 2>/dev/null")->out, "error");
}

/* --- the screen ------------------------------------------------------------------------------- */

struct terminal {
    pid_t pid;
    int fd;
    char text[1 << 18]; /* all that was written to it */
    size_t length;
};

static void open_terminal(struct terminal *terminal, const char *type)
{
    struct winsize size = { .ws_row = 24, .ws_col = 80 };

    terminal->length = 0;
    fflush(NULL);
    terminal->pid = forkpty(&terminal->fd, NULL, NULL, &size);
    assert_true(terminal->pid >= 0);
    if (terminal->pid > 0)
        return;
    setenv("TERM", type, 1);
    execlp("cleave", "cleave", "top", NULL);
    _exit(127);
}

/* Returns whether the words have come since the last call that found some. */
static bool is_shown(struct terminal *terminal, const char *words)
{
    struct pollfd ready = { terminal->fd, POLLIN, 0 };
    size_t space = sizeof(terminal->text) - 1 - terminal->length;
    ssize_t got = 0;

    if (poll(&ready, 1, 0) > 0)
        got = read(terminal->fd, terminal->text + terminal->length, space);
    terminal->length += got > 0 ? got : 0;
    terminal->text[terminal->length] = '\0';
    if (!strstr(terminal->text, words))
        return false;
    terminal->length = 0;
    return true;
}

static void press(const struct terminal *terminal, const char *keys)
{
    assert_int_equal(write(terminal->fd, keys, strlen(keys)), strlen(keys));
}

/* Returns the exit status, once the program has ended. */
static int wait_end(struct terminal *terminal)
{
    int status = -1;

    AWAIT(waitpid(terminal->pid, &status, WNOHANG) == terminal->pid || is_shown(terminal, "\x01"),
          30);
    close(terminal->fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_screen_takes_keys(void **state)
{
    static const char *const types[] = { "vt100", "linux", "xterm" };
    static struct terminal terminal;

    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        open_terminal(&terminal, types[i]);
        AWAIT(is_shown(&terminal, "hello"), 30);
        /* drawn anew: else only some letters of the word may change */
        press(&terminal, "g\f");
        AWAIT(is_shown(&terminal, "by got"), 30);
        press(&terminal, "n9\f");
        AWAIT(is_shown(&terminal, "by name"), 30);
        press(&terminal, i % 2 ? "\x03" : "q");
        assert_int_equal(wait_end(&terminal), 0);
    }
    open_terminal(&terminal, "nonsense");
    AWAIT(is_shown(&terminal, "\"nonsense\" is unknown: set TERM"), 30);
    assert_int_equal(wait_end(&terminal), REPORT_USAGE);
}

/* --- metrics ---------------------------------------------------------------------------------- */

static void assert_metrics(const char *text)
{
    char problem[256];

    if (!prometheus_check(text, problem))
        fail_msg("%s", problem);
}

static double metric(const char *text, const char *series, const char *vm)
{
    char begin[128];
    const char *at;

    snprintf(begin, sizeof(begin), "\n%s{vm=\"%s\",", series, vm);
    at = strstr(text, begin);
    if (!at)
        fail_msg("no %s of %s in:\n%s", series, vm, text);
    return strtod(strchr(at, ' ') + 1, NULL);
}

static void metrics_are_well_formed(void **state)
{
    const char *text;
    double got, value;

    (void)state;
    run_ok("cleave create /guests/spin.cfg%s", on_cleave() ? " cpu_mhz=100" : "");
    run_ok("xl create -q /guests/hello.cfg 'name=\"a\\\\b\"'");
    run_ok("cleave define /guests/smp.cfg");
    text = run_ok("cleave metrics")->out;
    assert_metrics(text);
    assert_words(text, "state=\"stopped\"");
    assert_true(prometheus_value(text, "cleave_host_cpus", &value) && value == cpus());
    assert_true(metric(text, "cleave_vm_memory_bytes", "spin") >= 4 << 20);
    got = metric(text, "cleave_vm_cpu_got_seconds_total", "spin");
    AWAIT(metric(run_ok("cleave metrics")->out, "cleave_vm_cpu_got_seconds_total", "spin") > got,
          30);
    run_ok("cleave undefine smp");
    if (!on_cleave())
        return;
    assert_true(metric(text, "cleave_vm_cpu_asked_ratio", "spin") > 0);
    assert_true(metric(text, "cleave_vm_cpu_wanted_seconds_total", "spin") >= got);
    AWAIT(prometheus_value(run_ok("cleave metrics")->out, "cleave_host_tables_installed", &value) &&
              value == 1,
          30);
}

static void serve(void)
{
    run_ok("cleave metrics --listen " PORT " >/dev/null 2>&1 & echo $! >/tmp/served");
    AWAIT(run("wget -q -O /dev/null http://127.0.0.1:" PORT "/metrics")->status == 0, 30);
}

/* Clients that say nothing, or nonsense, delay no other; other addresses are not served. */
static void metrics_are_served(void **state)
{
    const struct run *refused;

    (void)state;
    run_ok("cleave create /guests/hello.cfg");
    serve();
    assert_metrics(run_ok("wget -q -O - http://127.0.0.1:" PORT "/metrics")->out);
    assert_words(run("wget -O - http://127.0.0.1:" PORT "/x 2>&1")->out, "404");
    assert_words(run("wget -O - --post-data=x http://127.0.0.1:" PORT "/metrics 2>&1")->out, "405");
    assert_words(run("echo hello | nc 127.0.0.1 " PORT)->out, "HTTP/1.1 400");
    assert_words(run("head -c 100000 /dev/zero | nc 127.0.0.1 " PORT)->out, "HTTP/1.1 400");
    assert_true(run("nc -w 2 10.0.0.1 " PORT " </dev/null")->status != 0);
    run_ok("for i in $(seq 100); do sleep 60 | nc 127.0.0.1 " PORT " >/dev/null & done; sleep 1; "
           "timeout 60 wget -q -O /dev/null http://127.0.0.1:" PORT "/metrics; status=$?; "
           "killall nc sleep; exit $status");
    refused = run("cleave metrics --listen " PORT);
    assert_refused(refused, "cannot listen|choose another port");
    assert_int_equal(refused->status, REPORT_STATE);
    assert_words(run_ok("wget -q -O - http://127.0.0.1:" PORT "/metrics")->out, "vm=\"hello\"");
}

/* --- promises --------------------------------------------------------------------------------- */

/*
 * Writes a VM's history: of 1,000 seconds it wanted its whole reservation in so many, and a MHz in
 * the others.
 */
static void write_history(const char *name, int reserved_mhz, int busy)
{
    char counts[256] = "0", sums[256] = "0";

    for (int i = 1; i <= BUCKETS; i++) {
        int seconds = i == 1 ? 1000 - busy : 0;
        size_t at = strlen(counts);

        if (i == BUCKETS)
            seconds = busy;
        snprintf(counts + at, sizeof(counts) - at, ",%d", seconds);
        at = strlen(sums);
        snprintf(sums + at, sizeof(sums) - at, ",%d",
                 i == BUCKETS ? seconds * reserved_mhz : seconds);
    }
    run_ok("echo '{\"reserved_mhz\":%d,\"counts\":[%s],\"sums\":[%s]}' "
           ">/var/lib/cleave/vms/$(readlink /var/lib/cleave/names/%s)/usage",
           reserved_mhz, counts, sums, name);
}

static int create_relaxed(const char *name, int mhz)
{
    const struct run *create =
        run("cleave create /guests/spin.cfg name=%s vcpus=%d cpu_mhz=%d cpu_class=relaxed", name,
            cpus(), mhz);

    print_message("    %s", create->err);
    return create->status;
}

/*
 * A VM that seemed idle is overbooked. When its history tells otherwise, its promise is at risk: no
 * VM is overbooked then, but one can ask for less and one can go. When all work, it is broken,
 * because of the overbooking; when the others have gone, it is safe.
 */
static void risk_is_told_with_its_cause(void **state)
{
    int mhz;

    (void)state;
    need_cleave();
    mhz = clock_mhz() * 6 / 10;
    hold_cleaved();
    assert_int_equal(create_relaxed("a", mhz), 0);
    assert_int_equal(create_relaxed("b", mhz), REPORT_CPU);
    write_history("a", mhz * cpus(), 5);
    assert_int_equal(create_relaxed("b", mhz), 0);
    run_ok("cleave pause a; cleave pause b"); /* or all goes at dom0's 10 % of a CPU */
    run_ok("cleave create /guests/hello.cfg name=c cpu_mhz=2 cpu_class=relaxed");
    run_ok("cleave create /guests/hello.cfg name=d cpu_mhz=1 cpu_class=relaxed");
    write_history("a", mhz * cpus(), 900);
    release_cleaved();
    AWAIT(strstr(events_of("a"), "promise-at-risk"), 60);
    assert_words(events_of("a"), "SLO of 95 %|predicted to break|relaxed VMs reserve|no other VM");
    assert_int_equal(create_relaxed("e", 1), REPORT_CPU);
    assert_refused(run("cleave cpu set d cpu_mhz=2"),
                   "VM \"d\" fits by overbooking only|VM \"a\" could no longer have");
    run_ok("cleave cpu set c cpu_mhz=1");
    run_ok("cleave destroy c");
    assert_null(strstr(run_ok("cat " BOOK)->out, "\"c\""));
    run_ok("cleave destroy d; cleave unpause a; cleave unpause b");
    AWAIT(strstr(events_of("a"), "promise-broken"), 120);
    assert_words(strstr(events_of("a"), "promise-broken"), "overbooked|lacked|move a VM away");
    assert_int_equal(count_of(events_of("a"), "promise-at-risk"), 1);
    run_ok("cleave destroy b");
    AWAIT(strstr(events_of("a"), "promise-safe"), 90);
    run_ok("cleave events --since all --json | grep promise- | head -1 >/tmp/event");
    assert_json_file("/tmp/event", "events");
}

/* Without cleaved nobody hands the core the tables when a domain has gone. */
static void missing_tables_are_shown(void **state)
{
    (void)state;
    need_cleave();
    run_ok("cleave create /guests/spin.cfg name=a cpu_mhz=100");
    run_ok("cleave create /guests/spin.cfg name=b cpu_mhz=100");
    AWAIT(strstr(run_ok("cleave cpu show --json")->out, "\"tables\": \"installed\""), 30);
    hold_cleaved();
    run_ok("xl destroy b");
    assert_words(run_ok("cleave cpu show --json")->out, "\"tables\": \"missing\"");
    assert_words(run_ok("cleave cpu show")->out, "does not have this plan's tables");
    assert_words(run_ok("cleave top -b -n 1")->out, "does not have the plan's tables");
    assert_words(run_ok("cleave metrics")->out, "cleave_host_tables_installed 0");
    release_cleaved();
    AWAIT(strstr(run_ok("cleave cpu show --json")->out, "\"tables\": \"installed\""), 60);
}

static const struct CMUnitTest tests[] = {
#define WATCHING_TEST(function) \
    { \
#function, function, test_begin, end, NULL \
    }
    WATCHING_TEST(top_prints_each_interval),    WATCHING_TEST(top_shows_who_got_most),
    WATCHING_TEST(wrong_words_are_refused),     WATCHING_TEST(the_screen_takes_keys),
    WATCHING_TEST(metrics_are_well_formed),     WATCHING_TEST(metrics_are_served),
    WATCHING_TEST(risk_is_told_with_its_cause), WATCHING_TEST(missing_tables_are_shown),
};
const struct group group_watching = GROUP("watching", tests);
