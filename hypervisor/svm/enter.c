/* SPDX-License-Identifier: MIT */
/*
 * One guest entry and exit. The order matters: clear GIF, publish the domain that runs, check for
 * work a last time, compare flush generations, VMRUN. A request of another CPU after the check
 * arrives as an interrupt, which causes an exit at once. asid_prepare may rely on the flush by
 * VMRUN to reuse ASIDs, so VMRUN must follow it.
 *
 * Read next: world.S (the switch itself), deliver.c, exits.c.
 */
#include "core/vcpu.h"
#include "cpu/trace.h"
#include "cpu/watchdog.h"
#include "hw.h"
#include "percpu.h"
#include "svm/asid.h"
#include "svm/exits.h"
#include "svm/deliver.h"
#include "svm/switch.h"
#include "svm/vmcb.h"
#include "svm/world.h"

#define CHECK_OFFSET(name, reg) \
    _Static_assert(offsetof(struct guest_regs, reg) == REGS_##name, "world.S reads " #reg)
CHECK_OFFSET(RCX, rcx);
CHECK_OFFSET(RDX, rdx);
CHECK_OFFSET(RBX, rbx);
CHECK_OFFSET(RBP, rbp);
CHECK_OFFSET(RSI, rsi);
CHECK_OFFSET(RDI, rdi);
CHECK_OFFSET(R8, r8);

static inline void clgi(void) { __asm__ volatile("clgi" ::: "memory"); }
static inline void stgi(void) { __asm__ volatile("stgi" ::: "memory"); }

static void trace_exit(const struct vcpu *v, const struct vmcb *vmcb)
{
    trace_write(&(struct cleave_trace_record){ .event = CLEAVE_TRACE_exit,
                                               .domain = v->d->id,
                                               .vcpu = (uint16_t)v->id,
                                               .words = { vmcb->exitcode, vmcb->rip } });
}

bool hw_enter(struct cpu *c, struct vcpu *v, struct exit *e)
{
    struct vmcb *vmcb = v->hw.vmcb;

    clgi();
    __atomic_store_n(&c->guest_domain, v->d, __ATOMIC_SEQ_CST);
    bool entered = likely(!READ_ONCE(c->softirq));
    if (entered) {
        asid_prepare(c, v);
        watchdog_stretch_end(c);
        switch_load(v);
        vmcb->rax = v->regs.rax;
        vmcb->rsp = v->regs.rsp;
        world_switch(mfn_to_paddr(v->hw.vmcb_mfn), &v->regs);
        v->regs.rax = vmcb->rax;
        v->regs.rsp = vmcb->rsp;
        watchdog_stretch_begin(c, v, vmcb->exitcode, vmcb->rax);
    } else {
        deliver_cancel(v);
    }
    c->guest_entries++;
    __atomic_store_n(&c->guest_domain, NULL, __ATOMIC_RELEASE);
    stgi();
    if (entered) {
        if (trace_on(CLEAVE_TRACE_exit))
            trace_exit(v, vmcb);
        deliver_recover(v);
        exits_decode(v, e);
    }
    return entered;
}
