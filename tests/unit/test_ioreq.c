/* SPDX-License-Identifier: MIT */
/*
 * core/ioreq.c: who gets an access, how it is asked and answered, how an exit is handled again, and
 * what a device model cannot do: answer nonsense, keep the vcpu when it ends, take more than its
 * domain's addresses, or leave anything behind.
 */
#include "harness.h"
#include "core/evtchn.h"
#include "core/evtchn_internal.h"
#include "core/ioreq.h"
#include "directmap.h"
#include "mm/alloc.h"
#include "mm/heap.h"

#include <xen/hvm/ioreq.h>

#include <stdlib.h>

#define VCPUS 2
#define SERVERS 8
#define RANGES 256
#define VGA 0xa0000ull

struct domain *dom0;
static struct domain *host, *d;
static struct vcpu *v;
static unsigned int crashes, waits;
static struct ioreq *slots; /* of the last server */
static struct buffered_iopage *ring;

struct domain *domain_get_next(domid_t first) { return NULL; }
void vcpu_event_upcall(struct vcpu *to) {}
void domain_crash(struct vcpu *of, const char *fmt, ...) { crashes++; }

void vcpu_wait_in_exit(struct vcpu *of, enum vcpu_wait what)
{
    waits++;
    of->exit_again = true;
    of->wait = what;
}

bool vcpu_end_wait(struct vcpu *of, enum vcpu_wait what)
{
    bool waited = of->wait == what;

    if (waited)
        of->wait = WAIT_NONE;
    return waited;
}

static int setup(void **state)
{
    harness_machine(64);
    crashes = waits = 0;
    host = harness_whole_domain(0, 4);
    d = harness_whole_domain(1, 4);
    d->max_vcpus = VCPUS;
    d->vcpu[1] = calloc(1, sizeof(struct vcpu));
    *d->vcpu[1] = (struct vcpu){ .d = d, .id = 1, .info = &d->shared_info->vcpu_info[1] };
    v = d->vcpu[1];
    assert_int_equal(ioreq_init(d), 0);
    return 0;
}

static void end(struct domain *of)
{
    while (evtchn_teardown(of) == -ERESTART)
        ;
    while (grant_teardown(of) || grant_free(of))
        ;
    alloc_free(of->shared_info_mfn, 0);
    harness_kill(of);
    assert_int_equal(of->pool.used, 0);
}

static int teardown(void **state)
{
    assert_int_equal(evtchn_check(d) + evtchn_check(host), 0);
    ioreq_teardown(d);
    assert_int_equal(d->evtchn.core, 0);
    heap_free(d->ioreq);
    end(d);
    end(host);
    free(d->vcpu[1]);
    assert_int_equal(heap_used(), 0);
    harness_check_memory();
    return 0;
}

/* --- a device model --- */

static void *page_of(ioservid_t id, unsigned int index)
{
    mfn_t m;

    assert_int_equal(ioreq_get_frame(d, id, index, &m), 0);
    frame_put(m); /* the server keeps it */
    return mfn_to_virt(m);
}

/* Creates an enabled server, and shows its pages. */
static ioservid_t serve(bool buffered)
{
    ioservid_t id = 99;

    assert_int_equal(ioreq_create(d, host->id, buffered, &id), 0);
    assert_int_equal(ioreq_set_enabled(d, id, true), 0);
    slots = page_of(id, 1);
    ring = buffered ? page_of(id, 0) : NULL;
    return id;
}

static void ports(ioservid_t id, uint64_t first, uint64_t last)
{
    assert_int_equal(ioreq_map_range(d, id, XEN_DMOP_IO_RANGE_PORT, first, last), 0);
}

/* As the device model: binds the vcpu's port, answers, and notifies. */
static void answer(uint64_t data)
{
    static uint32_t bound, of;
    uint32_t port = slots[v->id].vp_eport;

    if (of != port || !bound)
        assert_int_equal(evtchn_bind_interdomain(host, d->id, port, &bound), 0);
    of = port;
    slots[v->id].data = data;
    slots[v->id].state = STATE_IORESP_READY;
    assert_int_equal(evtchn_send(host, bound), 0);
    assert_int_equal(evtchn_close_port(host, bound), 0);
    bound = 0;
}

static int ask(uint8_t type, uint64_t addr, uint32_t size, bool write, uint64_t *val)
{
    struct ioreq_access a = {
        .type = type, .addr = addr, .data = *val, .count = 1, .size = size, .write = write
    };

    return ioreq_access(v, &a, val);
}

static int port(uint64_t at, uint32_t size)
{
    uint64_t val = 0;

    ioreq_begin(v, false);
    int rc = ask(IOREQ_TYPE_PIO, at, size, false, &val);

    if (!rc)
        assert_int_equal(val, ~0ull); /* nobody answers */
    return rc;
}

/* Nobody answers an access at all: the vcpu goes on, and is given its own request again. */
static void forget(void)
{
    slots[v->id].state = STATE_IOREQ_NONE;
    ioreq_begin(v, true);
    v->wait = WAIT_NONE;
    v->exit_again = false;
    v->ioreq = (struct ioreq_vcpu){ 0 };
}

/* --- tests --- */

static void asked_and_answered(void **state)
{
    ioservid_t id = serve(false);
    struct ioreq *slot = &slots[1];
    uint64_t val = 0x1234;

    assert_int_equal(id, 0);
    ports(id, 0x60, 0x64);
    ioreq_begin(v, false);
    assert_int_equal(ask(IOREQ_TYPE_PIO, 0x60, 2, true, &val), -EAGAIN);
    assert_int_equal(v->wait, WAIT_IOREQ);
    assert_true(v->exit_again);
    assert_int_equal(slot->state, STATE_IOREQ_READY);
    assert_int_equal(slot->type, IOREQ_TYPE_PIO);
    assert_int_equal(slot->addr, 0x60);
    assert_int_equal(slot->data, 0x1234);
    assert_int_equal(slot->size, 2);
    assert_int_equal(slot->count, 1);
    assert_int_equal(slot->dir, IOREQ_WRITE);
    assert_int_equal(slot->data_is_ptr, 0);
    assert_int_equal(slots[0].state, STATE_IOREQ_NONE); /* the other vcpu's */
    slot->state = STATE_IOREQ_INPROCESS;
    ioreq_begin(v, true); /* woken for another reason */
    assert_int_equal(ask(IOREQ_TYPE_PIO, 0x60, 2, true, &val), -EAGAIN);
    slot->addr = slot->size = ~0u; /* edited meanwhile */
    answer(0);
    assert_int_equal(v->wait, WAIT_NONE);
    ioreq_begin(v, true);
    assert_int_equal(ask(IOREQ_TYPE_PIO, 0x60, 2, true, &val), 0);
    assert_int_equal(slot->state, STATE_IOREQ_NONE);
    /* the next exit */
    ioreq_begin(v, false);
    assert_int_equal(ask(IOREQ_TYPE_PIO, 0x64, 1, false, &val), -EAGAIN);
    assert_int_equal(slot->dir, IOREQ_READ);
    answer(0x5a);
    ioreq_begin(v, true);
    assert_int_equal(ask(IOREQ_TYPE_PIO, 0x64, 1, false, &val), 0);
    assert_int_equal(val, 0x5a);
    assert_int_equal(crashes, 0);
}

/* A read and a write in one exit: what was done is not done again. */
static void handled_again_with_the_answers(void **state)
{
    uint64_t val = 0;

    assert_int_equal(ioreq_map_range(d, serve(false), XEN_DMOP_IO_RANGE_MEMORY, 0xf0000000, ~0ull),
                     0);
    ioreq_begin(v, false);
    assert_int_equal(ask(IOREQ_TYPE_COPY, 0xf0000000, 8, false, &val), -EAGAIN);
    answer(41);
    ioreq_begin(v, true);
    assert_int_equal(ask(IOREQ_TYPE_COPY, 0xf0000000, 8, false, &val), 0);
    assert_int_equal(val, 41);
    val++;
    assert_int_equal(ask(IOREQ_TYPE_COPY, 0xf0000008, 8, true, &val), -EAGAIN);
    assert_int_equal(slots[1].data, 42);
    answer(0);
    ioreq_begin(v, true);
    val = 0;
    assert_int_equal(ask(IOREQ_TYPE_COPY, 0xf0000000, 8, false, &val), 0);
    assert_int_equal(val, 41);
    assert_int_equal(ask(IOREQ_TYPE_COPY, 0xf0000008, 8, true, &val), 0);
    assert_int_equal(slots[1].state, STATE_IOREQ_NONE);
}

static void addresses_that_nobody_has(void **state)
{
    ioservid_t id = serve(true);

    ports(id, 0x60, 0x63);
    assert_int_equal(port(0x5f, 1), 0);
    assert_int_equal(port(0x64, 1), 0);
    assert_int_equal(port(0x62, 4), 0); /* only a part of it */
    assert_int_equal(port(0x5f, 2), 0);
    assert_int_equal(ioreq_set_enabled(d, id, false), 0);
    assert_int_equal(port(0x60, 1), 0);
    assert_int_equal(waits, 0);
    assert_int_equal(ioreq_set_enabled(d, id, true), 0);
    assert_int_equal(port(0x60, 4), -EAGAIN);
    assert_int_equal(waits, 1);
    forget();
    assert_false(ioreq_has_memory(d, 0x60)); /* a port is no memory */
    assert_int_equal(ioreq_map_range(d, id, XEN_DMOP_IO_RANGE_MEMORY, 0x1000, 0x1fff), 0);
    assert_true(ioreq_has_memory(d, 0x1fff));
    assert_false(ioreq_has_memory(d, 0x2000));
    assert_false(ioreq_has_memory(host, 0x1000));
}

/* Functions are numbered segment, bus, device, function; the register does not matter. */
static void configuration_by_function(void **state)
{
    ioservid_t id = serve(false);
    uint64_t val = 0;

    assert_int_equal(ioreq_map_range(d, id, XEN_DMOP_IO_RANGE_PCI, 0x18, 0x19), 0);
    ioreq_begin(v, false);
    assert_int_equal(ask(IOREQ_TYPE_PCI_CONFIG, 0x17ull << 32 | 0x18, 4, false, &val), 0);
    assert_int_equal(ask(IOREQ_TYPE_PCI_CONFIG, 0x1aull << 32, 4, false, &val), 0);
    ioreq_begin(v, false);
    assert_int_equal(ask(IOREQ_TYPE_PCI_CONFIG, 0x19ull << 32 | 0xfc, 4, false, &val), -EAGAIN);
    assert_int_equal(slots[1].addr, 0x19ull << 32 | 0xfc);
    forget();
}

static void the_later_server_wins(void **state)
{
    struct ioreq *first, *second;
    ioservid_t ids[2];

    ids[0] = serve(false);
    first = slots;
    ids[1] = serve(false);
    second = slots;
    assert_int_equal(ids[1], 1);
    ports(ids[0], 0, 0xffff);
    ports(ids[1], 0x70, 0x71);
    assert_int_equal(port(0x70, 1), -EAGAIN);
    assert_int_equal(second[1].state, STATE_IOREQ_READY);
    assert_int_equal(first[1].state, STATE_IOREQ_NONE);
    forget();
    assert_int_equal(port(0x70, 4), -EAGAIN); /* it has only a part */
    assert_int_equal(first[1].state, STATE_IOREQ_READY);
    slots = first;
    forget();
    assert_int_equal(ioreq_destroy(d, ids[1]), 0);
    assert_int_equal(port(0x70, 1), -EAGAIN);
    assert_int_equal(first[1].state, STATE_IOREQ_READY);
    forget();
}

static void a_server_ends_while_a_vcpu_waits(void **state)
{
    ioservid_t id = serve(false);
    uint64_t val = 0;

    ports(id, 0, 0xffff);
    assert_int_equal(port(0x80, 1), -EAGAIN);
    assert_int_equal(ioreq_destroy(d, id), 0);
    assert_int_equal(v->wait, WAIT_NONE);
    assert_int_equal(serve(false), id); /* another one, which has its number */
    ports(id, 0, 0xffff);
    slots[1].state = STATE_IORESP_READY;
    ioreq_begin(v, true);
    assert_int_equal(ask(IOREQ_TYPE_PIO, 0x80, 1, false, &val), 0);
    assert_int_equal(val, ~0ull);
    assert_int_equal(ioreq_destroy(d, id), 0);
    assert_int_equal(ioreq_destroy(d, id), -ENOENT);
}

static void nonsense_answers(void **state)
{
    ioservid_t id = serve(false);

    ports(id, 0, 0xffff);
    for (unsigned int s = 0; s < 16; s++) {
        uint64_t val = 0;

        assert_int_equal(port(0x80, 1), -EAGAIN);
        slots[1].state = (uint8_t)(s & 15);
        slots[1].data = 7;
        ioreq_begin(v, true);
        int rc = ask(IOREQ_TYPE_PIO, 0x80, 1, false, &val);

        if (s == STATE_IOREQ_READY || s == STATE_IOREQ_INPROCESS)
            assert_int_equal(rc, -EAGAIN);
        else
            assert_int_equal(rc, s > STATE_IORESP_READY ? -EIO : 0);
        if (!rc)
            assert_int_equal(val, s == STATE_IORESP_READY ? 7 : ~0ull);
        forget();
    }
    assert_int_equal(crashes, 12);
}

/* The exit that asked was not handled to its end, e.g. since a tool has set the registers. */
static void an_answer_to_another_exit(void **state)
{
    ioservid_t id = serve(false);
    uint64_t val = 0;

    ports(id, 0, 0xffff);
    assert_int_equal(port(0x80, 1), -EAGAIN);
    assert_int_equal(port(0x90, 1), -EAGAIN);
    assert_int_equal(slots[1].addr, 0x80); /* still */
    answer(0x80);
    ioreq_begin(v, true);
    assert_int_equal(ask(IOREQ_TYPE_PIO, 0x90, 1, false, &val), -EAGAIN);
    assert_int_equal(slots[1].addr, 0x90);
    answer(0x90);
    ioreq_begin(v, true);
    assert_int_equal(ask(IOREQ_TYPE_PIO, 0x90, 1, false, &val), 0);
    assert_int_equal(val, 0x90);
}

/* Elements in one request, of which one server must have all. */
static void blocks(void **state)
{
    ioservid_t id = serve(true);
    struct ioreq_access a = { .type = IOREQ_TYPE_COPY,
                              .addr = 0xf0000ff8,
                              .data = 0x1000,
                              .count = 2,
                              .size = 4,
                              .write = true,
                              .data_is_ptr = true };
    uint64_t val;

    assert_int_equal(ioreq_map_range(d, id, XEN_DMOP_IO_RANGE_MEMORY, 0xf0000ff0, 0xf0000fff), 0);
    ioreq_begin(v, false);
    assert_int_equal(ioreq_access(v, &a, &val), -EAGAIN);
    assert_int_equal(slots[1].count, 2);
    assert_int_equal(slots[1].data_is_ptr, 1);
    assert_int_equal(slots[1].df, 0);
    assert_int_equal(slots[1].dir, IOREQ_WRITE);
    forget();
    a.count = 3;
    assert_int_equal(ioreq_access(v, &a, &val), -ENOENT);
    a.down = true;
    assert_int_equal(ioreq_access(v, &a, &val), -EAGAIN);
    assert_int_equal(slots[1].df, 1);
    forget();
    a.count = 4;
    assert_int_equal(ioreq_access(v, &a, &val), -ENOENT);
    assert_int_equal(v->wait, WAIT_NONE);
}

/* Nobody had all of a block, so an element was asked for: its answer is not the block's. */
static void an_element_of_a_block(void **state)
{
    struct ioreq_access a = {
        .type = IOREQ_TYPE_COPY, .addr = 0xf0000000, .count = 3, .size = 4, .write = true
    };
    uint64_t val;

    assert_int_equal(ioreq_map_range(d, serve(true), XEN_DMOP_IO_RANGE_MEMORY, 0xf0000000,
                                     0xf0000003),
                     0);
    ioreq_begin(v, false);
    assert_int_equal(ioreq_access(v, &a, &val), -ENOENT);
    a.count = 1;
    assert_int_equal(ioreq_access(v, &a, &val), -EAGAIN);
    for (unsigned int i = 0; i < 2; i++) {
        ioreq_begin(v, true); /* before and after the answer */
        a.count = 3;
        assert_int_equal(ioreq_access(v, &a, &val), -ENOENT);
        a.count = 1;
        assert_int_equal(ioreq_access(v, &a, &val), i ? 0 : -EAGAIN);
        if (!i)
            answer(0);
    }
}

static int write_vga(uint64_t at, uint32_t size, uint64_t val)
{
    ioreq_begin(v, false);
    return ask(IOREQ_TYPE_COPY, at, size, true, &val);
}

static void writes_to_video_memory_do_not_wait(void **state)
{
    ioservid_t id = serve(true);
    uint64_t val = 0;

    assert_int_equal(ioreq_map_range(d, id, XEN_DMOP_IO_RANGE_MEMORY, VGA, VGA + 0x1ffff), 0);
    assert_int_equal(write_vga(VGA + 2, 2, 0xabcd), 0);
    assert_int_equal(ring->write_pointer, 1);
    assert_int_equal(ring->buf_ioreq[0].addr, VGA + 2);
    assert_int_equal(ring->buf_ioreq[0].size, 1);
    assert_int_equal(ring->buf_ioreq[0].data, 0xabcd);
    assert_int_equal(ring->buf_ioreq[0].dir, IOREQ_WRITE);
    assert_int_equal(ring->buf_ioreq[0].type, IOREQ_TYPE_COPY);
    assert_int_equal(write_vga(VGA + 0x1fff8, 8, 0x1122334455667788), 0);
    assert_int_equal(ring->write_pointer, 3);
    assert_int_equal(ring->buf_ioreq[1].size, 3);
    assert_int_equal(ring->buf_ioreq[1].data, 0x55667788);
    assert_int_equal(ring->buf_ioreq[2].data, 0x11223344);
    ioreq_begin(v, false);
    assert_int_equal(ask(IOREQ_TYPE_COPY, VGA, 1, false, &val), -EAGAIN); /* a read */
    forget();
    ring->write_pointer = 510; /* one slot is left */
    assert_int_equal(write_vga(VGA, 8, 1), -EAGAIN);
    forget();
    assert_int_equal(write_vga(VGA, 1, 1), 0);
    assert_int_equal(write_vga(VGA, 1, 1), -EAGAIN); /* full */
    forget();
    ring->read_pointer = 511; /* both back: they would wrap where the slots do not */
    assert_int_equal(write_vga(VGA, 1, 0x77), 0);
    assert_int_equal(ring->read_pointer, 0);
    assert_int_equal(ring->write_pointer, 1);
    assert_int_equal(ring->buf_ioreq[0].data, 0x77);
    ring->read_pointer = 12345; /* nonsense: more read than written */
    ring->write_pointer = 77;
    (void)write_vga(VGA, 1, 1);
    forget();
    assert_int_equal(ioreq_map_range(d, id, XEN_DMOP_IO_RANGE_MEMORY, 0xf0000000, 0xf0000fff), 0);
    assert_int_equal(write_vga(0xf0000000, 4, 1), -EAGAIN);
    forget();
}

static void ranges(void **state)
{
    const uint32_t port_type = XEN_DMOP_IO_RANGE_PORT;
    ioservid_t id = serve(false);

    assert_int_equal(ioreq_map_range(d, id, port_type, 2, 1), -EINVAL);
    assert_int_equal(ioreq_map_range(d, id, port_type, 0xffff, 0x10000), -EINVAL);
    assert_int_equal(ioreq_map_range(d, id, XEN_DMOP_IO_RANGE_PCI, 0, 1ull << 32), -EINVAL);
    assert_int_equal(ioreq_map_range(d, id, 3, 0, 1), -EINVAL);
    assert_int_equal(ioreq_map_range(d, id, ~0u, 0, 1), -EINVAL);
    assert_int_equal(ioreq_map_range(d, id + 1, port_type, 0, 1), -ENOENT);
    assert_int_equal(ioreq_map_range(d, SERVERS, port_type, 0, 1), -ENOENT);
    assert_int_equal(ioreq_map_range(d, 0xffff, port_type, 0, 1), -ENOENT);
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 0, 1), -ENOENT);
    ports(id, 0x10, 0x1f);
    assert_int_equal(ioreq_map_range(d, id, port_type, 0x1f, 0x20), -EEXIST);
    assert_int_equal(ioreq_map_range(d, id, port_type, 0, 0x10), -EEXIST);
    assert_int_equal(ioreq_map_range(d, id, port_type, 0x10, 0x1f), -EEXIST);
    assert_int_equal(ioreq_map_range(d, id, port_type, 0, 0xffff), -EEXIST);
    assert_int_equal(ioreq_map_range(d, id, XEN_DMOP_IO_RANGE_PCI, 0x10, 0x10), 0);
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 0x10, 0x20), -ENOENT);
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 0xf, 0x1f), -ENOENT);
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 0x1f, 0x10), -EINVAL);
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 0x14, 0x17), 0); /* a hole */
    assert_int_equal(port(0x13, 1), -EAGAIN);
    forget();
    assert_int_equal(port(0x14, 1), 0);
    assert_int_equal(port(0x17, 1), 0);
    assert_int_equal(port(0x18, 1), -EAGAIN);
    forget();
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 0x18, 0x1e), 0);
    assert_int_equal(port(0x1e, 1), 0);
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 0x11, 0x13), 0);
    assert_int_equal(port(0x11, 1), 0);
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 0x10, 0x10), 0);
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 0x1f, 0x1f), 0);
    assert_int_equal(port(0x10, 1), 0);
    assert_int_equal(port(0x1f, 1), 0);
    for (unsigned int i = 1; i < RANGES; i++) /* one is a PCI function */
        ports(id, i * 4, i * 4 + 2);
    assert_int_equal(ioreq_map_range(d, id, port_type, 0xf000, 0xf000), -ENOSPC);
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 5, 5), -ENOSPC); /* would be two */
    assert_int_equal(ioreq_unmap_range(d, id, port_type, 4, 6), 0);
    ports(id, 0xf000, 0xf000);
}

static void servers(void **state)
{
    ioservid_t id;
    mfn_t m;
    evtchn_port_t buffered;

    for (unsigned int i = 0; i < SERVERS; i++) {
        assert_int_equal(ioreq_create(d, host->id, i & 1, &id), 0);
        assert_int_equal(id, i);
    }
    assert_int_equal(ioreq_create(d, host->id, true, &id), -ENOSPC);
    assert_int_equal(ioreq_get_frame(d, 0, 0, &m), -EINVAL); /* it has no ring */
    assert_int_equal(ioreq_get_frame(d, 1, 0, &m), 0);
    assert_int_equal(ioreq_get_frame(d, 1, 2, &m), -EINVAL);
    assert_int_equal(ioreq_get_frame(d, 1, ~0ull, &m), -EINVAL);
    assert_int_equal(ioreq_get_frame(d, SERVERS, 1, &m), -ENOENT);
    assert_int_equal(ioreq_get_port(d, 1, &buffered), 0);
    assert_true(buffered != 0);
    assert_int_equal(ioreq_get_port(d, SERVERS, &buffered), -ENOENT);
    assert_int_equal(ioreq_set_enabled(d, SERVERS, true), -ENOENT);
    assert_int_equal(ioreq_destroy(d, 1), 0);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_CORE); /* as long as it is mapped */
    frame_put(m);
    assert_int_equal(mfn_to_frame(m)->state, FRAME_FREE);
    assert_int_equal(ioreq_create(d, host->id, true, &id), 0);
    assert_int_equal(id, 1); /* the first free number */
}

/* The guest finds the core's ports taken, and cannot use them. */
static void ports_are_not_the_guests(void **state)
{
    ioservid_t id = serve(true);
    uint32_t mine = slots[1].vp_eport, bound;
    struct evtchn_status status = { .port = mine };

    assert_true(mine != 0);
    assert_int_equal(evtchn_send(d, mine), -EINVAL);
    assert_int_equal(evtchn_close_port(d, mine), -EINVAL);
    assert_int_equal(evtchn_unmask(d, mine), -EINVAL);
    assert_int_equal(evtchn_bind_vcpu(d, mine, 0), -EINVAL);
    assert_int_equal(evtchn_reset_all(d), -EBUSY);
    assert_int_equal(evtchn_status_of(d, &status), 0);
    assert_int_equal(status.status, EVTCHNSTAT_unbound);
    assert_int_equal(evtchn_bind_interdomain(host, d->id, mine, &bound), 0);
    assert_int_equal(evtchn_send(d, mine), -EINVAL);
    assert_int_equal(evtchn_close_port(d, mine), -EINVAL);
    assert_int_equal(evtchn_send(host, bound), 0);
    assert_false(d->shared_info->evtchn_pending[0] >> mine & 1); /* nothing in the guest's memory */
    assert_int_equal(evtchn_close_port(host, bound), 0);
    assert_int_equal(evtchn_bind_interdomain(host, d->id, mine, &bound), 0); /* again */
    assert_int_equal(ioreq_destroy(d, id), 0);
    assert_int_equal(evtchn_send(host, bound), 0); /* unbound */
    assert_int_equal(evtchn_close_port(host, bound), 0);
    assert_int_equal(evtchn_reset_all(d), 0);
}

static void what_fails_leaves_nothing(void **state)
{
    uint64_t used = heap_used();
    ioservid_t id;

    for (unsigned int n = 1;; n++) {
        harness_fail_alloc(n);
        int rc = ioreq_create(d, host->id, true, &id);
        bool failed = harness_alloc_has_failed();

        harness_fail_alloc(0);
        if (!failed) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, -ENOMEM);
        assert_int_equal(heap_used(), used);
        assert_int_equal(d->evtchn.core, 0);
    }
    d->evtchn.max_port = d->evtchn.ports - 1; /* no port is left */
    assert_int_equal(ioreq_create(d, host->id, true, &id), -ENOSPC);
    WRITE_ONCE(d->dying, DOMAIN_DYING);
    assert_int_equal(ioreq_create(d, host->id, true, &id), -EINVAL);
    ioreq_teardown(d);
    ioreq_teardown(d);
    assert_int_equal(heap_used(), used);
}

static void locks_are_taken(void **state)
{
    ioservid_t id = serve(true);
    evtchn_port_t p;
    mfn_t m;

    assert_takes(LOCK_IOREQ, 1, (void)!ioreq_get_frame(d, id, 2, &m));
    assert_takes(LOCK_IOREQ, 1, (void)!ioreq_get_port(d, id, &p));
    assert_takes(LOCK_IOREQ, 1, (void)!ioreq_set_enabled(d, id, true));
    assert_takes(LOCK_IOREQ, 1, ports(id, 1, 1));
    assert_takes(LOCK_IOREQ, 1, (void)!ioreq_unmap_range(d, id, XEN_DMOP_IO_RANGE_PORT, 1, 1));
    assert_takes(LOCK_IOREQ, 1, (void)ioreq_has_memory(d, 1));
    assert_takes(LOCK_IOREQ, 1, (void)port(1, 1));
    assert_takes(LOCK_IOREQ, 1, (void)!ioreq_destroy(d, id));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(asked_and_answered),
        TEST(handled_again_with_the_answers),
        TEST(addresses_that_nobody_has),
        TEST(configuration_by_function),
        TEST(the_later_server_wins),
        TEST(a_server_ends_while_a_vcpu_waits),
        TEST(nonsense_answers),
        TEST(an_answer_to_another_exit),
        TEST(blocks),
        TEST(an_element_of_a_block),
        TEST(writes_to_video_memory_do_not_wait),
        TEST(ranges),
        TEST(servers),
        TEST(ports_are_not_the_guests),
        TEST(what_fails_leaves_nothing),
        TEST(locks_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
