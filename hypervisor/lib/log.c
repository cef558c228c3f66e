/* SPDX-License-Identifier: MIT */
/*
 * Log messages. Each line is formatted on the caller's stack and handed to the console as a whole,
 * so lines of different CPUs never mix. loglvl=err|warn|info|debug (or all, none: errors only) sets
 * the threshold; messages below it are not printed. Printed lines go to the serial port and to the
 * ring that `xl dmesg` reads.
 *
 * Messages by or about a guest (log_guest) are rate-limited per domain, except for dom0, so that no
 * guest can flood the console or slow others down. guest_loglvl=none drops them, all lifts the
 * limit. The default is none/all, which in Xen too means rate-limited.
 *
 * Read next: console.c.
 */
#include "lib/log.h"
#include "core/domain.h"
#include "errors.h"
#include "lib.h"
#include "lib/cmdline.h"
#include "lib/console.h"

#define LINE_LENGTH 400

/*
 * Rate limit for messages of one kind: a burst, then one more per interval. That rate is a
 * twentieth of what the serial port can send. The message that exhausts the burst starts a period
 * of silence.
 */
#define LOG_BURST 100
#define LOG_INTERVAL MSEC(250)
#define LOG_SILENCE SEC(10)

static nsec_t (*clock)(void); /* registered, because clock_now is above this folder */
static int log_limit = LOG_INFO;
static bool guest_log_enabled = true, guest_log_limited = true;

void log_set_clock(nsec_t (*now)(void)) { clock = now; }

void log_init(void)
{
    static const struct {
        const char *name;
        int limit;
    } levels[] = {
        { "none", LOG_ERR },     { "err", LOG_ERR },   { "error", LOG_ERR },   { "warn", LOG_WARN },
        { "warning", LOG_WARN }, { "info", LOG_INFO }, { "debug", LOG_DEBUG }, { "all", LOG_DEBUG },
    };
    const char *word = cmdline_get("loglvl");
    unsigned int i = 0;

    while (word && i < ARRAY_SIZE(levels) && strcmp(word, levels[i].name))
        i++;
    if (i == ARRAY_SIZE(levels))
        log_warn("loglvl=%s: not one of none, err, warn, info, debug, all; using info\n", word);
    else if (word)
        log_limit = levels[i].limit;
    word = cmdline_get("guest_loglvl");
    guest_log_enabled = !word || strcmp(word, "none");
    guest_log_limited = !word || strcmp(word, "all");
    if (word && guest_log_enabled && guest_log_limited && strcmp(word, "none/all"))
        log_warn("guest_loglvl=%s: not one of none, all, none/all; using none/all\n", word);
}

static void print_line(const char *prefix, bool of_guest, const char *fmt, va_list ap)
{
    char line[LINE_LENGTH];
    size_t n = (size_t)snprintf(line, sizeof(line), "(CLV) %s", prefix);

    n += (size_t)vsnprintf(line + n, sizeof(line) - n, fmt, ap);
    if (n >= sizeof(line) - 1)
        n = sizeof(line) - 2;
    if (line[n - 1] != '\n')
        line[n++] = '\n';
    console_line(line, n, of_guest);
}

void printk(enum log_level level, const char *fmt, ...)
{
    static const char *const prefix[] = { [LOG_ERR] = "error: ", [LOG_WARN] = "warning: " };
    va_list ap;

    if ((int)level > log_limit)
        return;
    va_start(ap, fmt);
    print_line(level <= LOG_WARN ? prefix[level] : "", false, fmt, ap);
    va_end(ap);
}

/* Not atomic: two CPUs may use up one message of the limit together. */
bool log_allowed(struct log_rate *r)
{
    nsec_t now = clock();
    int64_t over = (now - r->since) / LOG_INTERVAL;

    if (over > 0) {
        r->said = MAX(r->said - over, (int64_t)0);
        r->since = now;
    }
    if (r->said >= LOG_BURST)
        return false;
    if (++r->said == LOG_BURST)
        r->since = now + LOG_SILENCE;
    return true;
}

bool log_is_last(const struct log_rate *r) { return r->said >= LOG_BURST; }

/* Callers pass a const domain; only this file writes its log_rate. */
void log_guest(const struct domain *d, const char *fmt, ...)
{
    struct log_rate *rate = (struct log_rate *)(uintptr_t)&d->log_rate;
    bool limited = guest_log_limited && !d->is_dom0;
    char prefix[16];
    va_list ap;

    if (!guest_log_enabled || (limited && !log_allowed(rate)))
        return;
    snprintf(prefix, sizeof(prefix), "d%u: ", d->id);
    va_start(ap, fmt);
    print_line(prefix, !d->is_dom0, fmt, ap);
    va_end(ap);
    if (limited && log_is_last(rate))
        log_info("d%u: message rate limit reached, dropping its messages for a while\n", d->id);
}
