/* SPDX-License-Identifier: MIT */
/*
 * Guest MSRs that cause an exit (svm/permissions.c lists those that do not), except those in the
 * VMCB (../svm/state.c). Access to any other MSR is #GP. dom0 has no more MSRs than other guests.
 * The only host MSRs written for a guest are TSC_AUX (the vcpu's own, switched with it) and the
 * branch predictor barrier.
 *
 * MTRRs exist because Linux before 6.2 has no PAT without them. They have no ranges and default to
 * write-back: the guest's PAT and the nested page table determine the memory type (APM vol. 2,
 * 15.25.8). Writes to the default are ignored: kernels disable MTRRs temporarily while they change
 * the PAT.
 *
 * Many rows read as zero and ignore writes. Kernels access these without a check, or as a probe
 * that must not fault (performance counters that do not count). APM vol. 2, appendix A.
 */
#include "vdev/msr.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "cpu/clock.h"
#include "errors.h"
#include "lib.h"
#include "mm/guest.h"
#include "vdev/cpuid.h"
#include "vdev/lapic.h"

#include <xen/arch-x86/cpufeatureset.h>

#define PRED_CMD_IBPB 1ull
#define HYPERCALL_SIZE 32
#define HWCR_TSC_FREQ_SEL (1ull << 24)

typedef int msr_read_fn(struct vcpu *v, uint32_t msr, uint64_t *val);
typedef int msr_write_fn(struct vcpu *v, uint32_t msr, uint64_t val);

static int read_zero(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return 0;
}

static int write_ignored(struct vcpu *v, uint32_t msr, uint64_t val) { return 0; }

static int read_refused(struct vcpu *v, uint32_t msr, uint64_t *val) { return -EFAULT; }

static int write_refused(struct vcpu *v, uint32_t msr, uint64_t val) { return -EFAULT; }

/* The guest's TSC is the host's, without an offset. */
static int read_tsc(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = rdtsc();
    return 0;
}

static int read_mtrr_cap(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = MTRR_CAP_WC;
    return 0;
}

static int read_mtrr_default(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = MTRR_DEFAULT;
    return 0;
}

/* TscFreqSel: the TSC counts at the P0 frequency. Without it Linux reports a firmware bug. */
static int read_hwcr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = HWCR_TSC_FREQ_SEL;
    return 0;
}

/* --- TSC_AUX and the barrier --- */

static bool has_tsc_aux(struct vcpu *v)
{
    return cpuid_guest_has(v->d, XEN_X86_FEATURE_RDTSCP) ||
           cpuid_guest_has(v->d, XEN_X86_FEATURE_RDPID);
}

static int read_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = v->vdev.tsc_aux;
    return has_tsc_aux(v) ? 0 : -EFAULT;
}

static int write_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (!has_tsc_aux(v) || val >> 32)
        return -EFAULT;
    v->vdev.tsc_aux = val;
    cpu_wrmsr(msr, val);
    return 0;
}

static int write_pred_cmd(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (!cpuid_guest_has(v->d, XEN_X86_FEATURE_IBPB) || (val & ~PRED_CMD_IBPB))
        return -EFAULT;
    if (val)
        cpu_wrmsr(msr, PRED_CMD_IBPB);
    return 0;
}

/* --- CPUID faulting: #GP at CPL 1 to 3 (guest/exit.c) --- */

static int read_platform_info(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = PLATFORM_INFO_CPUID_FAULTING;
    return 0;
}

static int read_misc_features(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = v->vdev.cpuid_faulting;
    return 0;
}

static int write_misc_features(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (val > 1)
        return -EFAULT;
    v->vdev.cpuid_faulting = val;
    return 0;
}

/* --- the hypercall page (CPUID 0x40000002) --- */

/* A 32-byte entry per hypercall: mov $nr, %eax; vmmcall; ret. */
static int write_hypercall_page(struct vcpu *v, uint32_t msr, uint64_t val)
{
    gpa_t page = val & PAGE_MASK;
    uint8_t code[HYPERCALL_SIZE];

    if (val & ~PAGE_MASK) /* the low bits select a page; only page 0 exists */
        return -EFAULT;
    for (uint32_t nr = 0; nr < PAGE_SIZE / HYPERCALL_SIZE; nr++) {
        memset(code, 0xcc, sizeof(code));
        code[0] = 0xb8;
        memcpy(code + 1, &nr, sizeof(nr));
        memcpy(code + 5, "\x0f\x01\xd9\xc3", 4);
        int rc = guest_write_physical(v->d, page + nr * HYPERCALL_SIZE, code, sizeof(code));
        if (rc == -ERESTART)
            return rc;
        if (rc) {
            log_guest(v->d, "vcpu %u: hypercall page at %#lx refused: not writable RAM\n", v->id,
                      page);
            return -EFAULT;
        }
    }
    return 0;
}

/* --- the table --- */

static const struct msr_row {
    uint32_t first, last;
    msr_read_fn *read;
    msr_write_fn *write;
} rows[] = {
    { 0x10, 0x10, read_tsc, write_ignored },
    { 0x1b, 0x1b, lapic_msr_read, lapic_msr_write },
    { MSR_PRED_CMD, MSR_PRED_CMD, read_refused, write_pred_cmd },
    { 0x8b, 0x8b, read_zero, write_ignored }, /* microcode revision */
    { MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, read_platform_info, write_refused },
    { 0xfe, 0xfe, read_mtrr_cap, write_refused },
    { 0x140, 0x140, read_misc_features, write_misc_features },
    { 0x179, 0x17b, read_zero, write_ignored }, /* machine check: no banks */
    { 0x2ff, 0x2ff, read_mtrr_default, write_ignored },
    { 0x400, 0x407, read_zero, write_ignored }, /* machine-check banks, probed by old kernels */
    { 0x40000000, 0x40000000, read_zero, write_hypercall_page },
    { MSR_TSC_AUX, MSR_TSC_AUX, read_tsc_aux, write_tsc_aux },
    { 0xc0010000, 0xc0010007, read_zero, write_ignored }, /* performance counters: not available */
    { 0xc0010010, 0xc0010010, read_zero, write_ignored }, /* SYSCFG */
    { 0xc0010015, 0xc0010015, read_hwcr, write_ignored },
    { 0xc0010016, 0xc001001a, read_zero, write_refused }, /* IORRs, TOP_MEM */
    { 0xc001001d, 0xc001001d, read_zero, write_refused }, /* TOP_MEM2 */
    { 0xc001001f, 0xc001001f, read_zero, write_ignored }, /* NB_CFG */
    { 0xc0010200, 0xc001020b, read_zero, write_ignored }, /* performance counters */
    { 0xc0011029, 0xc0011029, read_zero, write_ignored }, /* DE_CFG */
};

/* Returns the row of an MSR, or NULL. */
static const struct msr_row *find_row(uint32_t msr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
        if (msr >= rows[i].first && msr <= rows[i].last)
            return &rows[i];
    return NULL;
}

static bool is_x2apic_msr(uint32_t msr) { return msr >> 8 == 0x800 >> 8; }

int msr_guest_read(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (is_x2apic_msr(msr))
        return lapic_msr_read(v, msr, val);
    const struct msr_row *row = find_row(msr);

    return row ? row->read(v, msr, val) : -ENOENT;
}

int msr_guest_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (is_x2apic_msr(msr))
        return lapic_msr_write(v, msr, val);
    const struct msr_row *row = find_row(msr);

    return row ? row->write(v, msr, val) : -ENOENT;
}
