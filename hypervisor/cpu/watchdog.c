/* SPDX-License-Identifier: MIT */
/*
 * The watchdog. A CPU in the core, neither idle nor in a guest, passes the run loop or enters a
 * guest many times a second. One that does neither for PATIENCE checks, at least a second apart, is
 * stuck: panic() stops and dumps all CPUs. Checks run whenever a timer fires on another CPU,
 * because an idle machine must have no tick. So a machine with one CPU has no watchdog. Checks are
 * counted, not time, because an emulator may be stopped as a whole.
 *
 * The debug build also records the longest stay in the core: from an exit or a wakeup to the next
 * entry, HLT or irq_window(). That is how long an interrupt had to wait. Under the rig's ICOUNT=1 a
 * tick is an instruction, and tests/system/stretch.c asserts a bound.
 */
#include "cpu/watchdog.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "cpu/clock.h"
#include "lib.h"
#include "lib/log.h"
#include "percpu.h"

#define PATIENCE 20

static nsec_t next_check; /* atomic; the CPU that advances it does the check */

/* State of the checks, written by one CPU at a time. */
static struct {
    uint64_t passes;
    unsigned int missed;
} seen[MAX_CPUS];
static unsigned int checks, most_missed; /* since the last report */

static void check_cpu(unsigned int i)
{
    const struct cpu *c = &cpus[i];
    uint64_t passes = READ_ONCE(c->passes) + READ_ONCE(c->guest_entries);

    if (passes != seen[i].passes || READ_ONCE(c->idle) || READ_ONCE(c->guest_domain)) {
        seen[i].passes = passes;
        seen[i].missed = 0;
        return;
    }
    seen[i].missed++;
    most_missed = MAX(most_missed, seen[i].missed);
    if (seen[i].missed == PATIENCE)
        panic("CPU %u has been stuck in the core for %d seconds\n", i, PATIENCE);
}

void watchdog_check(void)
{
    nsec_t now = clock_now(), due = READ_ONCE(next_check);

    if (now < due || !__atomic_compare_exchange_n(&next_check, &due, now + SEC(1), false,
                                                  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    checks++;
    for (unsigned int i = 0; i < nr_cpus; i++)
        if (i != this_cpu()->id)
            check_cpu(i);
}

/* Over all CPUs. Unlocked: one of two simultaneous updates may be lost. */
static struct cleave_stretch longest;

void watchdog_pause(void)
{
    struct cpu *c = this_cpu();

    watchdog_stretch_end(c);
    irq_window();
    watchdog_stretch_begin(c, NULL, 0, 0);
    WRITE_ONCE(c->passes, c->passes + 1);
}

/* v: the vcpu that exited, or NULL. */
void watchdog_stretch_begin(struct cpu *c, const struct vcpu *v, uint64_t exit_code, uint64_t rax)
{
    if (CLV_DEBUG)
        c->stretch = (struct cleave_stretch){
            rdtsc(), exit_code, rax, v ? v->regs.rdi : 0, v ? v->d->id : DOMID_IDLE, 0, 0, 0
        };
}

void watchdog_stretch_end(const struct cpu *c)
{
    uint64_t ticks = CLV_DEBUG ? rdtsc() - c->stretch.ticks : 0;

    if (CLV_DEBUG && c->stretch.ticks && ticks > longest.ticks) {
        longest = c->stretch;
        longest.ticks = ticks;
    }
}

void watchdog_stretch_report(struct cleave_stretch *out)
{
    *out = longest;
    out->checks = (uint16_t)checks;
    out->missed = (uint16_t)most_missed;
    checks = most_missed = 0;
    longest = (struct cleave_stretch){ 0 };
}
