/* SPDX-License-Identifier: MIT */
/*
 * Channel 2 of the PIT (Intel 8254), as far as kernels use it to calibrate their TSC: modes 0 and 2 to 3,
 * binary, latched or not, its output in bit 5 of port 0x61. Channels 0 and 1 do not exist; no sound either.
 * Without it Linux loses seconds at boot.
 *
 * Touched by any vcpu of the guest: d->vdev.lock (LOCK_VDEV).
 */
#include "domain.h"
#include "vdev.h"

#define PIT_HZ 1193182u
#define PORT_COUNTER 0x42
#define PORT_CONTROL 0x43
#define CONTROL_CHANNEL2 0x80u
#define CONTROL_ACCESS 0x30u /* 0: latch; 1 low, 2 high, 3 both bytes */
#define ACCESS_LOW 0x10u
#define ACCESS_HIGH 0x20u
#define GATE_BITS 0x03u
#define REFRESH_BIT 0x10u
#define OUT_BIT 0x20u
#define READ_HIGH 1u  /* latch_state: the next read, write takes the high byte */
#define WRITE_HIGH 2u

static uint64_t elapsed(const struct pit *p) { return (uint64_t)(clock_now() - p->start) * PIT_HZ / SEC(1); }

static uint16_t count(const struct pit *p)
{
    uint64_t ticks = elapsed(p);
    uint32_t reload = p->reload ? p->reload : 0x10000;

    if ((p->control & 0x0e) == 0) /* mode 0 goes on counting below zero */
        return (uint16_t)(reload - ticks);
    return (uint16_t)(reload - ticks % reload);
}

static bool output(const struct pit *p)
{
    uint32_t reload = p->reload ? p->reload : 0x10000;
    uint64_t ticks = elapsed(p);

    if ((p->control & 0x0e) == 0)
        return ticks >= reload;
    return (p->control & 0x06) != 0x06 || ticks % reload < (reload + 1) / 2;
}

static uint8_t read_counter(struct pit *p)
{
    uint16_t val = p->latched_valid ? p->latched : count(p);
    unsigned int access = p->control & CONTROL_ACCESS;
    bool high = access == ACCESS_HIGH || (access == CONTROL_ACCESS && (p->latch_state & READ_HIGH));

    if (access == CONTROL_ACCESS)
        p->latch_state ^= READ_HIGH;
    if (high || access != CONTROL_ACCESS)
        p->latched_valid = false;
    return (uint8_t)(high ? val >> 8 : val);
}

static void write_counter(struct pit *p, uint8_t val)
{
    unsigned int access = p->control & CONTROL_ACCESS;

    if (access == CONTROL_ACCESS && !(p->latch_state & WRITE_HIGH)) {
        p->reload = (uint16_t)((p->reload & 0xff00) | val);
        p->latch_state |= WRITE_HIGH;
        return;
    }
    if (access == ACCESS_LOW)
        p->reload = val;
    else
        p->reload = (uint16_t)((access == ACCESS_HIGH ? 0 : p->reload & 0xff) | val << 8);
    p->latch_state &= (uint8_t)~WRITE_HIGH;
    p->start = clock_now();
}

static void write_control(struct pit *p, uint8_t val)
{
    if ((val & 0xc0) != CONTROL_CHANNEL2)
        return;
    if (!(val & CONTROL_ACCESS)) {
        if (!p->latched_valid)
            p->latched = count(p);
        p->latched_valid = true;
        return;
    }
    p->control = val & 0x3f;
    p->latch_state = 0;
    p->latched_valid = false;
    p->start = clock_now();
}

uint8_t pit_read(struct vcpu *v, uint16_t port)
{
    struct pit *p = &v->d->vdev.pit;

    spin_lock_scope(&v->d->vdev.lock);
    if (port == PORT_COUNTER)
        return read_counter(p);
    if (port == PORT_CONTROL)
        return 0xff;
    p->port61 ^= REFRESH_BIT;
    return (uint8_t)(p->port61 | (output(p) ? OUT_BIT : 0));
}

void pit_write(struct vcpu *v, uint16_t port, uint8_t val)
{
    struct pit *p = &v->d->vdev.pit;

    spin_lock_scope(&v->d->vdev.lock);
    if (port == PORT_COUNTER)
        write_counter(p, val);
    else if (port == PORT_CONTROL)
        write_control(p, val);
    else
        p->port61 = (uint8_t)((p->port61 & REFRESH_BIT) | (val & GATE_BITS));
}
