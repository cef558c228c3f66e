/* SPDX-License-Identifier: MIT */
/*
 * The host's local APIC: x2APIC through MSRs where the CPU has it, else xAPIC through its page.
 * Covers interprocessor interrupts, EOI and the one-shot timer. (APM vol. 2, chapter 16)
 *
 * QEMU (7.2 to 10, without -icount) may lose an interrupt that arrives at the very moment of a
 * VMRUN or exit. It stays in the IRR, but the CPU is not notified until the TPR is written or
 * another interrupt arrives. So apic_recheck() writes the TPR before a CPU halts. Under QEMU's TCG,
 * and only there, the timer also runs in periodic mode, so that a lost shot is repeated.
 *
 * The repetition must be slow. On a busy host, QEMU's main loop owes the CPU an interrupt for each
 * period that has passed while the CPU's thread waited. It delivers them one by one under the lock
 * that the thread needs, so periods of microseconds never catch up. The first shot must not be
 * delayed, however. QEMU computes an expiry when the initial count is written, and later ones with
 * the divider at that time (hw/intc/apic.c, unchanged from 1.0 to 10). A divider written after the
 * count therefore slows only the repetitions. The thread may be delayed between the two writes,
 * too. So the count has a minimum whose period QEMU can keep up with, and a timer due sooner fires
 * late there.
 */
#include "cpu/apic.h"
#include "cpu.h"
#include "cpu/features.h"
#include "cpu/irq.h"
#include "cpu/nmi.h"
#include "lib.h"
#include "lib/log.h"
#include "mm/pagetable.h"
#include "percpu.h"

#define MSR_APIC_BASE 0x1bu
#define BASE_X2APIC (1ull << 10)
#define BASE_ENABLE (1ull << 11)
#define MSR_X2APIC 0x800u

enum {
    REG_ID = 0x20,
    REG_TPR = 0x80,
    REG_EOI = 0xb0,
    REG_SPURIOUS = 0xf0,
    REG_REQUEST = 0x200,
    REG_ICR = 0x300,
    REG_ICR_HIGH = 0x310,
    REG_LVT_TIMER = 0x320,
    REG_LVT_LINT0 = 0x350,
    REG_LVT_LINT1 = 0x360,
    REG_TIMER_INITIAL = 0x380,
    REG_TIMER_CURRENT = 0x390,
    REG_TIMER_DIVIDE = 0x3e0
};

#define SPURIOUS_ENABLE 0x100u
#define LVT_MASKED 0x10000u
#define LVT_NMI 0x400u
#define LVT_PERIODIC 0x20000u
#define DIVIDE_BY_1 0xbu
#define DIVIDE_BY_128 0xau
#define ICR_BUSY 0x1000u
#define ICR_ASSERT 0x4000u

/*
 * Bounds of one shot; a later expiry is armed again after the longest shot. Where shots repeat,
 * those shorter than SHORT_SHOT do so 128 times slower, longer ones at their own period. So the
 * repetition period is between a millisecond and a second.
 */
#define LONGEST_SHOT SEC(4)
#define LONGEST_REPEATED_SHOT SEC(1)
#define SHORT_SHOT MSEC(1)
#define SHORTEST_SHOT USEC(2)
#define SHORTEST_REPEATED_SHOT USEC(100)

static volatile uint32_t *page;    /* xAPIC; NULL: x2APIC */
static uint32_t divider[MAX_CPUS]; /* the divide register of each CPU */
uint32_t apic_timer_khz;           /* measured by clock.c */

static uint32_t read_lapic(unsigned int reg)
{
    return page ? page[reg / 4] : (uint32_t)cpu_rdmsr(MSR_X2APIC + reg / 16);
}

static void write_lapic(unsigned int reg, uint32_t val)
{
    if (page)
        page[reg / 4] = val;
    else
        cpu_wrmsr(MSR_X2APIC + reg / 16, val);
}

static void set_divider(uint32_t val)
{
    uint32_t *own = &divider[this_cpu()->id];

    if (*own != val)
        write_lapic(REG_TIMER_DIVIDE, val);
    *own = val;
}

void apic_init_cpu(void)
{
    if (!cpu_features.x2apic && !page)
        page = pagetable_map_device(cpu_rdmsr(MSR_APIC_BASE) & 0x000ffffffffff000ull, PAGE_SIZE);
    cpu_wrmsr(MSR_APIC_BASE, cpu_rdmsr(MSR_APIC_BASE) | BASE_ENABLE | (page ? 0 : BASE_X2APIC));
    write_lapic(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    write_lapic(REG_TPR, 0);
    write_lapic(REG_LVT_LINT0, LVT_MASKED);
    /*
     * External NMIs go to the boot CPU only. If they are fatal they go to all, as any CPU may be
     * the one still able to dump.
     */
    write_lapic(REG_LVT_LINT1, this_cpu()->id == 0 || nmi_is_fatal() ? LVT_NMI : LVT_MASKED);
    divider[this_cpu()->id] = 0; /* INIT may have changed the register */
    write_lapic(REG_LVT_TIMER, (cpu_features.tcg ? LVT_PERIODIC : 0) | VECTOR_TIMER);
    apic_timer_start(0);
    this_cpu()->apic_id = read_lapic(REG_ID) >> (page ? 24 : 0);
}

bool apic_is_requested(unsigned int vector)
{
    return read_lapic(REG_REQUEST + vector / 32 * 16) >> vector % 32 & 1;
}

uint32_t apic_max_id(void) { return page ? 0xfe : 0xfffffffe; }
void apic_eoi(void) { write_lapic(REG_EOI, 0); }
void apic_recheck(void) { write_lapic(REG_TPR, 0); }

void apic_send(uint32_t target, uint32_t command)
{
    command |= ICR_ASSERT;
    if (!page) {
        /* an x2APIC write is not ordered after earlier stores, which the receiver must see */
        smp_mb();
        cpu_wrmsr(MSR_X2APIC + REG_ICR / 16, (uint64_t)target << 32 | command);
        return;
    }
    while (read_lapic(REG_ICR) & ICR_BUSY)
        cpu_pause();
    write_lapic(REG_ICR_HIGH, target << 24);
    write_lapic(REG_ICR, command);
}

void apic_timer_start(uint32_t count)
{
    set_divider(DIVIDE_BY_1);
    write_lapic(REG_TIMER_INITIAL, count);
}

uint32_t apic_timer_current(void) { return read_lapic(REG_TIMER_CURRENT); }

void apic_timer_arm(nsec_t delta)
{
    nsec_t shortest = cpu_features.tcg ? SHORTEST_REPEATED_SHOT : SHORTEST_SHOT;
    nsec_t longest = cpu_features.tcg ? LONGEST_REPEATED_SHOT : LONGEST_SHOT;
    nsec_t shot = MIN(MAX(delta, shortest), longest);

    apic_timer_start((uint32_t)MIN((uint64_t)shot * apic_timer_khz / 1000000, 0xffffffffull));
    if (cpu_features.tcg && shot < SHORT_SHOT)
        set_divider(DIVIDE_BY_128);
}
