/* SPDX-License-Identifier: MIT */
/*
 * The two interrupt controllers 8259A of a PC, the second of which is cascaded at line 2 of the
 * first, and their ELCR, which makes lines level-triggered (Intel 8259A; 82371SB, 2.5).
 *
 * A CPU acknowledges their interrupt at the moment that it takes it. Here a vcpu is offered the
 * vector at an entry, and the acknowledgement follows when it was taken (../guest/inject.c). Who
 * takes them: each vcpu whose local APIC has LINT0 in mode ExtINT, or is disabled and is the first,
 * or is the destination of pin 0 of the I/O APIC in that mode.
 *
 * Not emulated: the special fully nested mode, and buffered and 8080 modes, which a PC does not
 * use.
 */
#include "core/domain.h"
#include "core/vcpu.h"
#include "lib.h"
#include "spinlock.h"
#include "vdev/lapic.h"
#include "vdev/pc_internal.h"

#define ICW1 0x10u /* in a write to the first port */
#define ICW1_NEEDS_ICW4 0x01u
#define ICW4_AUTO_EOI 0x02u
#define OCW3 0x08u /* else OCW2 */
#define OCW3_POLL 0x04u
/* Lines that are always edge-triggered: timer, keyboard, cascade; clock, coprocessor. */
static const uint8_t elcr_writable[2] = { 0xf8, 0xde };

static void set_line(struct pc_pic *p, unsigned int line, bool level)
{
    uint8_t bit = (uint8_t)(1u << line);

    if (p->elcr & bit)
        p->irr = level ? p->irr | bit : p->irr & (uint8_t)~bit;
    else if (level && !(p->lines & bit))
        p->irr |= bit;
    p->lines = level ? p->lines | bit : p->lines & (uint8_t)~bit;
}

/* Returns the position of the highest of these lines in the order of priority, 8: none. */
static unsigned int highest(const struct pc_pic *p, uint8_t lines)
{
    unsigned int n = 0;

    while (n < 8 && !(lines >> ((p->first + n) & 7) & 1))
        n++;
    return n;
}

/* Returns the line that p requests, or -1. */
static int request(const struct pc_pic *p)
{
    uint8_t served = p->special_mask ? p->isr & (uint8_t)~p->imr : p->isr;
    unsigned int n = highest(p, p->irr & (uint8_t)~p->imr);

    return n < highest(p, served) ? (int)((p->first + n) & 7) : -1;
}

/* Passes the second one's request on to the first. The line is a level, whatever ELCR says. */
static void cascade(struct pc *pc)
{
    uint8_t bit = 1u << PC_CASCADE;

    if (request(&pc->pic[1]) >= 0)
        pc->pic[0].irr |= bit;
    else
        pc->pic[0].irr &= (uint8_t)~bit;
}

static void acknowledge(struct pc_pic *p, unsigned int line)
{
    uint8_t bit = (uint8_t)(1u << line);

    if (!(p->elcr & bit))
        p->irr &= (uint8_t)~bit;
    if (!p->auto_eoi)
        p->isr |= bit;
    else if (p->rotate)
        p->first = (line + 1) & 7;
}

/* --- who takes it --- */

static bool takes_extint(const struct pc *pc, const struct vcpu *v)
{
    return lapic_takes_extint(v) || pc_ioapic_passes_extint_locked(pc, v);
}

void pc_pic_notify_locked(struct pc *pc)
{
    ASSERT(spin_lock_held(&pc->d->vdev.lock));
    cascade(pc);
    if (request(&pc->pic[0]) < 0)
        return;
    for_each_vcpu(pc->d, v)
        if (takes_extint(pc, v))
            lapic_raise_extint(v);
}

int pc_highest(struct vcpu *v)
{
    struct pc *pc = v->d->vdev.pc;

    if (!pc)
        return -1;
    spin_lock_scope(&v->d->vdev.lock);
    int line = takes_extint(pc, v) ? request(&pc->pic[0]) : -1;
    int second = line == PC_CASCADE ? request(&pc->pic[1]) : -1;

    if (line < 0)
        return -1;
    return second < 0 ? pc->pic[0].base + line : pc->pic[1].base + second;
}

void pc_accept(struct vcpu *v, uint8_t vector)
{
    struct pc *pc = v->d->vdev.pc;
    unsigned int line = (uint8_t)(vector - pc->pic[0].base);

    spin_lock_scope(&v->d->vdev.lock);
    if (line >= 8 || line == PC_CASCADE) {
        acknowledge(&pc->pic[1], (vector - pc->pic[1].base) & 7);
        line = PC_CASCADE;
    }
    acknowledge(&pc->pic[0], line);
    pc_pic_notify_locked(pc);
}

void pc_pic_set_line_locked(struct pc *pc, unsigned int irq, bool level)
{
    set_line(&pc->pic[irq / 8], irq % 8, level);
    pc_pic_notify_locked(pc);
}

/* --- registers --- */

static void initialise(struct pc_pic *p, uint8_t val)
{
    *p = (struct pc_pic){ .elcr = p->elcr,
                          .lines = p->lines,
                          .irr = p->lines & p->elcr,
                          .base = p->base,
                          .init = 2,
                          .wants_icw4 = val & ICW1_NEEDS_ICW4 };
}

/* The second and later words of an initialisation. */
static void continue_init(struct pc_pic *p, uint8_t val)
{
    if (p->init == 2)
        p->base = val & 0xf8;
    else if (p->init == 4)
        p->auto_eoi = val & ICW4_AUTO_EOI;
    p->init = p->init == 4 || (p->init == 3 && !p->wants_icw4) ? 0 : p->init + 1;
}

/* Ends the service of a line: of the highest one, or of the one that the command names. */
static void command(struct pc_pic *p, uint8_t val)
{
    bool eoi = val & 0x20, specific = val & 0x40, rotate = val & 0x80;
    uint8_t served = p->special_mask ? p->isr & (uint8_t)~p->imr : p->isr;
    unsigned int n = highest(p, served), line = specific ? val & 7 : (p->first + n) & 7;

    if (!eoi && !specific) {
        p->rotate = rotate; /* in the mode with automatic EOI */
        return;
    }
    if (!eoi && !rotate) /* no operation */
        return;
    if (!specific && n == 8)
        return;
    if (eoi)
        p->isr &= (uint8_t) ~(1u << line);
    if (rotate)
        p->first = (line + 1) & 7;
}

static void write_first(struct pc_pic *p, uint8_t val)
{
    if (val & ICW1) {
        initialise(p, val);
    } else if (!(val & OCW3)) {
        command(p, val);
    } else {
        p->poll = val & OCW3_POLL;
        if (val & 0x02)
            p->read_isr = val & 0x01;
        if (val & 0x40)
            p->special_mask = val & 0x20;
    }
}

/* A read after the poll command acknowledges the request. */
static uint8_t poll(struct pc_pic *p)
{
    int line = request(p);

    p->poll = false;
    if (line < 0)
        return 0;
    acknowledge(p, (unsigned int)line);
    return (uint8_t)(0x80 | line);
}

static uint8_t read_register(struct pc_pic *p, bool second)
{
    if (p->poll)
        return poll(p);
    if (second)
        return p->imr;
    return p->read_isr ? p->isr : p->irr;
}

void pc_pic_access(struct vcpu *v, uint64_t port, unsigned int size, bool write, uint64_t *val)
{
    struct pc *pc = v->d->vdev.pc;
    struct pc_pic *p = &pc->pic[port >> 7 & 1];

    if (size != 1)
        return;
    spin_lock_scope(&v->d->vdev.lock);
    if (!write)
        *val = read_register(p, port & 1);
    else if (!(port & 1))
        write_first(p, (uint8_t)*val);
    else if (p->init)
        continue_init(p, (uint8_t)*val);
    else
        p->imr = (uint8_t)*val;
    pc_pic_notify_locked(pc);
}

void pc_pic_access_elcr(struct vcpu *v, uint64_t port, unsigned int size, bool write, uint64_t *val)
{
    struct pc_pic *p = &v->d->vdev.pc->pic[port & 1];

    if (size != 1)
        return;
    spin_lock_scope(&v->d->vdev.lock);
    if (write)
        p->elcr = *val & elcr_writable[port & 1];
    else
        *val = p->elcr;
}

void pc_pic_reset(struct pc *pc)
{
    for (unsigned int i = 0; i < 2; i++)
        pc->pic[i] = (struct pc_pic){ .imr = 0xff, .base = i ? 0x70 : 0x08 };
}
