/* SPDX-License-Identifier: MIT */
/*
 * Translates exit codes (APM vol. 2, appendix C) to vendor-independent exit reasons (struct exit,
 * hw.h), by one table. The table also determines what is intercepted. A code that is not in the
 * table is an unknown exit, which crashes the guest.
 *
 * Read next: ../guest/exit.c.
 */
#include "svm/exits.h"
#include "core/vcpu.h"
#include "hw.h"
#include "lib.h"
#include "svm/deliver.h"
#include "svm/vmcb.h"

#define NPF_PRESENT (1u << 0)
#define NPF_WRITE (1u << 1)
#define NPF_FETCH (1u << 4)
#define NPF_FINAL (1ull << 32) /* fault on the final address, not on a guest page table */

static const uint8_t kind_of[VMEXIT_TABLE] = {
    [VMEXIT_WRITE_CR4] = EXIT_CR4,
    [VMEXIT_EXCEPTION + 1] = EXIT_DEBUG,
    [VMEXIT_EXCEPTION + 17] = EXIT_ALIGNMENT,
    [VMEXIT_EXCEPTION + 18] = EXIT_MACHINE_CHECK,
    [VMEXIT_INTR] = EXIT_INTERRUPT,
    [VMEXIT_NMI] = EXIT_NOTHING, /* taken by the host when GIF was set */
    [VMEXIT_SMI] = EXIT_NOTHING,
    [VMEXIT_INIT] = EXIT_NOTHING,
    [VMEXIT_RDPMC] = EXIT_PROTECTION,
    [VMEXIT_CPUID] = EXIT_CPUID,
    [VMEXIT_IRET] = EXIT_IRET,
    [VMEXIT_INVD] = EXIT_CACHE,
    [VMEXIT_HLT] = EXIT_HLT,
    [VMEXIT_INVLPGA] = EXIT_UNDEFINED,
    [VMEXIT_IOIO] = EXIT_IO,
    [VMEXIT_MSR] = EXIT_MSR,
    [VMEXIT_TASK_SWITCH] = EXIT_UNKNOWN,
    [VMEXIT_SHUTDOWN] = EXIT_SHUTDOWN,
    [VMEXIT_VMRUN] = EXIT_UNDEFINED,
    [VMEXIT_VMMCALL] = EXIT_HYPERCALL,
    [VMEXIT_VMMCALL + 1 ... VMEXIT_SKINIT] = EXIT_UNDEFINED,
    [VMEXIT_WBINVD] = EXIT_CACHE,
    [VMEXIT_MONITOR] = EXIT_UNDEFINED,
    [VMEXIT_MONITOR + 1 ... VMEXIT_MWAIT_ARMED] = EXIT_UNDEFINED,
    [VMEXIT_XSETBV] = EXIT_XSETBV,
    [VMEXIT_RDPRU] = EXIT_UNDEFINED,
};

/* IRET is intercepted only while a guest handles an NMI (deliver.c). */
void exits_set_intercepts(struct vmcb *vmcb)
{
    for (unsigned int code = 0; code < VMEXIT_TABLE; code++)
        if (kind_of[code] != EXIT_NOT_ASKED_FOR && code != VMEXIT_IRET)
            bit_set(vmcb->intercepts, code);
}

static void decode_io(const struct vmcb *b, struct exit *e)
{
    uint64_t info = b->exitinfo1;

    e->io.port = (uint16_t)(info >> 16);
    e->io.size = info >> 4 & 7;
    e->io.in = info & 1;
    e->io.string = info & 4;
    e->io.rep = info & 8;
    e->io.address_size = (info >> 7 & 7) << 1; /* one bit each for 16, 32, 64 bits */
    e->io.segment = info >> 10 & 7;
    e->io.next_rip = b->exitinfo2;
}

static void decode_fault(const struct vmcb *b, struct exit *e)
{
    uint64_t info = b->exitinfo1;

    e->fault.gpa = b->exitinfo2;
    e->fault.write = info & NPF_WRITE;
    e->fault.fetch = info & NPF_FETCH;
    e->fault.present = info & NPF_PRESENT;
    e->fault.operand = info & NPF_FINAL;
}

/* Decodes the details of kinds from EXIT_DETAILED on. */
static void decode_details(struct vcpu *v, struct exit *e)
{
    const struct vmcb *b = v->hw.vmcb;

    switch (e->kind) {
    case EXIT_IO: decode_io(b, e); break;
    case EXIT_CR4: /* the register, if reported (APM vol. 2, 15.8.1) */
        e->cr4_register = b->exitinfo1 >> 63 ? (int)(b->exitinfo1 & 15) : -1;
        break;
    case EXIT_FAULT: decode_fault(b, e); break;
    case EXIT_DEBUG:
        e->kind = deliver_stepped(v) ? EXIT_NOTHING : EXIT_DEBUG;
        /* #DB delivery clears BTF (APM vol. 2, 13.1.1.6); injection may not */
        if (e->kind == EXIT_DEBUG)
            v->hw.vmcb->debugctl &= ~DEBUGCTL_BTF;
        break;
    case EXIT_IRET:
        deliver_iret(v);
        e->kind = EXIT_NOTHING;
        break;
    default:
        e->kind = EXIT_UNKNOWN;
        e->unknown.code = b->exitcode;
        e->unknown.info[0] = b->exitinfo1;
        e->unknown.info[1] = b->exitinfo2;
        break;
    }
}

void exits_decode(struct vcpu *v, struct exit *e)
{
    uint64_t code = v->hw.vmcb->exitcode;

    e->again = false;
    if (likely(code < VMEXIT_TABLE))
        e->kind = kind_of[code];
    else
        e->kind = code == VMEXIT_NPF ? EXIT_FAULT : EXIT_UNKNOWN;
    if (e->kind == EXIT_MSR) /* the most frequent one with a detail */
        e->msr_write = v->hw.vmcb->exitinfo1 & 1;
    else if (e->kind >= EXIT_DETAILED || e->kind == EXIT_NOT_ASKED_FOR)
        decode_details(v, e);
}
