/* SPDX-License-Identifier: MIT */
/*
 * The PV clock: system time = system_time + (TSC - tsc_timestamp) scaled, read between two equal
 * even versions. The one-shot timer raises VIRQ_TIMER.
 */
#include "time.h"

#include <xen/vcpu.h>

#include "evtchn.h"
#include "hypercall.h"
#include "smp.h"
#include "trap.h"

static unsigned ports[SMP_MAX];

static uint64_t scale(uint64_t ticks, uint32_t mul, int8_t shift)
{
    ticks = shift < 0 ? ticks >> -shift : ticks << shift;
    return (unsigned __int128)ticks * mul >> 32;
}

uint64_t time_now(void)
{
    const volatile struct vcpu_time_info *t = &vcpu_this()->info->time;
    uint32_t version;
    uint64_t now;

    do {
        version = t->version;
        asm volatile("lfence" ::: "memory");
        now = t->system_time +
              scale(rdtsc() - t->tsc_timestamp, t->tsc_to_system_mul, t->tsc_shift);
        asm volatile("lfence" ::: "memory");
    } while ((version & 1) || version != t->version);
    return now;
}

uint64_t time_wall(void)
{
    const volatile struct shared_info *s = evtchn_shared;
    uint32_t version;
    uint64_t ns;

    do {
        version = s->wc_version;
        asm volatile("" ::: "memory");
        ns = (s->wc_sec | (uint64_t)s->wc_sec_hi << 32) * NS_PER_S + s->wc_nsec;
        asm volatile("" ::: "memory");
    } while ((version & 1) || version != s->wc_version);
    return (ns + time_now()) / NS_PER_S;
}

/* The event only needs to wake irq_wait. */
static void timer_event(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
}

void time_init_vcpu(void)
{
    unsigned id = vcpu_this()->id;
    int port = evtchn_bind_virq(VIRQ_TIMER, id);

    if (port < 0)
        trap_panic("vCPU %u: VIRQ_TIMER cannot be bound: %d", id, port);
    hypercall_vcpu(VCPUOP_stop_periodic_timer, id, NULL);
    ports[id] = port;
    evtchn_handle(port, timer_event, NULL);
}

unsigned time_port(void) { return ports[vcpu_this()->id]; }

int time_set_timer(uint64_t when)
{
    struct vcpu_set_singleshot_timer arg = { .timeout_abs_ns = when };

    return hypercall_vcpu(VCPUOP_set_singleshot_timer, vcpu_this()->id, &arg);
}

void time_spin(uint64_t ns)
{
    for (uint64_t end = time_now() + ns; time_now() < end;)
        cpu_relax();
}

void time_sleep(uint64_t ns)
{
    uint64_t end = time_now() + ns;

    while (time_now() < end) {
        time_set_timer(end);
        irq_wait();
    }
}
