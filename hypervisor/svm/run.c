/* SPDX-License-Identifier: MIT */
/*
 * The loop that each CPU runs for ever: do what interrupts asked for, take the vcpu that the scheduler gives,
 * enter it, handle its exit. There is one stack a CPU and nothing sleeps in the core, so this is all there is
 * of control flow.
 *
 * Order that matters: clear GIF, say whom we run, look for work a last time, compare flush generations,
 * VMRUN. What another CPU asks of us after that look arrives as an interrupt, which makes the guest exit at
 * once. The comparison may ask VMRUN for the flush that makes used ASIDs fresh again, so one must follow.
 *
 * Read next: world.S (the switch itself), exit.c (what an exit means), inject.c.
 */
#include "cpu.h"
#include "vmcb.h"

static inline void clgi(void) { __asm__ volatile("clgi" ::: "memory"); }
static inline void stgi(void) { __asm__ volatile("stgi" ::: "memory"); }

/* One entry and exit. False: something came up first. */
static bool enter(struct cpu *c, struct vcpu *v)
{
    inject_prepare(v);
    clgi();
    __atomic_store_n(&c->guest_domain, v->d, __ATOMIC_SEQ_CST);
    bool entered = likely(!READ_ONCE(c->softirq));
    if (entered) {
        tlb_prepare(c, v);
        watchdog_stretch_end(c);
        switch_load(v);
        world_switch(mfn_to_paddr(v->vmcb_mfn), &v->regs);
        watchdog_stretch_begin(c, v, v->vmcb->exitcode, v->vmcb->rax);
    } else {
        inject_cancel(v);
    }
    c->guest_entries++;
    __atomic_store_n(&c->guest_domain, NULL, __ATOMIC_RELEASE);
    stgi();
    return entered;
}

static void run_vcpu(struct cpu *c, struct vcpu *v)
{
    c->current = v;
    while (!READ_ONCE(c->softirq) && enter(c, v)) {
        inject_recover(v);
        exit_handle(v);
    }
    c->current = NULL;
}

noreturn void svm_run_cpu(void)
{
    struct cpu *c = this_cpu();

    for (;;) {
        watchdog_stretch_end(c);
        irq_window(); /* softirqs that raise softirqs must not keep interrupts out */
        watchdog_stretch_begin(c, NULL, 0, 0);
        softirq_run();
        struct vcpu *v = sched_pick();

        if (v)
            run_vcpu(c, v);
        else
            cpu_idle();
    }
}
