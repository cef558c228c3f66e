/* SPDX-License-Identifier: MIT */
/*
 * hypercall/dm_op.c: which domains a caller may name, the size and the padding of each operation,
 * arguments at and beyond their limits, results that are written back, and moved pages. What the
 * operations do then is in test_ioreq.c and test_pc.c.
 */
#include "harness.h"
#include "core/evtchn.h"
#include "core/ioreq.h"
#include "directmap.h"
#include "hypercall/memory.h"
#include "mm/alloc.h"
#include "mm/heap.h"
#include "mm/p2m.h"
#include "vdev/pc.h"
#include "vdev/pvclock.h"

#include <xen/hvm/dm_op.h>

#define ARGUMENT (HARNESS_DOM0 + 0x1000)
#define BUFFERS (HARNESS_DOM0 + 0x2000)
#define HEAD offsetof(struct xen_dm_op, u)

struct domain *dom0;
static struct domain *d, *pvh;
static unsigned int lines[3], messages, shutdowns;
static struct xen_dm_op op;

struct domain *domain_get_next(domid_t first) { return NULL; }
void pvclock_update_wallclock(struct domain *of) {}
void vcpu_event_upcall(struct vcpu *v) {}
bool vcpu_end_wait(struct vcpu *v, enum vcpu_wait what) { return false; }
void vcpu_wait_in_exit(struct vcpu *v, enum vcpu_wait what) {}
void domain_crash(struct vcpu *v, const char *fmt, ...) {}
void domain_shutdown(struct domain *of, uint8_t reason) { shutdowns = reason + 1u; }
void pc_set_isa(struct domain *of, unsigned int irq, bool level) { lines[0]++; }
void pc_set_intx(struct domain *of, unsigned int dev, unsigned int pin, bool level) { lines[1]++; }
void pc_set_link(struct domain *of, unsigned int link, unsigned int irq) { lines[2]++; }

void pc_inject_msi(struct domain *of, uint64_t address, uint32_t data) { messages++; }

static int setup(void **state)
{
    harness_machine(64);
    memset(lines, 0, sizeof(lines));
    messages = shutdowns = 0;
    dom0 = harness_whole_domain(0, 4);
    d = harness_whole_domain(1, 4);
    pvh = harness_whole_domain(2, 4);
    d->hvm = true;
    assert_int_equal(ioreq_init(d), 0);
    harness_populate(dom0, HARNESS_DOM0 >> PAGE_SHIFT, 4);
    harness_populate(d, 0x10, 8);
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
}

static int teardown(void **state)
{
    ioreq_teardown(d);
    heap_free(d->ioreq);
    end(pvh);
    end(d);
    end(dom0);
    harness_check_memory();
    return 0;
}

/* --- calls --- */

static long call_as(struct vcpu *v, uint64_t domid, uint64_t buffers, uint64_t size)
{
    struct xen_dm_op_buf *buf = harness_guest(dom0, BUFFERS);

    *buf = (struct xen_dm_op_buf){ .size = size };
    set_xen_guest_handle(buf->h, (void *)ARGUMENT);
    memcpy(harness_guest(dom0, ARGUMENT), &op, sizeof(op));
    long rc = harness_hypercall(hypercall_dm_op, v, domid, buffers, BUFFERS, NULL);
    memcpy(&op, harness_guest(dom0, ARGUMENT), sizeof(op));
    return rc;
}

static long call(void) { return call_as(dom0->vcpu[0], 1, 1, sizeof(op)); }

#define SET(number, field, ...) \
    op = (struct xen_dm_op) \
    { \
        .op = XEN_DMOP_##number, .u.field = { __VA_ARGS__ } \
    }
#define CALL(number, field, ...) (({ SET(number, field, __VA_ARGS__); }), call())

static ioservid_t serve(void)
{
    assert_int_equal(CALL(create_ioreq_server, create_ioreq_server, .handle_bufioreq = 2), 0);
    return op.u.create_ioreq_server.id;
}

/* --- tests --- */

static void whom_a_caller_may_name(void **state)
{
    SET(nr_vcpus, nr_vcpus, 0);
    assert_int_equal(call(), 0);
    assert_int_equal(op.u.nr_vcpus.vcpus, d->max_vcpus);
    assert_int_equal(call_as(dom0->vcpu[0], 0, 1, sizeof(op)), -EINVAL); /* itself */
    assert_int_equal(call_as(dom0->vcpu[0], DOMID_SELF, 1, sizeof(op)), -EINVAL);
    assert_int_equal(call_as(dom0->vcpu[0], 2, 1, sizeof(op)), -EINVAL); /* it has no devices */
    assert_int_equal(call_as(dom0->vcpu[0], 77, 1, sizeof(op)), -ESRCH);
    assert_int_equal(call_as(pvh->vcpu[0], 1, 1, sizeof(op)), -EPERM);
    assert_int_equal(call_as(d->vcpu[0], 1, 1, sizeof(op)), -EINVAL);
    WRITE_ONCE(d->dying, DOMAIN_DYING);
    assert_int_equal(call(), -EINVAL);
    WRITE_ONCE(d->dying, DOMAIN_ALIVE);
}

static void buffers(void **state)
{
    SET(nr_vcpus, nr_vcpus, 0);
    assert_int_equal(call_as(dom0->vcpu[0], 1, 0, sizeof(op)), -EINVAL);
    assert_int_equal(call_as(dom0->vcpu[0], 1, 2, sizeof(op)), 0);
    assert_int_equal(call_as(dom0->vcpu[0], 1, 3, sizeof(op)), -EINVAL);
    assert_int_equal(call_as(dom0->vcpu[0], 1, ~0u, sizeof(op)), -EINVAL);
    assert_int_equal(call_as(dom0->vcpu[0], 1, 1, ~0ull), 0);
    for (uint64_t size = 0; size < HEAD + sizeof(op.u.nr_vcpus); size++)
        assert_int_equal(call_as(dom0->vcpu[0], 1, 1, size), -EINVAL);
    assert_int_equal(call_as(dom0->vcpu[0], 1, 1, HEAD + sizeof(op.u.nr_vcpus)), 0);
    op.pad = 1;
    assert_int_equal(call(), -EINVAL);
    assert_int_equal(harness_hypercall(hypercall_dm_op, dom0->vcpu[0], 1, 1, 0, NULL), -EFAULT);
}

static void unknown_operations(void **state)
{
    static const uint32_t refused[] = { 0,  XEN_DMOP_modified_memory, 12, XEN_DMOP_inject_event,
                                        15, XEN_DMOP_set_irq_level,   21, ~0u };

    for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++) {
        op = (struct xen_dm_op){ .op = refused[i] };
        assert_int_equal(call(), -EOPNOTSUPP);
    }
}

static void servers(void **state)
{
    ioservid_t id = serve();

    assert_int_equal(CALL(create_ioreq_server, create_ioreq_server, .handle_bufioreq = 3), -EINVAL);
    for (unsigned int i = 0; i < 3; i++) {
        SET(create_ioreq_server, create_ioreq_server, .handle_bufioreq = 0);
        op.u.create_ioreq_server.pad[i] = 1;
        assert_int_equal(call(), -EINVAL);
    }
    assert_int_equal(CALL(get_ioreq_server_info, get_ioreq_server_info, .id = id,
                          .flags = XEN_DMOP_no_gfns),
                     0);
    assert_true(op.u.get_ioreq_server_info.bufioreq_port != 0);
    assert_int_equal(CALL(get_ioreq_server_info, get_ioreq_server_info, .id = id), -EOPNOTSUPP);
    assert_int_equal(CALL(get_ioreq_server_info, get_ioreq_server_info, .id = id, .flags = 3),
                     -EINVAL);
    assert_int_equal(CALL(map_io_range_to_ioreq_server, map_io_range_to_ioreq_server, .id = id,
                          .start = 5, .end = 6),
                     0);
    assert_int_equal(CALL(map_io_range_to_ioreq_server, map_io_range_to_ioreq_server, .id = id,
                          .pad = 1, .start = 7, .end = 8),
                     -EINVAL);
    assert_int_equal(CALL(unmap_io_range_from_ioreq_server, unmap_io_range_from_ioreq_server,
                          .id = id, .pad = 1, .start = 5, .end = 6),
                     -EINVAL);
    assert_int_equal(CALL(unmap_io_range_from_ioreq_server, unmap_io_range_from_ioreq_server,
                          .id = id, .start = 5, .end = 6),
                     0);
    assert_int_equal(CALL(set_ioreq_server_state, set_ioreq_server_state, .id = id, .enabled = 1),
                     0);
    assert_int_equal(CALL(set_ioreq_server_state, set_ioreq_server_state, .id = id, .pad = 1),
                     -EINVAL);
    assert_int_equal(CALL(destroy_ioreq_server, destroy_ioreq_server, .id = id, .pad = 1), -EINVAL);
    assert_int_equal(CALL(destroy_ioreq_server, destroy_ioreq_server, .id = id), 0);
    assert_int_equal(CALL(destroy_ioreq_server, destroy_ioreq_server, .id = id), -ENOENT);
}

static void interrupts(void **state)
{
    assert_int_equal(CALL(set_pci_intx_level, set_pci_intx_level, .device = 31, .intx = 3), 0);
    assert_int_equal(CALL(set_pci_intx_level, set_pci_intx_level, .device = 32), -EINVAL);
    assert_int_equal(CALL(set_pci_intx_level, set_pci_intx_level, .intx = 4), -EINVAL);
    assert_int_equal(CALL(set_pci_intx_level, set_pci_intx_level, .level = 2), -EINVAL);
    assert_int_equal(CALL(set_pci_intx_level, set_pci_intx_level, .bus = 1), -EINVAL);
    assert_int_equal(CALL(set_pci_intx_level, set_pci_intx_level, .domain = 1), -EINVAL);
    assert_int_equal(CALL(set_isa_irq_level, set_isa_irq_level, .isa_irq = 15, .level = 1), 0);
    assert_int_equal(CALL(set_isa_irq_level, set_isa_irq_level, .isa_irq = 16), -EINVAL);
    assert_int_equal(CALL(set_isa_irq_level, set_isa_irq_level, .level = 2), -EINVAL);
    assert_int_equal(CALL(set_pci_link_route, set_pci_link_route, .link = 3, .isa_irq = 15), 0);
    assert_int_equal(CALL(set_pci_link_route, set_pci_link_route, .link = 4), -EINVAL);
    assert_int_equal(CALL(set_pci_link_route, set_pci_link_route, .isa_irq = 16), -EINVAL);
    for (unsigned int i = 0; i < 3; i++)
        assert_int_equal(lines[i], 1);
    assert_int_equal(CALL(inject_msi, inject_msi, .addr = 0xfee00000), 0);
    assert_int_equal(CALL(inject_msi, inject_msi, .addr = 0xfee00000, .pad = 1), -EINVAL);
    assert_int_equal(messages, 1);
}

static mfn_t frame_at(uint64_t gfn)
{
    enum p2m_type type;

    return p2m_lookup(d, GFN(gfn), &type, NULL);
}

static void pages_are_moved(void **state)
{
    uint64_t before = d->tot_pages;
    mfn_t m[3] = { frame_at(0x10), frame_at(0x11), frame_at(0x12) };

    *(uint32_t *)harness_guest(d, 0x11000) = 0x1234;
    harness_preempt_every = 1; /* continued after each page */
    assert_int_equal(CALL(relocate_memory, relocate_memory, .size = 3, .src_gfn = 0x10,
                          .dst_gfn = 0xf0000),
                     0);
    harness_preempt_every = 0;
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(frame_at(0xf0000 + i).n, m[i].n);
        assert_false(mfn_valid_number(frame_at(0x10 + i)));
    }
    assert_int_equal(*(uint32_t *)harness_guest(d, 0xf0001000), 0x1234);
    assert_int_equal(d->tot_pages, before);
    /* from where there is nothing; to itself; over others, which are freed; to no gfn at all */
    assert_int_equal(CALL(relocate_memory, relocate_memory, .size = 1, .src_gfn = 0x10,
                          .dst_gfn = 0x20),
                     -EINVAL);
    assert_int_equal(memory_move_page(d, GFN(0x13), GFN(0x13)), 0);
    assert_int_equal(d->tot_pages, before);
    m[0] = frame_at(0x13);
    assert_int_equal(memory_move_page(d, GFN(0x13), GFN(0x14)), 0);
    assert_int_equal(frame_at(0x14).n, m[0].n);
    assert_int_equal(d->tot_pages, before - 1);
    m[0] = frame_at(0x15);
    assert_true(memory_move_page(d, GFN(0x15), GFN(~0ull)) != 0);
    assert_int_equal(frame_at(0x15).n, m[0].n); /* it is where it was */
    assert_int_equal(d->tot_pages, before - 1);
    assert_int_equal(CALL(relocate_memory, relocate_memory, .size = 0, .src_gfn = ~0ull,
                          .dst_gfn = 0),
                     0);
    assert_int_equal(CALL(relocate_memory, relocate_memory, .size = ~0u, .src_gfn = ~0ull - 5),
                     -EINVAL);
    assert_int_equal(CALL(relocate_memory, relocate_memory, .size = 1, .pad = 1), -EINVAL);
}

static void the_rest(void **state)
{
    assert_int_equal(CALL(pin_memory_cacheattr, pin_memory_cacheattr, .start = 1, .end = 2,
                          .type = XEN_DMOP_MEM_CACHEATTR_WB),
                     0);
    assert_int_equal(CALL(pin_memory_cacheattr, pin_memory_cacheattr, .start = 2, .end = 1,
                          .type = XEN_DMOP_MEM_CACHEATTR_WB),
                     -EINVAL);
    assert_int_equal(CALL(pin_memory_cacheattr, pin_memory_cacheattr, .type = 2), -EINVAL);
    assert_int_equal(CALL(pin_memory_cacheattr, pin_memory_cacheattr, .type = 8), -EINVAL);
    assert_int_equal(CALL(pin_memory_cacheattr, pin_memory_cacheattr, .type = ~0u), 0);
    assert_int_equal(CALL(track_dirty_vram, track_dirty_vram, .nr = 4), -ENODATA);
    assert_int_equal(CALL(track_dirty_vram, track_dirty_vram, .pad = 4), -EINVAL);
    assert_int_equal(CALL(remote_shutdown, remote_shutdown, .reason = SHUTDOWN_MAX + 1), -EINVAL);
    assert_int_equal(shutdowns, 0);
    assert_int_equal(CALL(remote_shutdown, remote_shutdown, .reason = SHUTDOWN_reboot), 0);
    assert_int_equal(shutdowns, SHUTDOWN_reboot + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(whom_a_caller_may_name),
        TEST(buffers),
        TEST(unknown_operations),
        TEST(servers),
        TEST(interrupts),
        TEST(pages_are_moved),
        TEST(the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
