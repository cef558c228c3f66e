/* SPDX-License-Identifier: MIT */
/*
 * svm/context.c, state.c, svm.c and permissions.c, cpu/fpu.c: a vcpu's control block from creation
 * to destruction; the state after INIT and a PVH start; domctl records, with everything that VMRUN
 * would refuse or no guest may have; MSRs in the control block; which MSRs and ports do not exit.
 */
#include "msr_fake.h"
#include "harness.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "directmap.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "percpu.h"
#include "svm/exits.h"
#include "svm/permissions.h"
#include "svm/state.h"
#include "svm/switch.h"
#include "svm/vmcb.h"
#include "vdev/cpuid.h"

#include <string.h>
#include <xen/hvm/save.h>

static struct domain *d;
static struct vcpu *v;
static uint64_t xcr0_mask;
static unsigned int unloads, injected;
static uint64_t core_frames; /* core frames before the vcpu was created */

uint64_t cpuid_guest_xcr0_mask(struct domain *of) { return xcr0_mask; }
uint64_t cpuid_guest_cr4_mask(struct domain *of) { return 0x370fff; } /* all possible bits */
char world_switch_back[1];
uint64_t traps_step_rip;
void switch_unload(struct vcpu *of) { unloads++; }
void hw_inject_exception(struct vcpu *of, unsigned int vector, uint32_t error)
{
    injected = vector;
}
void exits_set_intercepts(struct vmcb *vmcb) { vmcb->intercepts[2] = 0x77; }

static uint64_t msr_efer, msr_vm_cr, msr_hsave, vmsaved;

uint64_t harness_msr_read(uint32_t msr)
{
    assert_true(msr == MSR_EFER || msr == MSR_VM_CR);
    return msr == MSR_EFER ? msr_efer : msr_vm_cr;
}

void harness_msr_write(uint32_t msr, uint64_t val)
{
    assert_true(msr == MSR_EFER || msr == MSR_VM_HSAVE_PA);
    *(msr == MSR_EFER ? &msr_efer : &msr_hsave) = val;
}

void harness_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4]) { fail(); }

/* VMSAVE, which the CPU allows only after EFER.SVME. */
static unsigned int vmsave(const uint8_t *code, long long *registers)
{
    if (memcmp(code, "\x0f\x01\xdb", 3) || !(msr_efer & EFER_SVME))
        return 0;
    vmsaved = (uint64_t)registers[HARNESS_RAX];
    return 3;
}

static uint64_t core_has(void)
{
    struct alloc_info info;

    alloc_info(&info);
    return info.core;
}

static uint64_t get_msr(uint32_t msr)
{
    uint64_t val;

    assert_int_equal(hw_get_msr(v, msr, &val), 0);
    return val;
}

static int setup(void **state)
{
    harness_setup(state);
    cpu_features.xsave_size = 832;
    cpu_features.xcr0_mask = 7;
    cpu_features.physical_bits = 40;
    xcr0_mask = 7;
    unloads = injected = 0;
    msr_vm_cr = 0;
    hw_init();
    d = harness_domain(1, 64);
    v = d->vcpu[0];
    core_frames = core_has();
    assert_int_equal(hw_part.init_vcpu(v), 0);
    v->hw.vmcb->segment[SEG_CS].attributes = 0xa9b;
    harness_quiet = true;
    return 0;
}

static int teardown(void **state)
{
    hw_part.release_vcpu(v);
    assert_int_equal(heap_used(), 0);
    assert_int_equal(core_has(), core_frames);
    harness_kill(d);
    harness_check_memory();
    return 0;
}

/* --- a CPU's setup --- */

/* Each CPU has one page for host state and one for the core's (APM vol. 2, 15.30.4). */
static void a_cpu_gets_ready(void **state)
{
    harness_on_refused(vmsave);
    for (unsigned int i = 0; i < 2; i++) {
        harness_cpu = i;
        msr_efer = 0xd01;
        msr_hsave = vmsaved = 0;
        core_frames = core_has();
        hw_init_cpu();
        assert_int_equal(core_has(), core_frames + 2);
        assert_int_equal(msr_efer, 0x1d01);
        assert_int_equal(vmsaved, cpus[i].host_vmcb);
        assert_int_equal((vmsaved | msr_hsave) & ~PAGE_MASK, 0);
        assert_true(vmsaved && msr_hsave && vmsaved != msr_hsave);
        assert_int_equal(mfn_to_frame(paddr_to_mfn(vmsaved))->state, FRAME_CORE);
        assert_int_equal(mfn_to_frame(paddr_to_mfn(msr_hsave))->state, FRAME_CORE);
    }
    assert_int_not_equal(cpus[0].host_vmcb, cpus[1].host_vmcb);
}

static void a_machine_without_svm(void **state)
{
    msr_vm_cr = 0xffffffef;
    hw_init();
    assert_int_equal(traps_step_rip, (uint64_t)world_switch_back);
    msr_vm_cr = 1u << 4;
    assert_panics(hw_init());
    assert_non_null(strstr(harness_log, "SVMDIS"));
}

static void a_cpu_without_memory(void **state)
{
    for (volatile unsigned int n = 1; n <= 2; n++) {
        harness_fail_alloc(n);
        assert_panics(hw_init_cpu());
        assert_non_null(strstr(harness_log, "host save areas"));
    }
}

/* --- a vcpu's creation --- */

static void a_new_vcpu(void **state)
{
    const struct vmcb *b;

    /* freed twice, at its death and with its structure: the second does nothing */
    hw_part.release_vcpu(v);
    hw_part.release_vcpu(v);
    assert_null(v->hw.vmcb);
    assert_null(v->xsave);
    assert_int_equal(heap_used(), 0);
    assert_int_equal(core_has(), core_frames);
    for (unsigned int n = 1; n <= 2; n++) {
        harness_fail_alloc(n);
        assert_int_equal(hw_part.init_vcpu(v), -ENOMEM);
        assert_int_equal(heap_used(), 0);
    }
    harness_fail_alloc(0);
    assert_int_equal(hw_part.init_vcpu(v), 0);
    b = v->hw.vmcb;
    assert_ptr_equal(b, mfn_to_virt(v->hw.vmcb_mfn));
    assert_int_equal(b->intercepts[2], 0x77);
    assert_int_equal(b->iopm, permissions_iopm(d));
    assert_int_equal(b->msrpm, permissions_msrpm());
    assert_int_equal(b->np_enable, 1);
    assert_int_equal(b->ncr3, mfn_to_paddr(d->p2m.root));
    assert_int_equal(b->vintr, VINTR_MASKING);
    assert_int_equal(b->g_pat, 0x0007040600070406);
    assert_int_equal(b->efer, EFER_SVME);
    assert_int_equal(b->segment[SEG_CS].base, 0xf0000); /* the reset vector */
    assert_int_equal(v->hw.xcr0, 1);
    assert_false(v->initialised); /* waits for a start */
    assert_int_equal(*(uint16_t *)v->xsave, 0x37f);
    assert_int_equal(*(uint32_t *)((uint8_t *)v->xsave + 24), 0x1f80);
    assert_int_equal(*(uint64_t *)((uint8_t *)v->xsave + 512), 3);
}

/* The state of APM vol. 2, 14.1.3, with nothing left from before. */
static void assert_reset(const struct vmcb *b)
{
    static const enum hw_segment_name data[] = { SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS };

    for (unsigned int i = 0; i < ARRAY_SIZE(data); i++)
        assert_int_equal(b->segment[data[i]].base | b->segment[data[i]].selector, 0);
    assert_int_equal(b->efer, EFER_SVME);
    assert_int_equal(b->rflags, 2);
    assert_int_equal(b->dr6, 0xffff0ff0);
    assert_int_equal(b->dr7, 0x400);
    assert_int_equal(b->cr3 | b->cr4 | b->cr2 | v->regs.rax | v->regs.rsp | b->cpl, 0);
    assert_int_equal(b->eventinj | b->interrupt_shadow | b->lbr_control, 0);
    assert_int_equal(v->hw.pending, 0);
    assert_int_equal(v->hw.flush_seen, ~0ull);
    assert_false(v->hw.nmi_blocked);
    assert_int_equal(v->regs.rdx, 0x600);
    assert_int_equal(v->regs.rcx | v->regs.rsi | v->regs.r15, 0);
    assert_int_equal(b->g_pat, 0x0706050403020100); /* survives INIT */
    assert_int_equal(b->asid, 5);                   /* and so does the core's state */
    assert_true(v->initialised);
    assert_int_equal(b->segment[SEG_TR].attributes, 0x08b);
    assert_int_equal(b->segment[SEG_LDTR].attributes, 0x082);
}

static void use_up(struct vmcb *b)
{
    memset((char *)b + 0x400, 0xa5, 0x1000 - 0x400);
    memset(&v->regs, 0x5a, sizeof(v->regs));
    b->g_pat = 0x0706050403020100;
    b->asid = 5;
    b->eventinj = b->interrupt_shadow = b->lbr_control = v->hw.pending = 77;
    v->hw.nmi_blocked = true;
    v->hw.flush_seen = 0;
    v->initialised = false;
    unloads = 0;
}

static void started_by_sipi(void **state)
{
    struct vmcb *b = v->hw.vmcb;

    use_up(b);
    hw_reset_to_sipi(v, 0x9a);
    assert_reset(b);
    assert_true(unloads > 0);
    assert_int_equal(b->cr0, 0x10);
    assert_int_equal(b->rip, 0);
    assert_int_equal(b->segment[SEG_CS].selector, 0x9a00);
    assert_int_equal(b->segment[SEG_CS].base, 0x9a000);
    assert_int_equal(b->segment[SEG_CS].limit, 0xffff);
    assert_int_equal(b->segment[SEG_CS].attributes, 0x09b);
    assert_int_equal(b->segment[SEG_DS].limit, 0xffff);
    assert_int_equal(b->segment[SEG_DS].attributes, 0x093);
    assert_int_equal(b->segment[SEG_IDTR].limit, 0xffff);
    assert_int_equal(v->regs.rbx, 0);
}

static void started_as_pvh(void **state)
{
    struct vmcb *b = v->hw.vmcb;

    use_up(b);
    hw_reset_to_pvh(v, 0x80001000, 0x90002000);
    assert_reset(b);
    assert_int_equal(b->cr0, 0x11);
    assert_int_equal(b->rip, 0x80001000);
    assert_int_equal(v->regs.rbx, 0x90002000);
    for (unsigned int n = SEG_ES; n <= SEG_GS; n++) {
        assert_int_equal(b->segment[n].base, 0);
        assert_int_equal(b->segment[n].limit, 0xffffffff);
        assert_int_equal(b->segment[n].attributes, n == SEG_CS ? 0xc9b : 0xc93);
    }
    assert_int_equal(b->segment[SEG_TR].limit, 0x67);
    assert_int_equal(b->segment[SEG_TR].base, 0);
}

/* --- records --- */

/* A valid one in which no two fields are alike. */
static struct hvm_hw_cpu record(void)
{
    struct hvm_hw_cpu c = { .flags = XEN_X86_FPU_INITIALISED };
    uint64_t *word = &c.rax;
    uint32_t *sel = &c.cs_sel;

    for (unsigned int i = 0; i < sizeof(c.fpu_regs); i++)
        c.fpu_regs[i] = (uint8_t)(i * 3);
    c.fpu_regs[26] = c.fpu_regs[27] = 0; /* MXCSR's reserved bits */
    for (unsigned int i = 0; word + i <= &c.dr7; i++)
        word[i] = 0x1111111100000000ull * (i % 15) + 0x100 + i;
    for (unsigned int i = 0; i < 26; i++) /* selectors, then limits and bases */
        sel[i] = 0x5000 + i;
    for (unsigned int i = 0; i < 10; i++)
        (&c.cs_base)[i] = 0xffff880000000000 + i;
    for (unsigned int i = 0; i < 8; i++)
        (&c.cs_arbytes)[i] = 0x083 + i * 0x100;
    c.cs_arbytes = 0xa9b;
    c.ss_arbytes = 0xcf3;
    for (unsigned int i = 0; i < 4; i++)
        (&c.sysenter_cs)[i] = 0x7000 + i;
    for (unsigned int i = 0; i < 4; i++)
        (&c.msr_lstar)[i] = 0x8000 + i;
    c.rflags = 0x247;
    c.cr0 = CR0_PG | CR0_ET | CR0_PE;
    c.cr3 = 0xff00001000;
    c.cr4 = CR4_PAE;
    c.dr6 = 0xffff0ff1;
    c.dr7 = 0x455;
    c.msr_efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
    c.msr_tsc_aux = 0xfffffff7;
    c.pending_event = EVENT_VALID | EVENT_HAS_ERROR | EVENT_TYPE_EXCEPTION << 8 | 14;
    c.error_code = 0xabcd0002;
    return c;
}

static void loaded_and_saved(void **state)
{
    struct hvm_hw_cpu c = record(), out;
    struct vmcb *b = v->hw.vmcb;

    v->exit_again = true;
    v->hw.loaded = true;
    assert_int_equal(hw_load_context(v, &c), 0);
    assert_false(v->exit_again);
    assert_true(v->initialised);
    assert_true(unloads > 0);
    assert_int_equal(b->cpl, 3);
    assert_int_equal(b->efer, c.msr_efer | EFER_SVME);
    assert_int_equal(b->rip, c.rip);
    assert_int_equal(v->regs.rax, c.rax);
    assert_int_equal(v->regs.rbx, c.rbx);
    assert_int_equal(v->regs.r15, c.r15);
    assert_int_equal(b->cr3, c.cr3);
    assert_int_equal(v->hw.dr[3], c.dr3);
    assert_int_equal(b->segment[SEG_GS].base, c.gs_base);
    assert_int_equal(b->segment[SEG_LDTR].limit, c.ldtr_limit);
    assert_int_equal(b->segment[SEG_TR].selector, c.tr_sel);
    assert_int_equal(b->segment[SEG_GDTR].base, c.gdtr_base);
    assert_int_equal(b->segment[SEG_IDTR].limit, c.idtr_limit);
    assert_int_equal(b->segment[SEG_SS].attributes, 0xcf3);
    assert_int_equal(b->kernel_gs_base, c.shadow_gs);
    assert_int_equal(b->sfmask, c.msr_syscall_mask);
    assert_int_equal(v->vdev.tsc_aux, 0xfffffff7);
    assert_int_equal(v->hw.pending, 0xabcd000200000000 | c.pending_event);
    unloads = 0;
    memset(&out, 0x5a, sizeof(out));
    hw_save_context(v, &out);
    assert_true(unloads > 0);
    assert_int_not_equal(out.tsc, 0);
    out.tsc = c.tsc;
    assert_memory_equal(&c, &out, sizeof(c));
    v->hw.pending = 0;
    hw_save_context(v, &out);
    assert_int_equal(out.pending_event | out.error_code, 0);
}

/* Bits of a record that a register lacks are dropped; bits that must be set are set. */
static void registers_are_cut(void **state)
{
    struct hvm_hw_cpu c = record();

    c.cr0 &= ~(uint64_t)CR0_ET;
    c.rflags = ~0ull;
    c.cs_arbytes = 0xfa9b;
    c.flags = 0;
    c.pending_event &= ~EVENT_VALID;
    memset(v->xsave, 0x77, 24);
    assert_int_equal(hw_load_context(v, &c), 0);
    assert_int_equal(v->hw.vmcb->cr0 & CR0_ET, CR0_ET);
    assert_int_equal(v->hw.vmcb->rflags, 0x3f7fd7);
    assert_int_equal(v->hw.vmcb->segment[SEG_CS].attributes, 0xa9b);
    assert_int_equal(((uint8_t *)v->xsave)[0], 0x77); /* no FPU state in it */
    assert_int_equal(v->hw.pending, 0);
    c.rflags = 0;
    assert_int_equal(hw_load_context(v, &c), 0);
    assert_int_equal(v->hw.vmcb->rflags, 2);
}

#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define REFUSED(assignment) \
    do { \
        struct hvm_hw_cpu c = record(); \
        assignment; \
        assert_int_equal(hw_load_context(v, &c), -EINVAL); \
        assert_int_equal(v->hw.vmcb->rip, 0x77); \
    } while (0)
#define TAKEN(assignment) \
    do { \
        struct hvm_hw_cpu c = record(); \
        assignment; \
        assert_int_equal(hw_load_context(v, &c), 0); \
    } while (0)

static void refused_records(void **state)
{
    v->hw.vmcb->rip = 0x77;
    REFUSED(c.cr0 |= 1ull << 32);
    REFUSED(c.dr6 |= 1ull << 32);
    REFUSED(c.dr7 |= 1ull << 63);
    REFUSED(c.msr_tsc_aux |= 1ull << 32);
    REFUSED(c.cr4 |= 1 << 13); /* VMXE */
    REFUSED(c.cr4 |= 1 << 12); /* LA57 */
    REFUSED(c.cr4 |= 1ull << 32);
    REFUSED(c.msr_efer |= EFER_SVME);
    REFUSED(c.msr_efer |= 1ull << 63);
    REFUSED(c.cr0 &= ~(uint64_t)CR0_PE);  /* paging in real mode */
    REFUSED(c.cr0 |= CR0_NW);             /* without CD */
    REFUSED(c.cr4 &= ~(uint64_t)CR4_PAE); /* long mode without PAE */
    REFUSED(c.cs_arbytes = 0xe9b);        /* both 64-bit and 32-bit code */
    REFUSED(c.cr3 = 1ull << 40);
    REFUSED(c.pending_event = EVENT_VALID | 5 << 8);
    REFUSED(c.pending_event = EVENT_VALID | 7 << 8);
    TAKEN(c.cr0 |= CR0_NW | CR0_CD);
    TAKEN(c.cr0 |= CR0_CD);
    TAKEN(c.cr0 = CR0_PE; c.cr4 = 0); /* LME, and no paging yet */
    TAKEN(c.cr0 = CR0_PE; c.cs_arbytes = 0xe9b);
    TAKEN(c.msr_efer = 0; c.cr4 = 0); /* 32-bit paging */
    TAKEN(c.cr0 = 0);
    TAKEN(c.cr3 = (1ull << 40) - 1);
    TAKEN(c.cs_arbytes = 0xc9b); /* 32-bit code in long mode */
    TAKEN(c.pending_event = EVENT_VALID | 4 << 8 | 0x80);
    TAKEN(c.pending_event = 7 << 8); /* nothing is pending */
}

static void fpu_records(void **state)
{
    static struct {
        struct hvm_hw_cpu_xsave x;
        uint8_t avx[256];
    } in, out;
    uint8_t *area = v->xsave;

    memset(&in, 0x3c, sizeof(in));
    in.x.xcr0 = 3;
    in.x.save_area.xsave_hdr.xstate_bv = 0xff;
    assert_int_equal(hw_load_xsave(v, &in.x), 0);
    assert_int_equal(v->hw.xcr0, 3);
    assert_int_equal(*(uint64_t *)(area + 512), 7); /* only the host's states */
    /* otherwise XRSTOR would fault */
    assert_int_equal(*(uint64_t *)(area + 520) | *(uint64_t *)(area + 568), 0);
    assert_int_equal(*(uint32_t *)(area + 24), 0x3c3c);
    assert_int_equal(area[0], 0x3c);
    assert_int_equal(area[831], 0x3c);
    hw_save_xsave(v, &out.x);
    assert_int_equal(out.x.xfeature_mask, 7);
    assert_int_equal(out.x.xcr0, 3);
    assert_int_equal(out.x.xcr0_accum, 3);
    assert_memory_equal(&out.x.save_area, area, 832);

    /* what a shorter record lacks is reset, not kept */
    fpu_load(v, &in.x.save_area, 512, 3);
    assert_int_equal(area[511], 0x3c);
    for (unsigned int i = 576; i < 832; i++)
        assert_int_equal(area[i], 0);
    in.x.xcr0 = 5;
    assert_int_equal(hw_load_xsave(v, &in.x), -EINVAL);
    assert_int_equal(v->hw.xcr0, 3);
    cpu_features.xsave_size = 576; /* a host without AVX */
    cpu_features.xcr0_mask = 3;
    in.x.xcr0 = 1;
    memset(area, 0x77, 832);
    assert_int_equal(hw_load_xsave(v, &in.x), 0);
    assert_int_equal(area[575], 0);
    assert_int_equal(area[576], 0x77);
    assert_int_equal(*(uint64_t *)(area + 512), 3);
    memset(&out, 0x11, sizeof(out));
    hw_save_xsave(v, &out.x);
    assert_int_equal(((uint8_t *)&out.x.save_area)[576], 0x11);

    /* a guest without XSAVE, then a host without: XCR0 is unchanged */
    xcr0_mask = 0;
    assert_int_equal(hw_load_xsave(v, &in.x), 0);
    in.x.xcr0 = 3;
    assert_int_equal(hw_load_xsave(v, &in.x), -EINVAL);
    cpu_features.xcr0_mask = 0;
    v->hw.xcr0 = in.x.xcr0 = 0;
    assert_int_equal(hw_load_xsave(v, &in.x), 0);
    assert_int_equal(area[0], 0x3c); /* the FXSAVE area */
    assert_int_equal(*(uint64_t *)(area + 512), 0);
    in.x.xcr0 = 1;
    assert_int_equal(hw_load_xsave(v, &in.x), -EINVAL);
}

/* Four SSE registers and the x87 state, saved in two ways. */
static noinline void set_fpu(const uint8_t sse[16], uint64_t mmx)
{
    __asm__ volatile("movups (%0), %%xmm0; movups (%0), %%xmm15; movq %1, %%mm3"
                     :
                     : "r"(sse), "r"(mmx)
                     : "xmm0", "xmm15");
}

static noinline void assert_fpu(const uint8_t sse[16], uint64_t mmx)
{
    uint8_t low[16], high[16];
    uint64_t x87;

    __asm__ volatile("movups %%xmm0, %0; movups %%xmm15, %1; movq %%mm3, %2; emms"
                     : "=m"(low), "=m"(high), "=r"(x87));
    assert_memory_equal(low, sse, 16);
    assert_memory_equal(high, sse, 16);
    assert_int_equal(x87, mmx);
}

static void fpu_state_is_switched(void **state)
{
    static const uint64_t masks[] = { 3, 0 }; /* with XSAVE, and a CPU without */
    uint8_t a[16], b[16];

    memset(a, 0xa1, sizeof(a));
    memset(b, 0xb2, sizeof(b));
    for (unsigned int i = 0; i < ARRAY_SIZE(masks); i++) {
        cpu_features.xcr0_mask = masks[i];
        set_fpu(a, 0x1234567812345678);
        fpu_save(v);
        set_fpu(b, 0x8765432187654321);
        fpu_restore(v);
        assert_fpu(a, 0x1234567812345678);
        set_fpu(b, 0x8765432187654321);
        fpu_restore(v); /* the saved state is unchanged */
        assert_fpu(a, 0x1234567812345678);
    }
}

static void xcr0_values(void **state)
{
    for (uint64_t val = 0; val < 16; val++)
        assert_int_equal(hw_xcr0_allowed(d, val), val == 1 || val == 3 || val == 7);
    assert_false(hw_xcr0_allowed(d, 1ull << 32 | 1));
    xcr0_mask = 3;
    assert_false(hw_xcr0_allowed(d, 7));
    assert_true(hw_xcr0_allowed(d, 3));
    xcr0_mask = 0;
    assert_false(hw_xcr0_allowed(d, 1));
}

/* --- single registers --- */

static void general_registers(void **state)
{
    uint64_t *const registers[] = {
        &v->regs.rax, &v->regs.rcx, &v->regs.rdx, &v->regs.rbx, &v->regs.rsp, &v->regs.rbp,
        &v->regs.rsi, &v->regs.rdi, &v->regs.r8,  &v->regs.r9,  &v->regs.r10, &v->regs.r11,
        &v->regs.r12, &v->regs.r13, &v->regs.r14, &v->regs.r15,
    };

    for (unsigned int i = 0; i < 16; i++)
        assert_ptr_equal(guest_gpr(&v->regs, i), registers[i]);
}

static void efer(void **state)
{
    struct vmcb *b = v->hw.vmcb;

    b->cr0 = CR0_PE;
    assert_int_equal(hw_set_msr(v, MSR_EFER, EFER_LME | EFER_SCE | EFER_LMA), 0);
    assert_int_equal(b->efer, EFER_LME | EFER_SCE | EFER_SVME); /* the CPU controls LMA */
    assert_int_equal(get_msr(MSR_EFER), EFER_LME | EFER_SCE);
    b->cr0 |= CR0_PG;
    b->efer |= EFER_LMA;
    assert_int_equal(hw_set_msr(v, MSR_EFER, EFER_LME | EFER_NXE), 0);
    assert_int_equal(b->efer, EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME);
    assert_int_equal(hw_set_msr(v, MSR_EFER, EFER_NXE), -EINVAL); /* while paging is on */
    assert_int_equal(hw_set_msr(v, MSR_EFER, EFER_LME | EFER_SVME), -EINVAL);
    assert_int_equal(hw_set_msr(v, MSR_EFER, EFER_LME | 1ull << 14), -EINVAL);
    assert_int_equal(b->efer, EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME);
    assert_int_equal(hw_get_paging(v).efer, EFER_LME | EFER_LMA | EFER_NXE);
}

/* APM vol. 2, 7.8.1: types 0, 1, 4, 5, 6, 7 in each of eight bytes. */
static void pat(void **state)
{
    for (unsigned int entry = 0; entry < 8; entry++)
        for (uint64_t type = 0; type < 256; type++) {
            uint64_t val = (0x0007040600070406ull & ~(0xffull << entry * 8)) | type << entry * 8;
            bool valid = type < 8 && type != 2 && type != 3;

            v->hw.vmcb->g_pat = 1;
            assert_int_equal(hw_set_msr(v, MSR_PAT, val), valid ? 0 : -EINVAL);
            assert_int_equal(get_msr(MSR_PAT), valid ? val : 1);
        }
}

static void segments_and_modes(void **state)
{
    struct vmcb *b = v->hw.vmcb;

    for (unsigned int n = SEG_ES; n < SEG_COUNT; n++) {
        b->segment[n] = (struct hw_segment){ (uint16_t)n, 0xa9b, n, n };
        unloads = 0;
        assert_int_equal(hw_get_segment(v, n).base, n);
        assert_int_equal(unloads > 0, n >= SEG_FS); /* state that VMLOAD loads */
    }
    b->cpl = 2;
    assert_int_equal(hw_get_cpl(v), 2);
    b->cr4 = 0x44;
    b->rflags = 0x202;
    b->rip = 0x1234;
    b->cr3 = 0x3000;
    b->cr0 = 0x31;
    assert_int_equal(hw_get_paging(v).cr4, 0x44);
    assert_int_equal(hw_get_paging(v).cr3, 0x3000);
    assert_int_equal(hw_get_paging(v).cr0, 0x31);
    assert_int_equal(hw_get_cpl(v), 2);
    assert_int_equal(hw_get_rip(v), 0x1234);
    assert_int_equal(hw_get_rflags(v), 0x202);
    hw_set_rflags(v, 0x246);
    assert_int_equal(b->rflags, 0x246);
    b->efer = EFER_LMA;
    assert_true(hw_mode_64(v));
    b->segment[SEG_CS].attributes = 0xc9b; /* compatibility mode */
    assert_false(hw_mode_64(v));
    b->segment[SEG_CS].attributes = 0xa9b;
    b->efer = 0;
    assert_false(hw_mode_64(v));
    state_dump(v);
}

/* --- permissions --- */

/* Two bits each: bytes 0 to 0x7ff for MSRs 0 to 0x1fff, then 0xc0000000 on, then 0xc0010000 on. */
static void msrs_without_an_exit(void **state)
{
    static const struct {
        uint32_t first, last;
    } open[] = { { 0x174, 0x176 }, { 0xc0000081, 0xc0000084 }, { 0xc0000100, 0xc0000102 } };
    const uint8_t *map = (const uint8_t *)permissions_msrpm();

    assert_int_equal(permissions_msrpm() % PAGE_SIZE, 0);
    for (unsigned int n = 0; n < 4 * 0x2000; n++) {
        static const uint32_t first[] = { 0, 0xc0000000, 0xc0010000, 0xc0012000 };
        uint32_t msr = first[n / 0x2000] + n % 0x2000;
        bool is_open = false;

        for (unsigned int i = 0; i < ARRAY_SIZE(open); i++)
            is_open |= msr >= open[i].first && msr <= open[i].last;
        assert_int_equal(map[n / 4] >> (n % 4 * 2) & 3, is_open ? 0 : 3);
    }
}

static void ports_without_an_exit(void **state)
{
    struct domain control = { .is_dom0 = true };
    const uint8_t *all = (const uint8_t *)permissions_iopm(d), *some;

    hw_set_dom0_ports(0x3f8, 0x3ff, true);
    hw_set_dom0_ports(0xfff8, 0xffff, true);
    hw_set_dom0_ports(0x3fa, 0x3fa, false);
    some = (const uint8_t *)permissions_iopm(&control);
    assert_ptr_not_equal(all, some);
    for (unsigned int port = 0; port < 0x10000; port++) {
        bool open = (port >= 0x3f8 && port <= 0x3ff && port != 0x3fa) || port >= 0xfff8;

        assert_int_equal(hw_port_allowed(&control, (uint16_t)port), open);
        assert_false(hw_port_allowed(d, (uint16_t)port));
        assert_int_equal(some[port / 8] >> port % 8 & 1, !open);
    }
    for (unsigned int i = 0; i < 3 * PAGE_SIZE; i++)
        assert_int_equal(all[i], 0xff);
    /* an access at the last port reads beyond it */
    for (unsigned int i = 0x10000 / 8; i < 3 * PAGE_SIZE; i++)
        assert_int_equal(some[i], 0xff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_cpu_gets_ready, setup),
        cmocka_unit_test_setup(a_machine_without_svm, setup),
        cmocka_unit_test_setup(a_cpu_without_memory, setup),
        cmocka_unit_test_setup_teardown(a_new_vcpu, setup, teardown),
        cmocka_unit_test_setup_teardown(started_by_sipi, setup, teardown),
        cmocka_unit_test_setup_teardown(started_as_pvh, setup, teardown),
        cmocka_unit_test_setup_teardown(loaded_and_saved, setup, teardown),
        cmocka_unit_test_setup_teardown(registers_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_records, setup, teardown),
        cmocka_unit_test_setup_teardown(fpu_records, setup, teardown),
        cmocka_unit_test_setup_teardown(fpu_state_is_switched, setup, teardown),
        cmocka_unit_test_setup_teardown(xcr0_values, setup, teardown),
        cmocka_unit_test_setup_teardown(general_registers, setup, teardown),
        cmocka_unit_test_setup_teardown(efer, setup, teardown),
        cmocka_unit_test_setup_teardown(pat, setup, teardown),
        cmocka_unit_test_setup_teardown(segments_and_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(msrs_without_an_exit, setup, teardown),
        cmocka_unit_test_setup_teardown(ports_without_an_exit, setup, teardown),
    };

    return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
