/* SPDX-License-Identifier: MIT */
/*
 * The run loop of each CPU: run softirqs, pick a vcpu, enter it, handle its exits. There is one
 * stack per CPU and nothing sleeps in the core, so there is no other control flow.
 *
 * Read next: ../svm/enter.c, exit.c.
 */
#include "guest/run.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "core/vcpu_timer.h"
#include "cpu.h"
#include "cpu/apic.h"
#include "cpu/softirq.h"
#include "cpu/watchdog.h"
#include "guest/exit.h"
#include "guest/inject.h"
#include "hw.h"
#include "hypercall/runstate.h"
#include "percpu.h"

/* Enters v once. False: not entered, other work is pending on this CPU. */
static bool enter_guest(struct cpu *c, struct vcpu *v)
{
    inject_prepare(v);
    bool entered = hw_enter(c, v, &v->exit);
    inject_finish(v);
    return entered;
}

/*
 * Runs v until this CPU has other work. A vcpu that waited in an exit handler handles the same exit
 * again, before anything is injected: its VMCB has not changed.
 */
static void run_vcpu(struct cpu *c, struct vcpu *v)
{
    c->current = v;
    while (!READ_ONCE(c->softirq)) {
        if (unlikely(v->exit_again)) {
            v->exit_again = false;
            v->exit.again = true;
        } else if (!enter_guest(c, v)) {
            break;
        }
        exit_handle(v, &v->exit);
    }
    c->current = NULL;
}

/*
 * Switches this CPU to next, NULL for idle. Other CPUs may run the previous vcpu once it is saved.
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

/* Halts until an interrupt, unless a softirq is pending. */
static void idle_cpu(struct cpu *c)
{
    __atomic_store_n(&c->idle, true, __ATOMIC_SEQ_CST);
    apic_recheck();
    watchdog_stretch_end(c);
    /* STI's shadow covers HLT: an interrupt after the check still ends the HLT. */
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
        irq_window(); /* softirqs that raise softirqs must not block interrupts */
        watchdog_stretch_begin(c, NULL, 0, 0);
        softirq_run();
        struct vcpu *v = sched_pick();

        if (v != c->vcpu)
            switch_to(c, v);
        if (!v) {
            idle_cpu(c);
            continue;
        }
        runstate_update(v);
        run_vcpu(c, v);
    }
}
