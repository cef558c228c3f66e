/* SPDX-License-Identifier: MIT */
/*
 * Arguments of sysctl, and of the related domctl operations: which are refused with which error,
 * the results, and what stays unchanged.
 */
#include "hypercall_core.h"
#include "percpu.h"
#include "vdev/cpuid.h"

/* --- sysctl --- */

static void test_sysctl_info(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };
    xen_domctl_getdomaininfo_t *list = at(BUF(2));

    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.physinfo.capabilities, 0x109);
    assert_int_equal(op.u.physinfo.nr_cpus, 2);
    assert_int_equal(op.u.physinfo.hw_cap[0], 100);

    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_cputopoinfo };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.cputopoinfo.num_cpus, 2);
    op.u.cputopoinfo.cputopo.p = (void *)BUF(2);
    op.u.cputopoinfo.num_cpus = 1;
    memset(at(BUF(2)), 77, 3 * sizeof(xen_sysctl_cputopo_t));
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(((xen_sysctl_cputopo_t *)at(BUF(2)))[0].core, 0);
    assert_int_equal(((xen_sysctl_cputopo_t *)at(BUF(2)))[1].core, 77 * 0x01010101);
    op.u.cputopoinfo.num_cpus = 3;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(((xen_sysctl_cputopo_t *)at(BUF(2)))[1].core, 1);
    assert_int_equal(((xen_sysctl_cputopo_t *)at(BUF(2)))[1].socket, 0);
    assert_int_equal(((xen_sysctl_cputopo_t *)at(BUF(2)))[2].core, 77 * 0x01010101);

    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_getdomaininfolist,
                              .u.getdomaininfolist = { .max_domains = 10,
                                                       .buffer.p = (void *)BUF(2) } };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.getdomaininfolist.num_domains, 2);
    assert_int_equal(list[1].domain, 3);
    op.u.getdomaininfolist.first_domain = 4;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.getdomaininfolist.num_domains, 0);
    op.u.getdomaininfolist.first_domain = 0;
    op.u.getdomaininfolist.max_domains = 1;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.getdomaininfolist.num_domains, 1);

    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_cpupool_op,
                              .u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.cpupool_op.n_dom, 2);
    op.u.cpupool_op.cpupool_id = 1;
    assert_int_equal(sysctl(&op), -ENOENT);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_perfc_op };
    assert_int_equal(sysctl(&op), -ENOSYS);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_get_pmstat };
    assert_int_equal(sysctl(&op), -ENODEV);
}

static void test_readconsole(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_readconsole,
                             .u.readconsole = {
                                 .clear = 1, .buffer.p = (void *)BUF(2), .count = 8192 } };
    char *text = at(BUF(2));

    memset(text, 0, 3001);
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.readconsole.count, 3000);
    assert_int_equal(text[2999], 'x');
    assert_int_equal(text[3000], 0);
    assert_true(ring_cleared);
    ring_cleared = false;
    op.u.readconsole = (struct xen_sysctl_readconsole){
        .incremental = 1, .index = 2990, .buffer.p = (void *)BUF(2), .count = 5
    };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.readconsole.count, 5);
    assert_int_equal(op.u.readconsole.index, 2995);
    assert_false(ring_cleared);
    /* a failure leaves the caller's structure as it was */
    op.u.readconsole =
        (struct xen_sysctl_readconsole){ .clear = 1, .buffer.p = (void *)NOWHERE, .count = 77 };
    assert_int_equal(sysctl(&op), -EFAULT);
    assert_int_equal(op.u.readconsole.count, 77);
    assert_false(ring_cleared);
}

static void test_system_wide(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_availheap };
    uint64_t *idle = at(BUF(2));

    assert_int_equal(sysctl(&op), -ENOSYS);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_getcpuinfo };
    op.u.getcpuinfo.max_cpus = 99;
    op.u.getcpuinfo.info.p = (void *)BUF(2);
    idle[2] = 7;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.getcpuinfo.nr_cpus, 2);
    assert_int_equal(idle[1], 1001);
    assert_int_equal(idle[2], 7);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_debug_keys };
    op.u.debug_keys.keys.p = (void *)BUF(2);
    op.u.debug_keys.nr_keys = 33;
    assert_int_equal(sysctl(&op), -E2BIG);
    memcpy(at(BUF(2)), "IIIIIIIIIIIIIIIIIIIIIIIIIIIIIIqh", 32);
    op.u.debug_keys.nr_keys = 30;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(did.checks, 30);
    op.u.debug_keys.nr_keys = 31; /* q: iterates over all domains */
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(memcmp(harness_log, "d3:", 3), 0);
    op.u.debug_keys.nr_keys = 32;
    assert_int_equal(sysctl(&op), 0);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_pcitopoinfo };
    op.u.pcitopoinfo.num_devs = 3;
    ((uint32_t *)idle)[3] = 7;
    op.u.pcitopoinfo.nodes.p = (void *)BUF(2);
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(((uint32_t *)idle)[2], XEN_INVALID_NODE_ID);
    assert_int_equal(((uint32_t *)idle)[3], 7);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_numainfo };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.numainfo.num_nodes, 1);
    op.u.numainfo.distance.p = (void *)BUF(2);
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(*(uint32_t *)idle, 10);
}

static long pool(uint32_t number, uint32_t id, uint32_t domid)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_cpupool_op };

    op.u.cpupool_op =
        (struct xen_sysctl_cpupool_op){ .op = number, .cpupool_id = id, .domid = domid };
    return sysctl(&op);
}

static void test_cpupool(void **state)
{
    assert_int_equal(pool(XEN_SYSCTL_CPUPOOL_OP_FREEINFO, 0, 0), 0);
    assert_int_equal(pool(XEN_SYSCTL_CPUPOOL_OP_CREATE, 1, 0), -EOPNOTSUPP);
    assert_int_equal(pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 0, 0), -EBUSY);
    assert_int_equal(pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 1, 0), -ENOENT);
    assert_int_equal(pool(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 3), 0);
    assert_int_equal(pool(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 9), -EINVAL);
    assert_int_equal(pool(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 0x10003), -EINVAL);
    assert_int_equal(pool(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 1, 3), -ENOENT);
    assert_int_equal(pool(99, 0, 0), -ENOSYS);
}

static void test_scheduling(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_scheduler_op, .domain = 3 };
    struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;
    struct xen_sysctl sys = { .cmd = XEN_SYSCTL_scheduler_op };

    *s = (struct xen_domctl_scheduler_op){ XEN_SCHEDULER_CREDIT,
                                           XEN_DOMCTL_SCHEDOP_getinfo,
                                           { { 0 } } };
    assert_int_equal(domctl(&op), -EINVAL);
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(s->u.credit2.weight, 256);
    s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    s->u.credit2.weight = 0; /* only the cap */
    s->u.credit2.cap = 50;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(guest->weight, 256);
    assert_int_equal(guest->cap, 50);
    s->cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
    assert_int_equal(domctl(&op), -EINVAL);

    sys.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    sys.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    assert_int_equal(sysctl(&sys), 0);
    sys.u.scheduler_op.cpupool_id = 1;
    assert_int_equal(sysctl(&sys), -ESRCH);
    sys.u.scheduler_op.cpupool_id = 0;
    sys.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    sys.u.scheduler_op.u.sched_credit2.ratelimit_us = 1000;
    assert_int_equal(sysctl(&sys), -EOPNOTSUPP);
}

/* --- CPU policies --- */

static void test_cpu_policy(void **state)
{
    struct xen_sysctl get = { .cmd = XEN_SYSCTL_get_cpu_policy,
                              .u.cpu_policy.index = XEN_SYSCTL_cpu_policy_hvm_default };
    struct xen_domctl set = { .cmd = XEN_DOMCTL_set_cpu_policy, .domain = 3 };
    xen_cpuid_leaf_t *leaves = at(BUF(2));

    assert_int_equal(sysctl(&get), 0);
    assert_int_equal(get.u.cpu_policy.nr_leaves, CPUID_POLICY_LEAVES);
    get.u.cpu_policy.leaves.p = (void *)BUF(2);
    assert_int_equal(sysctl(&get), 0);
    assert_int_equal(get.u.cpu_policy.nr_leaves, 3);
    get.u.cpu_policy.nr_leaves = 2;
    assert_int_equal(sysctl(&get), -ENOBUFS);
    get.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_max;
    assert_int_equal(sysctl(&get), -EOPNOTSUPP);
    get.u.cpu_policy.index = 99;
    assert_int_equal(sysctl(&get), -EINVAL);

    set.u.cpu_policy.nr_leaves = 3;
    set.u.cpu_policy.leaves.p = (void *)BUF(2);
    assert_int_equal(domctl(&set), -EBUSY); /* the vcpu may be running */
    guest->controller_pauses = 1;
    assert_int_equal(domctl(&set), 0);
    leaves[0].leaf = 0xbad;
    assert_int_equal(domctl(&set), -EINVAL);
    assert_int_equal(set.u.cpu_policy.err_leaf, 0xbad);
    set.u.cpu_policy.nr_leaves = CPUID_POLICY_LEAVES + 1;
    assert_int_equal(domctl(&set), -E2BIG);
    set.u.cpu_policy.nr_leaves = 1;
    set.u.cpu_policy.nr_msrs = 3;
    assert_int_equal(domctl(&set), -E2BIG);
    get.u.cpu_policy = (struct xen_sysctl_cpu_policy){ .msrs.p = (void *)BUF(3), .nr_msrs = 1 };
    assert_int_equal(sysctl(&get), -ENOBUFS);
    get.u.cpu_policy.nr_msrs = 2;
    assert_int_equal(sysctl(&get), 0);
    leaves[0].leaf = 0;
    set.u.cpu_policy.nr_msrs = 2;
    set.u.cpu_policy.msrs.p = (void *)BUF(3);
    assert_int_equal(domctl(&set), 0);
    ((xen_msr_entry_t *)at(BUF(3)))[1].val = 1; /* an MSR that guests do not have */
    assert_int_equal(domctl(&set), -EINVAL);
    assert_int_equal(set.u.cpu_policy.err_msr, ((xen_msr_entry_t *)at(BUF(3)))[1].idx);
    assert_int_equal(did.policies, 2);
}

static void test_featureset(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_get_cpu_featureset,
                             .u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_host };
    uint32_t *words = at(BUF(2));

    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.cpu_featureset.nr_features, 19);
    op.u.cpu_featureset.features.p = (void *)BUF(2);
    assert_int_equal(sysctl(&op), 0);
    for (unsigned int i = 0; i < 19; i++)
        assert_int_equal(words[i], 100 + i);
    words[2] = 0x55;
    op.u.cpu_featureset.nr_features = 2;
    assert_int_equal(sysctl(&op), -ENOBUFS);
    assert_int_equal(words[2], 0x55);
    op.u.cpu_featureset.index = 99;
    assert_int_equal(sysctl(&op), -EINVAL);
}

/* --- everything --- */

/* The hypercalls of the tools, with structures filled with one byte. */
static void test_nonsense_of_tools(void **state)
{
    static const uint8_t fill[] = { 0, 1, 0x10, 0x7f, 0xff };

    for (uint32_t cmd = 0; cmd < 100; cmd++) {
        for (unsigned int i = 0; i < ARRAY_SIZE(fill); i++) {
            struct xen_domctl d;
            struct xen_sysctl s;

            memset(&d, fill[i], sizeof(d));
            memset(&s, fill[i], sizeof(s));
            d.cmd = s.cmd = cmd;
            d.domain = 3;
            (void)domctl(&d);
            (void)sysctl(&s);
        }
    }
    assert_int_equal(did.created, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sysctl_info, hypercall_core_setup),
        cmocka_unit_test_setup(test_readconsole, hypercall_core_setup),
        cmocka_unit_test_setup(test_system_wide, hypercall_core_setup),
        cmocka_unit_test_setup(test_cpupool, hypercall_core_setup),
        cmocka_unit_test_setup(test_scheduling, hypercall_core_setup),
        cmocka_unit_test_setup(test_cpu_policy, hypercall_core_setup),
        cmocka_unit_test_setup(test_featureset, hypercall_core_setup),
        cmocka_unit_test_setup(test_nonsense_of_tools, hypercall_core_setup),
    };

    return cmocka_run_group_tests_name("sysctl", tests, NULL, NULL);
}
