/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: a CPU that is in the core, not idle and not in a guest, passes through the run loop
 * or enters a guest many times a second. One that does neither for PATIENCE checks, which are at
 * least a second apart, is stuck: panic stops and dumps all CPUs. The checks ride on whatever
 * timers fire on other CPUs, because an idle machine must take no tick; so they see only one of
 * several CPUs stuck, never the only one. They count checks and not time, because an emulator may
 * be stopped as a whole.
 *
 * The debug build also notes the longest stay in the core, from an exit or a wakeup to the next
 * entry, HLT or irq_window: so long an interrupt had to wait. Under the rig's ICOUNT=1 a tick is an
 * instruction, and tests/system/stretch.c asserts a bound.
 */
#include "cpu/watchdog.h"
#include "core/vcpu.h"
#include "cpu.h"
#include "cpu/clock.h"
#include "lib.h"
#include "lib/log.h"
#include "percpu.h"

#define PATIENCE 20

static nsec_t next_check; /* atomic: who moves it on does the check */

/* The checking CPU's notes, of which only one at a time writes. */
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

static struct cleave_stretch longest; /* of all CPUs; of two at the same moment one may get lost */

void watchdog_pause(void)
{
    struct cpu *c = this_cpu();

    watchdog_stretch_end(c);
    irq_window();
    watchdog_stretch_begin(c, NULL, 0, 0);
    WRITE_ONCE(c->passes, c->passes + 1);
}

/* v: whose exit brought us here, or NULL. */
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
