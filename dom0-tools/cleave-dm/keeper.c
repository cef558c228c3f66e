/* SPDX-License-Identifier: MIT */
/*
 * The confined process may ask for anything: whatever it says about frames concerns only its own
 * domain, whose number it does not choose. If one of the two processes dies, the guest's devices
 * are gone: the other one lets the hypervisor record a crash, and cleaved does what the VM file
 * says about it (on_crash). Read next: main.c, confine.c.
 */
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenstore.h>
#include <xen/sched.h>

#include "cleave-schema.h"
#include "modelsocket.h"

#define BATCH 256
#define PAGE 4096u
#define HIGH (1ull << 32)
/* How often it looks at the domain, should xenstored not tell of its end. */
#define LOOK_MS 1000

/* CALL_STATE: count bytes of the state are in frames; 0: that was all. */
enum { CALL_GIVE = 1, CALL_TAKE, CALL_READY, CALL_STATE };

struct order {
    enum keeper_order what;
    uint64_t kib;
};

struct call {
    uint32_t what, count;
    uint64_t frames[BATCH];
};

/* --- the confined process' side --------------------------------------------------------------- */

static int my_calls = -1, my_orders = -1;

void keeper_connect(int calls, int orders)
{
    my_calls = calls;
    my_orders = orders;
}

int keeper_descriptor(void) { return my_orders; }

/* Returns the keeper's answer. Without a keeper the guest is lost, and so is this process. */
static uint32_t ask(const struct call *call)
{
    uint32_t answer;

    if (send(my_calls, call, sizeof(*call), MSG_NOSIGNAL) != sizeof(*call) ||
        recv(my_calls, &answer, sizeof(answer), 0) != sizeof(answer))
        return 0;
    return answer;
}

void keeper_tell_ready(void)
{
    struct call call = { .what = CALL_READY };

    ask(&call);
}

size_t keeper_balloon(struct host *host, bool give, const uint64_t *frames, size_t count)
{
    struct call call = { .what = give ? CALL_GIVE : CALL_TAKE };
    size_t done = 0;

    (void)host;
    while (done < count) {
        uint32_t part = count - done < BATCH ? count - done : BATCH, got;

        call.count = part;
        memcpy(call.frames, frames + done, part * sizeof(call.frames[0]));
        got = ask(&call);
        done += got < part ? got : part;
        if (got < part)
            break;
    }
    return done;
}

void keeper_tell_state(const struct state *state)
{
    struct call call = { .what = CALL_STATE };

    for (size_t at = 0; state && at < state->size; at += call.count) {
        call.count = state->size - at < sizeof(call.frames) ? state->size - at
                                                            : sizeof(call.frames);
        memcpy(call.frames, state->bytes + at, call.count);
        ask(&call);
    }
    call.count = 0;
    ask(&call);
}

enum keeper_order keeper_take(bool wait, uint64_t *kib)
{
    struct order order;
    ssize_t length;

    do
        length = recv(my_orders, &order, sizeof(order), wait ? 0 : MSG_DONTWAIT);
    while (length < 0 && errno == EINTR);
    if (length < 0 && errno == EAGAIN)
        return KEEPER_NOTHING;
    *kib = order.kib;
    return length == sizeof(order) ? order.what : KEEPER_GONE;
}

/* --- the keeper ------------------------------------------------------------------------------- */

struct duty {
    struct keeper *keeper;
    pid_t confined;
    int ready;
    xc_interface *xc;
    struct xs_handle *store;
    int client; /* who has asked for the state; -1: nobody */
    struct state state;
};

static void end(struct duty *d, const char *why)
{
    xc_dominfo_t info;

    kill(d->confined, SIGKILL);
    waitpid(d->confined, NULL, 0);
    /* before it served, who creates the domain destroys it; the confined process has said why */
    if (d->ready >= 0)
        exit(1);
    if (why) {
        fprintf(stderr, "cleave-dm: domain %u: %s: its devices are lost\n", d->keeper->domid, why);
        /* one that has ended already keeps its reason */
        if (xc_domain_getinfo(d->xc, d->keeper->domid, 1, &info) == 1 &&
            info.domid == d->keeper->domid && !info.shutdown)
            xc_domain_shutdown(d->xc, d->keeper->domid, SHUTDOWN_crash);
    }
    exit(why != NULL);
}

static bool is_ram(const struct keeper *k, uint64_t frame)
{
    uint64_t address = frame * PAGE;

    return frame < HIGH && (address < k->low || (address >= HIGH && address - HIGH < k->high));
}

static uint32_t balloon(struct duty *d, const struct call *call)
{
    uint32_t domid = d->keeper->domid;
    xen_pfn_t frames[BATCH];
    int done;

    if (call->count > BATCH)
        return 0;
    for (uint32_t i = 0; i < call->count; i++) {
        frames[i] = call->frames[i];
        if (!is_ram(d->keeper, frames[i]))
            return 0;
    }
    done = call->what == CALL_GIVE
               ? xc_domain_decrease_reservation(d->xc, domid, call->count, 0, frames)
               : xc_domain_populate_physmap(d->xc, domid, call->count, 0, 0, frames);
    return done < 0 ? 0 : done;
}

static void __attribute__((format(printf, 3, 4)))
write_node(struct duty *d, const char *value, const char *pattern, ...)
{
    char path[XENSTORE_ABS_PATH_MAX];
    va_list args;

    va_start(args, pattern);
    vsnprintf(path, sizeof(path), pattern, args);
    va_end(args);
    if (!xs_write(d->store, XBT_NULL, path, value, strlen(value)))
        fprintf(stderr, "cleave-dm: cannot write %s: %s\n", path, strerror(errno));
}

/* The domain may be started: its consoles are known, and who creates it is told. */
static void tell_ready(struct duty *d)
{
    char pid[16];

    snprintf(pid, sizeof(pid), "%d", getpid());
    write_node(d, d->keeper->terminals[0], SCHEMA_CONSOLE_TTY_PATH, d->keeper->domid);
    write_node(d, pid, SCHEMA_IMAGE_DM_PID_PATH, d->keeper->domid);
    if (write(d->ready, "", 1) != 1)
        end(d, "nobody waits for its device model");
    close(d->ready);
    d->ready = -1;
}

static void give_order(struct duty *d, enum keeper_order what, uint64_t kib)
{
    struct order order = { what, kib };

    send(d->keeper->orders, &order, sizeof(order), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- saving ----------------------------------------------------------------------------------- */

static void hang_up(struct duty *d)
{
    close(d->client);
    d->client = -1;
}

/*
 * A tool connects and says what it wants, by one byte at once. cleaved only looks who is here, and
 * says nothing.
 */
static void serve_client(struct duty *d)
{
    struct timeval limit = { .tv_sec = 1 };
    char what = 0;
    int fd = accept4(d->keeper->control, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (recv(fd, &what, 1, 0) == 1 && what == MODELSOCKET_SAVE) {
        if (d->client >= 0)
            hang_up(d); /* it was killed, or has lost its patience */
        d->client = fd;
        d->state = (struct state){ .size = 0 };
        give_order(d, KEEPER_SAVE, 0);
        return;
    }
    if (what == MODELSOCKET_RESUME)
        give_order(d, KEEPER_RESUME, 0);
    close(fd);
}

/* Collects the state, and passes it on with its length in front. */
static void take_state(struct duty *d, const struct call *call)
{
    uint32_t size = d->state.size;

    if (d->client < 0 || call->count > sizeof(call->frames))
        return;
    if (call->count) {
        state_bytes(&d->state, (void *)call->frames, call->count);
        return;
    }
    if (d->state.bad || send(d->client, &size, sizeof(size), MSG_NOSIGNAL) != sizeof(size) ||
        send(d->client, d->state.bytes, size, MSG_NOSIGNAL) != size)
        fprintf(stderr, "cleave-dm: domain %u: its state was not passed on\n", d->keeper->domid);
    hang_up(d);
}

/* --- the keeper's work ------------------------------------------------------------------------ */

static void serve_call(struct duty *d)
{
    struct call call;
    ssize_t length = recv(d->keeper->calls, &call, sizeof(call), 0);
    uint32_t answer = 0;

    if (length != sizeof(call))
        end(d, "the process of its devices has ended");
    if (call.what == CALL_GIVE || call.what == CALL_TAKE)
        answer = balloon(d, &call);
    else if (call.what == CALL_READY && d->ready >= 0)
        tell_ready(d);
    else if (call.what == CALL_STATE)
        take_state(d, &call);
    if (send(d->keeper->calls, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
        end(d, "the process of its devices has ended");
}

static void send_target(struct duty *d)
{
    char path[XENSTORE_ABS_PATH_MAX];
    unsigned int length;
    int64_t target;
    char *text;

    snprintf(path, sizeof(path), SCHEMA_MEMORY_TARGET_PATH, d->keeper->domid);
    text = xs_read(d->store, XBT_NULL, path, &length);
    target = text ? strtoll(text, NULL, 10) : 0;
    free(text);
    if (target > 0)
        give_order(d, KEEPER_TARGET, target);
}

/* Ends with the domain. */
static void look(struct duty *d)
{
    xc_dominfo_t info;

    if (xc_domain_getinfo(d->xc, d->keeper->domid, 1, &info) != 1 ||
        info.domid != d->keeper->domid || info.dying)
        end(d, NULL);
}

/* False: the connection is lost. xenstored has ended, and with it the targets. */
static bool take_watch(struct duty *d)
{
    unsigned int count;
    char **event = xs_read_watch(d->store, &count);
    bool lost = !event && errno != EAGAIN && errno != EINTR;

    if (event && strcmp(event[XS_WATCH_TOKEN], "target") == 0)
        send_target(d);
    free(event);
    look(d);
    return !lost;
}

static void begin(struct duty *d)
{
    char path[XENSTORE_ABS_PATH_MAX];

    d->xc = xc_interface_open(NULL, NULL, 0);
    d->store = xs_open(0);
    if (!d->xc || !d->store) {
        fprintf(stderr, "cleave-dm: cannot open %s: %s\n", d->xc ? "the store" : "the hypervisor",
                strerror(errno));
        kill(d->confined, SIGKILL);
        exit(1);
    }
    snprintf(path, sizeof(path), SCHEMA_MEMORY_TARGET_PATH, d->keeper->domid);
    xs_watch(d->store, path, "target");
    xs_watch(d->store, "@releaseDomain", "end");
}

void keeper_run(struct keeper *keeper, pid_t confined, int ready)
{
    static struct duty d;

    d = (struct duty){ .keeper = keeper, .confined = confined, .ready = ready, .client = -1 };
    begin(&d);
    for (bool store = true;;) {
        struct pollfd fds[] = { { .fd = keeper->calls, .events = POLLIN },
                                { .fd = store ? xs_fileno(d.store) : -1, .events = POLLIN },
                                { .fd = keeper->control, .events = POLLIN } };
        int count = poll(fds, 3, LOOK_MS);

        if (count == 0)
            look(&d);
        if (count > 0 && fds[0].revents)
            serve_call(&d);
        if (count > 0 && fds[1].revents)
            store = take_watch(&d);
        if (count > 0 && fds[2].revents)
            serve_client(&d);
    }
}
