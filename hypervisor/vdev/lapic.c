/* SPDX-License-Identifier: MIT */
/*
 * A guest's local APIC: priorities, interprocessor interrupts, and the register interfaces xAPIC (a
 * page of memory) and x2APIC (MSRs). APM vol. 2, chapter 16. One table lists the registers of both;
 * both use reg_read and reg_write, with the register's offset in the page.
 *
 * Any CPU may set IRR and TMR bits (atomic). All other state is accessed by the vcpu itself, or
 * while it is paused. The page cannot be moved: all vcpus share one nested page table, so a
 * per-vcpu address has no meaning.
 *
 * Read next: lapic_timer.c, ../dom0/ioapic.c, ../guest/inject.c (which asks for the highest
 * vector).
 */
#include "vdev/lapic.h"
#include "core/domain.h"
#include "core/vcpu.h"
#include "errors.h"
#include "lib.h"
#include "vdev/lapic_timer.h"

#include <xen/hvm/save.h>

#define BASE_BSP (1ull << 8)
#define BASE_X2APIC (1ull << 10)
#define BASE_ENABLE (1ull << 11)
#define BASE_MODE (BASE_X2APIC | BASE_ENABLE)

/* Six LVT entries, an integrated APIC; no EOI-broadcast suppression. */
#define VERSION (0x14u | (LVT_COUNT - 1) << 16)

/* Offsets in the page, of registers named in struct lapic and of others. */
#define REG(name) ((offsetof(struct lapic, name) - offsetof(struct lapic, reg)) * 4)
#define REG_PPR 0xa0
#define REG_EOI 0xb0
#define REG_ICR_HIGH 0x310
#define REG_CURRENT_COUNT 0x390
#define REG_SELF_IPI 0x3f0
#define REG_END 0x400

#define SVR_ENABLE (1u << 8)
#define ESR_SEND_VECTOR (1u << 5)
#define ESR_RECEIVE_VECTOR (1u << 6)
#define ESR_REGISTER (1u << 7)

/* LAPIC_MODE of a message. The low word of the ICR has the same format. */
enum { MODE_FIXED, MODE_LOWEST, MODE_NMI = 4, MODE_INIT, MODE_STARTUP, MODE_EXTINT };
#define EXTINT_MARK 0 /* in irr: a vector that no interrupt has */
#define ICR_ASSERT (1u << 14)
#define ICR_BITS 0xccfffu /* without the delivery status */
#define SHORTHAND(m) ((m) >> 18 & 3)
enum { TO_DEST, TO_SELF, TO_ALL, TO_OTHERS };
#define DEST_ALL 0xffffffffu

/*
 * Registers accessible by page and by MSR, and their writable bits. A computed one is not read as
 * it is stored.
 */
enum {
    PAGE_READ = 1,
    PAGE_WRITE = 2,
    MSR_READ = 4,
    MSR_WRITE = 8,
    READ = 5,
    WRITE = 10,
    COMPUTED = 16
};
#define INDEX(name) (REG(name) >> 4)
#define LVT_READ_ONLY 0x5000u

static const struct {
    uint64_t bits;
    uint8_t access;
} registers[REG_END >> 4] = {
    [INDEX(id)] = { 0, READ | PAGE_WRITE | COMPUTED },
    [INDEX(version)] = { 0, READ },
    [INDEX(tpr)] = { 0xff, READ | WRITE },
    [REG_PPR >> 4] = { 0, READ | COMPUTED },
    [REG_EOI >> 4] = { 0, WRITE },
    [INDEX(ldr)] = { 0xff000000, READ | PAGE_WRITE | COMPUTED },
    [INDEX(dfr)] = { 0xf0000000, PAGE_READ | PAGE_WRITE },
    [INDEX(svr)] = { 0x3ff, READ | WRITE },
    [INDEX(isr) + 0 ... INDEX(irr) - 1] = { ~0u, READ },
    [INDEX(irr)] = { ~0u, READ | COMPUTED },
    [INDEX(irr) + 1 ... INDEX(esr) - 1] = { ~0u, READ },
    [INDEX(esr)] = { 0, READ | WRITE },
    [INDEX(icr)] = { ~0ull << 32 | ICR_BITS, READ | WRITE },
    [REG_ICR_HIGH >> 4] = { ~0u, PAGE_READ | PAGE_WRITE },
    [INDEX(lvt) + LVT_TIMER] = { 0x300ff, READ | WRITE },
    [INDEX(lvt) + LVT_THERMAL] = { 0x107ff, READ | WRITE },
    [INDEX(lvt) + LVT_PERF] = { 0x107ff, READ | WRITE },
    [INDEX(lvt) + LVT_LINT0] = { 0x1a7ff, READ | WRITE },
    [INDEX(lvt) + LVT_LINT1] = { 0x1a7ff, READ | WRITE },
    [INDEX(lvt) + LVT_ERROR] = { 0x100ff, READ | WRITE },
    [INDEX(initial_count)] = { ~0u, READ | WRITE },
    [REG_CURRENT_COUNT >> 4] = { 0, READ | COMPUTED },
    [INDEX(divide)] = { 0xb, READ | WRITE },
    [REG_SELF_IPI >> 4] = { 0xff, MSR_WRITE },
};

static bool is_x2apic(const struct lapic *l) { return (l->base_msr & BASE_MODE) == BASE_MODE; }
static bool is_enabled(const struct lapic *l)
{
    return (l->base_msr & BASE_ENABLE) && (l->svr & SVR_ENABLE);
}

bool lapic_has_page(const struct vcpu *v, gpa_t gpa)
{
    return (gpa & PAGE_MASK) == LAPIC_PAGE && (v->vdev.lapic.base_msr & BASE_MODE) == BASE_ENABLE;
}

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

static uint32_t get_ppr(const struct lapic *l)
{
    int isr = highest_bit(l->isr);
    uint32_t in_service = isr < 0 ? 0 : (uint32_t)isr & 0xf0;

    return (l->tpr & 0xf0) >= in_service ? l->tpr : in_service;
}

int lapic_highest_request(struct vcpu *v)
{
    const struct lapic *l = &v->vdev.lapic;

    if (!is_enabled(l))
        return -1;
    for (int i = 3; i >= 0; i--) { /* the highest non-zero word decides: no class spans two words */
        uint64_t irr = READ_ONCE(l->irr[i]) & ~(i ? 0ull : 1ull), isr = l->isr[i];
        int requested = irr ? 63 - __builtin_clzll(irr) : -1,
            served = isr ? 63 - __builtin_clzll(isr) : -1;

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

void lapic_raise_extint(struct vcpu *v)
{
    if (!bit_test_and_set(v->vdev.lapic.irr, EXTINT_MARK))
        vcpu_kick(v);
}

void lapic_clear_extint(struct vcpu *v) { bit_clear(v->vdev.lapic.irr, EXTINT_MARK); }

/* With its local APIC disabled, the first CPU's pin is that of the PIC pair. */
bool lapic_takes_extint(const struct vcpu *v)
{
    const struct lapic *l = &v->vdev.lapic;
    uint32_t lvt = READ_ONCE(l->lvt[LVT_LINT0]);

    if (!(READ_ONCE(l->base_msr) & BASE_ENABLE))
        return v->id == 0;
    return !(lvt & LVT_MASKED) && LAPIC_MODE(lvt) == MODE_EXTINT;
}

void lapic_accept(struct vcpu *v, uint8_t vector)
{
    bit_clear(v->vdev.lapic.irr, vector);
    v->vdev.lapic.isr[vector / 64] |= 1ull << (vector % 64);
    if (vector == (uint8_t)v->vdev.lapic.lvt[LVT_TIMER])
        lapic_timer_resume(v);
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
    if (v->d->vdev.level_eoi && bit_test(l->tmr, (unsigned int)vector))
        v->d->vdev.level_eoi(v->d, (uint8_t)vector);
}

/* --- delivery --- */

/*
 * An error interrupt with an illegal vector is itself an error: it sets one more ESR bit, and
 * raises no interrupt, which would recurse endlessly.
 */
static void report_error(struct vcpu *v, uint32_t bits)
{
    struct lapic *l = &v->vdev.lapic;
    uint32_t lvt = READ_ONCE(l->lvt[LVT_ERROR]);
    bool masked = lvt & LVT_MASKED, legal = (lvt & 0xff) >= 16;

    if (!masked && !legal)
        bits |= ESR_RECEIVE_VECTOR;
    if ((__atomic_fetch_or(&l->esr_pending, bits, __ATOMIC_SEQ_CST) & bits) != bits && !masked &&
        legal)
        lapic_set_irq(v, (uint8_t)lvt, false);
}

void lapic_set_irq(struct vcpu *v, uint8_t vector, bool level)
{
    struct lapic *l = &v->vdev.lapic;

    if (!is_enabled(l))
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

static uint32_t x2apic_ldr(uint32_t id) { return id >> 4 << 16 | 1u << (id & 0xf); }

static bool accepts_logical(const struct lapic *l, uint32_t dest)
{
    uint32_t mine = l->ldr >> 24;

    if (is_x2apic(l))
        return l->id >> 4 == dest >> 16 && (x2apic_ldr(l->id) & dest & 0xffff);
    if (l->dfr >> 28 == 0xf)
        return mine & dest & 0xff;
    return (mine & 0xf0) == (dest & 0xf0) && (mine & dest & 0xf);
}

/* Delivers a message to one vcpu. */
static void deliver_one(struct vcpu *v, uint32_t message)
{
    switch (LAPIC_MODE(message)) {
    case MODE_FIXED:
    case MODE_LOWEST: lapic_set_irq(v, (uint8_t)message, message & LAPIC_LEVEL); break;
    case MODE_NMI:
        WRITE_ONCE(v->vdev.nmi_pending, true);
        vcpu_kick(v);
        break;
    case MODE_INIT: vcpu_init_received(v); break;
    case MODE_STARTUP: vcpu_sipi_received(v, (uint8_t)message); break;
    default: /* SMI and reserved modes are ignored */ break;
    }
}

/* except: a vcpu to skip (shorthand), or NULL. */
static void deliver_to_dest(struct domain *d, uint32_t dest, uint32_t message,
                            const struct vcpu *except)
{
    if (dest != DEST_ALL && !(message & LAPIC_LOGICAL)) {
        struct vcpu *v = lapic_by_id(d, dest);

        if (v)
            deliver_one(v, message);
        return;
    }
    for_each_vcpu(d, each) {
        if (each == except || (dest != DEST_ALL && !accepts_logical(&each->vdev.lapic, dest)))
            continue;
        deliver_one(each, message);
        if (LAPIC_MODE(message) == MODE_LOWEST)
            return;
    }
}

void lapic_deliver(struct domain *d, uint32_t dest, uint32_t message)
{
    deliver_to_dest(d, dest == 0xff ? DEST_ALL : dest, message, NULL);
}

static uint32_t icr_dest(const struct lapic *l)
{
    uint32_t high = (uint32_t)(l->icr >> 32);

    if (is_x2apic(l))
        return high;
    return high >> 24 == 0xff ? DEST_ALL : high >> 24;
}

static void send_ipi(struct vcpu *v, uint32_t low, uint32_t dest)
{
    uint32_t mode = LAPIC_MODE(low), to = SHORTHAND(low), message = low & ~LAPIC_LEVEL;

    if (mode <= MODE_LOWEST && (uint8_t)low < 16)
        report_error(v, ESR_SEND_VECTOR);
    else if (mode == MODE_INIT && (low & LAPIC_LEVEL) && !(low & ICR_ASSERT))
        return; /* the obsolete INIT level de-assert */
    else if ((to == TO_SELF || to == TO_ALL) && mode > MODE_NMI)
        return; /* INIT and SIPI to self are invalid */
    else if (to == TO_SELF)
        deliver_one(v, message);
    else
        deliver_to_dest(v->d, to == TO_DEST ? dest : DEST_ALL, message, to == TO_OTHERS ? v : NULL);
}

/* --- registers --- */

static inline bool has_register(uint32_t offset, unsigned int access)
{
    return !(offset & 0xf) && offset < REG_END && (registers[offset >> 4].access & access);
}

/* access: PAGE_READ or MSR_READ. False: no such register. */
static inline bool reg_read(const struct vcpu *v, uint32_t offset, unsigned int access,
                            uint32_t *val)
{
    const struct lapic *l = &v->vdev.lapic;

    if (!has_register(offset, access))
        return false;
    *val = READ_ONCE(l->reg[offset >> 4]);
    if (!(registers[offset >> 4].access & COMPUTED))
        return true;
    if (offset == REG(id) && !is_x2apic(l))
        *val <<= 24;
    else if (offset == REG(ldr) && is_x2apic(l))
        *val = x2apic_ldr(l->id);
    else if (offset == REG(irr))
        *val &= ~0xffffu;
    else if (offset == REG_PPR)
        *val = get_ppr(l);
    else if (offset == REG_CURRENT_COUNT)
        *val = lapic_timer_current(v);
    return true;
}

/*
 * An event upcall is raised once, when the first event becomes pending. Kernels register the upcall
 * vector, also for other vcpus, before those enable their APIC, and INIT clears IRR. So an upcall
 * lost before is raised again here.
 */
static void write_svr(struct vcpu *v, uint32_t val)
{
    struct lapic *l = &v->vdev.lapic;

    WRITE_ONCE(l->svr, val);
    if (!(val & SVR_ENABLE)) {
        for (unsigned int i = 0; i < LVT_COUNT; i++)
            l->lvt[i] |= LVT_MASKED;
        return;
    }
    smp_mb();
    if (v->vdev.upcall_vector && READ_ONCE(v->info->evtchn_upcall_pending))
        lapic_set_irq(v, v->vdev.upcall_vector, false);
}

/* Has the next entry look whether the PIC pair has an interrupt, which v may take from now on. */
static void look_for_extint(struct vcpu *v)
{
    if (v->d->vdev.pc)
        bit_set(v->vdev.lapic.irr, EXTINT_MARK);
}

static void write_lvt(struct vcpu *v, unsigned int i, uint32_t val)
{
    struct lapic *l = &v->vdev.lapic;
    uint32_t old = l->lvt[i];

    l->lvt[i] = val | (l->svr & SVR_ENABLE ? 0 : LVT_MASKED);
    if (i == LVT_TIMER && ((old ^ val) & LVT_PERIODIC))
        lapic_timer_load(v, 0);
    else if (i == LVT_TIMER)
        lapic_timer_resume(v);
    else if (i == LVT_LINT0)
        look_for_extint(v);
}

/* The register must exist, and val must have only writable bits. */
static void reg_write(struct vcpu *v, uint32_t offset, uint64_t val)
{
    struct lapic *l = &v->vdev.lapic;
    uint32_t low = (uint32_t)val;

    switch (offset) {
    case REG(id): return; /* fixed: lapic_by_id depends on it */
    case REG(dfr): l->dfr = low | 0x0fffffff; return;
    case REG_EOI: end_of_interrupt(v); return;
    case REG(svr): write_svr(v, low); return;
    case REG(esr): l->esr = __atomic_exchange_n(&l->esr_pending, 0, __ATOMIC_SEQ_CST); return;
    case REG(icr):
        l->icr = is_x2apic(l) ? val : (l->icr & ~0xffffffffull) | low;
        send_ipi(v, low, icr_dest(l));
        return;
    case REG(lvt)... REG(initial_count) - 1: write_lvt(v, (offset - REG(lvt)) >> 4, low); return;
    case REG(initial_count): lapic_timer_load(v, low); return;
    case REG(divide):
        l->divide = low;
        lapic_timer_load(v, l->initial_count);
        return;
    case REG_SELF_IPI: send_ipi(v, low | TO_SELF << 18, 0); return;
    default: l->reg[offset >> 4] = low;
    }
}

uint32_t lapic_mmio_read(struct vcpu *v, uint32_t offset)
{
    uint32_t val = 0;

    if (!reg_read(v, offset, PAGE_READ, &val))
        report_error(v, ESR_REGISTER);
    return val;
}

void lapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t val)
{
    if (has_register(offset, PAGE_WRITE))
        reg_write(v, offset, val & registers[offset >> 4].bits);
    else
        report_error(v, ESR_REGISTER);
}

/* --- MSRs --- */

static bool base_is_valid(uint64_t val)
{
    return (val & ~(BASE_MODE | BASE_BSP)) == LAPIC_PAGE && (val & BASE_MODE) != BASE_X2APIC;
}

static int write_base(struct vcpu *v, uint64_t val)
{
    struct lapic *l = &v->vdev.lapic;
    uint64_t old = l->base_msr & BASE_MODE, mode = val & BASE_MODE;

    if (!base_is_valid(val) || (mode == BASE_MODE && !old) ||
        (mode == BASE_ENABLE && old == BASE_MODE))
        return -EFAULT; /* x2APIC is entered only from xAPIC, and left only by disabling */
    l->base_msr = (l->base_msr & ~BASE_MODE) | mode;
    if (!mode && old)
        lapic_reset(v, true);
    return 0;
}

#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC 0x800

int lapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const struct lapic *l = &v->vdev.lapic;
    uint32_t offset = (msr - MSR_X2APIC) << 4, low = 0;

    if (msr != MSR_APIC_BASE && (!is_x2apic(l) || !reg_read(v, offset, MSR_READ, &low)))
        return -EFAULT;
    if (msr == MSR_APIC_BASE)
        *val = l->base_msr;
    else
        *val = offset == REG(icr) ? l->icr : low;
    return 0;
}

int lapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
    uint32_t offset = (msr - MSR_X2APIC) << 4;

    if (msr == MSR_APIC_BASE)
        return write_base(v, val);
    if (!is_x2apic(&v->vdev.lapic) || !has_register(offset, MSR_WRITE))
        return -EFAULT;
    if (offset >= REG(lvt) && offset < REG(initial_count))
        val &= ~(uint64_t)LVT_READ_ONLY;
    if (val & ~registers[offset >> 4].bits)
        return -EFAULT;
    reg_write(v, offset, val);
    return 0;
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
    for (unsigned int i = 0; i < LVT_COUNT; i++)
        l->lvt[i] = LVT_MASKED;
    look_for_extint(v);
}

#define SAVED_HW_DISABLED 1u
#define SAVED_SW_DISABLED 2u

void lapic_save(struct vcpu *v, struct hvm_hw_lapic *hw, struct hvm_hw_lapic_regs *regs)
{
    const struct lapic *l = &v->vdev.lapic;
    uint32_t val;

    if (hw)
        *hw =
            (struct hvm_hw_lapic){ .apic_base_msr = l->base_msr,
                                   .disabled = (l->base_msr & BASE_ENABLE ? 0 : SAVED_HW_DISABLED) |
                                               (l->svr & SVR_ENABLE ? 0 : SAVED_SW_DISABLED),
                                   .timer_divisor = 1u << lapic_timer_shift(l->divide) };
    if (!regs)
        return;
    memset(regs, 0, sizeof(*regs));
    for (uint32_t offset = 0; offset < REG_END; offset += 0x10)
        if (reg_read(v, offset, PAGE_READ, &val))
            memcpy(regs->data + offset, &val, sizeof(val));
}

/* regs is not trusted: each value is masked to what a guest could have written. */
static void load_regs(struct vcpu *v, const struct hvm_hw_lapic_regs *regs)
{
    struct lapic *l = &v->vdev.lapic;

    for (uint32_t offset = REG(tpr); offset < REG_END; offset += 0x10) {
        memcpy(&l->reg[offset >> 4], regs->data + offset, sizeof(l->reg[0]));
        l->reg[offset >> 4] &= (uint32_t)registers[offset >> 4].bits;
    }
    l->dfr |= 0x0fffffff;
    l->isr[0] &= ~0xffffull; /* vectors that do not exist */
    l->tmr[0] &= ~0xffffull;
    l->irr[0] &= ~0xffffull;
    lapic_timer_load(v, l->initial_count);
    look_for_extint(v);
}

int lapic_load(struct vcpu *v, const struct hvm_hw_lapic *hw, const struct hvm_hw_lapic_regs *regs)
{
    struct lapic *l = &v->vdev.lapic;

    if (hw && !base_is_valid(hw->apic_base_msr))
        return -EINVAL;
    if (hw)
        l->base_msr = hw->apic_base_msr;
    if (regs)
        load_regs(v, regs);
    return 0;
}
