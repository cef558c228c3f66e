/* SPDX-License-Identifier: MIT */
/*
 * Measures the cost of single operations in TSC ticks: the minimum of many rounds, minus the
 * overhead of measuring. With `ICOUNT=1` on one CPU a tick is one executed instruction, so the
 * numbers are exact and reproducible; otherwise they are times. Prints one line per row: "bench
 * NAME VALUE". Starts in xAPIC mode ("xapic" in the VM file) to measure the APIC page; x2APIC mode
 * comes last. With "rows=two" in extra and vcpus=2, only the rows with two vCPUs. mark.h: how the
 * bench rig counts other events.
 */
#include "apic.h"
#include "evtchn.h"
#include "grant.h"
#include "hypercall.h"
#include "mark.h"
#include "mem.h"
#include "smp.h"
#include "time.h"
#include "trap.h"

#include <xen/sched.h>
#include <xen/version.h>

#define ROUNDS 500
#define PAGES 512
#define NEVER (NS_PER_S * 3600)
#define SOON (NS_PER_S / 5000)
#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2APIC 0x400

static uint64_t overhead;
static uint64_t gfns[PAGES];
static evtchn_port_t self_port, ipi_port;
static volatile uint64_t handler_at;
static volatile uint32_t *hole;

/*
 * Measures one round of op in ticks. Interrupts are off, unless a row enables them, to exclude
 * unrelated events.
 */
static uint64_t ticks_of(void (*op)(void))
{
    uint64_t ticks;

    MARK_BEGIN;
    ticks = rdtsc();
    op();
    ticks = rdtsc() - ticks;
    MARK_END;
    return ticks;
}

/* Lets dom0 process the output, so that no pending interrupt adds to the cost of exits. */
static void settle(void)
{
    irq_on();
    time_sleep(20 * NS_PER_MS);
    irq_off();
}

static uint64_t least(void (*op)(void), unsigned rounds)
{
    uint64_t best = ~0UL;

    settle();
    while (rounds--) {
        uint64_t ticks = ticks_of(op);

        if (ticks < best)
            best = ticks;
    }
    return best;
}

static void nothing(void) { asm volatile("" ::: "memory"); }
static void op_cpuid(void) { cpuid(1, 0); }
static void op_version(void) { hypercall2(__HYPERVISOR_xen_version, XENVER_version, NULL); }
static void op_unknown(void) { hypercall2(63, 0, NULL); }
static void op_yield(void) { hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, NULL); }
static void op_timer(void) { time_set_timer(NEVER); }
static void op_apic_page(void) { (void)*(volatile uint32_t *)(APIC_MMIO + APIC_VERSION * 16); }
static void op_hole(void) { (void)*hole; }
static void op_apic_msr(void) { rdmsr(0x800 + APIC_VERSION); }
static void op_give(void) { mem_give(gfns, PAGES); }
static void op_take(void) { mem_take(gfns, PAGES); }

static void op_extraversion(void)
{
    static xen_extraversion_t text;

    hypercall2(__HYPERVISOR_xen_version, XENVER_extraversion, text);
}

/* Clears the pending bits like a handler, so that each send delivers an upcall. */
static void op_send(void)
{
    struct vcpu_info *info = vcpu_this()->info;

    evtchn_clear(self_port);
    info->evtchn_upcall_pending = 0;
    info->evtchn_pending_sel = 0;
    evtchn_send(self_port);
}

static void op_bind_close(void) { evtchn_close(evtchn_bind_ipi(0)); }

static void op_query_size(void)
{
    struct gnttab_query_size arg = { .dom = DOMID_SELF };

    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, &arg, 1);
}

static void on_event(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
    handler_at = rdtsc();
}

/*
 * Measures from the hypercall that raises the event to the start of its handler, with interrupts
 * on.
 */
static uint64_t until_handler(void (*op)(void))
{
    uint64_t best = ~0UL;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start;

        handler_at = 0;
        irq_on();
        MARK_BEGIN;
        start = rdtsc();
        op();
        while (!handler_at)
            cpu_relax();
        MARK_END;
        irq_off();
        if (handler_at - start < best)
            best = handler_at - start;
    }
    return best;
}

/*
 * Measures from the timer's expiry to the start of its handler, while the guest only computes. A
 * tick is a nanosecond here.
 */
static uint64_t fire_to_handler(void)
{
    uint64_t best = ~0UL;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t due = rdtsc() + SOON;

        handler_at = 0;
        time_set_timer(time_now() + SOON);
        irq_on();
        MARK_BEGIN;
        while (!handler_at)
            cpu_relax();
        MARK_END;
        irq_off();
        if (handler_at - due < best)
            best = handler_at - due;
    }
    return best;
}

static void op_event(void) { evtchn_send(self_port); }
static void op_timer_past(void) { time_set_timer(1); }

static void print(const char *name, uint64_t ticks)
{
    MARK_ROW;
    printf("bench %s %lu\n", name, ticks > overhead ? ticks - overhead : 0);
}

static void bench_events(void)
{
    int port = evtchn_bind_ipi(0), timer;

    if (port < 0)
        trap_panic("bench: no port: %d", port);
    self_port = port;
    evtchn_handle(self_port, on_event, NULL);
    print("evtchn_send_self", least(op_send, ROUNDS));
    print("evtchn_bind_close", least(op_bind_close, ROUNDS));
    print("evtchn_send_to_handler", until_handler(op_event));
    timer = time_port();
    evtchn_handle(timer, on_event, NULL);
    print("timer_past_to_handler", until_handler(op_timer_past));
    print("timer_fire_to_handler", fire_to_handler());
}

static void bench_memory(void)
{
    uint64_t first = mem_pages(PAGES), out = ~0UL, in = ~0UL;

    for (unsigned i = 0; i < PAGES; i++)
        gfns[i] = (first >> PAGE_SHIFT) + i;
    for (unsigned round = 0; round < 5; round++) {
        uint64_t ticks = ticks_of(op_give);

        out = ticks < out ? ticks : out;
        op_take();
    }
    print("balloon_out_512", out / PAGES);
    for (unsigned round = 0; round < 5; round++) {
        uint64_t ticks;

        op_give();
        ticks = ticks_of(op_take);
        in = ticks < in ? ticks : in;
    }
    print("balloon_in_512", in / PAGES);
}

/* --- two vCPUs --- */

static volatile uint32_t turn;

static void on_ipi_event(evtchn_port_t port, void *arg)
{
    (void)port;
    *(volatile uint32_t *)arg = 0;
}

/* turn 1: return it by yielding; turn 2: sleep until an event. */
static void partner(void)
{
    while (turn != 2) {
        if (turn == 1)
            turn = 0;
        op_yield();
    }
    turn = 0;
    for (;;)
        irq_wait();
}

static void op_switch(void)
{
    turn = 1;
    while (turn)
        op_yield();
}

static void op_wake(void)
{
    turn = 2;
    evtchn_send(ipi_port);
    while (turn)
        op_yield();
}

static void bench_two(void)
{
    int rc = evtchn_bind_ipi(1);

    if (rc < 0 || smp_start(1, partner))
        trap_panic("bench: vCPU 1 does not start");
    ipi_port = rc;
    evtchn_handle(ipi_port, on_ipi_event, (void *)&turn);
    print("yield_there_and_back", least(op_switch, ROUNDS));
    turn = 2;
    while (turn)
        op_yield();
    print("wake_halted_vcpu_and_back", least(op_wake, ROUNDS));
}

int guest_main(void)
{
    static const struct {
        const char *name;
        void (*op)(void);
    } rows[] = {
        { "cpuid", op_cpuid },
        { "hypercall_xen_version", op_version },
        { "hypercall_extraversion_copyout", op_extraversion },
        { "hypercall_enosys", op_unknown },
        { "sched_yield", op_yield },
        { "set_singleshot_timer", op_timer },
        { "gnttab_query_size", op_query_size },
        { "lapic_mmio_read", op_apic_page },
        { "nested_fault_hole_read", op_hole },
    };

    overhead = least(nothing, ROUNDS);
    printf("bench: start, %lu ticks for nothing\n", overhead);
    if (cmdline_value("rows")) {
        bench_two();
        printf("bench: done\n");
        return 0;
    }
    hole = (volatile uint32_t *)mem_hole(1);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].op != op_apic_page || !apic_is_x2apic())
            print(rows[i].name, least(rows[i].op, ROUNDS));
    bench_events();
    bench_memory();
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
    print("x2apic_msr_read", least(op_apic_msr, ROUNDS));
    printf("bench: done\n");
    return 0;
}
