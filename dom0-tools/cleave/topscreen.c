/* SPDX-License-Identifier: MIT */
/*
 * The screen of `cleave top`, by ncurses: drawn anew after each look and each key. What it prints
 * of VMs is plain ASCII (sample_name), so no name can change the terminal.
 */
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "deadline.h"
#include "report.h"
#include "top.h"

#define NAME_LEAST 8
#define NAME_MOST 32
#define CTRL_C 3
#define CTRL_L 12
#define MS_PER_S 1000

static const char help[] = "q quit  sort: u g w l m n  1-9 seconds  space now  ^L redraw  arrows";

struct screen {
    enum top_key key;
    uint32_t seconds;
    size_t first; /* VM on the first line */
    bool quit;
    bool now; /* the user wants the next look at once */
};

/* --- drawing ---------------------------------------------------------------------------------- */

static void draw_line(int y, const char *text, int attribute)
{
    attrset(attribute);
    mvaddnstr(y, 0, text, COLS);
    attrset(A_NORMAL);
}

static int name_width(void)
{
    int width = COLS - TOPLINES_REST;

    if (width < NAME_LEAST)
        return NAME_LEAST;
    return width > NAME_MOST ? NAME_MOST : width;
}

static void draw_vms(const struct sample *sample, const struct screen *screen, int y)
{
    char text[TOP_LINE_MAX];

    for (size_t i = screen->first; i < sample->count && y < LINES - 1; i++, y++) {
        const struct sample_vm *vm = &sample->vms[i];
        bool broken = vm->lack && sample_mhz(sample, vm, vm->lack) > 0;

        toplines_vm(sample, vm, name_width(), text);
        draw_line(y, text, broken ? A_BOLD : A_NORMAL);
    }
}

static void draw(const struct sample *sample, const struct screen *screen)
{
    const char *warning = toplines_warning(sample);
    char text[TOP_LINE_MAX];
    int y = 0;

    erase();
    for (; y < TOPLINES_HEADS; y++) {
        toplines_head(sample, screen->key, y, text);
        draw_line(y, text, A_NORMAL);
    }
    if (warning)
        draw_line(y, warning, A_BOLD);
    toplines_columns(name_width(), text);
    draw_line(y + 1, text, A_REVERSE);
    draw_vms(sample, screen, y + 2);
    draw_line(LINES - 1, help, A_DIM);
    refresh();
}

/* --- keys ------------------------------------------------------------------------------------- */

static void scroll_by(struct screen *screen, long lines, size_t count)
{
    long first = (long)screen->first + lines;

    if (first >= (long)count)
        first = (long)count - 1;
    screen->first = first < 0 ? 0 : first;
}

static void take_key(struct screen *screen, int pressed, size_t count)
{
    for (enum top_key key = 0; key < TOP_KEYS; key++)
        if (pressed == toplines_keys[key][0])
            screen->key = key;
    if (pressed >= '1' && pressed <= '9')
        screen->seconds = pressed - '0';
    switch (pressed) {
    case 'q':
    case 'Q':
    case CTRL_C: screen->quit = true; break;
    case CTRL_L: clearok(curscr, true); break; /* something else has written to the terminal */
    case ' ': screen->now = true; break;
    case KEY_DOWN: scroll_by(screen, 1, count); break;
    case KEY_UP: scroll_by(screen, -1, count); break;
    case KEY_NPAGE: scroll_by(screen, LINES / 2, count); break;
    case KEY_PPAGE: scroll_by(screen, -LINES / 2, count); break;
    default: break;
    }
}

/* True if the terminal was closed: then no key comes any more. */
static bool is_gone(void)
{
    struct pollfd terminal = { STDIN_FILENO, 0, 0 };

    return poll(&terminal, 1, 0) > 0 && terminal.revents & (POLLHUP | POLLERR | POLLNVAL);
}

/* Shows a sample, and takes keys, until it is time for the next one. */
static void show(struct sample *sample, struct screen *screen, uint32_t seconds)
{
    long long begin = deadline_now();

    screen->now = false;
    while (!screen->quit && !screen->now) {
        long long left = begin + (long long)seconds * MS_PER_S - deadline_now();
        uint32_t before = screen->seconds;
        int pressed;

        toplines_sort(sample, screen->key);
        draw(sample, screen);
        if (left <= 0)
            return;
        timeout(left);
        pressed = getch();
        if (pressed == ERR)
            screen->quit = is_gone();
        else
            take_key(screen, pressed, sample->count);
        if (screen->seconds != before)
            seconds = screen->seconds;
    }
}

/* --- the loop --------------------------------------------------------------------------------- */

static int watch(struct screen *screen)
{
    struct sample before;
    int rc = sample_take(NULL, true, &before);

    if (rc == 0)
        show(&before, screen, 1);
    while (rc == 0 && !screen->quit) {
        struct sample sample;

        rc = sample_take(&before, true, &sample);
        sample_free(&before);
        before = sample;
        if (rc == 0)
            show(&before, screen, screen->seconds);
    }
    sample_free(&before);
    return rc;
}

int topscreen_run(enum top_key key, uint32_t seconds)
{
    struct screen state = { .key = key, .seconds = seconds };
    struct report *report = report_current();
    FILE *echo = report->echo;
    const char *terminal = getenv("TERM");
    SCREEN *screen = newterm(NULL, stdout, stdin);
    int rc;

    if (!screen) {
        report_error(REPORT_USAGE,
                     "the terminal \"%s\" is unknown: set TERM, for example to vt100, or use "
                     "--batch",
                     terminal ? terminal : "");
        return -ENOTTY;
    }
    raw();
    noecho();
    keypad(stdscr, true);
    curs_set(0);
    report->echo = NULL; /* a warning would hide lines of the screen */
    rc = watch(&state);
    endwin();
    delscreen(screen);
    report->echo = echo;
    if (report_class(report) != REPORT_NONE)
        fprintf(stderr, "cleave: %s\n", report_text(report));
    return rc;
}
