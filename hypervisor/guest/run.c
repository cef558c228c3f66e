/* SPDX-License-Identifier: MIT */
/*
 * The loop that each CPU runs for ever: do what interrupts asked for, take the vcpu that the
 * scheduler gives, enter it, handle its exit. There is one stack a CPU and nothing sleeps in the
 * core, so this is all there is of control flow.
 *
 * Read next: ../svm/enter.c (how a guest is entered), exit.c (what its exits mean).
 */
#include "guest/run.h"
#include "core/sched.h"
#include "core/vcpu_timer.h"
#include "cpu.h"
#include "cpu/apic.h"
#include "cpu/softirq.h"
#include "cpu/watchdog.h"
#include "guest/exit.h"
#include "hw.h"
#include "hypercall/runstate.h"
#include "percpu.h"

static void run_vcpu(struct cpu *c, struct vcpu *v)
{
    struct exit e;

    c->current = v;
    while (!READ_ONCE(c->softirq) && hw_enter(c, v, &e))
        exit_handle(v, &e);
    c->current = NULL;
}

/*
 * Gives this CPU to next, which is NULL for idle. Others may take the vcpu before it once it is
 * saved.
 */
static void switch_to(struct cpu *c, struct vcpu *next)
{
    struct vcpu *prev = c->vcpu;

    if (prev) {
        hw_switch_out(c, prev, !next);
        vcpu_timer_suspend(prev);
        sched_leave(prev);
    }
    if (next) {
        hw_switch_in(c, next);
        vcpu_timer_resume(next);
    }
}

/* One HLT, until something is pending on this CPU. */
static void idle(struct cpu *c)
{
    __atomic_store_n(&c->idle, true, __ATOMIC_SEQ_CST);
    apic_recheck();
    watchdog_stretch_end(c);
    /* The interrupt shadow of STI covers HLT: what comes after the look wakes it. */
    if (!__atomic_load_n(&c->softirq, __ATOMIC_SEQ_CST))
        __asm__ volatile("sti; hlt; cli" ::: "memory");
    else
        irq_window();
    watchdog_stretch_begin(c, NULL, 0, 0);
    __atomic_store_n(&c->idle, false, __ATOMIC_SEQ_CST);
}

noreturn void run_cpu(void)
{
    struct cpu *c = this_cpu();

    for (;;) {
        watchdog_stretch_end(c);
        irq_window(); /* softirqs that raise softirqs must not keep interrupts out */
        watchdog_stretch_begin(c, NULL, 0, 0);
        softirq_run();
        struct vcpu *v = sched_pick();

        if (v != c->vcpu)
            switch_to(c, v);
        if (!v) {
            idle(c);
            continue;
        }
        runstate_update(v);
        run_vcpu(c, v);
    }
}
