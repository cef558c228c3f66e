/* SPDX-License-Identifier: MIT */
/*
 * Arguments of domctl: which are refused with which error, the results, and what stays unchanged.
 */
#include "hypercall_core.h"
#include "directmap.h"
#include "mm/alloc.h"

#include <string.h>

#define XENCTL_BITMAP_BITS 32768 /* the longest accepted CPU map */

/* --- domctl --- */

static void test_domctl_refuses(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_pausedomain, .domain = 3 };

    memcpy(at(BUF(0)), &op, sizeof(op)); /* interface version 0 */
    assert_int_equal(harness_hypercall(hypercall_domctl, tool, BUF(0), 0, 0, NULL), -EACCES);
    assert_int_equal(harness_hypercall(hypercall_domctl, tool, NOWHERE, 0, 0, NULL), -EFAULT);
    op.cmd = 0;
    assert_int_equal(domctl(&op), -ENOSYS);
    op.cmd = 6; /* a number that was removed */
    assert_int_equal(domctl(&op), -ENOSYS);
    op.cmd = ~0u;
    assert_int_equal(domctl(&op), -ENOSYS);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_pausedomain, .domain = 9 };
    assert_int_equal(domctl(&op), -ESRCH);
    op.domain = 0; /* itself */
    assert_int_equal(domctl(&op), -EINVAL);
    assert_int_equal(did.pauses, 0);
}

static struct xen_domctl good_create(void)
{
    return (
        struct xen_domctl){ .cmd = XEN_DOMCTL_createdomain,
                            .domain = 0xffff,
                            .u.createdomain = { .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                                                .max_vcpus = 2,
                                                .max_evtchn_port = 1023,
                                                .max_grant_frames = -1,
                                                .max_maptrack_frames = -1,
                                                .grant_opts = 1,
                                                .arch.emulation_flags = XEN_X86_EMU_LAPIC } };
}

#define REFUSED(field, value, error) \
    do { \
        struct xen_domctl op_ = good_create(); \
        op_.u.createdomain.field = (value); \
        assert_int_equal(domctl(&op_), (error)); \
    } while (0)

/* A refusal of a feature is logged in words. */
#define NOT_OFFERED(field, value, word) \
    do { \
        harness_log[0] = 0; \
        REFUSED(field, value, -EOPNOTSUPP); \
        assert_non_null(strstr(harness_log, word)); \
    } while (0)

static void test_create(void **state)
{
    struct xen_domctl op = good_create();

    NOT_OFFERED(flags, XEN_DOMCTL_CDF_hap, "type=\"pv\"");
    NOT_OFFERED(flags, XEN_DOMCTL_CDF_hvm, "hap=0");
    NOT_OFFERED(flags, 3 | XEN_DOMCTL_CDF_iommu, "passthrough");
    NOT_OFFERED(iommu_opts, 1, "passthrough");
    NOT_OFFERED(flags, 3 | XEN_DOMCTL_CDF_nested_virt, "nested virtualisation");
    NOT_OFFERED(flags, 3 | XEN_DOMCTL_CDF_vpmu, "vpmu");
    NOT_OFFERED(flags, 3 | XEN_DOMCTL_CDF_s3_integrity, "S3");
    NOT_OFFERED(flags, 3 | XEN_DOMCTL_CDF_xs_domain, "xenstored");
    REFUSED(flags, 3 | 1u << 31, -EINVAL);
    REFUSED(max_vcpus, 0, -EINVAL);
    REFUSED(max_vcpus, MAX_VCPUS + 1, -ERANGE);
    REFUSED(max_grant_frames, GRANT_MAX_FRAMES + 1, -EINVAL);
    REFUSED(max_maptrack_frames, GRANT_MAX_MAPTRACK + 1, -EINVAL);
    NOT_OFFERED(grant_opts, 2, "grant tables");
    REFUSED(grant_opts, 0x11, -EINVAL);
    NOT_OFFERED(vmtrace_size, 4096, "tracing");
    REFUSED(cpupool_id, 1, -ENOENT);
    NOT_OFFERED(arch.emulation_flags, XEN_X86_EMU_LAPIC | XEN_X86_EMU_HPET, "type=\"hvm\"");
    REFUSED(arch.emulation_flags, 1u << 31, -EINVAL);
    REFUSED(arch.misc_flags, 2, -EINVAL);
    assert_int_equal(did.created, 0);
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(op.domain, guest->id);
    op = good_create();
    op.domain = 0; /* 0 asks for any id; it must not make a second dom0 */
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(did.created, 2);
}

/* The structure is read-only: the new domain's id could not be returned. */
static void test_create_needs_a_way_back(void **state)
{
    struct xen_domctl op = good_create();
    mfn_t m = alloc_domain(tool->d, 0);

    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    memcpy(mfn_to_virt(m), &op, sizeof(op));
    assert_int_equal(p2m_set(tool->d, GFN(0x3000), m, 0, P2M_RAM_RO), 0);
    assert_int_equal(harness_hypercall(hypercall_domctl, tool, 0x3000ull << PAGE_SHIFT, 0, 0, NULL),
                     -EFAULT);
    assert_int_equal(did.created, 0);
}

/* An operation without a result accepts a read-only structure. */
static void test_pause_from_memory_that_is_read_only(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_pausedomain, .domain = 3 };
    mfn_t m = alloc_domain(tool->d, 0);

    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    memcpy(mfn_to_virt(m), &op, sizeof(op));
    assert_int_equal(p2m_set(tool->d, GFN(0x3000), m, 0, P2M_RAM_RO), 0);
    assert_int_equal(harness_hypercall(hypercall_domctl, tool, 0x3000ull << PAGE_SHIFT, 0, 0, NULL),
                     0);
    assert_int_equal(guest->pause_count, 1);
}

static void test_pause_counts(void **state)
{
    struct xen_domctl pause = { .cmd = XEN_DOMCTL_pausedomain, .domain = 3 },
                      unpause = { .cmd = XEN_DOMCTL_unpausedomain, .domain = 3 };

    assert_int_equal(domctl(&unpause), -EINVAL); /* it was not paused */
    assert_int_equal(domctl(&pause), 0);
    assert_int_equal(domctl(&pause), 0);
    assert_int_equal(guest->pause_count, 2);
    assert_int_equal(domctl(&unpause), 0);
    assert_int_equal(domctl(&unpause), 0);
    assert_int_equal(domctl(&unpause), -EINVAL);
    assert_int_equal(guest->pause_count, 0);
    for (unsigned int i = 0; i < 255; i++)
        assert_int_equal(domctl(&pause), 0);
    assert_int_equal(domctl(&pause), -EBUSY);
    assert_int_equal(guest->pause_count, 255);
}

static void test_destroy_continues(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_destroydomain, .domain = 3 };

    kill_restarts = 3;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(did.killed, 4);
    guest->dying = DOMAIN_DYING; /* no other operation is possible */
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_max_vcpus, .domain = 3, .u.max_vcpus.max = 1 };
    assert_int_equal(domctl(&op), -EINVAL);
    assert_int_equal(did.vcpus, 0);
    op.cmd = XEN_DOMCTL_destroydomain;
    assert_int_equal(domctl(&op), 0);
}

static void test_getdomaininfo(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getdomaininfo, .domain = 1 };

    guest->controller_pauses = 1;
    guest->shut_down = true;
    guest->shutdown_code = SHUTDOWN_crash;
    user->wait = WAIT_HALT;
    assert_int_equal(domctl(&op), 0); /* the first domain from id 1 on */
    assert_int_equal(op.domain, 3);
    assert_int_equal(op.u.getdomaininfo.domain, 3);
    assert_int_equal(op.u.getdomaininfo.cpu_time, 100);
    assert_int_equal(op.u.getdomaininfo.tot_pages, 16);
    assert_int_equal(op.u.getdomaininfo.nr_online_vcpus, 1);
    assert_int_equal(op.u.getdomaininfo.flags, XEN_DOMINF_paused | XEN_DOMINF_shutdown |
                                                   XEN_DOMINF_blocked | XEN_DOMINF_hvm_guest |
                                                   XEN_DOMINF_hap |
                                                   SHUTDOWN_crash << XEN_DOMINF_shutdownshift);
    user->wait = WAIT_DOWN; /* no vcpu is up that could be blocked */
    guest->dying = DOMAIN_DEAD;
    guest->controller_pauses = 0;
    guest->shut_down = false;
    assert_takes(LOCK_DOMAIN, 1, assert_int_equal(domctl(&op), 0));
    assert_int_equal(op.u.getdomaininfo.nr_online_vcpus, 0);
    assert_int_equal(op.u.getdomaininfo.flags,
                     XEN_DOMINF_dying | XEN_DOMINF_hvm_guest | XEN_DOMINF_hap);
    user->wait = WAIT_NONE;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(op.u.getdomaininfo.flags,
                     XEN_DOMINF_dying | XEN_DOMINF_hvm_guest | XEN_DOMINF_hap);
    op.domain = 4;
    assert_int_equal(domctl(&op), -ESRCH);
}

static void test_page_types(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getpageframeinfo3, .domain = 3 };
    unsigned int restarts;
    uint64_t *pfn = at(BUF(2));
    mfn_t first = p2m_lookup(guest, GFN(0), NULL, NULL);

    /* zeroes without a frame, in either size, are not saved; what dom0 keeps is */
    assert_int_equal(p2m_set(guest, GFN(20), MFN(0), 0, P2M_ABSENT), 0);
    assert_int_equal(p2m_set(guest, GFN(512), MFN(0), 9, P2M_ABSENT), 0);
    assert_int_equal(p2m_page_evict(guest, GFN(0), mfn_to_virt(first)), 0);
    pfn[0] = 20;
    pfn[1] = 1000;
    pfn[2] = 0;
    op.u.getpageframeinfo3.num = 3;
    op.u.getpageframeinfo3.array.p = (void *)BUF(2);
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(pfn[0], XEN_DOMCTL_PFINFO_XALLOC);
    assert_int_equal(pfn[1], XEN_DOMCTL_PFINFO_XALLOC);
    assert_int_equal(pfn[2], XEN_DOMCTL_PFINFO_NOTAB);
    assert_int_equal(p2m_remove(guest, GFN(20)), 0);
    for (unsigned int every = 0; every < 3; every++) { /* without and with continuations */
        harness_preempt_every = every;
        for (uint64_t i = 0; i < 512; i++)
            pfn[i] = i;
        op.u.getpageframeinfo3.num = 512;
        op.u.getpageframeinfo3.array.p = (void *)BUF(2);
        assert_int_equal(domctl(&op), 0);
        for (uint64_t i = 0; i < 512; i++)
            assert_int_equal(pfn[i], i < 16 ? XEN_DOMCTL_PFINFO_NOTAB : XEN_DOMCTL_PFINFO_XTAB);
    }
    /* Preemptible after each page: continued here by hand. */
    op.u.getpageframeinfo3.num = 128;
    op.u.getpageframeinfo3.array.p = (void *)BUF(2);
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    memcpy(at(BUF(0)), &op, sizeof(op));
    harness_preempt_every = 1;
    assert_int_equal(harness_hypercall(hypercall_domctl, tool, BUF(0), 0, 0, &restarts), 0);
    assert_int_equal(restarts, 127);
    op.u.getpageframeinfo3.num = 1025;
    assert_int_equal(domctl(&op), -E2BIG);
    op.u.getpageframeinfo3.num = 1;
    op.u.getpageframeinfo3.array.p = (void *)(~0ull - 3);
    assert_int_equal(domctl(&op), -EFAULT);
}

static void test_affinity(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuaffinity, .domain = 3 };
    struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;
    uint8_t *map = at(BUF(2));

    user->sched.affinity = user->sched.soft_affinity = CPUMASK_ALL;
    a->flags = XEN_VCPUAFFINITY_HARD;
    a->cpumap_hard = (struct xenctl_bitmap){ .bitmap.p = (void *)BUF(2), .nr_bits = 3 };
    map[0] = 0xf6; /* bits 1 and 2; other bits must not change */
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(affinity, 6);
    assert_true(soft == CPUMASK_ALL);
    assert_int_equal(map[0], 2); /* only the two existing CPUs */
    a->cpumap_hard.nr_bits = 200;
    memset(map, 0xff, 64);
    assert_int_equal(domctl(&op), 0);
    assert_true(affinity == CPUMASK_ALL);
    a->cpumap_hard.nr_bits = 65;
    memset(map, 0, 64);
    map[8] = 1;
    assert_int_equal(domctl(&op), -EINVAL); /* only CPU 64, which does not exist */
    map[0] = map[8] = 1;
    assert_int_equal(domctl(&op), 0);
    assert_true(affinity == ((cpumask_t)1 << 64 | 1));
    memset(map, 0xff, 64);
    a->cpumap_hard.nr_bits = 200;
    assert_int_equal(domctl(&op), 0);
    for (unsigned int i = 1; i < 25; i++)
        assert_int_equal(map[i], 0);
    for (unsigned int i = 25; i < 64; i++) /* beyond the caller's map */
        assert_int_equal(map[i], 0xff);
    a->cpumap_hard.nr_bits = 8;
    map[0] = 0xfc;
    assert_int_equal(domctl(&op), -EINVAL);
    a->cpumap_hard.nr_bits = ~0u;
    assert_int_equal(domctl(&op), -E2BIG);
    a->cpumap_hard.nr_bits = 8;
    a->flags = 0;
    assert_int_equal(domctl(&op), -EINVAL);
    a->flags = XEN_VCPUAFFINITY_HARD;
    a->vcpu = 1;
    assert_int_equal(domctl(&op), -ESRCH);
    a->vcpu = ~0u;
    assert_int_equal(domctl(&op), -ESRCH);
}

static void test_vcpu_domctls(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpuaffinity, .domain = 3 };
    struct xen_domctl trigger = { .cmd = XEN_DOMCTL_sendtrigger, .domain = 3 };
    struct xen_domctl info = { .cmd = XEN_DOMCTL_getvcpuinfo, .domain = 3 };
    struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;

    user->sched.affinity = 2;
    assert_int_equal(domctl(&op), -EINVAL); /* neither hard nor soft */
    a->flags = XEN_VCPUAFFINITY_HARD;
    a->cpumap_hard =
        (struct xenctl_bitmap){ .bitmap.p = (void *)BUF(2), .nr_bits = XENCTL_BITMAP_BITS };
    memset(at(BUF(2)), 0xff, PAGE_SIZE);
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(*(uint64_t *)at(BUF(2)), 2);
    assert_int_equal(((uint8_t *)at(BUF(2)))[PAGE_SIZE - 1], 0);
    a->cpumap_hard.nr_bits++;
    assert_int_equal(domctl(&op), -E2BIG);

    trigger.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_SLEEP;
    assert_int_equal(domctl(&trigger), -EOPNOTSUPP);
    trigger.u.sendtrigger.trigger++;
    assert_int_equal(domctl(&trigger), -EINVAL);
    trigger.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
    assert_int_equal(domctl(&trigger), 0);
    assert_true(user->vdev.nmi_pending);
    trigger.u.sendtrigger.vcpu = 1;
    guest->vcpu[1] = user; /* beyond max_vcpus */
    assert_int_equal(domctl(&trigger), -ESRCH);

    assert_int_equal(domctl(&info), 0);
    assert_int_equal(info.u.getvcpuinfo.cpu_time, 100);
    assert_int_equal(info.u.getvcpuinfo.online, 1);
    info.u.getvcpuinfo.vcpu = 1;
    assert_int_equal(domctl(&info), -ESRCH);
    guest->vcpu[1] = NULL;
}

static void test_memory_domctls(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_max_mem, .domain = 3, .u.max_mem.max_memkb = 4099 };

    assert_int_equal(domctl(&op), 0);
    assert_int_equal(guest->max_pages, 1024);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_shadow_op, .domain = 3 };
    assert_int_equal(domctl(&op), 0); /* off */
    op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
    assert_int_equal(domctl(&op), -EOPNOTSUPP);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_set_paging_mempool_size, .domain = 3 };
    op.u.paging_mempool.size = 4097;
    assert_int_equal(domctl(&op), -EINVAL);
    op.u.paging_mempool.size = 1ull << 63;
    assert_int_equal(domctl(&op), -ENOMEM);
    op.u.paging_mempool.size = 3 << 20;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(guest->pool.size, 3 << 8);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_get_paging_mempool_size, .domain = 3 };
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(op.u.paging_mempool.size, 3 << 20);
    /* the same in MiB, rounded up */
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_shadow_op, .domain = 3 };
    op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION;
    op.u.shadow_op.mb = 2;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(guest->pool.size, 2 << 8);
    op.u.shadow_op.mb = ~0u;
    assert_int_equal(domctl(&op), -ENOMEM);
    op.u.shadow_op.mb = 0;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(op.u.shadow_op.mb, 1);
    assert_int_equal(guest->pool.size, guest->pool.used);
    op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION;
    op.u.shadow_op.mb = 7;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(op.u.shadow_op.mb, 1);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_setnodeaffinity, .domain = 3 };
    op.u.nodeaffinity.nodemap = (struct xenctl_bitmap){ .bitmap.p = (void *)BUF(2), .nr_bits = 8 };
    *(uint8_t *)at(BUF(2)) = 2; /* a node that does not exist */
    assert_int_equal(domctl(&op), -EINVAL);
    *(uint8_t *)at(BUF(2)) = 3;
    assert_int_equal(domctl(&op), 0);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_settscinfo, .domain = 3, .u.tsc_info.tsc_mode = 3 };
    assert_int_equal(domctl(&op), -EINVAL);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_getpageframeinfo3, .domain = 3 };
    op.u.getpageframeinfo3.num = 1024;
    op.u.getpageframeinfo3.array.p = (void *)BUF(2);
    assert_int_equal(domctl(&op), 0);
    guest->dying = DOMAIN_DYING;
    op.u.getpageframeinfo3.num = 1;
    assert_int_equal(domctl(&op), -EINVAL);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_max_mem, .domain = 3, .u.max_mem.max_memkb = 8 };
    assert_int_equal(domctl(&op), -EINVAL);
    assert_int_equal(guest->max_pages, 1024);
}

/* --- contexts --- */

static size_t put_record(size_t used, uint16_t code, uint16_t instance, const void *data,
                         uint32_t length)
{
    struct hvm_save_descriptor d = { code, instance, length };
    uint8_t *p = (uint8_t *)at(BUF(4)) + used;

    memcpy(p, &d, sizeof(d));
    if (length > 0)
        memcpy(p + sizeof(d), data, length);
    return used + sizeof(d) + length;
}

static const struct hvm_save_header header = { .magic = HVM_FILE_MAGIC,
                                               .version = HVM_FILE_VERSION };
static const struct hvm_hw_cpu registers = { .rip = 0x1000, .cr0 = 0x11 };

static long set_context(size_t size)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_sethvmcontext,
                             .domain = 3,
                             .u.hvmcontext = { .size = (uint32_t)size,
                                               .buffer.p = (void *)BUF(4) } };

    return domctl(&op);
}

static void test_context_get(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_gethvmcontext, .domain = 3 };
    struct hvm_save_descriptor *d = at(BUF(4));
    uint32_t size;

    assert_int_equal(domctl(&op), 0);
    size = op.u.hvmcontext.size;
    op.u.hvmcontext.buffer.p = (void *)BUF(4);
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(op.u.hvmcontext.size, size);
    assert_int_equal(d->typecode, HVM_SAVE_CODE(HEADER));
    op.u.hvmcontext.size = size - 1;
    assert_int_equal(domctl(&op), -ENOSPC);
    assert_int_equal(guest->pause_count, 0);
    assert_int_equal(set_context(size), 0); /* what was read can be written */
    assert_int_equal(did.loaded, 3);
}

static void test_context_set(void **state)
{
    size_t head = put_record(0, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header)), cpu, end;
    struct hvm_hw_cpu wrong = registers;

    user->initialised = false;
    user->wait = WAIT_SIPI;
    cpu = put_record(head, HVM_SAVE_CODE(CPU), 0, &registers, sizeof(registers));
    assert_int_equal(set_context(cpu), -ENODATA); /* no end */
    end = put_record(cpu, HVM_SAVE_CODE(END), 0, NULL, 0);
    assert_int_equal(set_context(end - 1), -ENODATA);
    assert_int_equal(set_context(head - 1), -ENODATA);
    put_record(cpu, 77, 0, NULL, 0);
    assert_int_equal(set_context(end), -EINVAL); /* no such record */
    put_record(cpu, HVM_SAVE_CODE(END), 0, NULL, 0);
    put_record(0, HVM_SAVE_CODE(END), 0, NULL, 0);
    assert_int_equal(set_context(end), -EINVAL); /* an end without a header */
    put_record(put_record(0, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header)),
               HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));
    assert_int_equal(set_context(end), -EINVAL); /* two headers */
    put_record(cpu, HVM_SAVE_CODE(END), 0, NULL, 0);
    put_record(head, HVM_SAVE_CODE(CPU), 1, &registers, sizeof(registers));
    assert_int_equal(set_context(end), -ENOENT); /* no such vcpu */
    put_record(head, HVM_SAVE_CODE(CPU), 0, &registers, sizeof(registers) - 8);
    assert_int_equal(set_context(end), -EINVAL);
    ((struct hvm_save_descriptor *)((uint8_t *)at(BUF(4)) + head))->length = ~0u;
    assert_int_equal(set_context(end), -EINVAL);
    assert_int_equal(did.loaded, 0);
    assert_false(user->initialised);
    wrong.cr0 = 1ull << 32;
    put_record(head, HVM_SAVE_CODE(CPU), 0, &wrong, sizeof(wrong));
    assert_int_equal(set_context(end), -EINVAL);
    assert_false(user->initialised);
    put_record(head, HVM_SAVE_CODE(CPU), 0, &registers, sizeof(registers));
    assert_int_equal(set_context(end), 0);
    assert_true(user->initialised && vcpu_is_up(user));
    ((struct hvm_save_header *)((uint8_t *)at(BUF(4)) + 8))->magic++;
    assert_int_equal(set_context(end), -EINVAL);
    assert_int_equal(guest->pause_count, 0);
}

/* Asks for the vcpu's registers, in page 4 of dom0. */
static long get_registers(uint32_t vcpu, uint64_t buffer)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpucontext,
                             .domain = 3,
                             .u.vcpucontext = { .vcpu = vcpu, .ctxt.p = (void *)buffer } };
    long rc = domctl(&op);

    assert_int_equal(guest->pause_count, 0);
    no_lock_held();
    return rc;
}

static void test_vcpu_context(void **state)
{
    const struct vcpu_guest_context *c = at(BUF(4));

    user->initialised = true;
    user->wait = WAIT_NONE;
    memset(at(BUF(4)), 0xff, sizeof(*c));
    assert_int_equal(get_registers(0, BUF(4)), 0);
    assert_int_equal(c->flags, VGCF_i387_valid | VGCF_in_kernel | VGCF_online);
    assert_int_equal(c->user_regs.rip, 0x1234);
    assert_int_equal(c->user_regs.r15, 15);
    assert_int_equal(c->user_regs.rsp, 0x5000);
    assert_int_equal(c->user_regs.cs, 0x10);
    assert_int_equal(c->ctrlreg[0], 0x80000011);
    assert_int_equal(c->ctrlreg[3], 0x3000);
    assert_int_equal(c->ctrlreg[4], 0x20);
    assert_int_equal(c->debugreg[7], 0x400);
    assert_int_equal(c->fpu_ctxt.x[511], 0x7f);
    assert_int_equal(c->gs_base_kernel, 0xa000);
    assert_int_equal(c->gs_base_user, 0xb000);
    assert_int_equal(c->trap_ctxt[255].address, 0);
    assert_int_equal(c->gdt_ents, 0);
    assert_int_equal(((uint8_t *)at(BUF(4)))[sizeof(*c)], 0); /* not a byte more */

    saved_registers.ss_arbytes = 0xcf3; /* in user mode SWAPGS has not happened */
    user->wait = WAIT_SIPI;
    assert_int_equal(get_registers(0, BUF(4)), 0);
    assert_int_equal(c->flags, VGCF_i387_valid);
    assert_int_equal(c->gs_base_kernel, 0xb000);
    assert_int_equal(c->gs_base_user, 0xa000);
}

static void test_vcpu_context_refused(void **state)
{
    struct xen_domctl own = { .cmd = XEN_DOMCTL_getvcpucontext, .domain = 0 };

    user->initialised = true;
    assert_int_equal(get_registers(1, BUF(4)), -EINVAL);
    assert_int_equal(get_registers(~0u, BUF(4)), -EINVAL);
    assert_int_equal(get_registers(0, NOWHERE), -EFAULT);
    assert_int_equal(domctl(&own), -EINVAL);
    user->initialised = false;
    assert_int_equal(get_registers(0, BUF(4)), -ENODATA);
    guest->dying = DOMAIN_DYING;
    assert_int_equal(get_registers(0, BUF(4)), -EINVAL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_domctl_refuses, hypercall_core_setup),
        cmocka_unit_test_setup(test_create, hypercall_core_setup),
        cmocka_unit_test_setup(test_create_needs_a_way_back, hypercall_core_setup),
        cmocka_unit_test_setup(test_pause_from_memory_that_is_read_only, hypercall_core_setup),
        cmocka_unit_test_setup(test_pause_counts, hypercall_core_setup),
        cmocka_unit_test_setup(test_destroy_continues, hypercall_core_setup),
        cmocka_unit_test_setup(test_getdomaininfo, hypercall_core_setup),
        cmocka_unit_test_setup(test_page_types, hypercall_core_setup),
        cmocka_unit_test_setup(test_affinity, hypercall_core_setup),
        cmocka_unit_test_setup(test_vcpu_domctls, hypercall_core_setup),
        cmocka_unit_test_setup(test_memory_domctls, hypercall_core_setup),
        cmocka_unit_test_setup(test_context_get, hypercall_core_setup),
        cmocka_unit_test_setup(test_context_set, hypercall_core_setup),
        cmocka_unit_test_setup(test_vcpu_context, hypercall_core_setup),
        cmocka_unit_test_setup(test_vcpu_context_refused, hypercall_core_setup),
    };

    return cmocka_run_group_tests_name("domctl", tests, NULL, NULL);
}
