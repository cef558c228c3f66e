/* SPDX-License-Identifier: MIT */
/*
 * VCPUOP_initialise: a guest starts a vcpu of its own without INIT and SIPI, directly in 32-bit or 64-bit mode
 * (<xen/hvm/hvm_vcpu.h>). The state is put into the form that saved contexts have, whose loader checks it.
 *
 * Read next: svm/context.c.
 */
#include "vcpu_start.h"
#include "domain.h"
#include "errors.h"
#include "lib.h"
#include "svm.h"

#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/save.h>

#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define FLAT_CODE_64 0xa9b /* present, 64-bit, 4 KiB granular, execute/read, accessed */
#define FLAT_DATA 0xc93    /* present, 32-bit, 4 KiB granular, read/write, accessed */
#define BUSY_TSS 0x8b
#define TSS_LIMIT 0x67
#define NO_LDT 0x82

static void flat_64(struct hvm_hw_cpu *c, const struct vcpu_hvm_x86_64 *r)
{
    c->rax = r->rax, c->rcx = r->rcx, c->rdx = r->rdx, c->rbx = r->rbx;
    c->rsp = r->rsp, c->rbp = r->rbp, c->rsi = r->rsi, c->rdi = r->rdi;
    c->rip = r->rip, c->rflags = r->rflags;
    c->cr0 = r->cr0, c->cr3 = r->cr3, c->cr4 = r->cr4, c->msr_efer = r->efer | EFER_LME | EFER_LMA;
    c->cs_limit = c->ds_limit = c->es_limit = c->ss_limit = ~0u;
    c->cs_arbytes = FLAT_CODE_64;
    c->ds_arbytes = c->es_arbytes = c->ss_arbytes = FLAT_DATA;
    c->tr_limit = TSS_LIMIT;
    c->tr_arbytes = BUSY_TSS;
}

static void segments_32(struct hvm_hw_cpu *c, const struct vcpu_hvm_x86_32 *r)
{
    c->rax = r->eax, c->rcx = r->ecx, c->rdx = r->edx, c->rbx = r->ebx;
    c->rsp = r->esp, c->rbp = r->ebp, c->rsi = r->esi, c->rdi = r->edi;
    c->rip = r->eip, c->rflags = r->eflags;
    c->cr0 = r->cr0, c->cr3 = r->cr3, c->cr4 = r->cr4, c->msr_efer = r->efer;
    c->cs_base = r->cs_base, c->cs_limit = r->cs_limit, c->cs_arbytes = r->cs_ar;
    c->ds_base = r->ds_base, c->ds_limit = r->ds_limit, c->ds_arbytes = r->ds_ar;
    c->ss_base = r->ss_base, c->ss_limit = r->ss_limit, c->ss_arbytes = r->ss_ar;
    c->es_base = r->es_base, c->es_limit = r->es_limit, c->es_arbytes = r->es_ar;
    c->tr_base = r->tr_base, c->tr_limit = r->tr_limit, c->tr_arbytes = r->tr_ar;
}

int vcpu_start(struct vcpu *v, const struct vcpu_hvm_context *context)
{
    struct hvm_hw_cpu c;
    int rc;

    memset(&c, 0, sizeof(c));
    c.ldtr_arbytes = NO_LDT;
    if (context->mode == VCPU_HVM_MODE_64B)
        flat_64(&c, &context->cpu_regs.x86_64);
    else if (context->mode == VCPU_HVM_MODE_32B)
        segments_32(&c, &context->cpu_regs.x86_32);
    else
        return -EINVAL;
    /* Only one caller gets to set up a vcpu that nobody has started: its own is always started. */
    if (__atomic_exchange_n(&v->starting, true, __ATOMIC_SEQ_CST))
        return -EBUSY;
    rc = v->initialised || v->vdev.sipi_vector >= 0 ? -EEXIST : svm_load_context(v, &c);
    if (rc == 0) {
        v->down = true; /* until VCPUOP_up */
        v->blocked = false;
    }
    __atomic_store_n(&v->starting, false, __ATOMIC_SEQ_CST);
    return rc;
}
