/* SPDX-License-Identifier: MIT */
/*
 * A guest's local APIC: priorities, interprocessor interrupts, and its two faces, a page of memory (xAPIC)
 * and MSRs (x2APIC). APM vol. 2, chapter 16. Both faces lead to reg_read and reg_write by the register's page
 * offset; what only one of them has is decided before.
 *
 * Any CPU may set IRR and TMR bits (atomic); all else is touched by the vcpu itself, or while it is paused.
 * The page cannot be moved: with several vcpus in one nested page table there is no sane meaning for it.
 *
 * Read next: lapic_timer.c, ioapic.c, ../svm/inject.c (who asks for the highest vector).
 */
#include "domain.h"
#include "errors.h"
#include "lib.h"
#include "vdev.h"
#include <xen/hvm/save.h>

#define BASE_BSP (1ull << 8)
#define BASE_X2APIC (1ull << 10)
#define BASE_ENABLE (1ull << 11)
#define BASE_MODE (BASE_X2APIC | BASE_ENABLE)

/* Six LVT entries, an integrated APIC; no EOI-broadcast suppression. */
#define VERSION (0x14u | (LVT_COUNT - 1) << 16)

/* Offsets in the page: of a register that struct lapic names, and of the others. */
#define REG(name) ((offsetof(struct lapic, name) - offsetof(struct lapic, reg)) * 4)
#define REG_PPR 0xa0
#define REG_EOI 0xb0
#define REG_ICR_HIGH 0x310
#define REG_LVT_LAST 0x370
#define REG_CURRENT_COUNT 0x390
#define REG_SELF_IPI 0x3f0
#define REG_END 0x400

#define SVR_ENABLE (1u << 8)
#define SVR_BITS 0x3ffu
#define ESR_SEND_VECTOR (1u << 5)
#define ESR_RECEIVE_VECTOR (1u << 6)
#define ESR_REGISTER (1u << 7)

#define MODE_FIXED 0
#define MODE_LOWEST 1
#define MODE_NMI 4
#define MODE_INIT 5
#define MODE_STARTUP 6

#define ICR_VECTOR 0xffu
#define ICR_LOGICAL (1u << 11)
#define ICR_ASSERT (1u << 14)
#define ICR_LEVEL (1u << 15)
#define ICR_BITS 0xccfffu /* without the delivery status */
#define DEST_ALL 0xffffffffu

static const uint32_t lvt_bits[LVT_COUNT] = { 0x300ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff };

static bool x2apic(const struct lapic *l) { return (l->base_msr & BASE_MODE) == BASE_MODE; }
static bool enabled(const struct lapic *l) { return (l->base_msr & BASE_ENABLE) && (l->svr & SVR_ENABLE); }

bool lapic_has_page(const struct vcpu *v, gpa_t gpa)
{
    return (gpa & PAGE_MASK) == LAPIC_PAGE && (v->vdev.lapic.base_msr & BASE_MODE) == BASE_ENABLE;
}

uint32_t lapic_get_tpr(const struct vcpu *v) { return v->vdev.lapic.tpr; }
void lapic_set_tpr(struct vcpu *v, uint32_t tpr) { v->vdev.lapic.tpr = tpr & 0xff; }

/* --- priorities --- */

static int highest_bit(const uint64_t map[4])
{
    for (int i = 3; i >= 0; i--) {
        uint64_t word = READ_ONCE(map[i]);

        if (word)
            return i * 64 + 63 - __builtin_clzll(word);
    }
    return -1;
}

static uint32_t ppr(const struct lapic *l)
{
    int isr = highest_bit(l->isr);
    uint32_t in_service = isr < 0 ? 0 : (uint32_t)isr & 0xf0;

    return (l->tpr & 0xf0) >= in_service ? l->tpr : in_service;
}

static bool any_request(const uint64_t irr[4])
{
    return READ_ONCE(irr[0]) | READ_ONCE(irr[1]) | READ_ONCE(irr[2]) | READ_ONCE(irr[3]);
}

int lapic_highest_request(struct vcpu *v)
{
    const struct lapic *l = &v->vdev.lapic;

    if (likely(!any_request(l->irr)) || !enabled(l))
        return -1;
    for (int i = 3; i >= 0; i--) { /* the first word with a bit decides: a class has 16 vectors */
        uint64_t irr = READ_ONCE(l->irr[i]), isr = l->isr[i];
        int requested = irr ? 63 - __builtin_clzll(irr) : -1, served = isr ? 63 - __builtin_clzll(isr) : -1;

        if (irr | isr)
            return requested >> 4 > served >> 4 ? i * 64 + requested : -1;
    }
    return -1;
}

int lapic_highest_pending(struct vcpu *v)
{
    int vector = lapic_highest_request(v);

    return vector >= 0 && ((uint32_t)vector & 0xf0) > (v->vdev.lapic.tpr & 0xf0) ? vector : -1;
}

void lapic_accept(struct vcpu *v, uint8_t vector)
{
    bit_clear(v->vdev.lapic.irr, vector);
    v->vdev.lapic.isr[vector / 64] |= 1ull << (vector % 64);
}

void lapic_return(struct vcpu *v, uint8_t vector)
{
    v->vdev.lapic.isr[vector / 64] &= ~(1ull << (vector % 64));
    bit_set(v->vdev.lapic.irr, vector);
}

static void end_of_interrupt(struct vcpu *v)
{
    struct lapic *l = &v->vdev.lapic;
    int vector = highest_bit(l->isr);

    if (vector < 0)
        return;
    l->isr[vector / 64] &= ~(1ull << (vector % 64));
    if (v->d->vdev.ioapic && bit_test(l->tmr, (unsigned int)vector))
        ioapic_eoi(v->d, (uint8_t)vector);
}

/* --- delivery --- */

static void report_error(struct vcpu *v, uint32_t bit)
{
    struct lapic *l = &v->vdev.lapic;
    uint32_t lvt = READ_ONCE(l->lvt[LVT_ERROR]);

    if (__atomic_fetch_or(&l->esr_pending, bit, __ATOMIC_SEQ_CST) & bit)
        return;
    if (!(lvt & LVT_MASKED) && (lvt & 0xff) >= 16)
        lapic_set_irq(v, (uint8_t)lvt, false);
}

void lapic_set_irq(struct vcpu *v, uint8_t vector, bool level)
{
    struct lapic *l = &v->vdev.lapic;

    if (!enabled(l))
        return;
    if (vector < 16) {
        report_error(v, ESR_RECEIVE_VECTOR);
        return;
    }
    if (level)
        bit_set(l->tmr, vector);
    else if (bit_test(l->tmr, vector))
        bit_clear(l->tmr, vector);
    if (!bit_test_and_set(l->irr, vector))
        vcpu_kick(v);
}

struct vcpu *lapic_by_id(struct domain *d, uint32_t apic_id)
{
    return apic_id & 1 ? NULL : domain_vcpu(d, apic_id / 2);
}

static bool accepts_logical(const struct lapic *l, uint32_t dest)
{
    uint32_t mine;

    if (x2apic(l))
        return (l->ldr >> 16) == (dest >> 16) && (l->ldr & dest & 0xffff);
    mine = l->ldr >> 24;
    if (l->dfr >> 28 == 0xf)
        return mine & dest & 0xff;
    return (mine & 0xf0) == (dest & 0xf0) && (mine & dest & 0xf);
}

/* One message to one vcpu. */
static void deliver_one(struct vcpu *v, uint32_t mode, uint8_t vector, bool level)
{
    switch (mode) {
    case MODE_FIXED:
    case MODE_LOWEST:
        lapic_set_irq(v, vector, level);
        break;
    case MODE_NMI:
        WRITE_ONCE(v->vdev.nmi_pending, true);
        vcpu_kick(v);
        break;
    case MODE_INIT:
        vcpu_init_received(v);
        break;
    case MODE_STARTUP:
        vcpu_sipi_received(v, vector);
        break;
    default: /* SMI and what is reserved: nobody listens */
        break;
    }
}

/* dest: DEST_ALL for everybody. except: not to this one (shorthand), or NULL. */
static void deliver(struct domain *d, uint32_t dest, bool logical, uint32_t mode, uint8_t vector, bool level,
                    const struct vcpu *except)
{
    struct vcpu *v;

    if (dest != DEST_ALL && !logical) {
        v = lapic_by_id(d, dest);
        if (v)
            deliver_one(v, mode, vector, level);
        return;
    }
    for_each_vcpu(d, each) {
        if (each == except || (dest != DEST_ALL && !accepts_logical(&each->vdev.lapic, dest)))
            continue;
        deliver_one(each, mode, vector, level);
        if (mode == MODE_LOWEST)
            return;
    }
}

void lapic_deliver(struct domain *d, uint32_t dest, bool logical, uint32_t mode, uint8_t vector, bool level)
{
    deliver(d, dest == 0xff ? DEST_ALL : dest, logical, mode, vector, level, NULL);
}

static void send_ipi(struct vcpu *v, uint32_t low, uint32_t dest)
{
    struct domain *d = v->d;
    uint32_t mode = low >> 8 & 7;
    uint8_t vector = low & ICR_VECTOR;

    if (mode <= MODE_LOWEST && vector < 16) {
        report_error(v, ESR_SEND_VECTOR);
        return;
    }
    if (mode == MODE_INIT && (low & ICR_LEVEL) && !(low & ICR_ASSERT))
        return; /* the obsolete INIT level de-assert */
    switch (low >> 18 & 3) {
    case 0:
        deliver(d, dest, low & ICR_LOGICAL, mode, vector, false, NULL);
        break;
    case 1:
        if (mode <= MODE_LOWEST || mode == MODE_NMI)
            deliver_one(v, mode, vector, false);
        break;
    case 2:
        if (mode <= MODE_NMI)
            deliver(d, DEST_ALL, false, mode, vector, false, NULL);
        break;
    default:
        deliver(d, DEST_ALL, false, mode, vector, false, v);
    }
}

/* --- registers --- */

#define BIT(offset) (1ull << ((offset) >> 4))
#define BITS(offset, n) (((1ull << (n)) - 1) << ((offset) >> 4))
#define XAPIC_ONLY (BIT(REG(dfr)) | BIT(REG_ICR_HIGH))
#define READABLE \
    (BIT(REG(id)) | BIT(REG(version)) | BIT(REG(tpr)) | BIT(REG_PPR) | BIT(REG(ldr)) | BIT(REG(svr)) | \
     BITS(REG(isr), 24) | BIT(REG(esr)) | BIT(REG(icr)) | BITS(REG(lvt), LVT_COUNT) | \
     BIT(REG(initial_count)) | BIT(REG_CURRENT_COUNT) | BIT(REG(divide)) | XAPIC_ONLY)

/* False: no such register. */
static bool reg_read(const struct vcpu *v, uint32_t offset, uint32_t *val)
{
    const struct lapic *l = &v->vdev.lapic;

    if (offset & 0xf || offset >= REG_END || !(READABLE & BIT(offset)))
        return false;
    if (x2apic(l) && (XAPIC_ONLY & BIT(offset)))
        return false;
    *val = READ_ONCE(l->reg[offset >> 4]);
    if (offset == REG(id) && !x2apic(l))
        *val <<= 24;
    else if (offset == REG_PPR)
        *val = ppr(l);
    else if (offset == REG_CURRENT_COUNT)
        *val = lapic_timer_current(v);
    return true;
}

/*
 * The upcall for events is raised once, when the first of them becomes pending. Kernels register for it, for
 * other vcpus too, before those enable their APIC (and INIT empties it): what was lost until now is raised
 * again.
 */
static void write_svr(struct vcpu *v, uint32_t val)
{
    struct lapic *l = &v->vdev.lapic;

    WRITE_ONCE(l->svr, val & SVR_BITS);
    if (!(val & SVR_ENABLE)) {
        for (unsigned int i = 0; i < LVT_COUNT; i++)
            l->lvt[i] |= LVT_MASKED;
        return;
    }
    smp_mb();
    if (v->vdev.upcall_vector && READ_ONCE(v->info->evtchn_upcall_pending))
        lapic_set_irq(v, v->vdev.upcall_vector, false);
}

static void write_lvt(struct vcpu *v, unsigned int i, uint32_t val)
{
    struct lapic *l = &v->vdev.lapic;
    uint32_t old = l->lvt[i];

    val &= lvt_bits[i];
    if (!(l->svr & SVR_ENABLE))
        val |= LVT_MASKED;
    l->lvt[i] = val;
    if (i == LVT_TIMER && ((old ^ val) & LVT_PERIODIC))
        lapic_timer_load(v, 0);
}

/* False: no such register, or nothing that can be written. The x2APIC face has checked reserved bits. */
static bool reg_write(struct vcpu *v, uint32_t offset, uint32_t val)
{
    struct lapic *l = &v->vdev.lapic;

    switch (offset) {
    case REG(tpr): lapic_set_tpr(v, val); return true;
    case REG_EOI: end_of_interrupt(v); return true;
    case REG(svr): write_svr(v, val); return true;
    case REG(esr): l->esr = __atomic_exchange_n(&l->esr_pending, 0, __ATOMIC_SEQ_CST); return true;
    case REG(lvt) ... REG_LVT_LAST: write_lvt(v, (offset - REG(lvt)) >> 4, val); return true;
    case REG(initial_count): lapic_timer_load(v, val); return true;
    case REG(divide):
        l->divide = val & 0xb;
        lapic_timer_load(v, l->initial_count);
        return true;
    default: return false;
    }
}

uint32_t lapic_mmio_read(struct vcpu *v, uint32_t offset)
{
    uint32_t val = 0;

    if (!reg_read(v, offset, &val))
        report_error(v, ESR_REGISTER);
    return val;
}

void lapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t val)
{
    struct lapic *l = &v->vdev.lapic;
    uint32_t dest;

    switch (offset) {
    case REG(id): /* fixed here: the vcpu is found by it */
        return;
    case REG(ldr):
        l->ldr = val & 0xff000000;
        return;
    case REG(dfr):
        l->dfr = val | 0x0fffffff;
        return;
    case REG_ICR_HIGH:
        l->icr = (uint32_t)l->icr | (uint64_t)(val & 0xff000000) << 32;
        return;
    case REG(icr):
        l->icr = (l->icr & ~0xffffffffull) | (val & ICR_BITS);
        dest = (uint32_t)(l->icr >> 56);
        send_ipi(v, val, dest == 0xff ? DEST_ALL : dest);
        return;
    default:
        if ((offset & 0xf) || !reg_write(v, offset, val))
            report_error(v, ESR_REGISTER);
    }
}

/* --- MSRs --- */

static uint32_t x2apic_ldr(uint32_t id) { return id >> 4 << 16 | 1u << (id & 0xf); }

static int write_base(struct vcpu *v, uint64_t val)
{
    struct lapic *l = &v->vdev.lapic;
    uint64_t old = l->base_msr & BASE_MODE, new = val & BASE_MODE;
    bool bsp = l->base_msr & BASE_BSP;

    if ((val & ~(BASE_MODE | BASE_BSP)) != LAPIC_PAGE || new == BASE_X2APIC)
        return -EFAULT;
    if ((new == BASE_MODE && !old) || (new == BASE_ENABLE && old == BASE_MODE))
        return -EFAULT; /* x2APIC is entered from xAPIC and left by disabling only */
    if (!new && old) {
        lapic_reset(v, true);
        l->ldr = 0;
    }
    l->base_msr = LAPIC_PAGE | new | (bsp ? BASE_BSP : 0);
    if (new == BASE_MODE)
        l->ldr = x2apic_ldr(l->id);
    return 0;
}

#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC 0x800
#define MSR_X2APIC_ICR 0x830
#define MSR_X2APIC_LAST 0x8ff

static int write_icr(struct vcpu *v, uint64_t val)
{
    if ((uint32_t)val & ~ICR_BITS)
        return -EFAULT;
    v->vdev.lapic.icr = val;
    send_ipi(v, (uint32_t)val, (uint32_t)(val >> 32));
    return 0;
}

/* Bits that a write in x2APIC mode may set; anything else is #GP. */
static uint32_t x2apic_writable(uint32_t offset)
{
    switch (offset) {
    case REG(tpr): return 0xff;
    case REG(svr): return SVR_BITS;
    case REG(lvt) ... REG_LVT_LAST:
        return lvt_bits[(offset - REG(lvt)) >> 4] | 5u << 12; /* and read-only ones */
    case REG(initial_count): return ~0u;
    case REG(divide): return 0xb;
    default: return 0; /* EOI and ESR take zero only */
    }
}

int lapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const struct lapic *l = &v->vdev.lapic;
    uint32_t offset = (msr - MSR_X2APIC) << 4, low = 0;

    if (msr == MSR_APIC_BASE) {
        *val = l->base_msr;
        return 0;
    }
    if (msr < MSR_X2APIC || msr > MSR_X2APIC_LAST || !x2apic(l) || !reg_read(v, offset, &low))
        return -EFAULT;
    *val = msr == MSR_X2APIC_ICR ? l->icr : low;
    return 0;
}

int lapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
    uint32_t offset = (msr - MSR_X2APIC) << 4;

    if (msr == MSR_APIC_BASE)
        return write_base(v, val);
    if (msr < MSR_X2APIC || msr > MSR_X2APIC_LAST || !x2apic(&v->vdev.lapic))
        return -EFAULT;
    if (msr == MSR_X2APIC_ICR)
        return write_icr(v, val);
    if (offset == REG_SELF_IPI) {
        if (val & ~0xffull)
            return -EFAULT;
        send_ipi(v, (uint32_t)val | 1u << 18, 0);
        return 0;
    }
    return (val & ~(uint64_t)x2apic_writable(offset)) || !reg_write(v, offset, (uint32_t)val) ? -EFAULT : 0;
}

/* --- reset, save, load --- */

void lapic_reset(struct vcpu *v, bool init)
{
    struct lapic *l = &v->vdev.lapic;

    if (!init)
        l->base_msr = LAPIC_PAGE | BASE_ENABLE | (v->id ? 0 : BASE_BSP);
    lapic_timer_load(v, 0);
    memset(l->reg, 0, sizeof(l->reg));
    l->esr_pending = 0;
    l->id = 2 * v->id;
    l->version = VERSION;
    l->svr = 0xff;
    l->dfr = 0xffffffff;
    l->ldr = x2apic(l) ? x2apic_ldr(l->id) : 0;
    for (unsigned int i = 0; i < LVT_COUNT; i++)
        l->lvt[i] = LVT_MASKED;
}

#define SAVED_HW_DISABLED 1u
#define SAVED_SW_DISABLED 2u

void lapic_save(struct vcpu *v, struct hvm_hw_lapic *hw, struct hvm_hw_lapic_regs *regs)
{
    const struct lapic *l = &v->vdev.lapic;
    uint32_t val;

    if (hw) {
        memset(hw, 0, sizeof(*hw));
        hw->apic_base_msr = l->base_msr;
        hw->disabled = (l->base_msr & BASE_ENABLE ? 0 : SAVED_HW_DISABLED) |
                       (l->svr & SVR_ENABLE ? 0 : SAVED_SW_DISABLED);
        hw->timer_divisor = 1u << lapic_timer_shift(l->divide);
    }
    if (!regs)
        return;
    memset(regs, 0, sizeof(*regs));
    for (uint32_t offset = 0; offset < REG_END; offset += 0x10)
        if (reg_read(v, offset, &val))
            memcpy(regs->data + offset, &val, sizeof(val));
    val = (uint32_t)(l->icr >> 32); /* of an x2APIC, too */
    memcpy(regs->data + REG_ICR_HIGH, &val, sizeof(val));
}

/* Nothing in regs is trusted: each value is cut to what a guest could have written. */
static void load_regs(struct vcpu *v, const struct hvm_hw_lapic_regs *regs)
{
    struct lapic *l = &v->vdev.lapic;

    for (uint32_t offset = REG(tpr); offset < REG_END; offset += 0x10)
        memcpy(&l->reg[offset >> 4], regs->data + offset, sizeof(l->reg[0]));
    l->tpr &= 0xff;
    l->svr &= SVR_BITS;
    l->dfr |= 0x0fffffff;
    l->ldr = x2apic(l) ? x2apic_ldr(l->id) : l->ldr & 0xff000000;
    l->icr &= ~0xffffffffull | ICR_BITS;
    l->isr[0] &= ~0xffffull; /* vectors that do not exist */
    l->tmr[0] &= ~0xffffull;
    l->irr[0] &= ~0xffffull;
    for (unsigned int i = 0; i < LVT_COUNT; i++)
        l->lvt[i] &= lvt_bits[i];
    l->divide &= 0xb;
    lapic_timer_load(v, l->initial_count);
}

int lapic_load(struct vcpu *v, const struct hvm_hw_lapic *hw, const struct hvm_hw_lapic_regs *regs)
{
    struct lapic *l = &v->vdev.lapic;

    if (hw) {
        if ((hw->apic_base_msr & ~(BASE_MODE | BASE_BSP)) != LAPIC_PAGE ||
            (hw->apic_base_msr & BASE_MODE) == BASE_X2APIC)
            return -EINVAL;
        l->base_msr = hw->apic_base_msr;
        if (x2apic(l))
            l->ldr = x2apic_ldr(l->id);
    }
    if (regs)
        load_regs(v, regs);
    return 0;
}
