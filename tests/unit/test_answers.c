/* SPDX-License-Identifier: MIT */
/*
 * Results of hypercalls, field by field and up to the bounds of their arguments. Refusals are in
 * test_hypercalls.c, test_domctl.c and test_sysctl.c.
 */
#include "hypercall_core.h"
#include "cpu/trace.h"
#include "mm/frame.h"
#include "percpu.h"
#include "platform/boot_info.h"
#include "public/cleave.h"

#include <xen/platform.h>
#include <xen/physdev.h>

/* --- guests' calls --- */

static long version(struct vcpu *v, uint64_t what)
{
    static const char nothing[64];

    return call(hypercall_xen_version, v, what, nothing, sizeof(nothing));
}

static void versions(void **state)
{
    const char *text = harness_guest(guest, 1 << PAGE_SHIFT);
    struct hypercall compat = { .v = user,
                                .compat = true,
                                .arg = { XENVER_platform_parameters, 1 << PAGE_SHIFT } };

    assert_int_equal(version(user, XENVER_extraversion), 0);
    assert_string_equal(text, ".0-cleave");
    assert_int_equal(version(user, XENVER_capabilities), 0);
    assert_string_equal(text, "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ");
    assert_int_equal(version(user, XENVER_changeset), 0);
    assert_string_equal(text, "cleave");
    assert_int_equal(version(user, XENVER_compile_info), 0);
    assert_int_equal(memcmp(text, "gcc ", 4), 0);
    memset(harness_guest(guest, 1 << PAGE_SHIFT), 0xff, 16);
    compat.compat = false;
    assert_int_equal(hypercall_xen_version(&compat), 0);
    compat.compat = true;
    assert_int_equal(*(uint64_t *)text, 0);
    assert_int_equal(((uint64_t *)text)[1], ~0ull);
    memset(harness_guest(guest, 1 << PAGE_SHIFT), 0xff, 16);
    assert_int_equal(hypercall_xen_version(&compat), 0);
    assert_int_equal(*(uint64_t *)text, 0xffffffff00000000);
    assert_int_equal(harness_hypercall(hypercall_xen_version, user, XENVER_pagesize, 0, 0, NULL),
                     PAGE_SIZE);
    assert_int_equal(harness_hypercall(hypercall_xen_version, user, XENVER_pagesize, 8, 0, NULL),
                     -EINVAL);
    assert_int_equal(version(user, XENVER_build_id), -EPERM);
    assert_int_equal(version(tool, XENVER_build_id), -ENODATA);
    boot_info.cmdline = "dom0_mem=1G";
    assert_int_equal(version(tool, XENVER_commandline), 0);
    assert_string_equal((char *)at(BUF(1)), "dom0_mem=1G");
    assert_int_equal(harness_hypercall(hypercall_xen_version, user, XENVER_get_features, NOWHERE, 0,
                                       NULL),
                     -EFAULT);
}

/* With interrupts off, a polling vcpu waits for its ports alone; an interrupt does not wake it. */
static void poll_without_interrupts(void **state)
{
    struct sched_poll p = { .ports.p = (void *)(2ull << PAGE_SHIFT), .nr_ports = 1 };

    *(evtchn_port_t *)harness_guest(guest, 2 << PAGE_SHIFT) = 5;
    interrupt_pending = true;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_poll, &p, sizeof(p)), 0);
    assert_int_equal(user->wait, WAIT_NONE);
    interrupts_on = false;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_poll, &p, sizeof(p)), 0);
    assert_int_equal(user->wait, WAIT_POLL);
    interrupt_pending = false;
    assert_true(guest->evtchn.polled);
    p.timeout = ~0ull;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_poll, &p, sizeof(p)), 0);
    assert_int_equal(timer_expires, TIME_NEVER);
    p.nr_ports = 128; /* the maximum */
    for (unsigned int i = 0; i < 128; i++)
        ((evtchn_port_t *)harness_guest(guest, 2 << PAGE_SHIFT))[i] = 5;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_poll, &p, sizeof(p)), 0);
    p.ports.p = (void *)NOWHERE;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_poll, &p, sizeof(p)), -EFAULT);
}

static void block_and_yield(void **state)
{
    user->info->evtchn_upcall_mask = 1;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_block, "", 0), 0);
    assert_int_equal(user->info->evtchn_upcall_mask, 0);
    assert_int_equal(user->wait, WAIT_HALT);
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_yield, "", 0), 0);
    assert_int_equal(did.yields, 1);
}

static long param(struct vcpu *v, bool set, uint32_t index, uint64_t value)
{
    struct xen_hvm_param p = { .domid = v == tool ? 3 : DOMID_SELF,
                               .index = index,
                               .value = value };

    return call(hypercall_hvm_op, v, set ? HVMOP_set_param : HVMOP_get_param, &p, sizeof(p));
}

/*
 * Xen 4.17's lists: parameters that a guest may set, those it may also read, those of dom0, and
 * those that accept only zero.
 */
static void every_parameter(void **state)
{
    static const uint8_t sets[] = { 0, 2, 15, 18, 19, 34, 37 }, gets[] = { 1, 17, 35, 36 };
    static const uint8_t dom0s[] = { 5, 6, 10, 12, 16, 27, 28, 29, 31, 32, 33 };
    static const uint8_t zeros[] = { 9, 11, 14, 35, 38 };

    for (unsigned int index = 0; index < HVM_NR_PARAMS + 4; index++) {
        int refused = -EINVAL;
        bool guest_sets = false, guest_gets = false, known = false, zero = false;

        for (unsigned int i = 0; i < ARRAY_SIZE(sets); i++)
            guest_sets |= sets[i] == index;
        for (unsigned int i = 0; i < ARRAY_SIZE(gets); i++)
            guest_gets |= gets[i] == index;
        for (unsigned int i = 0; i < ARRAY_SIZE(dom0s); i++)
            known |= dom0s[i] == index;
        for (unsigned int i = 0; i < ARRAY_SIZE(zeros); i++)
            zero |= zeros[i] == index;
        guest_gets |= guest_sets;
        known |= guest_gets | zero;
        if (known)
            refused = -EPERM;
        assert_int_equal(param(user, true, index, 0), guest_sets ? 0 : refused);
        assert_int_equal(param(user, false, index, 0), guest_gets ? 0 : refused);
        assert_int_equal(param(tool, false, index, 0), known ? 0 : -EINVAL);
        assert_int_equal(param(tool, true, index, 0), known ? 0 : -EINVAL);
        if (index != HVM_PARAM_CALLBACK_IRQ) {
            refused = zero ? -EOPNOTSUPP : -EINVAL;
            assert_int_equal(param(tool, true, index, 1), known && !zero ? 0 : refused);
            assert_int_equal(index < HVM_NR_PARAMS ? guest->hvm_params[index] : 0, known && !zero);
        }
    }
    assert_int_equal(param(tool, true, HVM_PARAM_TIMER_MODE, 3), 0);
    assert_int_equal(param(tool, true, HVM_PARAM_TIMER_MODE, 4), -EINVAL);
    assert_int_equal(guest->hvm_params[HVM_PARAM_TIMER_MODE], 3);
}

static void callbacks(void **state)
{
    struct vcpu second = { .d = guest, .id = 1, .info = harness_guest(guest, 14 << PAGE_SHIFT) };

    guest->max_vcpus = 2;
    guest->vcpu[1] = &second;
    second.info->evtchn_upcall_pending = 1;
    assert_int_equal(param(user, true, HVM_PARAM_CALLBACK_IRQ, 2ull << 56 | 15), -EINVAL);
    assert_int_equal(param(user, true, HVM_PARAM_CALLBACK_IRQ, 2ull << 56 | 16), 0);
    assert_int_equal(guest->vdev.callback_vector, 16);
    assert_int_equal(did.upcalls, 1); /* for the vcpu with something pending */
    /* a PCI line */
    assert_int_equal(param(user, true, HVM_PARAM_CALLBACK_IRQ, 1ull << 56 | 0xffff), 0);
    assert_int_equal(guest->vdev.callback_vector, 0);
    assert_int_equal(did.upcalls, 1);
    guest->max_vcpus = 1;
    guest->vcpu[1] = NULL;
}

/* --- dom0's kernel --- */

static long platform(struct xen_platform_op *op)
{
    long rc;

    op->interface_version = XENPF_INTERFACE_VERSION;
    memcpy(at(BUF(0)), op, sizeof(*op));
    rc = harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL);
    memcpy(op, at(BUF(0)), sizeof(*op));
    return rc;
}

static void physical_cpus(void **state)
{
    struct xen_platform_op op = { .cmd = XENPF_get_cpuinfo, .u.pcpu_info.xen_cpuid = 1 };

    cpus[1].apic_id = 77;
    assert_int_equal(platform(&op), 0);
    assert_int_equal(op.u.pcpu_info.max_present, 1);
    assert_int_equal(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
    assert_int_equal(op.u.pcpu_info.apic_id, 77);
    assert_int_equal(op.u.pcpu_info.acpi_id, 1);
    op.u.pcpu_info.xen_cpuid = 2;
    assert_int_equal(platform(&op), 0);
    assert_int_equal(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
    assert_int_equal(op.u.pcpu_info.apic_id | op.u.pcpu_info.acpi_id, 0);
    assert_int_equal(op.u.pcpu_info.max_present, 1);
}

static long settime(uint64_t secs, uint32_t nsecs, uint64_t system_time, uint32_t mbz)
{
    struct xen_platform_op op = { .cmd = XENPF_settime64,
                                  .u.settime64 = { secs, nsecs, mbz, system_time } };

    return platform(&op);
}

static void wall_clock(void **state)
{
    const uint64_t never = (uint64_t)TIME_NEVER;

    assert_int_equal(settime(never / 1000000000, 999999999, never, 0), 0);
    assert_int_equal(did.wall, 3);
    assert_int_equal(settime(never / 1000000000 + 1, 0, 0, 0), -EINVAL);
    assert_int_equal(settime(0, 1000000000, 0, 0), -EINVAL);
    assert_int_equal(settime(0, 0, never + 1, 0), -EINVAL);
    assert_int_equal(settime(0, 0, 0, 1), -EINVAL);
    assert_int_equal(did.wall, 3);
    guest->dying = DOMAIN_DYING; /* its shared page may be freed already */
    assert_int_equal(settime(5, 0, 0, 0), 0);
    assert_int_equal(did.wall, 5);
}

static void physdev(void **state)
{
    for (unsigned int op = 0; op < 40; op++)
        assert_int_equal(harness_hypercall(hypercall_physdev_op, tool, op, 0, 0, NULL),
                         op == PHYSDEVOP_pci_mmcfg_reserved || op == PHYSDEVOP_pci_device_add ||
                                 op == PHYSDEVOP_pci_device_remove
                             ? 0
                             : -ENOSYS);
}

static void own_operations(void **state)
{
    struct cleave_op op = { .cmd = CLEAVE_OP_probe, .interface_version = CLEAVE_INTERFACE_VERSION };

    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_cleave_op, tool, BUF(0), 0, 0, NULL), 0);
    op.cmd = CLEAVE_OP_stretch;
    op.u.stretch.ticks = 77;
    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_cleave_op, tool, BUF(0), 0, 0, NULL), 0);
    assert_int_equal(((struct cleave_op *)at(BUF(0)))->u.stretch.ticks, 0);
    assert_int_equal(did.checks, 0);
}

static long own_operation(struct cleave_op *op, uint32_t cmd)
{
    op->cmd = cmd;
    op->interface_version = CLEAVE_INTERFACE_VERSION;
    memcpy(at(BUF(0)), op, sizeof(*op));
    long rc = harness_hypercall(hypercall_cleave_op, tool, BUF(0), 0, 0, NULL);

    memcpy(op, at(BUF(0)), sizeof(*op));
    return rc;
}

static long add_slots(const struct cleave_slot *slots, uint32_t count, uint32_t stage)
{
    struct cleave_op op = { .u.table_add = {
                                .stage = stage, .cpu = 1, .count = count, .slots = BUF(1) } };

    memcpy(at(BUF(1)), slots, MIN(count, 64u) * sizeof(*slots));
    return own_operation(&op, CLEAVE_OP_table_add);
}

static void tables_of_slots(void **state)
{
    struct cleave_op op = { .u.table_begin.period = 10000000 };
    struct cleave_slot slots[64] = { { 3, 0, 0, 5 }, { 3, 1, 5, 9 }, { 0, 0, 9, 10 } };

    assert_int_equal(own_operation(&op, CLEAVE_OP_table_begin), 0);
    assert_int_equal(op.u.table_begin.stage, 5);
    op.u.table_begin.period = 2000000000;
    assert_int_equal(own_operation(&op, CLEAVE_OP_table_begin), -EINVAL);
    assert_int_equal(add_slots(slots, 0, 5), 0);
    assert_int_equal(add_slots(slots, 1, 5), 0);
    assert_int_equal(did.slots, 1);
    assert_int_equal(add_slots(slots, 1, 6), -ENOENT);
    assert_int_equal(add_slots(slots, 65, 5), -E2BIG);
    assert_int_equal(add_slots(slots, UINT32_MAX, 5), -E2BIG);
    slots[1] = (struct cleave_slot){ 7, 0, 5, 9 }; /* no such domain */
    assert_int_equal(add_slots(slots, 3, 5), -ESRCH);
    slots[1] = (struct cleave_slot){ 3, 200, 5, 9 }; /* no such vcpu */
    assert_int_equal(add_slots(slots, 3, 5), -ESRCH);
    op.u.table_add = (struct cleave_table_add){ .stage = 5, .count = 1, .slots = 1ull << 60 };
    assert_int_equal(own_operation(&op, CLEAVE_OP_table_add), -EFAULT);
    op.u.table_commit = (struct cleave_table_commit){ .stage = 5, .cookie = 99 };
    assert_int_equal(own_operation(&op, CLEAVE_OP_table_commit), 0);
    assert_int_equal(own_operation(&op, CLEAVE_OP_table), 0);
    assert_int_equal(op.u.table.cookie, 99);
}

static long read_trace(struct cleave_op *op, uint32_t session, uint32_t count, uint64_t records)
{
    op->u.trace_read =
        (struct cleave_trace_read){ .session = session, .count = count, .records = records };
    return own_operation(op, CLEAVE_OP_trace_read);
}

/* What is wrong with the ring itself is in test_trace.c. */
static void traces(void **state)
{
    struct cleave_op op = { .u.trace_start = { .records = 64, .events = CLEAVE_TRACE_EVENTS } };
    const struct cleave_trace_record *records = at(BUF(1) + 24);

    assert_int_equal(read_trace(&op, 0, 1, BUF(1)), -ENOENT);
    op.u.trace_stop = (struct cleave_trace_stop){ .session = 0 };
    assert_int_equal(own_operation(&op, CLEAVE_OP_trace_stop), -ENOENT);
    op.u.trace_start = (struct cleave_trace_start){ .records = 65, .events = 2 };
    assert_int_equal(own_operation(&op, CLEAVE_OP_trace_start), -EINVAL);
    op.u.trace_start = (struct cleave_trace_start){ .records = 64, .events = CLEAVE_TRACE_EVENTS };
    assert_int_equal(own_operation(&op, CLEAVE_OP_trace_start), 0);
    assert_int_equal(op.u.trace_start.cpus, nr_cpus);
    uint32_t session = op.u.trace_start.session;
    assert_int_equal(read_trace(&op, session, 1, BUF(1)), -EAGAIN);
    assert_true(trace_attach());
    for (uint64_t i = 0; i < 3; i++)
        trace_write(&(struct cleave_trace_record){ .event = 2, .words = { 70 + i } });
    assert_int_equal(read_trace(&op, session, CLEAVE_TRACE_BATCH + 1, BUF(1)), -EINVAL);
    assert_int_equal(read_trace(&op, session, UINT32_MAX, BUF(1)), -EINVAL);
    assert_int_equal(read_trace(&op, session, 2, 1ull << 60), -EFAULT);
    assert_int_equal(read_trace(&op, session, 0, 1ull << 60), 0);
    assert_int_equal(op.u.trace_read.count, 0);
    assert_int_equal(read_trace(&op, session, 2, BUF(1) + 24), 0);
    assert_int_equal(op.u.trace_read.count, 2);
    assert_int_equal(op.u.trace_read.now, now);
    assert_int_equal(records[0].words[0], 70);
    assert_int_equal(records[1].words[0], 71);
    assert_int_equal(read_trace(&op, session, 9, BUF(1) + 24), 0);
    assert_int_equal(op.u.trace_read.count, 1);
    assert_int_equal(records[0].words[0], 72);
    op.u.trace_stop = (struct cleave_trace_stop){ .session = session };
    assert_int_equal(own_operation(&op, CLEAVE_OP_trace_stop), 0);
    assert_int_equal(own_operation(&op, CLEAVE_OP_trace_stop), -ENOENT);
    assert_false(trace_attach());
}

static void time_of_vcpus(void **state)
{
    struct cleave_op op = { .u.limit = { .domain = 3, .limit = 10000000 } };

    assert_int_equal(own_operation(&op, CLEAVE_OP_limit), 0);
    assert_int_equal(guest->vcpu[0]->sched.budget.fill, 10000000);
    op.u.limit.limit++;
    assert_int_equal(own_operation(&op, CLEAVE_OP_limit), -EINVAL);
    op.u.limit = (struct cleave_limit){ .domain = 3, .pad = { 0, 1 } };
    assert_int_equal(own_operation(&op, CLEAVE_OP_limit), -EINVAL);
    op.u.limit = (struct cleave_limit){ .domain = 3, .vcpu = 200 };
    assert_int_equal(own_operation(&op, CLEAVE_OP_limit), -ESRCH);
    op.u.limit = (struct cleave_limit){ .domain = 7 };
    assert_int_equal(own_operation(&op, CLEAVE_OP_limit), -ESRCH);
    op.u.time = (struct cleave_time){ .domain = 3, .reset = 2 };
    assert_int_equal(own_operation(&op, CLEAVE_OP_time), -EINVAL);
    op.u.time = (struct cleave_time){ .domain = 3, .reset = 1 };
    assert_int_equal(own_operation(&op, CLEAVE_OP_time), 0);
    assert_int_equal(op.u.time.longest_wait, 77);
    assert_int_equal(op.u.time.limit, 10000000);
    op.u.time.vcpu = 200;
    assert_int_equal(own_operation(&op, CLEAVE_OP_time), -ESRCH);
}

/* --- the tools --- */

static void refused_configurations(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_createdomain, .domain = 7 };
    struct xen_domctl_createdomain *c = &op.u.createdomain,
                                   good = { .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap |
                                                     XEN_DOMCTL_CDF_oos_off,
                                            .max_vcpus = MAX_VCPUS,
                                            .max_grant_frames = GRANT_MAX_FRAMES,
                                            .max_maptrack_frames = GRANT_MAX_MAPTRACK,
                                            .grant_opts = 1,
                                            .arch.emulation_flags = XEN_X86_EMU_LAPIC,
                                            .arch.misc_flags = XEN_X86_MSR_RELAXED };

    wanted_id = 7;
    *c = good;
    assert_int_equal(domctl(&op), 0); /* all at their limits */
    assert_int_equal(did.created, 1);
    c->iommu_opts = XEN_DOMCTL_IOMMU_no_sharept;
    assert_int_equal(domctl(&op), -EOPNOTSUPP);
    c->iommu_opts = XEN_DOMCTL_IOMMU_MAX << 1;
    assert_int_equal(domctl(&op), -EINVAL);
    *c = good;
    c->arch.emulation_flags = 0;
    assert_int_equal(domctl(&op), -EOPNOTSUPP);
    wanted_id = DOMID_INVALID;
    *c = good;
    op.domain = DOMID_FIRST_RESERVED;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(op.domain, guest->id);
    wanted_id = DOMID_FIRST_RESERVED - 1;
    op.domain = DOMID_FIRST_RESERVED - 1;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(did.created, 3);
}

static void resumed(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_resumedomain, .domain = 3 };

    assert_int_equal(domctl(&op), -EINVAL);
    guest->shut_down = true;
    assert_int_equal(domctl(&op), 0);
    assert_false(guest->shut_down);
}

static void handles_and_clocks(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_setdomainhandle, .domain = 3 };

    memcpy(op.u.setdomainhandle.handle, "fedcba9876543210", 16);
    assert_takes(LOCK_DOMAIN, 1, assert_int_equal(domctl(&op), 0));
    assert_memory_equal(guest->handle, "fedcba9876543210", 16);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_gettscinfo, .domain = 3 };
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(op.u.tsc_info.gtsc_khz, 1000000);
    assert_int_equal(op.u.tsc_info.elapsed_nsec, SEC(100));
    assert_int_equal(op.u.tsc_info.tsc_mode, 0);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_settscinfo, .domain = 3, .u.tsc_info.tsc_mode = 2 };
    assert_int_equal(domctl(&op), 0);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_getnodeaffinity, .domain = 3 };
    op.u.nodeaffinity.nodemap = (struct xenctl_bitmap){ .bitmap.p = (void *)BUF(2), .nr_bits = 8 };
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(*(uint8_t *)at(BUF(2)), 1);
    op.cmd = XEN_DOMCTL_setnodeaffinity;
    op.u.nodeaffinity.nodemap.nr_bits = ~0u;
    assert_int_equal(domctl(&op), -E2BIG);
}

static void running_vcpus(void **state)
{
    struct xen_domctl info = { .cmd = XEN_DOMCTL_getdomaininfo, .domain = 3 };
    struct xen_domctl one = { .cmd = XEN_DOMCTL_getvcpuinfo, .domain = 3 };

    user->sched.cpu = 5;
    assert_int_equal(domctl(&one), 0);
    assert_false(one.u.getvcpuinfo.running || one.u.getvcpuinfo.blocked);
    assert_int_equal(one.u.getvcpuinfo.cpu, 5);
    runstate = RUNSTATE_running;
    user->wait = WAIT_HALT;
    assert_int_equal(domctl(&info), 0);
    assert_int_equal(info.u.getdomaininfo.flags, XEN_DOMINF_running | XEN_DOMINF_blocked |
                                                     XEN_DOMINF_hvm_guest | XEN_DOMINF_hap);
    assert_int_equal(info.u.getdomaininfo.max_vcpu_id, 0);
    assert_int_equal(info.u.getdomaininfo.max_pages, guest->max_pages);
    assert_int_equal(info.u.getdomaininfo.gpaddr_bits, 40);
    assert_int_equal(info.u.getdomaininfo.arch_config.emulation_flags, XEN_X86_EMU_LAPIC);
    assert_int_equal(info.u.getdomaininfo.shared_info_frame, ~0ull);
    assert_int_equal(domctl(&one), 0);
    assert_true(one.u.getvcpuinfo.running && one.u.getvcpuinfo.blocked && one.u.getvcpuinfo.online);
    user->wait = WAIT_SIPI;
    assert_int_equal(domctl(&one), 0);
    assert_false(one.u.getvcpuinfo.online);
    assert_int_equal(domctl(&info), 0);
    assert_int_equal(info.u.getdomaininfo.nr_online_vcpus, 0);
    user->wait = WAIT_NONE;
    user->wait = WAIT_DOWN;
    assert_int_equal(domctl(&one), 0);
    assert_false(one.u.getvcpuinfo.online);
}

static void soft_affinity(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuaffinity, .domain = 3 };
    struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;
    uint8_t *hard = at(BUF(2)), *wish = at(BUF(3));

    user->sched.affinity = 3;
    user->sched.soft_affinity = ~0ull;
    a->cpumap_hard = (struct xenctl_bitmap){ .bitmap.p = (void *)BUF(2), .nr_bits = 8 };
    a->cpumap_soft = (struct xenctl_bitmap){ .bitmap.p = (void *)BUF(3), .nr_bits = 8 };
    a->flags = XEN_VCPUAFFINITY_SOFT;
    *hard = 0x55;
    *wish = 0xfe;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(affinity, 3);
    assert_int_equal(soft, 0xfe);
    assert_int_equal(*wish, 2);    /* the effective mask */
    assert_int_equal(*hard, 0x55); /* not requested */
    a->flags = XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_FORCE;
    *hard = 1;
    *wish = 2; /* only CPUs where it may not run: no error */
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(affinity, 1);
    assert_int_equal(soft, 2);
    assert_int_equal(*hard, 1);
    assert_int_equal(*wish, 0);
    a->flags = XEN_VCPUAFFINITY_SOFT | 1u << 5;
    assert_int_equal(domctl(&op), -EINVAL);
    a->flags = XEN_VCPUAFFINITY_SOFT;
    a->cpumap_soft.bitmap.p = (void *)NOWHERE;
    soft = 77;
    assert_int_equal(domctl(&op), -EFAULT);
    assert_int_equal(soft, 77);
    op.cmd = XEN_DOMCTL_getvcpuaffinity;
    a->cpumap_soft.bitmap.p = (void *)BUF(3);
    user->sched.soft_affinity = 2;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(*wish, 2);
}

static void machine(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };
    struct xen_sysctl_physinfo *p = &op.u.physinfo;
    xen_sysctl_meminfo_t *memory = at(BUF(2));
    uint32_t *distance = at(BUF(3));

    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(p->threads_per_core, 1);
    assert_int_equal(p->cores_per_socket, 2);
    assert_int_equal(p->max_cpu_id, 1);
    assert_int_equal(p->nr_nodes, 1);
    assert_int_equal(p->cpu_khz, 1000000);
    assert_int_equal(p->max_mfn, frame_count - 1);
    assert_in_range(p->free_pages, 1, p->total_pages);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_numainfo };
    op.u.numainfo.meminfo.p = (void *)BUF(2);
    op.u.numainfo.distance.p = (void *)BUF(3);
    *distance = 77;
    assert_int_equal(sysctl(&op), 0); /* room for zero nodes */
    assert_int_equal(op.u.numainfo.num_nodes, 1);
    assert_int_equal(memory->memsize, 0);
    assert_int_equal(*distance, 77);
    assert_int_equal(sysctl(&op), 0);
    assert_in_range(memory->memfree, PAGE_SIZE, memory->memsize);
    assert_int_equal(memory->memsize % PAGE_SIZE, 0);
    assert_int_equal(*distance, 10);
    op.u.numainfo.meminfo.p = (void *)NOWHERE;
    *distance = 77;
    assert_int_equal(sysctl(&op), -EFAULT);
    assert_int_equal(*distance, 77);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_sched_id };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_cpupool_op,
                              .u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_ADDCPU };
    assert_int_equal(sysctl(&op), -ENODEV);
    op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_RMCPU;
    assert_int_equal(sysctl(&op), -EBUSY);
    op.u.cpupool_op =
        (struct xen_sysctl_cpupool_op){ .op = XEN_SYSCTL_CPUPOOL_OP_INFO,
                                        .cpumap = { .bitmap.p = (void *)BUF(2), .nr_bits = 8 } };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(*(uint8_t *)at(BUF(2)), 3);
    assert_int_equal(op.u.cpupool_op.sched_id, XEN_SCHEDULER_CREDIT2);
    op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(*(uint8_t *)at(BUF(2)), 0);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_scheduler_op };
    op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    assert_int_equal(sysctl(&op), -EINVAL); /* another scheduler than ours */
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.u.sched_credit2.ratelimit_us = 5;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.scheduler_op.u.sched_credit2.ratelimit_us, 0);
    op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    assert_int_equal(sysctl(&op), 0);
    op.u.scheduler_op.cmd = 99;
    assert_int_equal(sysctl(&op), -EINVAL);
}

static long press(const char *keys, gva_t va)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_debug_keys };

    op.u.debug_keys.keys.p = (void *)va;
    op.u.debug_keys.nr_keys = (uint32_t)strlen(keys);
    memcpy(at(BUF(2)), keys, strlen(keys));
    harness_log[0] = '\0';
    return sysctl(&op);
}

static void debug_keys(void **state)
{
    assert_int_equal(press("m", BUF(2)), 0);
    assert_int_equal(memcmp(harness_log, "memory: ", 8), 0);
    assert_int_equal(press("h", BUF(2)), 0);
    assert_int_equal(memcmp(harness_log, "key I: ", 7), 0); /* the last of the list */
    assert_int_equal(press("I", BUF(2)), 0);
    assert_int_equal(memcmp(harness_log, "invariants: 5", 13), 0);
    assert_int_equal(did.dumps, 0);
    assert_int_equal(press("reg", BUF(2)), 0); /* run queue; ports and grants of two domains */
    assert_int_equal(did.dumps, 5);
    assert_int_equal(press("zZ", BUF(2)), 0);
    assert_string_equal(harness_log, "");
    assert_int_equal(press("m", NOWHERE), -EFAULT);
    assert_string_equal(harness_log, "");
}

static void idle_times_and_devices(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_getcpuinfo };
    unsigned int restarts;

    op.u.getcpuinfo.max_cpus = 1;
    op.u.getcpuinfo.info.p = (void *)BUF(2);
    ((uint64_t *)at(BUF(2)))[1] = 77;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.getcpuinfo.nr_cpus, 1);
    assert_int_equal(((uint64_t *)at(BUF(2)))[1], 77);
    op.u.getcpuinfo.max_cpus = 2;
    op.u.getcpuinfo.info.p = (void *)NOWHERE;
    assert_int_equal(sysctl(&op), -EFAULT);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_pcitopoinfo,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    op.u.pcitopoinfo.num_devs = 3;
    op.u.pcitopoinfo.nodes.p = (void *)BUF(2);
    harness_preempt_every = 1; /* one at a time: the caller continues with the rest */
    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_sysctl, tool, BUF(0), 0, 0, &restarts), 0);
    assert_int_equal(restarts, 0);
    memcpy(&op, at(BUF(0)), sizeof(op));
    assert_int_equal(op.u.pcitopoinfo.num_devs, 1);
    op.u.pcitopoinfo.nodes.p = (void *)NOWHERE;
    assert_int_equal(sysctl(&op), -EFAULT);
}

static void domain_lists(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_getdomaininfolist,
                             .u.getdomaininfolist = { .max_domains = 10,
                                                      .buffer.p = (void *)NOWHERE } };

    assert_int_equal(sysctl(&op), -EFAULT);
    op.u.getdomaininfolist.max_domains = 0;
    op.u.getdomaininfolist.num_domains = 5;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.getdomaininfolist.num_domains, 0);
}

/* While another CPU changes a domain, this one retries. */
static void one_change_at_a_time(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_destroydomain, .domain = 3 };

    kill_asks_again = true;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(did.killed, 1);
    assert_int_equal(did.refused_meanwhile, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(versions, hypercall_core_setup),
        cmocka_unit_test_setup(poll_without_interrupts, hypercall_core_setup),
        cmocka_unit_test_setup(block_and_yield, hypercall_core_setup),
        cmocka_unit_test_setup(every_parameter, hypercall_core_setup),
        cmocka_unit_test_setup(callbacks, hypercall_core_setup),
        cmocka_unit_test_setup(physical_cpus, hypercall_core_setup),
        cmocka_unit_test_setup(wall_clock, hypercall_core_setup),
        cmocka_unit_test_setup(physdev, hypercall_core_setup),
        cmocka_unit_test_setup(own_operations, hypercall_core_setup),
        cmocka_unit_test_setup(tables_of_slots, hypercall_core_setup),
        cmocka_unit_test_setup(traces, hypercall_core_setup),
        cmocka_unit_test_setup(time_of_vcpus, hypercall_core_setup),
        cmocka_unit_test_setup(refused_configurations, hypercall_core_setup),
        cmocka_unit_test_setup(resumed, hypercall_core_setup),
        cmocka_unit_test_setup(handles_and_clocks, hypercall_core_setup),
        cmocka_unit_test_setup(running_vcpus, hypercall_core_setup),
        cmocka_unit_test_setup(soft_affinity, hypercall_core_setup),
        cmocka_unit_test_setup(machine, hypercall_core_setup),
        cmocka_unit_test_setup(debug_keys, hypercall_core_setup),
        cmocka_unit_test_setup(idle_times_and_devices, hypercall_core_setup),
        cmocka_unit_test_setup(domain_lists, hypercall_core_setup),
        cmocka_unit_test_setup(one_change_at_a_time, hypercall_core_setup),
    };

    return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
