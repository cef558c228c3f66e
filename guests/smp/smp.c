/* SPDX-License-Identifier: MIT */
/*
 * Tests several vCPUs. Each is started by INIT and SIPI (with "initialise" by VCPUOP_initialise,
 * odd ones in 32-bit mode) and reports itself. Then all count under one lock, answer IPIs by event
 * channel and by APIC, and sleep with their own timers. Prints "smp: ok" at the end, or "smp:
 * FAILED" with the reason.
 */
#include "apic.h"
#include "cleave-schema.h"
#include "evtchn.h"
#include "hypercall.h"
#include "smp.h"
#include "store.h"
#include "time.h"
#include "trap.h"

#include <xen/vcpu.h>

#define COUNTS 2000
#define IPIS 100
#define SLEEPS 20
#define SLEEP (5 * NS_PER_MS)
#define VECTOR_IPI 0x60

enum phase { WAITING, COUNTING, ANSWERING, SLEEPING };

static volatile enum phase phase;
static unsigned done; /* vCPUs that completed the phase; atomic */
static lock_t count_lock;
static volatile uint64_t counter;
static volatile uint32_t events[SMP_MAX], ipis[SMP_MAX];
static uint64_t latest[SMP_MAX]; /* maximum delay after a sleep, in ns */
static int failures;

static void fail(const char *what, unsigned vcpu, uint64_t got, uint64_t wanted)
{
    printf("smp: FAILED: %s on vCPU %u: %lu, wanted %lu\n", what, vcpu, got, wanted);
    failures++;
}

static void expect(const char *what, unsigned vcpu, long got, long wanted)
{
    if (got != wanted)
        fail(what, vcpu, got, wanted);
}

static long vcpu_op(unsigned op, unsigned vcpu, void *arg)
{
    return hypercall(__HYPERVISOR_vcpu_op, op, vcpu, (uint64_t)arg, 0, 0);
}

static void on_event(evtchn_port_t port, void *arg)
{
    (void)port;
    events[(uint64_t)arg]++;
}

static void on_ipi(struct trap_frame *frame)
{
    (void)frame;
    ipis[vcpu_this()->id]++;
    apic_eoi();
}

static void count(void)
{
    for (unsigned i = 0; i < COUNTS; i++) {
        lock_take(&count_lock);
        counter = counter + 1;
        lock_drop(&count_lock);
    }
}

static void sleep_often(unsigned id)
{
    for (unsigned i = 0; i < SLEEPS; i++) {
        uint64_t end = time_now() + SLEEP, late;

        time_sleep(SLEEP);
        late = time_now() - end;
        if (late > latest[id])
            latest[id] = late;
    }
}

static void await_phase(enum phase next)
{
    while (phase < next)
        cpu_relax();
}

/* Runs on all vCPUs but the first, which does the same between the phases. */
static void second(void)
{
    unsigned id = vcpu_this()->id;

    await_phase(COUNTING);
    count();
    __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
    await_phase(ANSWERING);
    irq_on();
    await_phase(SLEEPING);
    irq_off();
    sleep_often(id);
    __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
    for (;;)
        irq_wait();
}

static void await_done(unsigned n, const char *what)
{
    uint64_t end = time_now() + 30 * NS_PER_S;

    while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < n)
        if (time_now() > end)
            trap_panic("smp: FAILED: %s: only %u of %u vCPUs are through after 30 s", what, done,
                       n);
    done = 0;
}

static bool await_count(volatile uint32_t *value, uint32_t wanted)
{
    for (uint64_t end = time_now() + 30 * NS_PER_S; *value < wanted;)
        if (time_now() > end)
            return false;
    return true;
}

/* Sends one at a time and waits for each, so that none is merged with the previous one. */
static void send_ipis(unsigned id, evtchn_port_t port)
{
    uint64_t start = time_now(), middle;

    for (unsigned i = 1; i <= IPIS; i++) {
        evtchn_send(port);
        if (!await_count(&events[id], i)) {
            fail("event IPIs", id, events[id], i);
            break;
        }
    }
    middle = time_now();
    for (unsigned i = 1; i <= IPIS; i++) {
        apic_icr(smp_vcpus[id].apic_id, APIC_ICR_FIXED | VECTOR_IPI);
        if (!await_count(&ipis[id], i)) {
            fail("APIC IPIs", id, ipis[id], i);
            break;
        }
    }
    printf("smp: vCPU %u: %lu ns an event IPI and back, %lu ns an APIC IPI\n", id,
           (middle - start) / IPIS, (time_now() - middle) / IPIS);
}

/* Checks what VCPUOP_initialise must refuse, and that refusals have no effect. */
static void refusals(unsigned id)
{
    struct vcpu_hvm_context c = smp_context(true);

    expect("up before it has a state", id, vcpu_op(VCPUOP_up, id, NULL), -XEN_EINVAL);
    expect("a context that is nowhere", id, vcpu_op(VCPUOP_initialise, id, (void *)-4096UL),
           -XEN_EFAULT);
    expect("a context for itself", 0, vcpu_op(VCPUOP_initialise, 0, &c), -XEN_EEXIST);
    c.mode = 2;
    expect("an unknown mode", id, vcpu_op(VCPUOP_initialise, id, &c), -XEN_EINVAL);
    c = smp_context(true);
    c.cpu_regs.x86_64.cr4 |= 1 << 12;
    expect("LA57", id, vcpu_op(VCPUOP_initialise, id, &c), -XEN_EINVAL);
    c = smp_context(true);
    c.cpu_regs.x86_64.efer = 0;
    expect("64-bit mode without EFER.LME", id, vcpu_op(VCPUOP_initialise, id, &c), -XEN_EINVAL);
    c = smp_context(false);
    c.cpu_regs.x86_32.ss_ar = 0xc9a;
    expect("a stack in code", id, vcpu_op(VCPUOP_initialise, id, &c), -XEN_EINVAL);
    c = smp_context(false);
    c.cpu_regs.x86_32.tr_ar = 0;
    expect("no TSS", id, vcpu_op(VCPUOP_initialise, id, &c), -XEN_EINVAL);
    expect("and still down", id, vcpu_op(VCPUOP_is_up, id, NULL), 0);
}

static int start(unsigned id)
{
    struct vcpu_hvm_context c;
    int rc;

    if (!cmdline_has("initialise"))
        return smp_start(id, second);
    refusals(id);
    rc = smp_start_by_context(id, second, id % 2 == 0);
    c = smp_context(true);
    expect("a second time", id, vcpu_op(VCPUOP_initialise, id, &c), -XEN_EEXIST);
    return rc;
}

static void start_all(evtchn_port_t *ports)
{
    for (unsigned id = 1; id < SMP_MAX; id++) {
        int rc;

        if (!smp_vcpus[id].exists)
            continue;
        rc = evtchn_bind_ipi(id);
        if (rc < 0)
            trap_panic("smp: FAILED: no IPI port for vCPU %u: %d", id, rc);
        ports[id] = rc;
        evtchn_handle(ports[id], on_event, (void *)(uint64_t)id);
        rc = start(id);
        if (rc)
            trap_panic("smp: FAILED: vCPU %u does not start: %d", id, rc);
        printf("smp: vCPU %u runs, APIC id %u\n", id, smp_vcpus[id].apic_id);
    }
}

int guest_main(void)
{
    evtchn_port_t ports[SMP_MAX];
    unsigned n = smp_count();

    trap_set_irq(VECTOR_IPI, on_ipi);
    printf("smp: %u vCPUs, %s\n", n, apic_is_x2apic() ? "x2APIC" : "xAPIC");
    start_all(ports);

    phase = COUNTING;
    count();
    await_done(n - 1, "counting");
    if (counter != (uint64_t)COUNTS * n)
        fail("counting", 0, counter, (uint64_t)COUNTS * n);

    phase = ANSWERING;
    for (unsigned id = 1; id < SMP_MAX; id++)
        if (smp_vcpus[id].exists)
            send_ipis(id, ports[id]);

    phase = SLEEPING;
    sleep_often(0);
    await_done(n - 1, "sleeping");
    for (unsigned id = 0; id < SMP_MAX; id++)
        if (smp_vcpus[id].exists)
            printf("smp: vCPU %u slept %u times, at most %lu us late\n", id, SLEEPS,
                   latest[id] / 1000);

    store_write(SCHEMA_DATA_RESULT, failures ? "failed" : "ok");
    printf("smp: %s, %u vCPUs\n", failures ? "FAILED" : "ok", n);
    return failures;
}
