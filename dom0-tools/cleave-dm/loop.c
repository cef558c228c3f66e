/* SPDX-License-Identifier: MIT */
/* epoll(7). Read next: main.c. */
#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS 32
#define SECOND 1000000000ull

static int epoll = -1;

static void die(const char *what)
{
    fprintf(stderr, "cleave-dm: %s: %s\n", what, strerror(errno));
    exit(1);
}

void loop_begin(void)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("cannot wait for events");
}

void loop_watch(struct loop_source *source, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = source };

    if (source->added && source->events == events)
        return;
    if (epoll_ctl(epoll, source->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source->fd, &event) < 0)
        die("cannot wait for a descriptor");
    source->added = true;
    source->events = events;
}

int loop_timer(void)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    if (timer < 0)
        die("cannot make a timer");
    return timer;
}

void loop_timer_set(int timer, uint64_t ns)
{
    struct itimerspec when = { .it_value = { ns / SECOND, ns % SECOND } };

    timerfd_settime(timer, 0, &when, NULL);
}

void loop_timer_take(int timer)
{
    uint64_t count;

    if (read(timer, &count, sizeof(count)) < 0 && errno != EAGAIN)
        die("cannot read a timer");
}

void loop_once(void)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, -1);

    if (count < 0 && errno != EINTR)
        die("cannot wait");
    for (int i = 0; i < count; i++) {
        struct loop_source *source = events[i].data.ptr;

        source->ready(source, events[i].events);
    }
}
