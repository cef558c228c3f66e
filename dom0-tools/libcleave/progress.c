/* SPDX-License-Identifier: MIT */
/*
 * The operation is often inside a library or the kernel while time passes, so a thread writes the
 * line. It begins with the first step, and only at a terminal. Read next: report.c.
 */
#define _GNU_SOURCE
#include "progress.h"

#include <ctype.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define DELAY_MS 1000
#define STEP_MS 250
#define CLEAR "\r\033[K"
#define WIDTH 80 /* of a terminal that does not tell, like a serial line */
#define WIDTH_MAX 200
#define MS_PER_S 1000
#define NS_PER_MS 1000000

/* Protects: all variables below but enabled. Order: innermost. Context: any thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool enabled;
static bool has_thread;
static char step[256];            /* "": no operation */
static int percentage;            /* -1: unknown */
static long long began;           /* the operation, in ms */
static char shown[WIDTH_MAX + 1]; /* what is on the terminal */

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

static void write_terminal(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        enabled = false;
}

static void clear_locked(void)
{
    if (shown[0])
        write_terminal(CLEAR);
    shown[0] = '\0';
}

/* A line that is longer than the terminal is wide could not be cleared. */
static size_t width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return WIDTH;
    return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

static void draw_locked(void)
{
    long long seconds = (now_ms() - began) / MS_PER_S;
    char line[WIDTH_MAX + 1], numbers[48], text[sizeof(CLEAR) + sizeof(line)];
    size_t room = width() - 1;

    if (percentage >= 0)
        snprintf(numbers, sizeof(numbers), " %d %% (%lld s)", percentage, seconds);
    else
        snprintf(numbers, sizeof(numbers), " (%lld s)", seconds);
    if (room < strlen(numbers))
        return;
    snprintf(line, sizeof(line), "%.*s%s", (int)(room - strlen(numbers)), step, numbers);
    if (strcmp(line, shown) == 0)
        return;
    snprintf(text, sizeof(text), CLEAR "%s", line);
    strcpy(shown, line); /* before it is: a signal that comes now clears it */
    write_terminal(text);
}

static void *draw_repeatedly(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        if (step[0] && now_ms() - began >= DELAY_MS)
            draw_locked();
        pthread_mutex_unlock(&lock);
        usleep(STEP_MS * MS_PER_S);
    }
    return NULL;
}

/* Signals are for the thread that does the work. */
static void start_thread_locked(void)
{
    sigset_t all, before;
    pthread_t thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    has_thread = pthread_create(&thread, NULL, draw_repeatedly, NULL) == 0;
    if (has_thread)
        pthread_detach(thread);
    else
        enabled = false;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Ctrl-C ends the program as ever, but not before the line is gone. */
static void clear_and_end(int signal)
{
    if (shown[0])
        write_terminal(CLEAR);
    raise(signal);
}

static void catch_ends(void)
{
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    struct sigaction action = { .sa_handler = clear_and_end, .sa_flags = SA_RESETHAND }, before;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (sigaction(ends[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(ends[i], &action, NULL);
}

void progress_enable(void)
{
    const char *terminal = getenv("TERM");

    enabled = isatty(STDERR_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
    if (enabled)
        catch_ends();
}

void progress_show(const char *format, ...)
{
    va_list args;

    if (!enabled)
        return;
    pthread_mutex_lock(&lock);
    if (!step[0])
        began = now_ms();
    percentage = -1;
    va_start(args, format);
    vsnprintf(step, sizeof(step), format, args);
    va_end(args);
    for (char *c = step; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    if (!has_thread)
        start_thread_locked();
    pthread_mutex_unlock(&lock);
}

void progress_percent(int percent)
{
    if (!enabled)
        return;
    pthread_mutex_lock(&lock);
    percentage = percent;
    pthread_mutex_unlock(&lock);
}

void progress_end(void)
{
    if (!enabled)
        return;
    pthread_mutex_lock(&lock);
    step[0] = '\0';
    clear_locked();
    pthread_mutex_unlock(&lock);
}

void progress_make_room(void)
{
    if (!enabled)
        return;
    pthread_mutex_lock(&lock);
    clear_locked();
    pthread_mutex_unlock(&lock);
}
