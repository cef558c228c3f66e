/* SPDX-License-Identifier: MIT */
/*
 * Two guests that share an event channel and a granted page. role=pong offers a page and a port to
 * its peer, and publishes them in the store. role=ping reads them there, maps and binds them, and
 * plays ROUNDS rounds: it writes a number to the page and sends an event; pong answers with the
 * complement of the number. At the end ping unmaps and closes, and pong revokes the grant.
 *
 * The peer's domain id is given by peer=ID on the command line, or dom0 writes it to data/peer of
 * each guest. Prints "ping: ok, ..." or "ping: FAILED ...".
 */
#include "cleave-schema.h"
#include "control.h"
#include "evtchn.h"
#include "grant.h"
#include "../bench/mark.h"
#include "hypercall.h"
#include "mem.h"
#include "store.h"
#include "time.h"
#include "trap.h"

#define ROUNDS 1000
#define PATIENCE (30 * NS_PER_S)
#define GOODBYE ~0ULL

struct shared {
    volatile uint64_t question, answer;
};

static struct shared *shared;
static volatile uint64_t arrived;

static void on_event(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
    arrived++;
}

static domid_t find_peer(void)
{
    uint64_t peer = cmdline_number("peer", 0);

    if (!peer && store_await_number(SCHEMA_DATA_PEER, &peer, PATIENCE))
        trap_panic("ping: FAILED: no peer=ID given, and nobody writes %s", SCHEMA_DATA_PEER);
    return peer;
}

/* Sleeps until the word changes. False: timeout after PATIENCE. */
static bool await(volatile uint64_t *word, uint64_t other_than)
{
    uint64_t end = time_now() + PATIENCE;

    time_set_timer(end);
    while (*word == other_than) {
        if (time_now() > end)
            return false;
        irq_wait();
    }
    return true;
}

static void publish(const char *path, uint64_t number, domid_t peer)
{
    int rc = store_write_number(path, number);

    rc = rc ? rc : store_allow(path, hypercall_domid(), peer);
    if (rc)
        trap_panic("ping: FAILED: %s cannot be published: %d", path, rc);
}

static int pong(domid_t peer)
{
    uint64_t question, page = mem_pages(1);
    int port = evtchn_alloc(peer);
    grant_ref_t ref;

    if (port < 0)
        trap_panic("ping: FAILED: no port for domain %u: %d", peer, port);
    shared = (struct shared *)page;
    evtchn_handle(port, on_event, NULL);
    ref = grant_offer(peer, page >> PAGE_SHIFT, false);
    publish(SCHEMA_DATA_PING_REF, ref, peer);
    publish(SCHEMA_DATA_PING_PORT, port, peer);
    printf("pong: page %lx as reference %u, port %d, for domain %u\n", page, ref, port, peer);

    for (question = 0;;) {
        if (!await(&shared->question, question))
            trap_panic("ping: FAILED: domain %u has not asked for 30 s", peer);
        question = shared->question;
        if (question == GOODBYE)
            break;
        shared->answer = ~question;
        evtchn_send(port);
    }
    for (uint64_t end = time_now() + PATIENCE; !grant_end(ref);) {
        if (time_now() > end)
            trap_panic("ping: FAILED: domain %u keeps the page", peer);
        time_sleep(NS_PER_MS);
    }
    evtchn_close(port);
    printf("pong: ok, the page is mine again\n");
    return 0;
}

static uint64_t peer_number(const char *path_format, domid_t peer)
{
    char path[64];
    uint64_t value;
    int rc;

    snprintf(path, sizeof(path), path_format, peer);
    rc = store_await_number(path, &value, PATIENCE);
    if (rc)
        trap_panic("ping: FAILED: %s cannot be read: %d", path, rc);
    return value;
}

static int play(evtchn_port_t port)
{
    uint64_t best = ~0UL, start = time_now();

    for (uint64_t i = 1; i <= ROUNDS; i++) {
        uint64_t last = shared->answer, tsc;

        MARK_BEGIN;
        tsc = rdtsc();
        shared->question = i;
        evtchn_send(port);
        if (!await(&shared->answer, last) || shared->answer != ~i) {
            printf("ping: FAILED: round %lu: answer %lx, wanted %lx\n", i, shared->answer, ~i);
            return 1;
        }
        tsc = rdtsc() - tsc;
        MARK_END;
        best = tsc < best ? tsc : best;
    }
    MARK_ROW;
    printf("bench evtchn_ping_pong %lu\n", best);
    printf("ping: ok, %u rounds, %lu ns each\n", ROUNDS, (time_now() - start) / ROUNDS);
    return 0;
}

static int ping(domid_t peer)
{
    grant_ref_t ref = peer_number(SCHEMA_DATA_PING_REF_PATH, peer);
    uint64_t at = mem_hole(1);
    grant_handle_t handle;
    int rc, failed,
        port = evtchn_bind_interdomain(peer, peer_number(SCHEMA_DATA_PING_PORT_PATH, peer));

    if (port < 0)
        trap_panic("ping: FAILED: port of domain %u: %d", peer, port);
    rc = grant_map(peer, ref, at, false, &handle);
    if (rc)
        trap_panic("ping: FAILED: reference %u of domain %u: status %d", ref, peer, rc);
    shared = (struct shared *)at;
    evtchn_handle(port, on_event, NULL);
    failed = play(port);
    shared->question = GOODBYE;
    evtchn_send(port);
    rc = grant_unmap(at, handle);
    evtchn_close(port);
    if (rc)
        printf("ping: FAILED: unmap status %d\n", rc);
    return failed || rc;
}

int guest_main(void)
{
    const char *role = cmdline_value("role");
    domid_t peer = find_peer();
    int failed;

    grant_init();
    failed = role && !strncmp(role, "pong", 4) ? pong(peer) : ping(peer);
    store_write(SCHEMA_DATA_RESULT, failed ? "failed" : "ok");
    return failed;
}
