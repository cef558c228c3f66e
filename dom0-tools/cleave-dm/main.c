/* SPDX-License-Identifier: MIT */
/*
 * The device model of one HVM guest, started by libcleave (model.c) with descriptors of what it may
 * use: disks, taps, and logs. It becomes two processes: the keeper, and the confined one, which
 * serves the guest. Both end with the domain. Read next: machine.c, keeper.c, confine.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xen/sched.h>

#include "confine.h"
#include "keeper.h"
#include "loop.h"
#include "machine.h"
#include "terminal.h"
#include "xen.h"

#define SECOND 1000000000ull
#define KIB_PER_PAGE 4
/* How long a guest that wants memory waits before it is tried again. */
#define BALLOON_AGAIN_NS 100000000ull
/* How long output waits for the end of its line. */
#define FLUSH_NS 20000000ull

static struct {
    uint32_t domid;
    unsigned int vcpus;
    struct machine_size size;
    int ready, log, control, state;
} options = { .vcpus = 1, .ready = -1, .log = -1, .control = -1, .state = -1 };

static struct machine machine;
static bool flushes; /* flush_timer is set */
static bool waited;  /* for disks, which go on at the end of the loop */
static struct xen *xen;
static struct terminal serial_terminal, console_terminal;
static struct loop_source accesses, orders, rtc_timer, balloon_timer, flush_timer;
static int disk_fds[MACHINE_DISKS_MAX];
static struct loop_source disks[MACHINE_DISKS_MAX], taps[MACHINE_NETS_MAX];

static void die(const char *what, int error)
{
    fprintf(stderr, "cleave-dm: %s: %s\n", what, strerror(error));
    exit(1);
}

/* --- the consoles ----------------------------------------------------------------------------- */

static void serial_send(void *owner, uint8_t byte)
{
    char c = byte;

    terminal_send(owner, &c, 1);
}

static size_t serial_space(void *owner)
{
    (void)owner;
    return serial_room(&machine.serial);
}

static void serial_input(void *owner, const char *bytes, size_t length)
{
    (void)owner;
    serial_receive(&machine.serial, (const uint8_t *)bytes, length);
}

static void console_send(void *owner, const void *bytes, size_t length)
{
    terminal_send(owner, bytes, length);
}

static size_t console_space(void *owner)
{
    (void)owner;
    /* one byte at least fits into the guest's buffer; what does not is lost */
    return console_room(&machine.console) ? 64 : 0;
}

static void console_input(void *owner, const char *bytes, size_t length)
{
    (void)owner;
    console_receive(&machine.console, bytes, length);
}

static void terminal_may(void *owner) { terminal_ready(owner); }

static void open_consoles(void)
{
    int rc = terminal_open(&serial_terminal, options.log);

    if (rc == 0)
        rc = terminal_open(&console_terminal, -1);
    if (rc < 0)
        die("cannot open a terminal", -rc);
    serial_terminal.room = serial_space;
    serial_terminal.receive = serial_input;
    console_terminal.room = console_space;
    console_terminal.receive = console_input;
    machine.serial.send = serial_send;
    machine.serial.ready = terminal_may;
    machine.serial.owner = &serial_terminal;
    machine.console.send = console_send;
    machine.console.ready = terminal_may;
    machine.console.owner = &console_terminal;
}

/* Passes output on when a line is complete, and what is not after a moment. */
static void flush_terminal(struct terminal *terminal)
{
    if (terminal_is_full(terminal))
        terminal_flush(terminal);
    else if (terminal_is_fresh(terminal) && !flushes) {
        flushes = true;
        loop_timer_set(flush_timer.fd, FLUSH_NS);
    }
}

static void flush_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    loop_timer_take(source->fd);
    flushes = false;
    terminal_flush(&serial_terminal);
    terminal_flush(&console_terminal);
}

/* --- the clock -------------------------------------------------------------------------------- */

static uint64_t clock_now(void *owner)
{
    struct timespec now;

    (void)owner;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static void clock_timer(void *owner, uint64_t ns)
{
    (void)owner;
    loop_timer_set(rtc_timer.fd, ns);
}

static void clock_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    loop_timer_take(source->fd);
    rtc_tick(&machine.rtc);
}

/* --- the balloon ------------------------------------------------------------------------------ */

static void balloon_again(void)
{
    if (machine.balloon.waits)
        loop_timer_set(balloon_timer.fd, BALLOON_AGAIN_NS);
}

static void balloon_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    loop_timer_take(source->fd);
    balloon_retry(&machine.balloon);
}

static void set_target(uint64_t kib)
{
    uint64_t ram = (options.size.low + options.size.high) / 1024;

    balloon_ask(&machine.balloon, kib < ram ? (ram - kib) / KIB_PER_PAGE : 0);
}

/* --- disks and interfaces --------------------------------------------------------------------- */

static void disk_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    block_finish(source->owner);
}

/* Waits for all disks. What they have done is told to the guest later: it may be amid a request. */
static void wait_for_disks(void)
{
    for (unsigned int i = 0; i < machine.disk_count; i++)
        disk_drain(machine.disks[i]->disk);
    waited = true;
}

static void disks_go_on(void)
{
    if (!waited)
        return;
    waited = false;
    for (unsigned int i = 0; i < machine.disk_count; i++)
        block_finish(machine.disks[i]);
}

static void tap_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    net_receive(source->owner);
}

static void tap_listens(struct net *net)
{
    for (unsigned int i = 0; i < machine.net_count; i++)
        if (machine.nets[i] == net)
            loop_watch(&taps[i], net->listens ? EPOLLIN : 0);
}

/* --- saving ----------------------------------------------------------------------------------- */

static struct state state;

/* Without the keeper the guest's devices are lost. */
static void __attribute__((noreturn)) give_up(void)
{
    machine.bus.host->shutdown(machine.bus.host, SHUTDOWN_crash);
    exit(1);
}

static bool disks_work(void)
{
    bool work = false;

    for (unsigned int i = 0; i < machine.disk_count; i++)
        work |= machine.disks[i]->busy > 0;
    return work;
}

/*
 * The guest is paused. After its state was told nothing may change it, nor the guest's memory, so
 * nothing is served until the guest goes on or its domain has ended.
 */
static void save(void)
{
    uint64_t kib = 0, last_kib = 0;
    enum keeper_order order;

    if (!xen_quiesce(xen, &machine.pci)) {
        keeper_tell_state(NULL);
        return;
    }
    do {
        wait_for_disks();
        disks_go_on();
    } while (disks_work());
    terminal_flush(&serial_terminal);
    terminal_flush(&console_terminal);
    state = (struct state){ .loading = false };
    machine_state(&machine, &state);
    keeper_tell_state(state.bad ? NULL : &state);
    while ((order = keeper_take(true, &kib)) != KEEPER_RESUME) {
        if (order == KEEPER_GONE)
            give_up();
        if (order == KEEPER_TARGET)
            last_kib = kib;
    }
    if (last_kib)
        set_target(last_kib);
}

static void load(void)
{
    ssize_t length;

    if (options.state < 0)
        return;
    state = (struct state){ .loading = true };
    length = read(options.state, state.bytes, sizeof(state.bytes));
    if (length < 0)
        die("cannot read the state of the devices", errno);
    state.size = length;
    machine_state(&machine, &state);
    if (state.bad)
        die("the state of the devices is not one of this machine", EINVAL);
    machine_resume(&machine);
}

static void order_ready(struct loop_source *source, uint32_t events)
{
    uint64_t kib = 0;

    (void)source;
    (void)events;
    switch (keeper_take(false, &kib)) {
    case KEEPER_TARGET: set_target(kib); break;
    case KEEPER_SAVE: save(); break;
    case KEEPER_GONE: give_up();
    case KEEPER_NOTHING:
    case KEEPER_RESUME: break;
    }
}

/* --- the command line ------------------------------------------------------------------------- */

static uint64_t number(const char *text, const char *what)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);

    if (*end || end == text) {
        fprintf(stderr, "cleave-dm: %s must be a number, and is \"%s\"\n", what, text);
        exit(2);
    }
    return value;
}

/* FD:r|w:direct|cached:SERIAL */
static void add_disk(char *text)
{
    struct block *block = calloc(1, sizeof(*block));
    char *fd = strsep(&text, ":"), *mode = strsep(&text, ":"), *cache = strsep(&text, ":");

    if (!block || !cache || machine.disk_count == MACHINE_DISKS_MAX)
        die("--disk", EINVAL);
    block->writable = *mode == 'w';
    block->direct = *cache == 'd';
    memccpy(block->serial, text ? text : "", 0, sizeof(block->serial));
    disk_fds[machine.disk_count] = number(fd, "a descriptor");
    machine.disks[machine.disk_count++] = block;
}

/* FD:XX:XX:XX:XX:XX:XX */
static void add_net(char *text)
{
    struct net *net = calloc(1, sizeof(*net));
    char *fd = strsep(&text, ":");
    uint8_t *m = net ? net->mac : NULL;

    if (!net || !text || machine.net_count == MACHINE_NETS_MAX ||
        sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) !=
            NET_MAC_SIZE)
        die("--net", EINVAL);
    net->tap = number(fd, "a descriptor");
    net->listens_changed = tap_listens;
    machine.nets[machine.net_count++] = net;
}

enum which { DOMAIN, VCPUS, LOW, HIGH, READY, LOG, CONTROL, STATE, DISK, NET };

static const struct option names[] = {
    { "domain", required_argument, NULL, DOMAIN },
    { "vcpus", required_argument, NULL, VCPUS },
    { "low", required_argument, NULL, LOW },
    { "high", required_argument, NULL, HIGH },
    { "ready", required_argument, NULL, READY },
    { "log", required_argument, NULL, LOG },
    { "control", required_argument, NULL, CONTROL },
    { "state", required_argument, NULL, STATE },
    { "disk", required_argument, NULL, DISK },
    { "net", required_argument, NULL, NET },
    { NULL, 0, NULL, 0 },
};

static void read_options(int argc, char **argv)
{
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
        switch (option) {
        case DOMAIN: options.domid = number(optarg, "--domain"); break;
        case VCPUS: options.vcpus = number(optarg, "--vcpus"); break;
        case LOW: options.size.low = number(optarg, "--low"); break;
        case HIGH: options.size.high = number(optarg, "--high"); break;
        case READY: options.ready = number(optarg, "--ready"); break;
        case LOG: options.log = number(optarg, "--log"); break;
        case CONTROL: options.control = number(optarg, "--control"); break;
        case STATE: options.state = number(optarg, "--state"); break;
        case DISK: add_disk(optarg); break;
        case NET: add_net(optarg); break;
        default: exit(2);
        }
    }
    if (!options.domid || !options.vcpus || options.vcpus > 128 || !options.size.low ||
        options.ready < 0 || options.control < 0) {
        fprintf(stderr, "cleave-dm: it is started by `cleave create` for VMs with type = \"hvm\" "
                        "and takes --domain, --vcpus, --low, --ready and --control\n");
        exit(2);
    }
}

/* --- the confined process --------------------------------------------------------------------- */

static void accesses_ready(struct loop_source *source, uint32_t events)
{
    (void)source;
    (void)events;
    if (!xen_serve(xen, &machine.pci))
        die("no events from the hypervisor", errno);
}

static void add_source(struct loop_source *source, int fd,
                       void (*ready)(struct loop_source *, uint32_t), void *owner, uint32_t events)
{
    source->fd = fd;
    source->ready = ready;
    source->owner = owner;
    loop_watch(source, events);
}

static void add_sources(void)
{
    add_source(&accesses, xen_descriptor(xen), accesses_ready, NULL, EPOLLIN);
    add_source(&orders, keeper_descriptor(), order_ready, NULL, EPOLLIN);
    add_source(&balloon_timer, loop_timer(), balloon_ready, NULL, EPOLLIN);
    for (unsigned int i = 0; i < machine.disk_count; i++)
        if (disk_descriptor(machine.disks[i]->disk) >= 0)
            add_source(&disks[i], disk_descriptor(machine.disks[i]->disk), disk_ready,
                       machine.disks[i], EPOLLIN);
    for (unsigned int i = 0; i < machine.net_count; i++)
        add_source(&taps[i], machine.nets[i]->tap, tap_ready, machine.nets[i], 0);
    add_source(&flush_timer, loop_timer(), flush_ready, NULL, EPOLLIN);
    terminal_start(&serial_terminal);
    terminal_start(&console_terminal);
}

static void open_disks(void)
{
    for (unsigned int i = 0; i < machine.disk_count; i++) {
        machine.disks[i]->disk = disk_open(disk_fds[i], BLOCK_DEPTH);
        if (!machine.disks[i]->disk)
            die("cannot use a disk", errno);
        if (disk_descriptor(machine.disks[i]->disk) < 0)
            fprintf(stderr,
                    "cleave-dm: domain %u: dom0's kernel has no io_uring: disks are slower\n",
                    options.domid);
    }
}

static void __attribute__((noreturn)) serve(void)
{
    int rc;

    open_disks();
    xen = xen_open(options.domid, options.vcpus, options.size.low, options.size.high);
    if (!xen)
        exit(1);
    xen_set_balloon(xen, keeper_balloon);
    xen_set_quiet(xen, wait_for_disks);
    loop_begin();
    add_source(&rtc_timer, loop_timer(), clock_ready, NULL, EPOLLIN);
    machine.rtc.now = clock_now;
    machine.rtc.timer = clock_timer;
    rc = machine_build(&machine, xen_host(xen), xen_memory(xen), &options.size);
    if (rc < 0)
        die("cannot put the machine together", -rc);
    add_sources();
    rc = xen_restrict(xen);
    if (rc < 0)
        fprintf(stderr, "cleave-dm: domain %u: not limited to this domain: %s\n", options.domid,
                strerror(-rc));
    if (xen_enable(xen) < 0 || confine() < 0)
        exit(1);
    load();
    keeper_tell_ready();
    for (;;) {
        loop_once();
        disks_go_on();
        flush_terminal(&serial_terminal);
        flush_terminal(&console_terminal);
        balloon_again();
    }
}

static int fork_confined(struct keeper *keeper, pid_t *confined)
{
    int calls[2], orders[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, calls) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders) < 0)
        return -errno;
    *confined = fork();
    if (*confined < 0)
        return -errno;
    if (*confined == 0) {
        close(calls[0]);
        close(orders[0]);
        close(options.ready);
        keeper_connect(calls[1], orders[1]);
        serve();
    }
    close(calls[1]);
    close(orders[1]);
    keeper->calls = calls[0];
    keeper->orders = orders[0];
    return 0;
}

int main(int argc, char **argv)
{
    struct keeper keeper;
    pid_t confined = -1;
    int rc;

    signal(SIGPIPE, SIG_IGN);
    read_options(argc, argv);
    open_consoles();
    keeper = (struct keeper){ .domid = options.domid,
                              .low = options.size.low,
                              .high = options.size.high,
                              .control = options.control,
                              .terminals = { serial_terminal.name, console_terminal.name } };
    rc = fork_confined(&keeper, &confined);
    if (rc < 0)
        die("cannot start a process", -rc);
    /* what is the guest's is the other process' alone */
    for (unsigned int i = 0; i < machine.net_count; i++)
        close(machine.nets[i]->tap);
    for (unsigned int i = 0; i < machine.disk_count; i++)
        close(disk_fds[i]);
    keeper_run(&keeper, confined, options.ready);
}
