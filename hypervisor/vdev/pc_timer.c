/* SPDX-License-Identifier: MIT */
/*
 * The timers that an HVM guest's firmware and kernel calibrate their clocks with, which would not
 * tolerate a round trip to a device model: the interval timer 8254 (Intel 8254; channel 0 raises
 * ISA line 0, channel 2 is read at port 61), and the timer and the event registers of ACPI's power
 * management (PIIX4). The control register beside those, which turns the machine off, is the device
 * model's.
 *
 * All counts are computed from the clock. Channel 0 has a timer of the core, whose rate is limited.
 * The timer status bit (TMR_STS), which tells that the 24-bit timer has wrapped, is not emulated.
 */
#include "core/domain.h"
#include "core/vcpu.h"
#include "cpu/clock.h"
#include "lib.h"
#include "spinlock.h"
#include "vdev/pc_internal.h"

#define PIT_HZ 1193182u
#define PIT_SPEAKER 2 /* channel */
#define PIT_CONTROL 3 /* port */
#define PERIOD_MIN USEC(200)
#define PERIOD_PAUSED MSEC(10)

/* Ticks of a clock of hz since `start`. */
static uint64_t ticks_since(nsec_t start, uint32_t hz)
{
    uint64_t ns = (uint64_t)(clock_now() - start), second = SEC(1);

    return ns / second * hz + ns % second * hz / second;
}

static nsec_t duration(uint32_t ticks) { return (nsec_t)((uint64_t)ticks * SEC(1) / PIT_HZ); }

/* --- one channel --- */

static uint16_t current_count(const struct pc_counter *c)
{
    uint64_t ticks = ticks_since(c->start, PIT_HZ);

    switch (c->mode) {
    case 2: return (uint16_t)(c->count - ticks % c->count);
    case 3: return (uint16_t)(c->count - ticks * 2 % c->count);
    default: return (uint16_t)(c->count - ticks); /* it goes on below zero */
    }
}

static bool output(const struct pc_counter *c)
{
    uint64_t ticks = ticks_since(c->start, PIT_HZ);

    switch (c->mode) {
    case 0:
    case 1: return ticks >= c->count;
    case 3: return ticks % c->count < (c->count + 1) / 2;
    default: return ticks % c->count != c->count - 1; /* low for the last tick */
    }
}

/* Arms the timer of channel 0 for its next interrupt. */
static void arm_locked(struct pc *pc)
{
    const struct pc_counter *c = &pc->counter[0];
    nsec_t period = MAX(duration(c->count), PERIOD_MIN), now = clock_now();
    bool paused = READ_ONCE(pc->d->pause_count); /* then it costs next to nothing */

    if (paused)
        timer_set(&pc->timer, now + MAX(period, PERIOD_PAUSED));
    else
        timer_set(&pc->timer, now + period - (now - c->start) % period);
}

static bool is_periodic(const struct pc_counter *c) { return c->mode == 2 || c->mode == 3; }

static void interval_expired(void *data)
{
    struct pc *pc = data;

    spin_lock_scope(&pc->d->vdev.lock);
    pc_set_core_line_locked(pc, PC_TIMER_IRQ, false);
    pc_set_core_line_locked(pc, PC_TIMER_IRQ, true);
    if (is_periodic(&pc->counter[0]))
        arm_locked(pc);
}

static void load(struct pc *pc, unsigned int channel, uint32_t val)
{
    struct pc_counter *c = &pc->counter[channel];

    c->count = val ? val : 0x10000;
    c->start = clock_now();
    if (channel)
        return;
    if (c->mode == 0)
        pc_set_core_line_locked(pc, PC_TIMER_IRQ, false);
    arm_locked(pc);
}

static void write_count(struct pc *pc, unsigned int channel, uint8_t val)
{
    struct pc_counter *c = &pc->counter[channel];

    if (c->access == 1) {
        load(pc, channel, val);
    } else if (c->access == 2) {
        load(pc, channel, (uint32_t)val << 8);
    } else if (!c->high_next_write) {
        c->low_written = val;
        c->high_next_write = true;
    } else {
        c->high_next_write = false;
        load(pc, channel, (uint32_t)val << 8 | c->low_written);
    }
}

static void latch_count(struct pc_counter *c)
{
    if (c->latched)
        return;
    c->latch = current_count(c);
    c->latched = c->access == 3 ? 2 : 1;
    if (c->access == 2)
        c->latch >>= 8;
}

static void latch_status(struct pc_counter *c)
{
    c->status = (uint8_t)(output(c) << 7 | c->access << 4 | c->mode << 1);
    c->status_latched = true;
}

static uint8_t read_count(struct pc_counter *c)
{
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (c->latched) {
        uint8_t val = (uint8_t)c->latch;

        c->latched--;
        c->latch >>= 8;
        return val;
    }
    bool high = c->access == 2 || (c->access == 3 && c->high_next_read);

    c->high_next_read = c->access == 3 && !high;
    return (uint8_t)(current_count(c) >> (high ? 8 : 0));
}

/* Latches what the command names: count and status of some channels. */
static void read_back(struct pc *pc, uint8_t val)
{
    for (unsigned int i = 0; i < 3; i++) {
        if (!(val >> (i + 1) & 1))
            continue;
        if (!(val & 0x20))
            latch_count(&pc->counter[i]);
        if (!(val & 0x10))
            latch_status(&pc->counter[i]);
    }
}

static void write_control(struct pc *pc, uint8_t val)
{
    unsigned int channel = val >> 6, access = val >> 4 & 3;

    if (channel == 3) {
        read_back(pc, val);
        return;
    }
    struct pc_counter *c = &pc->counter[channel];

    if (!access) {
        latch_count(c);
        return;
    }
    c->access = (uint8_t)access;
    c->mode = val >> 1 & 7;
    if (c->mode > 5)
        c->mode &= 3; /* its high bit does not matter for 2 and 3 */
    c->high_next_read = c->high_next_write = c->status_latched = false;
    c->latched = 0;
    if (channel == 0)
        timer_stop(&pc->timer);
}

void pc_timer_access(struct vcpu *v, uint64_t port, unsigned int size, bool write, uint64_t *val)
{
    struct pc *pc = v->d->vdev.pc;
    unsigned int n = port & 3;

    if (size != 1)
        return;
    spin_lock_scope(&v->d->vdev.lock);
    if (write && n == PIT_CONTROL)
        write_control(pc, (uint8_t)*val);
    else if (write)
        write_count(pc, n, (uint8_t)*val);
    else if (n != PIT_CONTROL)
        *val = read_count(&pc->counter[n]);
}

/*
 * Port 61: bit 0 is the gate of channel 2, bit 1 connects the speaker, bit 4 toggles with each
 * memory refresh (15 us), bit 5 is the output of channel 2.
 */
void pc_timer_access_speaker(struct vcpu *v, uint64_t port, unsigned int size, bool write,
                             uint64_t *val)
{
    struct pc *pc = v->d->vdev.pc;
    struct pc_counter *c = &pc->counter[PIT_SPEAKER];

    if (size != 1)
        return;
    spin_lock_scope(&v->d->vdev.lock);
    if (!write) {
        *val = pc->speaker | ((uint64_t)clock_now() / USEC(15) & 1) << 4 | (uint64_t)output(c) << 5;
        return;
    }
    bool rises = (*val & 1) && !(pc->speaker & 1);

    pc->speaker = *val & 3;
    if (rises && c->mode != 0 && c->mode != 4)
        c->start = clock_now();
}

/* --- power management --- */

#define PM_HZ 3579545u
#define PM_OLD_BASE 0x1f40u /* until HVM_PARAM_ACPI_IOPORTS_LOCATION is set */
#define PM_BASE 0xb000u
#define PM_STATUS 0
#define PM_ENABLE 2
#define PM_TIMER 8
#define PM_POWER_BUTTON (1u << 8)
#define PM_SLEEP_BUTTON (1u << 9)
#define PM_STATUS_BITS (1u << 0 | 1u << 4 | 1u << 5 | PM_POWER_BUTTON | PM_SLEEP_BUTTON | 1u << 10)

static uint64_t pm_base(const struct domain *d)
{
    return READ_ONCE(d->hvm_params[HVM_PARAM_ACPI_IOPORTS_LOCATION]) ? PM_BASE : PM_OLD_BASE;
}

bool pc_timer_has_pm(const struct vcpu *v, uint64_t port)
{
    uint64_t offset = port - pm_base(v->d);

    return offset < 4 || (offset >= PM_TIMER && offset < PM_TIMER + 4);
}

static void update_sci_locked(struct pc *pc)
{
    pc_set_core_line_locked(pc, PC_SCI, pc->pm_status & pc->pm_enable & PM_STATUS_BITS);
}

void pc_press_button(struct domain *d, bool sleep)
{
    struct pc *pc = d->vdev.pc;

    spin_lock_scope(&d->vdev.lock);
    pc->pm_status |= sleep ? PM_SLEEP_BUTTON : PM_POWER_BUTTON;
    update_sci_locked(pc);
}

/* Status bits are cleared by writing ones. Accesses of 1, 2 and 4 bytes are accesses to bytes. */
static void write_events_locked(struct pc *pc, unsigned int offset, unsigned int size, uint32_t val)
{
    for (unsigned int i = offset; i < offset + size; i++, val >>= 8) {
        unsigned int shift = i % 2 * 8;
        uint16_t byte = (uint16_t)((val & 0xff) << shift);

        if (i < PM_ENABLE)
            pc->pm_status &= (uint16_t)~byte;
        else
            pc->pm_enable = (uint16_t)((pc->pm_enable & ~(0xff << shift)) | byte);
    }
    update_sci_locked(pc);
}

void pc_timer_access_pm(struct vcpu *v, uint64_t port, unsigned int size, bool write, uint64_t *val)
{
    struct pc *pc = v->d->vdev.pc;
    unsigned int offset = (unsigned int)(port - pm_base(v->d)), end = offset + size;

    if (offset >= PM_TIMER && end <= PM_TIMER + 4 && !write) {
        *val = (ticks_since(0, PM_HZ) & 0xffffff) >> (offset - PM_TIMER) * 8;
        return;
    }
    if (end > 4)
        return;
    spin_lock_scope(&v->d->vdev.lock);
    if (write)
        write_events_locked(pc, offset, size, (uint32_t)*val);
    else
        *val = (pc->pm_status | (uint64_t)pc->pm_enable << 16) >> offset * 8;
}

void pc_timer_resume_locked(struct pc *pc)
{
    timer_stop(&pc->timer);
    if (is_periodic(&pc->counter[0]))
        arm_locked(pc);
}

void pc_timer_load_events_locked(struct pc *pc, uint16_t status, uint16_t enable)
{
    pc->pm_status = status & PM_STATUS_BITS;
    pc->pm_enable = enable;
    update_sci_locked(pc);
}

void pc_timer_init(struct pc *pc)
{
    for (unsigned int i = 0; i < 3; i++)
        pc->counter[i] = (struct pc_counter){ .count = 0x10000, .mode = 3, .access = 3 };
    timer_setup(&pc->timer, interval_expired, pc, TIMER_ANY_CPU);
}
