/* SPDX-License-Identifier: MIT */
/*
 * The PV console ring, output only: xen/io/console.h, HVM_PARAM_CONSOLE_PFN and
 * HVM_PARAM_CONSOLE_EVTCHN.
 */
#include "console.h"

#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/sched.h>

#include "evtchn.h"
#include "hypercall.h"
#include "mem.h"
#include "text.h"
#include "time.h"

#define FULL_FOR (2 * NS_PER_S)
#define FULL_POLLS 200 /* minimum: time also passes while the machine is stopped */

static struct xencons_interface *ring;
static evtchn_port_t port;
static bool dead; /* no reader: do not wait again for each character */

/* Waits until the daemon consumes output. It sends an event then, but may be slow or dead. */
static bool wait_for_room(void)
{
    uint64_t end = time_now() + FULL_FOR;
    unsigned polls = 0;

    evtchn_send(port);
    while (ring->out_prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) >=
           sizeof(ring->out)) {
        struct sched_poll poll = { .nr_ports = 1, .timeout = time_now() + 10 * NS_PER_MS };

        if (dead || (polls++ >= FULL_POLLS && time_now() > end)) {
            dead = true;
            return false;
        }
        set_xen_guest_handle(poll.ports, &port);
        evtchn_clear(port);
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
    }
    dead = false;
    return true;
}

static void put(char c)
{
    uint32_t prod = ring->out_prod;

    if (prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) >= sizeof(ring->out) &&
        !wait_for_room())
        return;
    ring->out[MASK_XENCONS_IDX(prod, ring->out)] = c;
    __atomic_store_n(&ring->out_prod, prod + 1, __ATOMIC_RELEASE);
}

static void write_ring(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            put('\r');
        put(text[i]);
    }
    evtchn_send(port);
}

void console_init(void)
{
    uint64_t pfn, event;

    if (cmdline_has("debug"))
        text_debug(true);
    if (mem_get_param(HVM_PARAM_CONSOLE_PFN, &pfn) ||
        mem_get_param(HVM_PARAM_CONSOLE_EVTCHN, &event) || !pfn)
        return;
    port = event;
    ring = (struct xencons_interface *)(pfn << PAGE_SHIFT);
    text_set_sink(write_ring);
}
