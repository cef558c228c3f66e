/* SPDX-License-Identifier: MIT */
/*
 * Storms: events, timers and IPIs at maximum rate. Wakes: an IPI to all sleeping vCPUs at once.
 * Races: a second vCPU changes the arguments of hypercalls while they are read, so that checked and
 * used values could differ, and makes the same calls.
 */
#include "evil.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "apic.h"
#include "evtchn.h"
#include "hypercall.h"
#include "mem.h"
#include "smp.h"
#include "time.h"
#include "trap.h"

#define STORM 3000
#define RACES 20000
#define NMIS 100
#define VECTOR 0x41
#define ICR_ALL (2u << 18)    /* destination shorthand: all including self */
#define ICR_OTHERS (3u << 18) /* all excluding self */
#define MSR_LAPIC_TIMER 0x832
#define MSR_LAPIC_COUNT 0x838
#define PERIODIC (1u << 17)

static void send(void *arg) { evtchn_send(*(evtchn_port_t *)arg); }
static void arm(void *arg) { time_set_timer(*(uint64_t *)arg); }
static void interrupt(void *arg) { apic_icr(0, *(uint32_t *)arg); }

static void let_in(void)
{
    irq_on();
    cpu_relax();
    irq_off();
}

static void lapic_timer(void *arg)
{
    wrmsr(MSR_LAPIC_TIMER, PERIODIC | VECTOR);
    wrmsr(MSR_LAPIC_COUNT, *(uint32_t *)arg);
}

static volatile unsigned nmis, early_nmis;

static void on_nmi(struct trap_frame *frame)
{
    early_nmis += frame->rip == (uint64_t)trap_return;
    if (++nmis < NMIS)
        hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0);
}

/*
 * Each NMI handler requests the next NMI, which must not arrive before the handler's IRET has
 * executed.
 */
static void nested_nmis(void)
{
    uint64_t dr6;

    trap_set_irq(TRAP_NMI, on_nmi);
    asm volatile("mov %0, %%dr6" ::"r"(0xffff0ff0UL));
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0);
    for (uint64_t end = time_now() + 10 * NS_PER_S; nmis < NMIS && time_now() < end;)
        cpu_relax();
    asm volatile("mov %%dr6, %0" : "=r"(dr6));
    evil_expect(nmis == NMIS, "NMIs that a handler asks for", nmis);
    evil_expect(early_nmis == 0, "an NMI before the IRET of the one before", early_nmis);
    evil_expect(dr6 == 0xffff0ff0, "DR6 behind NMIs", dr6);
}

void evil_storms(void)
{
    static uint64_t moments[] = { 1, 0, 1UL << 63, -1UL };
    struct vcpu_set_periodic_timer period = { .period_ns = NS_PER_MS };
    int port = evtchn_bind_ipi(0);

    nested_nmis();
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, (uint64_t)&period);
    for (unsigned i = 0; i < STORM; i++) {
        moments[1] = time_now() + i % 100;
        evil_try(send, &port);
        evil_try(arm, &moments[i % ARRAY_SIZE(moments)]);
        evil_try(interrupt, &(uint32_t){ (i % 2 ? ICR_ALL : 0) | (VECTOR + i % 64) });
        if (apic_is_x2apic() && i % 100 == 0)
            evil_try(lapic_timer, &(uint32_t){ 1 + i / 100 });
        if (i % 8 == 0)
            let_in();
    }
    evil_try(lapic_timer, &(uint32_t){ 0 });
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    evtchn_close(port);
}

/* --- wakes --- */

#define ROUNDS 50

static volatile unsigned awake;

static void sleeper(void)
{
    for (;;) {
        __atomic_fetch_add(&awake, 1, __ATOMIC_SEQ_CST);
        irq_wait();
    }
}

void evil_wakes(void)
{
    for (unsigned i = 1; i < smp_count(); i++)
        smp_start(i, sleeper);
    for (unsigned i = 0; i < ROUNDS; i++) {
        while (awake < smp_count() - 1)
            time_sleep(NS_PER_MS);
        time_sleep(10 * NS_PER_MS);
        awake = 0;
        interrupt(&(uint32_t){ ICR_OTHERS | VECTOR });
    }
}

/* --- races --- */

static volatile uint64_t *arguments;
static volatile bool stop, stopped;

struct call {
    uint32_t nr, op;
};

/* Excluded: removing or moving arbitrary frames, which may belong to this program. */
static const struct call calls[] = {
    { __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref },
    { __HYPERVISOR_grant_table_op, GNTTABOP_copy },
    { __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref },
    { __HYPERVISOR_grant_table_op, GNTTABOP_query_size },
    { __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain },
    { __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound },
    { __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq },
    { __HYPERVISOR_event_channel_op, EVTCHNOP_status },
    { __HYPERVISOR_event_channel_op, EVTCHNOP_send },
    { __HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu },
    { __HYPERVISOR_memory_op, XENMEM_populate_physmap },
    { __HYPERVISOR_memory_op, XENMEM_memory_map },
    { __HYPERVISOR_memory_op, XENMEM_current_reservation },
    { __HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area },
    { __HYPERVISOR_hvm_op, 1 },
};

static void run(void *arg)
{
    const struct call *c = arg;

    if (c->nr == __HYPERVISOR_vcpu_op)
        hypercall(c->nr, c->op, 1, (uint64_t)arguments, 0, 0);
    else if (c->nr == __HYPERVISOR_multicall)
        hypercall(c->nr, (uint64_t)arguments, 1, 0, 0, 0);
    else
        hypercall(c->nr, c->op, (uint64_t)arguments, 1, 0, 0);
}

/* Both vCPUs allocate and free watchdogs, of which there are two: neither may get the other's. */
static void own_watchdog(void *arg)
{
    struct sched_watchdog w = { .id = 0, .timeout = 1000 };
    long id = hypercall(__HYPERVISOR_sched_op, SCHEDOP_watchdog, (uint64_t)&w, 0, 0, 0);

    (void)arg;
    if (id <= 0)
        return;
    w = (struct sched_watchdog){ .id = (uint32_t)id, .timeout = 0 };
    evil_expect(hypercall(__HYPERVISOR_sched_op, SCHEDOP_watchdog, (uint64_t)&w, 0, 0, 0) == 0,
                "the end of a watchdog of its own", id);
}

/* Both vCPUs write text without a line end. */
static void words(void *arg)
{
    (void)arg;
    hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 100, (uint64_t)arguments, 0, 0);
}

/*
 * Uses few values, so that a check and a use often see different valid ones. Sometimes makes calls
 * itself.
 */
static void changer(void)
{
    static const uint64_t values[] = { 0, 1,     -1UL, DOMID_SELF, 1UL << 32, 0x7ff0000000000001,
                                       8, 0xffff };
    uint64_t seed = 88172645463325252;

    for (unsigned i = 0; !stop; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        arguments[seed % 8] = values[seed >> 32 & 7];
        if (i % 16)
            continue;
        trap_try(run, (void *)&calls[(seed >> 40) % ARRAY_SIZE(calls)]);
        trap_try(own_watchdog, NULL);
        trap_try(words, NULL);
    }
    stopped = true;
    for (;;)
        irq_wait();
}

void evil_races(void)
{
    if (smp_count() < 2) {
        printf("evil: races need two vCPUs\n");
        return;
    }
    arguments = mem_page();
    if (smp_start(1, changer)) {
        printf("evil: vCPU 1 does not start\n");
        return;
    }
    for (unsigned i = 0; i < RACES; i++) {
        evil_try(run, (void *)&calls[i % ARRAY_SIZE(calls)]);
        if (i % 16)
            continue;
        evil_try(own_watchdog, NULL);
        evil_try(words, NULL);
    }
    stop = true;
    while (!stopped) /* with interrupts off Bochs would never take this CPU away from us */
        let_in();
}
