/* SPDX-License-Identifier: MIT */
/*
 * Arguments of the hypercalls of guests and of dom0's kernel: which are refused with which error,
 * the results, and what stays unchanged.
 */
#include "hypercall_core.h"

#include <xen/hvm/hvm_vcpu.h>
#include "percpu.h"
#include "platform/boot_info.h"
#include "public/cleave.h"

#include <xen/platform.h>
#include <xen/physdev.h>

/* --- hypercalls of guests --- */

static void test_version(void **state)
{
    struct xen_feature_info info = { 0 };
    char text[1024] = "";

    assert_int_equal(call(hypercall_xen_version, user, XENVER_version, text, 1), 4 << 16 | 17);
    assert_int_equal(call(hypercall_xen_version, user, XENVER_get_features, &info, sizeof(info)),
                     0);
    memcpy(&info, harness_guest(guest, 1 << PAGE_SHIFT), sizeof(info));
    assert_int_equal(info.submap, 1u << 0 | 1u << 2 | 1u << 8 | 1u << 9 | 1u << 16);
    assert_int_equal(call(hypercall_xen_version, tool, XENVER_get_features,
                          &(struct xen_feature_info){ 0 }, sizeof(info)),
                     0);
    memcpy(&info, at(BUF(1)), sizeof(info));
    assert_int_equal(info.submap, 1u << 0 | 1u << 2 | 1u << 8 | 1u << 9 | 1u << 11 | 1u << 17);
    info.submap_idx = 1;
    assert_int_equal(call(hypercall_xen_version, user, XENVER_get_features, &info, sizeof(info)),
                     -EINVAL);
    assert_int_equal(call(hypercall_xen_version, user, XENVER_commandline, text, sizeof(text)),
                     -EPERM);
    assert_int_equal(call(hypercall_xen_version, tool, XENVER_commandline, text, sizeof(text)), 0);
    assert_int_equal(call(hypercall_xen_version, user, 11, text, 1), -ENOSYS);
    memcpy(guest->handle, "0123456789abcdef", sizeof(guest->handle));
    assert_takes(LOCK_DOMAIN, 1,
                 assert_int_equal(call(hypercall_xen_version, user, XENVER_guest_handle, text, 16),
                                  0));
    assert_memory_equal(harness_guest(guest, 1 << PAGE_SHIFT), "0123456789abcdef", 16);
    assert_int_equal(harness_hypercall(hypercall_xen_version, user, XENVER_capabilities, NOWHERE, 0,
                                       NULL),
                     -EFAULT);
}

static long poll(uint32_t n, uint64_t timeout)
{
    struct sched_poll p = { .ports.p = (void *)(2ull << PAGE_SHIFT),
                            .nr_ports = n,
                            .timeout = timeout };

    user->wait = WAIT_NONE;
    return call(hypercall_sched_op, user, SCHEDOP_poll, &p, sizeof(p));
}

static void test_poll(void **state)
{
    evtchn_port_t *ports = harness_guest(guest, 2 << PAGE_SHIFT);

    ports[0] = 5;
    ports[1] = 6;
    assert_int_equal(poll(129, 0), -EINVAL);
    pending_ports = 1 << 6;
    assert_int_equal(poll(2, 0), 0);
    assert_int_equal(user->wait, WAIT_NONE); /* one is pending */
    pending_ports = 0;
    assert_int_equal(poll(2, 0), 0);
    assert_int_equal(user->wait, WAIT_POLL);
    assert_false(user->poll_timer.armed);
    assert_int_equal(poll(2, (uint64_t)now), 0);
    assert_int_equal(user->wait, WAIT_NONE); /* its timeout has passed */
    assert_int_equal(poll(2, (uint64_t)now + 5), 0);
    assert_true(user->wait == WAIT_POLL && user->poll_timer.armed);
    assert_int_equal(timer_expires, now + 5);
    block_sets_port = 1 << 5; /* an event between the first check and the block is not lost */
    assert_int_equal(poll(2, (uint64_t)now + 5), 0);
    assert_true(user->wait == WAIT_NONE && !user->poll_timer.armed);
    ports[0] = 99;
    assert_int_equal(poll(1, 0), -EINVAL);
}

static void test_sched_op(void **state)
{
    struct sched_shutdown s = { .reason = SHUTDOWN_MAX + 1 };
    struct sched_remote_shutdown r = { .domain_id = 3, .reason = SHUTDOWN_reboot };
    struct sched_watchdog w = { .timeout = 10 };

    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_shutdown, &s, sizeof(s)), -EINVAL);
    r.domain_id = 0;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_remote_shutdown, &r, sizeof(r)),
                     -EPERM);
    r.reason = SHUTDOWN_MAX + 1;
    assert_int_equal(call(hypercall_sched_op, tool, SCHEDOP_remote_shutdown, &r, sizeof(r)),
                     -EINVAL);
    r.reason = SHUTDOWN_reboot;
    r.domain_id = 3;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_remote_shutdown, &r, sizeof(r)),
                     -EPERM); /* even itself */
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_shutdown_code, &s, sizeof(s)), -ENOSYS);
    assert_int_equal(did.shutdowns, 0);
    s.reason = SHUTDOWN_MAX;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_shutdown, &s, sizeof(s)), 0);
    assert_int_equal(call(hypercall_sched_op, tool, SCHEDOP_remote_shutdown, &r, sizeof(r)), 0);
    assert_int_equal(shutdown_reason, SHUTDOWN_reboot);
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), 1);
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), 2);
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), -ENOSPC);
    w = (struct sched_watchdog){ .id = 2, .timeout = 20 };
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), 0);
    assert_int_equal(timer_expires, now + SEC(20));
    w.id = 3;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), -EINVAL);
    w = (struct sched_watchdog){ .id = 1 };
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), 0);
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)),
                     -EINVAL); /* it is free now */
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_pin_override, &w, sizeof(w)), -ENOSYS);
}

static void test_vcpu_op(void **state)
{
    struct vcpu_set_singleshot_timer t = { (uint64_t)now - 1, VCPU_SSHOTTMR_future };
    struct vcpu_set_periodic_timer p = { .period_ns = (uint64_t)MSEC(1) - 1 };
    struct vcpu second = { .d = guest, .id = 1 };

    guest->vcpu[1] = &second; /* beyond max_vcpus */
    assert_int_equal(vcpu_call(user, VCPUOP_is_up, 1, &t, 0), -ENOENT);
    assert_int_equal(vcpu_call(user, VCPUOP_is_up, 1ull << 31, &t, 0), -ENOENT);
    assert_int_equal(vcpu_call(user, 14, 0, &t, 0), -ENOSYS);
    /* its argument is NULL */
    assert_int_equal(vcpu_call(user, VCPUOP_send_nmi, 0, &t, 0), -EINVAL);
    assert_int_equal(vcpu_call(user, VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), -ETIME);
    t.flags = 0;
    /* at once */
    assert_int_equal(vcpu_call(user, VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), 0);
    assert_int_equal(timer_expires, now - 1);
    t.timeout_abs_ns = ~0ull;
    assert_int_equal(vcpu_call(user, VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), 0);
    assert_int_equal(timer_expires, TIME_NEVER);
    assert_int_equal(vcpu_call(user, VCPUOP_set_periodic_timer, 0, &p, sizeof(p)), -EINVAL);
    p.period_ns = ~0ull;
    assert_int_equal(vcpu_call(user, VCPUOP_set_periodic_timer, 0, &p, sizeof(p)), -EINVAL);

    guest->max_vcpus = 2;
    guest->vcpu[1] = &second;
    second.vdev.sipi_vector = -1;
    /* another vcpu's */
    assert_int_equal(vcpu_call(user, VCPUOP_set_singleshot_timer, 1, &t, sizeof(t)), -EINVAL);
    assert_int_equal(vcpu_call(user, VCPUOP_up, 1, &t, 0), -EINVAL); /* has no state yet */
    struct vcpu_hvm_context start = { .mode = 2 };
    assert_int_equal(vcpu_call(user, VCPUOP_initialise, 1, &start, sizeof(start)), -EINVAL);
    start.mode = VCPU_HVM_MODE_64B;
    second.sched.running = true; /* INIT has not yet removed it from its CPU */
    assert_int_equal(vcpu_call(user, VCPUOP_initialise, 1, &start, sizeof(start)), -EBUSY);
    second.sched.running = false;
    second.vdev.sipi_vector = 0;
    assert_int_equal(vcpu_call(user, VCPUOP_initialise, 1, &start, sizeof(start)), -EEXIST);
    second.vdev.sipi_vector = -1;
    did.loaded = 0;
    assert_int_equal(vcpu_call(user, VCPUOP_initialise, 1, &start, sizeof(start)), 0);
    assert_int_equal(did.loaded, 1);
    assert_int_equal(second.wait, WAIT_DOWN);
    second.initialised = true;
    assert_int_equal(vcpu_call(user, VCPUOP_initialise, 1, &start, sizeof(start)), -EEXIST);
    assert_int_equal(did.loaded, 1);
    assert_int_equal(vcpu_call(user, VCPUOP_up, 1, &t, 0), 0);
    assert_int_equal(vcpu_call(user, VCPUOP_is_up, 1, &t, 0), 1);
    assert_int_equal(vcpu_call(user, VCPUOP_down, 1, &t, 0), 0);
    assert_int_equal(vcpu_call(user, VCPUOP_is_up, 1, &t, 0), 0);
    guest->max_vcpus = 1;
    guest->vcpu[1] = NULL;
}

static void test_runstate_area(void **state)
{
    struct vcpu_register_runstate_memory_area area = { .addr.p = 0x123456789000 };
    struct hypercall compat = { .v = user,
                                .compat = true,
                                .arg = { VCPUOP_register_runstate_memory_area, 0,
                                         1 << PAGE_SHIFT } };
    struct vcpu second = { .d = guest, .id = 1 };
    struct vcpu_runstate_info *info = harness_guest(guest, 1 << PAGE_SHIFT);

    guest->max_vcpus = 2;
    guest->vcpu[1] = &second;
    assert_int_equal(vcpu_call(user, VCPUOP_register_runstate_memory_area, 0, &area, sizeof(area)),
                     0);
    assert_int_equal(user->runstate_va, 0x123456789000);
    assert_int_equal(did.runstates, 1); /* filled in when the call returns */
    assert_int_equal(vcpu_call(user, VCPUOP_register_runstate_memory_area, 1, &area, sizeof(area)),
                     0);
    assert_int_equal(second.runstate_va, 0x123456789000);
    assert_int_equal(did.runstates, 1); /* another vcpu's page tables are not loaded here */
    assert_int_equal(hypercall_vcpu_op(&compat), 0);
    assert_int_equal(user->runstate_va, 0x56789000);
    assert_true(user->runstate_compat);
    assert_false(second.runstate_compat);
    compat.arg[2] = NOWHERE;
    assert_int_equal(hypercall_vcpu_op(&compat), -EFAULT);
    assert_int_equal(did.runstates, 2);
    assert_int_equal(vcpu_call(user, VCPUOP_get_runstate_info, 0, &area, sizeof(area)), 0);
    assert_int_equal(info->state, RUNSTATE_blocked);
    assert_int_equal(info->state_entry_time, 7);
    assert_int_equal(info->time[0], 100);
    guest->max_vcpus = 1;
    guest->vcpu[1] = NULL;
}

static void test_timers(void **state)
{
    struct vcpu_set_periodic_timer p = { .period_ns = (uint64_t)MSEC(1) };
    struct vcpu_set_singleshot_timer t = { (uint64_t)now, VCPU_SSHOTTMR_future };
    struct vcpu second = { .d = guest, .id = 1 };

    guest->max_vcpus = 2;
    guest->vcpu[1] = &second;
    assert_int_equal(vcpu_call(user, VCPUOP_set_periodic_timer, 0, &p, sizeof(p)), 0);
    assert_int_equal(user->period, MSEC(1));
    assert_true(user->periodic.armed);
    assert_int_equal(timer_expires, now + MSEC(1));
    p.period_ns = (uint64_t)TIME_NEVER / 2;
    assert_int_equal(vcpu_call(user, VCPUOP_set_periodic_timer, 1, &p, sizeof(p)), 0);
    assert_int_equal(second.period, TIME_NEVER / 2);
    p.period_ns++;
    assert_int_equal(vcpu_call(user, VCPUOP_set_periodic_timer, 1, &p, sizeof(p)), -EINVAL);
    assert_int_equal(vcpu_call(user, VCPUOP_stop_periodic_timer, 0, &p, 0), 0);
    assert_int_equal(user->period, 0);
    assert_false(user->periodic.armed);

    /* now is not in the past */
    assert_int_equal(vcpu_call(user, VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), 0);
    assert_true(user->singleshot.armed);
    assert_int_equal(vcpu_call(user, VCPUOP_stop_singleshot_timer, 1, &t, 0), -EINVAL);
    assert_int_equal(vcpu_call(user, VCPUOP_stop_singleshot_timer, 0, &t, 0), 0);
    assert_false(user->singleshot.armed);

    assert_int_equal(harness_hypercall(hypercall_vcpu_op, user, VCPUOP_send_nmi, 1, 0, NULL), 0);
    assert_true(second.vdev.nmi_pending);
    assert_false(user->vdev.nmi_pending);
    guest->max_vcpus = 1;
    guest->vcpu[1] = NULL;
}

static long param(struct vcpu *v, bool set, domid_t id, uint32_t index, uint64_t value)
{
    struct xen_hvm_param p = { .domid = id, .index = index, .value = value };

    return call(hypercall_hvm_op, v, set ? HVMOP_set_param : HVMOP_get_param, &p, sizeof(p));
}

static void test_hvm_params(void **state)
{
    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_STORE_PFN, 1), -EPERM);
    assert_int_equal(param(user, true, 0, HVM_PARAM_CALLBACK_IRQ, 0), -EPERM);
    assert_int_equal(param(user, false, DOMID_SELF, HVM_PARAM_IDENT_PT, 0), -EPERM);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_STORE_PFN, 0xfeffc), 0);
    assert_int_equal(param(user, false, DOMID_SELF, HVM_PARAM_STORE_PFN, 0), 0);
    assert_int_equal(((struct xen_hvm_param *)harness_guest(guest, 1 << PAGE_SHIFT))->value,
                     0xfeffc);
    assert_int_equal(param(tool, true, 9, HVM_PARAM_STORE_PFN, 1), -ESRCH);
    assert_int_equal(param(tool, true, 3, HVM_NR_PARAMS, 1), -EINVAL);
    assert_int_equal(param(tool, true, 3, ~0u, 1), -EINVAL);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_DM_DOMAIN, 1), -EINVAL); /* deprecated */
    assert_int_equal(param(tool, true, 3, HVM_PARAM_ALTP2M, 1), -EOPNOTSUPP);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_TIMER_MODE, 4), -EINVAL);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_IOREQ_SERVER_PFN, 5), 0);
    assert_int_equal(param(tool, false, 3, HVM_PARAM_IOREQ_SERVER_PFN, 0), 0);
    assert_int_equal(param(user, false, DOMID_SELF, HVM_PARAM_IOREQ_SERVER_PFN, 0), -EPERM);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_TRIPLE_FAULT_REASON, SHUTDOWN_MAX + 1),
                     -EINVAL);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_TRIPLE_FAULT_REASON, SHUTDOWN_MAX), 0);

    assert_takes(LOCK_DOMAIN, 1,
                 assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 1), 0));
    assert_int_equal(guest->vdev.callback_vector, 0);
    user->info->evtchn_upcall_pending = 1;
    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 2ull << 56 | 0xf3), 0);
    assert_int_equal(guest->vdev.callback_vector, 0xf3);
    assert_int_equal(did.upcalls, 1); /* pending events are delivered the new way */
    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 2ull << 56 | 8),
                     -EINVAL);
    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 2ull << 56 | 0x1f3),
                     -EINVAL);
    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 3ull << 56), -EINVAL);
    assert_int_equal(guest->hvm_params[HVM_PARAM_CALLBACK_IRQ], 2ull << 56 | 0xf3);
}

static void test_upcall_vector(void **state)
{
    struct xen_hvm_evtchn_upcall_vector u = { .vcpu = 0, .vector = 15 };

    assert_int_equal(call(hypercall_hvm_op, user, HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)),
                     -EINVAL);
    u.vector = 16;
    assert_int_equal(call(hypercall_hvm_op, user, HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)),
                     0);
    u = (struct xen_hvm_evtchn_upcall_vector){ .vcpu = 1, .vector = 0xf3 };
    guest->vcpu[1] = user; /* beyond max_vcpus */
    assert_int_equal(call(hypercall_hvm_op, user, HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)),
                     -ENOENT);
    u.vcpu = 0;
    assert_int_equal(call(hypercall_hvm_op, user, HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)),
                     0);
    assert_int_equal(user->vdev.upcall_vector, 0xf3);
    assert_int_equal(call(hypercall_hvm_op, user, HVMOP_altp2m, &u, sizeof(u)), -ENOSYS);
    assert_int_equal(call(hypercall_hvm_op, user, HVMOP_flush_tlbs, &u, sizeof(u)), -ENOSYS);
}

/* Collects a guest's lines, without newlines. */
static char words[1024];
static size_t words_length;

static void remember_words(const struct domain *d)
{
    size_t n = strlen(harness_log) - 1;

    assert_ptr_equal(d, guest);
    assert_true(spin_lock_held(&guest->vdev.lock));
    assert_int_equal(harness_log[n], '\n');
    memcpy(words + words_length, harness_log, n);
    words_length += n;
    words[words_length] = '\0';
}

static long print_from(gva_t text, uint64_t n)
{
    return harness_hypercall(hypercall_console_io, user, CONSOLEIO_write, n, text, NULL);
}

/* Longer than one line, and than one read: every byte arrives in order. */
static void test_long_text(void **state)
{
    char *text = harness_guest(guest, 0);

    for (unsigned int i = 0; i < 700; i++)
        text[i] = (char)(' ' + i % 95);
    memcpy(text + 700, "\r\n", 2);
    words_length = 0;
    harness_on_guest_log = remember_words;
    assert_int_equal(print_from(0, 702), 0);
    assert_int_equal(words_length, 700);
    assert_memory_equal(words, text, 700);
    assert_int_equal(guest->vdev.debug_length, 0);

    words_length = 0;
    /* a tab becomes a blank; unprintable characters become question marks */
    memcpy(text, "\t \x1f~\x7f\x80\n", 7);
    assert_int_equal(print_from(0, 7), 0);
    assert_string_equal(words, "  ?~??");
    harness_on_guest_log = NULL;

    assert_int_equal(print_from(NOWHERE, 8), -EFAULT);
    assert_int_equal(print_from(NOWHERE, 0), 0);
    assert_int_equal(print_from(NOWHERE, 1ull << 32), 0); /* only 32 bits count */
    no_lock_held();
}

static void test_console_io(void **state)
{
    char *text = at(BUF(2));
    unsigned int restarts;

    for (unsigned int i = 0; i < 1000; i++)
        text[i] = (char)(i * 7 + i / 256);
    harness_preempt_every = 1;
    assert_int_equal(harness_hypercall(hypercall_console_io, tool, CONSOLEIO_write, 1000, BUF(2),
                                       &restarts),
                     0);
    assert_int_equal(serial_length, 1000);
    assert_memory_equal(serial, text, 1000);
    assert_int_equal(restarts, 3);
    assert_int_equal(did.yields, 0);
    /* a slow port: nothing is lost or repeated, and the hypercall is preemptible */
    serial_length = 0;
    serial_room = 100;
    harness_preempt_every = 0;
    for (int i = 0; i < 300; i++)
        text[i] = (char)i;
    assert_int_equal(harness_hypercall(hypercall_console_io, tool, CONSOLEIO_write, 300, BUF(2),
                                       &restarts),
                     0);
    assert_int_equal(serial_length, 300);
    for (int i = 0; i < 300; i++)
        assert_int_equal(serial[i], (char)i);
    assert_int_equal(restarts, 2);
    assert_int_equal(did.yields, 2);
    assert_int_equal(harness_hypercall(hypercall_console_io, tool, CONSOLEIO_write, ~0u, BUF(2),
                                       NULL),
                     -EINVAL);
    assert_int_equal(harness_hypercall(hypercall_console_io, tool, CONSOLEIO_read, 10, BUF(2),
                                       NULL),
                     3);
    assert_memory_equal(text, "abc", 3);
    assert_int_equal(text[3], 0); /* the rest of the request */
    assert_int_equal(harness_hypercall(hypercall_console_io, tool, CONSOLEIO_read, 2, BUF(2), NULL),
                     2);
    assert_int_equal(harness_hypercall(hypercall_console_io, tool, CONSOLEIO_read, 2, NOWHERE,
                                       NULL),
                     -EFAULT);
    assert_int_equal(harness_hypercall(hypercall_console_io, user, CONSOLEIO_read, 10, 0, NULL),
                     -EPERM);
    memcpy(harness_guest(guest, 0), "hi \033[2J\nrest", 12);
    assert_int_equal(harness_hypercall(hypercall_console_io, user, CONSOLEIO_write, 12, 0, NULL),
                     0);
    assert_string_equal(harness_log, "hi ?[2J\n"); /* no control sequence reaches a terminal */
    assert_int_equal(guest->vdev.debug_length, 4);
    assert_int_equal(harness_hypercall(hypercall_console_io, user, 2, 1, 0, NULL), -ENOSYS);
    no_lock_held();
}

static void test_set_timer(void **state)
{
    struct hypercall compat = { .v = user, .compat = true, .arg = { 0x10, 0x2 } };

    assert_int_equal(harness_hypercall(hypercall_set_timer_op, user, 5000, 0, 0, NULL), 0);
    assert_true(user->singleshot.armed);
    assert_int_equal(timer_expires, 5000);
    assert_int_equal(harness_hypercall(hypercall_set_timer_op, user, 0, 7, 0, NULL), 0); /* never */
    assert_false(user->singleshot.armed);
    assert_int_equal(harness_hypercall(hypercall_set_timer_op, user, ~0ull, 0, 0, NULL), 0);
    assert_true(user->singleshot.armed);
    assert_int_equal(timer_expires, TIME_NEVER);
    assert_int_equal(hypercall_set_timer_op(&compat), 0);
    assert_int_equal(timer_expires, 0x200000010);
    compat.arg[0] = compat.arg[1] = 0;
    assert_int_equal(hypercall_set_timer_op(&compat), 0);
    assert_false(user->singleshot.armed);
}

static void test_vm_assist(void **state)
{
    const uint64_t type = VMASST_TYPE_runstate_update_flag;

    assert_int_equal(harness_hypercall(hypercall_vm_assist, user, VMASST_CMD_enable, type, 0, NULL),
                     0);
    assert_true(guest->runstate_update_flag);
    assert_int_equal(harness_hypercall(hypercall_vm_assist, user, 2, type, 0, NULL), -ENOSYS);
    assert_int_equal(harness_hypercall(hypercall_vm_assist, user, VMASST_CMD_disable, type - 1, 0,
                                       NULL),
                     -EINVAL);
    assert_true(guest->runstate_update_flag);
    assert_int_equal(harness_hypercall(hypercall_vm_assist, user, VMASST_CMD_disable, type, 0,
                                       NULL),
                     0);
    assert_false(guest->runstate_update_flag);
}

static void test_multicall(void **state)
{
    struct multicall_entry *e = at(BUF(2));
    uint32_t *small = at(BUF(3));
    unsigned int restarts;
    struct hypercall compat = { .v = tool, .compat = true, .arg = { BUF(3), 1 } };

    e[0] = (struct multicall_entry){ .op = 1, .args = { 41 } };
    e[1] = (struct multicall_entry){ .op = 99, .args = { 0, 10 } };
    e[2] = (struct multicall_entry){ .op = __HYPERVISOR_multicall, .args = { BUF(2), 1 } };
    e[3] = (struct multicall_entry){ .op = 1ull << 32 | 1, .args = { 1 } };
    dispatch_restarts = 2;
    assert_int_equal(harness_hypercall(hypercall_multicall, tool, BUF(2), 3, 0, NULL), 0);
    assert_int_equal(e[0].result, 42);
    assert_int_equal(e[1].result, 13); /* its progress is kept in its entry */
    assert_int_equal((long)e[2].result, -EINVAL);
    assert_int_equal(did.dispatched, 4);
    assert_int_equal(harness_hypercall(hypercall_multicall, tool, NOWHERE, 1, 0, NULL), -EFAULT);
    assert_int_equal(harness_hypercall(hypercall_multicall, tool, NOWHERE, 0, 0, NULL), 0);

    memset(small, 0, 32);
    small[0] = 1;
    small[2] = 4;
    assert_int_equal(hypercall_multicall(&compat), 0);
    assert_int_equal(small[1], 5);
    compat = (struct hypercall){ .v = tool, .compat = true, .arg = { BUF(3), 1 } };
    small[0] = 99;
    small[8] = 0x55; /* what follows the entry */
    dispatch_restarts = 1;
    assert_int_equal(hypercall_multicall(&compat), -ERESTART);
    assert_int_equal(small[3], 1);
    assert_int_equal(small[8], 0x55);

    harness_preempt_every = 1; /* also preemptible between entries */
    did.dispatched = 0;
    e[1].op = 1;
    assert_int_equal(harness_hypercall(hypercall_multicall, tool, BUF(2), 2, 0, &restarts), 0);
    assert_int_equal(restarts, 1);
    assert_int_equal(did.dispatched, 2);
}

/* Returns the size; without a screen, an error. */
static void test_screen(void **state)
{
    struct xen_platform_op op = { .cmd = 64, .interface_version = XENPF_INTERFACE_VERSION };
    const struct dom0_vga_console_info *info =
        (const void *)&((struct xen_platform_op *)at(BUF(0)))->u;

    memcpy(at(BUF(0)), &op, sizeof(op));
    boot_info.screen.video_type = 0;
    assert_int_equal(harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL), -ENODEV);
    boot_info.screen.video_type = XEN_VGATYPE_EFI_LFB;
    boot_info.screen.u.vesa_lfb.ext_lfb_base = 7;
    assert_int_equal(harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL),
                     sizeof(*info));
    assert_int_equal(info->video_type, XEN_VGATYPE_EFI_LFB);
    assert_int_equal(info->u.vesa_lfb.ext_lfb_base, 7);
}

static void test_platform_and_cleave(void **state)
{
    struct xen_platform_op op = { .cmd = XENPF_settime64,
                                  .interface_version = XENPF_INTERFACE_VERSION };
    struct cleave_op own = { .cmd = CLEAVE_OP_check,
                             .interface_version = CLEAVE_INTERFACE_VERSION };

    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL), 0);
    assert_int_equal(did.wall, 3); /* the clock, and those of two guests */
    op.u.settime64.nsecs = 1000000000;
    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL), -EINVAL);
    op.cmd = XENPF_firmware_info;
    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL), -ENOSYS);
    op.interface_version = 0;
    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL), -EACCES);
    memcpy(at(BUF(0)), &own, sizeof(own));
    assert_int_equal(harness_hypercall(hypercall_cleave_op, tool, BUF(0), 0, 0, NULL), 0);
    assert_int_equal(((struct cleave_op *)at(BUF(0)))->u.check.violations, 5);
    own.interface_version++;
    memcpy(at(BUF(0)), &own, sizeof(own));
    assert_int_equal(harness_hypercall(hypercall_cleave_op, tool, BUF(0), 0, 0, NULL), -EACCES);
    own.interface_version--;
    own.cmd = 0;
    memcpy(at(BUF(0)), &own, sizeof(own));
    assert_int_equal(harness_hypercall(hypercall_cleave_op, tool, BUF(0), 0, 0, NULL), -ENOSYS);
    own.cmd = CLEAVE_OP_hold;
    own.u.hold.lock = LOCK_BIND;
    memcpy(at(BUF(0)), &own, sizeof(own));
    assert_int_equal(harness_hypercall(hypercall_cleave_op, tool, BUF(0), 0, 0, NULL), 0);
    assert_string_equal(((struct cleave_op *)at(BUF(0)))->u.hold.name, "bind");
    own.u.hold.lock = LOCK_CLASSES;
    memcpy(at(BUF(0)), &own, sizeof(own));
    assert_int_equal(harness_hypercall(hypercall_cleave_op, tool, BUF(0), 0, 0, NULL), -EINVAL);
    own.cmd = CLEAVE_OP_page_wanted + 1;
    memcpy(at(BUF(0)), &own, sizeof(own));
    assert_int_equal(harness_hypercall(hypercall_cleave_op, tool, BUF(0), 0, 0, NULL), -ENOSYS);
    no_lock_held();
}

/* XENPF_resource_op of n entries, on that CPU. */
static long resources(const struct xenpf_resource_entry *entry, uint32_t n, uint32_t cpu,
                      gva_t entries)
{
    struct xen_platform_op op = { .cmd = XENPF_resource_op,
                                  .interface_version = XENPF_INTERFACE_VERSION,
                                  .u.resource_op = { .nr_entries = n, .cpu = cpu } };

    *(uint64_t *)&op.u.resource_op.entries = entries;
    memcpy(at(BUF(0)), &op, sizeof(op));
    memcpy(at(BUF(1)), entry, 3 * sizeof(*entry));
    return harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL);
}

static void test_resources(void **state)
{
    struct xenpf_resource_entry e[3] = { { .idx = 0x10 }, { .idx = 0x10 }, { .idx = 0x10 } };
    const struct xenpf_resource_entry *got = at(BUF(1));
    const struct {
        struct xenpf_resource_entry entry;
        int32_t error;
    } bad[] = {
        { { .idx = 0x122 }, -EPERM }, /* TSX_CTRL: AMD has none */
        { { .idx = 0x10 | 1ull << 32 }, -EINVAL },
        { { .idx = 0x10, .rsvd = 1 }, -EINVAL },
        { { .idx = 0x10, .u.cmd = XEN_RESOURCE_OP_MSR_WRITE }, -EPERM },
        { { .idx = 0x10, .u.cmd = 2 }, -EOPNOTSUPP },
        { { .idx = 0xc0000080, .u.cmd = XEN_RESOURCE_OP_MSR_WRITE }, -EPERM },
    };

    (void)state;
    now = 4711;
    assert_int_equal(resources(e, 3, 0, BUF(1)), 3);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(got[i].val, 4711);
        assert_int_equal(got[i].u.ret, 0);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        e[1] = bad[i].entry;
        e[1].val = 1;
        assert_int_equal(resources(e, 3, 0, BUF(1)), 1);
        assert_int_equal(got[0].val, 4711);
        assert_int_equal(got[1].u.ret, bad[i].error);
        assert_int_equal(got[1].val, 1);
        assert_int_equal(got[2].val, 0); /* not read */
    }
    assert_int_equal(resources(e, 0, 0, 0), 0);
    assert_int_equal(resources(e, 4, 0, BUF(1)), -EINVAL);
    assert_int_equal(resources(e, ~0u, 0, BUF(1)), -EINVAL);
    assert_int_equal(resources(e, 1, nr_cpus, BUF(1)), -ENODEV);
    assert_int_equal(resources(e, 1, ~0u, BUF(1)), -ENODEV);
    assert_int_equal(resources(e, 1, 0, NOWHERE), -EFAULT);
    no_lock_held();
}

/* --- nonsense: every number with extreme arguments --- */

static void test_nonsense(void **state)
{
    static hypercall_fn *const families[] = {
        hypercall_xen_version,  hypercall_sched_op,    hypercall_vcpu_op,    hypercall_hvm_op,
        hypercall_console_io,   hypercall_multicall,   hypercall_physdev_op, hypercall_vm_assist,
        hypercall_set_timer_op, hypercall_platform_op, hypercall_cleave_op,
    };
    static const uint64_t values[] = { 0,       1,          4095,       4096 - 4, 16 << PAGE_SHIFT,
                                       NOWHERE, 1ull << 47, 1ull << 63, ~0ull,    ~0ull - 7 };

    harness_preempt_every = 0;
    for (unsigned int f = 0; f < ARRAY_SIZE(families); f++) {
        for (uint64_t op = 0; op < 80; op++) {
            for (unsigned int i = 0; i < ARRAY_SIZE(values) * ARRAY_SIZE(values); i++) {
                struct hypercall hc = { .v = user,
                                        .compat = i & 1,
                                        .arg = { op, values[i / 10], values[i % 10] } };

                if (families[f] == hypercall_console_io && (int32_t)hc.arg[1] > 65536)
                    continue;
                (void)families[f](&hc);
            }
        }
    }
    no_lock_held();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_version, hypercall_core_setup),
        cmocka_unit_test_setup(test_poll, hypercall_core_setup),
        cmocka_unit_test_setup(test_sched_op, hypercall_core_setup),
        cmocka_unit_test_setup(test_vcpu_op, hypercall_core_setup),
        cmocka_unit_test_setup(test_runstate_area, hypercall_core_setup),
        cmocka_unit_test_setup(test_timers, hypercall_core_setup),
        cmocka_unit_test_setup(test_hvm_params, hypercall_core_setup),
        cmocka_unit_test_setup(test_upcall_vector, hypercall_core_setup),
        cmocka_unit_test_setup(test_console_io, hypercall_core_setup),
        cmocka_unit_test_setup(test_long_text, hypercall_core_setup),
        cmocka_unit_test_setup(test_set_timer, hypercall_core_setup),
        cmocka_unit_test_setup(test_vm_assist, hypercall_core_setup),
        cmocka_unit_test_setup(test_multicall, hypercall_core_setup),
        cmocka_unit_test_setup(test_platform_and_cleave, hypercall_core_setup),
        cmocka_unit_test_setup(test_resources, hypercall_core_setup),
        cmocka_unit_test_setup(test_screen, hypercall_core_setup),
        cmocka_unit_test_setup(test_nonsense, hypercall_core_setup),
    };

    return cmocka_run_group_tests_name("hypercalls", tests, NULL, NULL);
}
