/* SPDX-License-Identifier: MIT */
/*
 * svm/inject.c, state.c and asid.c: what an entry delivers after combined exceptions, interrupted
 * deliveries, NMIs, and interrupts that were offered and taken or not. Also how an instruction is
 * skipped, and that no ASID is reused before a flush.
 */
#include "harness.h"
#include "cpu.h"
#include "cpu/features.h"
#include "cpu/softirq.h"
#include "mm/flush.h"
#include "percpu.h"
#include "svm/asid.h"
#include "guest/inject.h"
#include "svm/deliver.h"
#include "svm/switch.h"
#include "svm/vmcb.h"
#include "vdev/cpuid.h"
#include "vdev/lapic.h"

#define HLT 0xf4
#define CODE_64 0xa9b
#define CODE_32 0xc9b
#define VECTOR 0x41
#define ASIDS 4

static struct domain domain, other;
static struct vcpu vcpu;
static struct vmcb vmcb;
static vcpu_info_t info;
static unsigned int crashes, resets, kicks;
static uint8_t start_vector;              /* of the last reset by SIPI */
static int requested, accepted, returned; /* vectors of the local APIC; -1: none */
static uint8_t opcode;
static bool unread;

void domain_crash(struct vcpu *v, const char *fmt, ...) { crashes++; }
int lapic_highest_request(struct vcpu *v) { return requested; }
int lapic_highest_pending(struct vcpu *v)
{
    return requested >> 4 > (int)v->vdev.lapic.tpr >> 4 ? requested : -1;
}

uint64_t cpuid_guest_cr4_mask(struct domain *d) { return CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_TSD; }
void lapic_accept(struct vcpu *v, uint8_t vector) { accepted = vector; }
void lapic_return(struct vcpu *v, uint8_t vector) { returned = vector; }
void lapic_reset(struct vcpu *v, bool init)
{
    assert_true(init); /* its mode is kept */
    requested = -1;
}

void hw_reset_to_sipi(struct vcpu *v, uint8_t vector)
{
    resets++;
    start_vector = vector;
}

void switch_unload(struct vcpu *v) {}
uint64_t cpuid_guest_xcr0_mask(struct domain *d) { return 7; }
void softirq_kick(unsigned int cpu) { kicks++; }

int guest_copy(struct domain *d, const struct guest_paging *p, bool write, uint64_t src,
               uint8_t *dst, uint64_t size)
{
    assert_false(write);
    assert_int_equal(src, vmcb.rip);
    assert_int_equal(size, 1);
    memcpy(dst, &opcode, 1);
    return unread ? -EFAULT : 0;
}

static int setup(void **state)
{
    memset(&domain, 0, sizeof(domain));
    memset(&other, 0, sizeof(other));
    memset(&vcpu, 0, sizeof(vcpu));
    memset(&vmcb, 0, sizeof(vmcb));
    memset(&info, 0, sizeof(info));
    memset(cpus, 0, sizeof(cpus));
    vcpu.d = &domain;
    vcpu.hw.vmcb = &vmcb;
    vcpu.info = &info;
    vcpu.vdev.sipi_vector = vcpu.offered = -1;
    vcpu.vdev.lapic.irr[0] = 2; /* makes inject.c ask for the highest request, which is faked */
    vmcb.segment[SEG_CS].attributes = CODE_64;
    vmcb.efer = EFER_LMA;
    vmcb.rip = 0x1000;
    vmcb.rflags = RFLAGS_RESERVED | RFLAGS_IF;
    requested = accepted = returned = -1;
    crashes = resets = kicks = 0;
    opcode = 0x90;
    unread = false;
    return 0;
}

/* After an exit, and after an entry abandoned because of new work. */
static void come_back(void)
{
    deliver_recover(&vcpu);
    inject_finish(&vcpu);
}

static void turn_back(void)
{
    deliver_cancel(&vcpu);
    inject_finish(&vcpu);
}

/* --- events --- */

static uint64_t event(uint64_t type, unsigned int vector)
{
    return EVENT_VALID | type << 8 | vector;
}

static uint64_t exception(unsigned int vector, uint32_t error)
{
    bool has_error = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;

    return event(EVENT_TYPE_EXCEPTION, vector) |
           (has_error ? EVENT_HAS_ERROR | (uint64_t)error << 32 : 0);
}

static void error_codes(void **state)
{
    for (unsigned int vector = 0; vector < 20; vector++) {
        vcpu.hw.pending = 0;
        hw_inject_exception(&vcpu, vector, 5);
        inject_prepare(&vcpu);
        assert_int_equal(vmcb.eventinj, exception(vector, 5));
        assert_int_equal(vcpu.hw.pending, 0);
    }
    hw_inject_page_fault(&vcpu, 0x1234, 2);
    assert_int_equal(vmcb.cr2, 0x1234);
    assert_int_equal(vcpu.hw.pending, exception(EXC_PF, 2));
}

/*
 * APM vol. 2, 8.2.9: which pairs cause a double fault. Otherwise the second exception replaces the
 * first.
 */
static void exceptions_meet(void **state)
{
    static const unsigned int contributory[] = { 0, 10, 11, 12, 13 };
    static const unsigned int benign[] = { 1, 3, 5, 6, 7, 16, 17, 19 };

    for (unsigned int first = 0; first < 20; first++)
        for (unsigned int second = 0; second < 20; second++) {
            bool c1 = false, c2 = false, known = first == EXC_PF, known2 = second == EXC_PF;

            for (unsigned int i = 0; i < ARRAY_SIZE(contributory); i++) {
                c1 |= contributory[i] == first;
                c2 |= contributory[i] == second;
            }
            for (unsigned int i = 0; i < ARRAY_SIZE(benign); i++) {
                known |= benign[i] == first;
                known2 |= benign[i] == second;
            }
            if (!(known || c1) || !(known2 || c2))
                continue;
            bool is_double = (c1 && c2) || (first == EXC_PF && (second == EXC_PF || c2));

            vcpu.hw.pending = 0;
            hw_inject_exception(&vcpu, first, 7);
            hw_inject_exception(&vcpu, second, 9);
            assert_int_equal(vcpu.hw.pending,
                             is_double ? exception(EXC_DF, 0) : exception(second, 9));
        }
    assert_int_equal(crashes, 0);
    vcpu.hw.pending = exception(EXC_DF, 0);
    hw_inject_exception(&vcpu, EXC_PF, 0);
    assert_int_equal(crashes, 1);
    /* the double fault stays pending for the dump */
    assert_int_equal(vcpu.hw.pending, exception(EXC_DF, 0));
    vcpu.hw.pending = event(EVENT_TYPE_NMI, 2);
    hw_inject_exception(&vcpu, EXC_GP, 0);
    assert_int_equal(vcpu.hw.pending, exception(EXC_GP, 0));
}

/*
 * A delivery that an exit interrupted is repeated, except for what the instruction at RIP raises
 * again.
 */
static void deliveries_are_repeated(void **state)
{
    const struct {
        uint64_t event;
        bool again;
    } cases[] = {
        { event(0, VECTOR), true },
        { event(EVENT_TYPE_NMI, 2), true },
        { exception(EXC_PF, 6), true },
        { exception(EXC_DF, 0), true },
        { exception(1, 0), true },
        { event(EVENT_TYPE_SOFT, 0x80), false },
        { exception(3, 0), false },
        { exception(4, 0), false },
        { event(0, VECTOR) & ~EVENT_VALID, false },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        vmcb.exitintinfo = cases[i].event;
        come_back();
        assert_int_equal(vmcb.exitintinfo, 0);
        inject_prepare(&vcpu);
        assert_int_equal(vmcb.eventinj, cases[i].again ? cases[i].event : 0);
        vmcb.eventinj = 0;
    }
    vmcb.exitintinfo = exception(EXC_PF, 6); /* combined with what the core raises meanwhile */
    come_back();
    hw_inject_exception(&vcpu, EXC_GP, 0);
    assert_int_equal(vcpu.hw.pending, exception(EXC_DF, 0));
}

static void nmi_until_iret(void **state)
{
    vcpu.vdev.nmi_pending = true;
    vcpu.hw.pending = exception(EXC_UD, 0); /* goes first */
    inject_prepare(&vcpu);
    assert_int_equal(vmcb.eventinj, exception(EXC_UD, 0));
    come_back();
    inject_prepare(&vcpu);
    assert_int_equal(vmcb.eventinj, event(EVENT_TYPE_NMI, 2));
    assert_true(bit_test(vmcb.intercepts, VMEXIT_IRET));
    assert_false(vcpu.vdev.nmi_pending);
    come_back();

    vcpu.vdev.nmi_pending = true; /* in its handler */
    inject_prepare(&vcpu);
    assert_int_equal(vmcb.eventinj, 0);
    come_back();
    deliver_iret(&vcpu); /* the IRET, which has not executed yet */
    assert_false(bit_test(vmcb.intercepts, VMEXIT_IRET));
    requested = VECTOR;
    inject_prepare(&vcpu);
    assert_int_equal(vmcb.eventinj, 0);
    assert_int_equal(accepted, -1);
    assert_true(vmcb.rflags & RFLAGS_TF);
    vmcb.rflags &= ~RFLAGS_TF; /* popped */
    vmcb.dr6 |= DR6_SINGLE_STEP;
    come_back();
    assert_true(deliver_stepped(&vcpu));
    assert_int_equal(vmcb.dr6, 0);
    inject_prepare(&vcpu);
    assert_int_equal(vmcb.eventinj, event(EVENT_TYPE_NMI, 2));
    turn_back(); /* entry abandoned: it must not get lost */
    inject_prepare(&vcpu);
    assert_int_equal(vmcb.eventinj, event(EVENT_TYPE_NMI, 2));
}

/* The exit at an NMI's IRET, and its execution, which raises these bits of DR6. */
static void step_over_iret(uint64_t raised)
{
    deliver_iret(&vcpu);
    assert_true(vmcb.rflags & RFLAGS_TF);
    vmcb.rflags &= ~RFLAGS_TF;
    vmcb.dr6 |= DR6_SINGLE_STEP | raised;
}

/*
 * The trap after an NMI's IRET is delivered to the guest if it single-steps or has a breakpoint
 * there.
 */
static void traps_of_the_guest_behind_iret(void **state)
{
    assert_false(deliver_stepped(&vcpu)); /* any other #DB */
    vmcb.rflags |= RFLAGS_TF;
    step_over_iret(0);
    assert_false(deliver_stepped(&vcpu));
    assert_int_equal(vmcb.dr6, DR6_SINGLE_STEP);
    step_over_iret(0); /* a stale BS */
    assert_true(deliver_stepped(&vcpu));
    assert_int_equal(vmcb.dr6, DR6_SINGLE_STEP);
    vmcb.dr6 = 0xffff0ff0 | 2; /* and a stale breakpoint */
    step_over_iret(0);
    assert_true(deliver_stepped(&vcpu));
    step_over_iret(4);
    assert_false(deliver_stepped(&vcpu));
    assert_int_equal(vmcb.dr6, 0xffff0ff0 | 6);
    assert_false(vcpu.hw.nmi_blocked);
}

static void sipi(void **state)
{
    static const uint8_t vectors[] = { 9, 0, 255 };

    for (unsigned int i = 0; i < ARRAY_SIZE(vectors); i++) {
        requested = VECTOR;
        vcpu.vdev.sipi_vector = vectors[i];
        inject_prepare(&vcpu);
        inject_prepare(&vcpu);
        assert_int_equal(resets, i + 1);
        assert_int_equal(start_vector, vectors[i]);
        assert_int_equal(vcpu.vdev.sipi_vector, -1);
        assert_int_equal(accepted, -1);
    }
}

/* --- interrupts --- */

static void offer(void)
{
    requested = VECTOR;
    accepted = returned = -1;
    inject_prepare(&vcpu);
    assert_int_equal(accepted, VECTOR);
    assert_int_equal(vmcb.vintr & VINTR_IRQ, VINTR_IRQ);
    assert_int_equal(vmcb.vintr >> VINTR_VECTOR_SHIFT, VECTOR);
    assert_int_equal(vmcb.vintr >> VINTR_PRIORITY_SHIFT & 0xf, VECTOR >> 4);
    assert_int_equal(vmcb.vintr & VINTR_IGNORE_TPR, 0);
    assert_int_equal(vmcb.vintr & VINTR_MASKING, VINTR_MASKING);
}

static void interrupts_are_offered(void **state)
{
    offer();
    come_back(); /* not taken */
    assert_int_equal(returned, VECTOR);
    offer();
    turn_back();
    assert_int_equal(returned, VECTOR);
    offer();
    vmcb.vintr &= ~VINTR_IRQ;
    come_back();
    assert_int_equal(returned, -1);
    requested = -1;
    inject_prepare(&vcpu);
    assert_int_equal(vmcb.vintr & VINTR_IRQ, 0);
    come_back();
    assert_int_equal(returned, -1);
}

/* Taken, but the push of its frame faulted: either way, it is delivered exactly once more. */
static void a_taken_interrupt_that_faults(void **state)
{
    offer();
    vmcb.vintr &= ~VINTR_IRQ; /* as CPUs report it */
    vmcb.exitintinfo = event(0, VECTOR);
    come_back();
    assert_int_equal(returned, -1);
    assert_int_equal(vcpu.hw.pending, event(0, VECTOR));
    vcpu.hw.pending = 0;
    offer();
    vmcb.exitintinfo = event(EVENT_TYPE_EXCEPTION, VECTOR); /* as QEMU reports it */
    come_back();
    assert_int_equal(returned, VECTOR);
    assert_int_equal(vcpu.hw.pending, 0);
}

/*
 * Taken, and reported as by QEMU: only EXITINTINFO records it. An exception with the number of the
 * offer is still an exception, and the offer stands.
 */
static void what_is_no_offer_is_repeated(void **state)
{
    offer();
    vmcb.vintr &= ~VINTR_IRQ;
    vmcb.exitintinfo = event(EVENT_TYPE_EXCEPTION, VECTOR);
    come_back();
    assert_int_equal(returned, -1);
    assert_int_equal(vcpu.hw.pending, event(EVENT_TYPE_EXCEPTION, VECTOR));
    for (unsigned int vector = 16; vector < 40; vector++) {
        requested = (int)vector;
        inject_prepare(&vcpu);
        assert_int_equal(accepted, vector);
        vmcb.exitintinfo = event(EVENT_TYPE_EXCEPTION, vector);
        come_back();
        assert_int_equal(returned, vector);
        assert_int_equal(vcpu.hw.pending, vector < 32 ? event(EVENT_TYPE_EXCEPTION, vector) : 0);
        vcpu.hw.pending = 0;
    }
}

/*
 * Nothing is accepted from the local APIC while an IRET is stepped over, and so nothing is
 * returned.
 */
static void nothing_is_offered_while_stepping(void **state)
{
    deliver_iret(&vcpu);
    requested = VECTOR;
    inject_prepare(&vcpu);
    assert_int_equal(vmcb.vintr & VINTR_IRQ, 0);
    assert_int_equal(accepted, -1);
    turn_back();
    assert_int_equal(returned, -1);
    inject_prepare(&vcpu);
    come_back();
    assert_int_equal(returned, -1);
}

/* An injected interrupt that faults again next to an offer: its ISR bit stays set until its EOI. */
static void an_interrupt_that_faults_twice(void **state)
{
    static const uint64_t again[] = { 0x31, 0x31 | EVENT_TYPE_EXCEPTION << 8, VECTOR };

    for (unsigned int i = 0; i < ARRAY_SIZE(again); i++) {
        offer();
        vmcb.exitintinfo = EVENT_VALID | again[i];
        come_back();
        assert_int_equal(returned, VECTOR); /* the offer */
        assert_int_equal(vcpu.hw.pending, EVENT_VALID | again[i]);
        vcpu.hw.pending = 0;
    }
}

/* An interrupt of the local APIC goes first, if it can: an exit follows its handler. */
static void the_callback_and_the_apic(void **state)
{
    static const uint8_t callbacks[] = { 0x20, 0xf3 };

    info.evtchn_upcall_pending = 1;
    for (unsigned int i = 0; i < ARRAY_SIZE(callbacks); i++) {
        domain.vdev.callback_vector = callbacks[i];
        offer();
        vmcb.vintr &= ~VINTR_IRQ;
        come_back();
        requested = -1; /* until its EOI */
        inject_prepare(&vcpu);
        assert_int_equal(vmcb.vintr >> VINTR_VECTOR_SHIFT, callbacks[i]);
        vmcb.vintr &= ~VINTR_IRQ;
        come_back();
    }
}

static void the_callback_bypasses_the_apic(void **state)
{
    domain.vdev.callback_vector = 0x20;
    info.evtchn_upcall_pending = 1;
    requested = VECTOR;
    vcpu.vdev.lapic.tpr = 0xf0;
    inject_prepare(&vcpu);
    assert_int_equal(vmcb.vintr >> VINTR_VECTOR_SHIFT, 0x20);
    assert_int_equal(vmcb.vintr & VINTR_IGNORE_TPR, VINTR_IGNORE_TPR);
    assert_int_equal(accepted, -1);
    come_back();
    assert_int_equal(returned, -1);
}

static void task_priority(void **state)
{
    vcpu.vdev.lapic.tpr = 0x35;
    inject_prepare(&vcpu);
    assert_int_equal(vmcb.vintr & VINTR_TPR_MASK, 3);
    come_back();
    assert_int_equal(vcpu.vdev.lapic.tpr, 0x35);
    vmcb.vintr = (vmcb.vintr & ~VINTR_TPR_MASK) | 9; /* by CR8, without an exit */
    come_back();
    assert_int_equal(vcpu.vdev.lapic.tpr, 0x90);
}

/*
 * STI; HLT: the handler returns after the HLT. Otherwise the guest would sleep after its wake-up.
 */
static void halt_in_a_shadow(void **state)
{
    vmcb.interrupt_shadow = 1;
    opcode = HLT;
    inject_prepare(&vcpu); /* nothing to offer */
    assert_int_equal(vmcb.rip, 0x1000);
    vmcb.rflags |= RFLAGS_TF;
    offer();
    assert_int_equal(vmcb.rip, 0x1001);
    assert_int_equal(vmcb.interrupt_shadow, 0);
    assert_int_equal(vcpu.hw.pending, 0);
    vmcb.interrupt_shadow = 1;
    opcode = 0x90;
    offer();
    assert_int_equal(vmcb.rip, 0x1001);
    assert_int_equal(vmcb.interrupt_shadow, 1);
    opcode = HLT;
    vmcb.rflags &= ~RFLAGS_IF; /* MOV SS; HLT: not taken after the shadow either */
    offer();
    assert_int_equal(vmcb.rip, 0x1001);
    vmcb.rflags |= RFLAGS_IF;
    vmcb.interrupt_shadow = 0; /* a HLT not reached yet */
    offer();
    assert_int_equal(vmcb.rip, 0x1001);
}

/* A second exit before the HLT, at whose entry the shadow was dropped. */
static void a_shadow_lasts_for_its_instruction(void **state)
{
    opcode = HLT;
    vmcb.interrupt_shadow = 1;
    inject_prepare(&vcpu);
    come_back();
    for (int i = 0; i < 3; i++) {
        vmcb.interrupt_shadow = 0;
        come_back();
        assert_int_equal(vmcb.interrupt_shadow, 1);
    }
    offer();
    assert_int_equal(vmcb.rip, 0x1001);
    assert_int_equal(vmcb.interrupt_shadow, 0);
    come_back();
    assert_int_equal(vmcb.interrupt_shadow, 0);
    vmcb.rip = 0x1000; /* come to without STI */
    come_back();
    assert_int_equal(vmcb.interrupt_shadow, 0);
}

/* Code that is paged: the interrupt waits until the guest has met that. */
static void an_unread_halt_is_offered_nothing(void **state)
{
    vmcb.interrupt_shadow = 1;
    opcode = HLT;
    unread = true;
    requested = VECTOR;
    inject_prepare(&vcpu);
    assert_false(vmcb.vintr & VINTR_IRQ);
    assert_int_equal(accepted, -1);
    unread = false;
    inject_prepare(&vcpu);
    assert_true(vmcb.vintr & VINTR_IRQ);
    assert_int_equal(accepted, VECTOR);
    assert_int_equal(vmcb.rip, 0x1001);
}

/* Bit 1 of the interrupt shadow field has another meaning (APM vol. 2, 15.21.5). */
static void when_a_guest_takes_interrupts(void **state)
{
    for (unsigned int shadow = 0; shadow < 4; shadow++)
        for (unsigned int on = 0; on < 2; on++) {
            vmcb.interrupt_shadow = shadow;
            vmcb.rflags = RFLAGS_RESERVED | RFLAGS_TF | (on ? RFLAGS_IF : 0);
            assert_int_equal(hw_interrupts_enabled(&vcpu), on && !(shadow & 1));
        }
}

/* --- state.c --- */

static void instructions_are_skipped(void **state)
{
    vmcb.interrupt_shadow = 1;
    hw_skip(&vcpu, 2);
    assert_int_equal(vmcb.rip, 0x1002);
    assert_int_equal(vmcb.interrupt_shadow, 0);
    vmcb.nrip = 0x1005; /* with prefixes */
    hw_skip(&vcpu, 2);
    assert_int_equal(vmcb.rip, 0x1005);
    assert_int_equal(vcpu.hw.pending, 0);
    vmcb.rflags |= RFLAGS_TF;
    vmcb.dr7 = 0x400 | DR7_GD;
    hw_set_rip(&vcpu, 0x1007);
    assert_int_equal(vcpu.hw.pending, exception(EXC_DB, 0));
    assert_int_equal(vmcb.dr6 & DR6_SINGLE_STEP, DR6_SINGLE_STEP);
    assert_int_equal(vmcb.dr7, 0x400); /* the handler may use the debug registers */
    vmcb.segment[SEG_CS].attributes = CODE_32;
    hw_set_rip(&vcpu, 0x100000001);
    assert_int_equal(vmcb.rip, 1);
}

static uint64_t get_msr(uint32_t msr)
{
    uint64_t val;

    assert_int_equal(hw_get_msr(&vcpu, msr, &val), 0);
    return val;
}

/* APM vol. 2, 15.23: DEBUGCTL and its records are switched at entries for guests that use them. */
static void debug_control(void **state)
{
    assert_int_equal(hw_set_msr(&vcpu, MSR_DEBUGCTL, 1ull << 6), -EINVAL);
    assert_int_equal(hw_set_msr(&vcpu, MSR_DEBUGCTL, DEBUGCTL_BTF), 0);
    assert_int_equal(get_msr(MSR_DEBUGCTL), DEBUGCTL_BTF);
    assert_int_equal(vmcb.lbr_control, 0); /* this CPU lacks it */
    cpu_features.lbr_virtualization = true;
    assert_int_equal(hw_set_msr(&vcpu, MSR_DEBUGCTL, DEBUGCTL_BTF), 0);
    assert_int_equal(vmcb.lbr_control, LBR_VIRTUALIZATION);
    assert_int_equal(hw_set_msr(&vcpu, MSR_DEBUGCTL, 0), 0);
    assert_int_equal(vmcb.lbr_control, 0);
    cpu_features.lbr_virtualization = false;
    vmcb.last_branch[3] = 7;
    assert_int_equal(get_msr(MSR_LAST_BRANCH + 3), 7);
    assert_int_equal(hw_set_msr(&vcpu, MSR_LAST_BRANCH + 3, 0), -EINVAL); /* read-only */
    assert_int_equal(hw_set_msr(&vcpu, MSR_TSC_AUX, 0), -EINVAL); /* not in the control block */
    assert_int_equal(hw_get_msr(&vcpu, MSR_TSC_AUX, &(uint64_t){ 0 }), -EINVAL);
    assert_int_equal(hw_get_msr(&vcpu, MSR_LAST_BRANCH - 1, &(uint64_t){ 0 }), -EINVAL);
    assert_int_equal(hw_get_msr(&vcpu, MSR_LAST_BRANCH + 4, &(uint64_t){ 0 }), -EINVAL);
}

/* APM vol. 2, 3.1.3 and 5.5.1, and the domain's CPUID (the fake above). */
static void control_register_4(void **state)
{
    vmcb.cr4 = CR4_PAE;
    vmcb.cr3 = 0x1001;
    for (unsigned int bit = 0; bit < 64; bit++)
        if (!(cpuid_guest_cr4_mask(&domain) >> bit & 1))
            assert_int_equal(hw_set_cr4(&vcpu, CR4_PAE | 1ull << bit), -EINVAL);
    assert_int_equal(hw_set_cr4(&vcpu, CR4_PGE), -EINVAL);             /* long mode needs PAE */
    assert_int_equal(hw_set_cr4(&vcpu, CR4_PAE | CR4_PCIDE), -EINVAL); /* CR3 already has a PCID */
    assert_int_equal(vmcb.cr4, CR4_PAE);
    assert_int_equal(hw_set_cr4(&vcpu, CR4_PAE | CR4_TSD), 0);
    assert_int_equal(vcpu.hw.flush_seen, 0);
    assert_int_equal(hw_set_cr4(&vcpu, CR4_PAE | CR4_PGE), 0);
    assert_int_equal(vcpu.hw.flush_seen, ~0ull);
    vmcb.cr3 = 0x1000;
    assert_int_equal(hw_set_cr4(&vcpu, CR4_PAE | CR4_PCIDE), 0);
    vmcb.cr3 = 0x1001;
    assert_int_equal(hw_set_cr4(&vcpu, CR4_PAE | CR4_PCIDE | CR4_TSD), 0);
    assert_int_equal(vmcb.cr4, CR4_PAE | CR4_PCIDE | CR4_TSD);
    vmcb.efer = vmcb.cr4 = vmcb.cr3 = 0;
    assert_int_equal(hw_set_cr4(&vcpu, CR4_PCIDE), -EINVAL); /* not outside long mode */
    assert_int_equal(hw_set_cr4(&vcpu, 0), 0);
}

/* --- asid.c --- */

static struct {
    const struct vcpu *v;
    uint64_t generation;
} tagged[2][ASIDS];
static unsigned int full_flushes;

/* An entry on one of two CPUs: its TLB may hold only this vcpu's translations under the ASID. */
static void enter(unsigned int cpu, struct vcpu *v)
{
    struct cpu *c = &cpus[cpu];

    c->id = cpu;
    asid_prepare(c, v);
    assert_in_range(v->hw.vmcb->asid, 1, ASIDS - 1);
    if (v->hw.vmcb->tlb_control == TLB_FLUSH_ALL) {
        memset(tagged[cpu], 0, sizeof(tagged[cpu]));
        full_flushes++;
    }
    if (tagged[cpu][v->hw.vmcb->asid].v) {
        assert_ptr_equal(tagged[cpu][v->hw.vmcb->asid].v, v);
        assert_int_equal(tagged[cpu][v->hw.vmcb->asid].generation, v->d->p2m.flush_generation);
    }
    tagged[cpu][v->hw.vmcb->asid].v = v;
    tagged[cpu][v->hw.vmcb->asid].generation = v->d->p2m.flush_generation;
}

static void no_asid_is_used_again(void **state)
{
    static struct vmcb vmcbs[3];
    struct vcpu vcpus[3] = { { .d = &domain }, { .d = &domain }, { .d = &other } };
    uint32_t seed = 1;

    for (unsigned int i = 0; i < ARRAY_SIZE(vcpus); i++) {
        vcpus[i].hw.vmcb = &vmcbs[i];
        vcpus[i].hw.flush_seen = ~0ull; /* as after a reset */
    }
    cpu_features.asid_count = ASIDS;
    memset(tagged, 0, sizeof(tagged));
    for (unsigned int i = 0; i < 10000; i++) {
        seed = seed * 1664525 + 1013904223;
        if (seed >> 28 == 0)
            flush_domain(seed & 1u << 20 ? &domain : &other);
        enter(seed >> 24 & 1, &vcpus[(seed >> 16) % 3]);
    }
    assert_int_equal(kicks, 0); /* no CPU was in a guest */
}

/* Counts flushes in a number of entries on CPU 0, one vcpu after another. */
static unsigned int flushes_of(struct vcpu vcpus[], unsigned int from, unsigned int to)
{
    unsigned int before = full_flushes;

    for (unsigned int i = from; i < to; i++)
        enter(0, &vcpus[i]);
    return full_flushes - before;
}

/*
 * A flush costs all guests their TLB entries: entries alone need none, and each ASID is used once.
 */
static void the_tlb_is_flushed_when_asids_have_run_out(void **state)
{
    static struct vmcb vmcbs[ASIDS];
    struct vcpu vcpus[ASIDS];

    memset(vcpus, 0, sizeof(vcpus));
    memset(tagged, 0, sizeof(tagged));
    for (unsigned int i = 0; i < ASIDS; i++) {
        vcpus[i].d = &domain;
        vcpus[i].hw.vmcb = &vmcbs[i];
        vcpus[i].hw.flush_seen = ~0ull;
        vmcbs[i].tlb_control = TLB_FLUSH_ALL; /* of its last entry */
    }
    cpu_features.asid_count = ASIDS;
    assert_int_equal(flushes_of(vcpus, 0, ASIDS - 1), 1); /* the first generation begins */
    for (unsigned int i = 0; i < 100; i++)
        assert_int_equal(flushes_of(vcpus, 0, ASIDS - 1), 0);
    assert_int_equal(flushes_of(vcpus, ASIDS - 1, ASIDS), 1);
    assert_int_equal(flushes_of(vcpus, 0, ASIDS - 2), 0); /* the others get the remaining ASIDs */
    assert_int_equal(flushes_of(vcpus, ASIDS - 1, ASIDS), 0);
    assert_int_equal(flushes_of(vcpus, ASIDS - 2, ASIDS - 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(error_codes, setup),
        cmocka_unit_test_setup(exceptions_meet, setup),
        cmocka_unit_test_setup(deliveries_are_repeated, setup),
        cmocka_unit_test_setup(nmi_until_iret, setup),
        cmocka_unit_test_setup(traps_of_the_guest_behind_iret, setup),
        cmocka_unit_test_setup(sipi, setup),
        cmocka_unit_test_setup(interrupts_are_offered, setup),
        cmocka_unit_test_setup(a_taken_interrupt_that_faults, setup),
        cmocka_unit_test_setup(what_is_no_offer_is_repeated, setup),
        cmocka_unit_test_setup(nothing_is_offered_while_stepping, setup),
        cmocka_unit_test_setup(an_interrupt_that_faults_twice, setup),
        cmocka_unit_test_setup(the_callback_and_the_apic, setup),
        cmocka_unit_test_setup(the_callback_bypasses_the_apic, setup),
        cmocka_unit_test_setup(task_priority, setup),
        cmocka_unit_test_setup(halt_in_a_shadow, setup),
        cmocka_unit_test_setup(a_shadow_lasts_for_its_instruction, setup),
        cmocka_unit_test_setup(an_unread_halt_is_offered_nothing, setup),
        cmocka_unit_test_setup(when_a_guest_takes_interrupts, setup),
        cmocka_unit_test_setup(instructions_are_skipped, setup),
        cmocka_unit_test_setup(debug_control, setup),
        cmocka_unit_test_setup(control_register_4, setup),
        cmocka_unit_test_setup(no_asid_is_used_again, setup),
        cmocka_unit_test_setup(the_tlb_is_flushed_when_asids_have_run_out, setup),
    };

    return cmocka_run_group_tests_name("inject", tests, NULL, NULL);
}
