/* SPDX-License-Identifier: MIT */
/*
 * Messages: a line is formatted on the stack of whoever prints it, then handed to the console as a whole, so
 * that lines of several CPUs never mix. Levels: loglvl=err|warn|info|debug (or all, none: errors) decides
 * what the serial port gets; the ring that `xl dmesg` reads keeps what is printed. What guests say or do
 * (guest_log) is limited in rate for each domain but dom0, because a guest must not be able to flood the
 * console or slow others down by it: guest_loglvl=none|all.
 *
 * Read next: console.c.
 */
#include "domain.h"
#include "lib.h"
#include "platform.h"
#include "time.h"

#define LINE_LENGTH 400

/*
 * A domain's messages: this many at once, and one more in each interval, a twentieth of what the serial port
 * sends. Who has none left gets none for a while.
 */
#define GUEST_BURST 100
#define GUEST_INTERVAL MSEC(250)
#define GUEST_SILENCE SEC(10)

static int log_limit = LOG_INFO;
static bool guest_log_enabled = true;

void printk_init(void)
{
    static const struct { const char *name; int limit; } levels[] = {
        { "none", LOG_ERR }, { "err", LOG_ERR }, { "error", LOG_ERR }, { "warn", LOG_WARN },
        { "warning", LOG_WARN }, { "info", LOG_INFO }, { "debug", LOG_DEBUG }, { "all", LOG_DEBUG },
    };
    const char *word = cmdline_get("loglvl");
    unsigned int i = 0;

    while (word && i < ARRAY_SIZE(levels) && strcmp(word, levels[i].name))
        i++;
    if (i == ARRAY_SIZE(levels))
        log_warn("loglvl=%s: not one of none err warn info debug all; info is used\n", word);
    else if (word)
        log_limit = levels[i].limit;
    word = cmdline_get("guest_loglvl");
    guest_log_enabled = !word || strcmp(word, "none");
}

static void print_line(const char *prefix, const char *fmt, va_list ap)
{
    char line[LINE_LENGTH];
    size_t n = (size_t)snprintf(line, sizeof(line), "(CLV) %s", prefix);

    n += (size_t)vsnprintf(line + n, sizeof(line) - n, fmt, ap);
    if (n >= sizeof(line) - 1)
        n = sizeof(line) - 2;
    if (line[n - 1] != '\n')
        line[n++] = '\n';
    console_line(line, n);
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    if ((int)level > log_limit)
        return;
    va_start(ap, fmt);
    print_line(level == LOG_ERR ? "error: " : level == LOG_WARN ? "warning: " : "", fmt, ap);
    va_end(ap);
}

/* Two CPUs at once may both take the same one. */
static bool take_token(struct domain *d)
{
    nsec_t now = clock_now();
    int64_t grown = (now - d->guest_log_refill) / GUEST_INTERVAL;

    if (grown > 0) {
        d->guest_log_tokens = MIN(d->guest_log_tokens + grown, (int64_t)GUEST_BURST);
        d->guest_log_refill = now;
    }
    if (d->guest_log_tokens <= 0)
        return false;
    if (--d->guest_log_tokens == 0)
        d->guest_log_refill = now + GUEST_SILENCE;
    return true;
}

/* Callers have their domain read-only; the tokens are this file's own. */
void guest_log(const struct domain *d, const char *fmt, ...)
{
    char prefix[16];
    va_list ap;

    if (!guest_log_enabled || (!d->is_dom0 && !take_token((struct domain *)(uintptr_t)d)))
        return;
    snprintf(prefix, sizeof(prefix), "d%u: ", d->id);
    va_start(ap, fmt);
    print_line(prefix, fmt, ap);
    va_end(ap);
    if (!d->is_dom0 && !d->guest_log_tokens)
        log_info("d%u: says too much: its messages of the next seconds are dropped\n", d->id);
}
