/* SPDX-License-Identifier: MIT */
/*
 * Event channels of a guest: shared_info is mapped in a hole of the address space. Every vCPU has
 * the same upcall vector; an upcall scans selector, pending and mask words.
 */
#include "evtchn.h"

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/vcpu.h>

#include "apic.h"
#include "hypercall.h"
#include "mem.h"
#include "smp.h"
#include "trap.h"

struct shared_info *evtchn_shared;
static struct {
    evtchn_handler *run;
    void *arg;
} handlers[EVTCHN_PORTS];
static bool upcall_through_apic;

static void upcall(struct trap_frame *frame)
{
    struct vcpu_info *info = vcpu_this()->info;
    unsigned long words;

    (void)frame;
    if (upcall_through_apic)
        apic_eoi();
    __atomic_exchange_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    for (; words; words &= words - 1) {
        unsigned word = __builtin_ctzl(words);
        unsigned long bits = evtchn_shared->evtchn_pending[word] &
                             ~evtchn_shared->evtchn_mask[word];

        for (; bits; bits &= bits - 1) {
            evtchn_port_t port = word * 64 + __builtin_ctzl(bits);

            evtchn_clear(port);
            if (port < EVTCHN_PORTS && handlers[port].run)
                handlers[port].run(port, handlers[port].arg);
        }
    }
}

static bool says(const char *key, const char *value)
{
    const char *text = cmdline_value(key);

    return text && !strncmp(text, value, strlen(value));
}

static void place_vcpu_info(struct vcpu *v)
{
    uint64_t at = (uint64_t)&v->own_info;
    struct vcpu_register_vcpu_info arg = { .mfn = at >> PAGE_SHIFT, .offset = at % PAGE_SIZE };

    v->info = &evtchn_shared->vcpu_info[v->id];
    if (!says("vcpu_info", "shared") && !hypercall_vcpu(VCPUOP_register_vcpu_info, v->id, &arg))
        v->info = &v->own_info;
}

void evtchn_repair_upcall(void)
{
    struct xen_hvm_evtchn_upcall_vector arg = { .vcpu = vcpu_this()->id, .vector = EVTCHN_VECTOR };
    int rc = -XEN_ENOSYS;

    if (!says("upcall", "param"))
        rc = hypercall2(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, &arg);
    upcall_through_apic = rc == 0;
    if (rc && arg.vcpu == 0) {
        rc = mem_set_param(HVM_PARAM_CALLBACK_IRQ,
                           (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | EVTCHN_VECTOR);
        if (rc)
            trap_panic("neither an upcall vector nor HVM_PARAM_CALLBACK_IRQ is accepted: %d", rc);
    }
}

void evtchn_init_vcpu(void)
{
    place_vcpu_info(vcpu_this());
    evtchn_repair_upcall();
}

void evtchn_repair_shared(void)
{
    mem_add_to_physmap(XENMAPSPACE_shared_info, 0, (uint64_t)evtchn_shared >> PAGE_SHIFT);
}

void evtchn_init(void)
{
    evtchn_shared = mem_map_shared(XENMAPSPACE_shared_info, 0);
    memset(evtchn_shared->evtchn_mask, 0xff, sizeof(evtchn_shared->evtchn_mask));
    trap_set_irq(EVTCHN_VECTOR, upcall);
    evtchn_init_vcpu();
}

void evtchn_clear(evtchn_port_t port)
{
    __atomic_fetch_and(&evtchn_shared->evtchn_pending[port / 64], ~(1UL << port % 64),
                       __ATOMIC_SEQ_CST);
}

/* Unmasks by hypercall, which delivers a pending event on the vCPU that the port is bound to. */
void evtchn_handle(evtchn_port_t port, evtchn_handler *handler, void *arg)
{
    struct evtchn_unmask unmask = { .port = port };

    if (port >= EVTCHN_PORTS)
        trap_panic("event channel %u: handlers exist for ports below %u only", port, EVTCHN_PORTS);
    handlers[port].arg = arg;
    handlers[port].run = handler;
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &unmask);
}

int evtchn_bind_virq(unsigned virq, unsigned vcpu)
{
    struct evtchn_bind_virq arg = { .virq = virq, .vcpu = vcpu };
    int rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &arg);

    return rc ? rc : (int)arg.port;
}

int evtchn_bind_ipi(unsigned vcpu)
{
    struct evtchn_bind_ipi arg = { .vcpu = vcpu };
    int rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &arg);

    return rc ? rc : (int)arg.port;
}

int evtchn_alloc(domid_t remote)
{
    struct evtchn_alloc_unbound arg = { .dom = DOMID_SELF, .remote_dom = remote };
    int rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &arg);

    return rc ? rc : (int)arg.port;
}

int evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port)
{
    struct evtchn_bind_interdomain arg = { .remote_dom = remote, .remote_port = remote_port };
    int rc = hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &arg);

    return rc ? rc : (int)arg.local_port;
}

int evtchn_send(evtchn_port_t port)
{
    struct evtchn_send arg = { .port = port };

    return hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &arg);
}

int evtchn_close(evtchn_port_t port)
{
    struct evtchn_close arg = { .port = port };

    if (port < EVTCHN_PORTS)
        handlers[port].run = NULL;
    return hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &arg);
}
