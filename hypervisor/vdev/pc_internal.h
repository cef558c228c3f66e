/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files pc*.c. Everything in struct pc is protected by d->vdev.lock, except
 * config_index, of which each access is one word.
 */
#ifndef CLV_VDEV_PC_INTERNAL_H
#define CLV_VDEV_PC_INTERNAL_H

#include "cpu/timer.h"
#include "vdev/bus.h"
#include "vdev/pc.h"

#define PC_PINS 48
#define PC_TIMER_IRQ 0
#define PC_CASCADE 2
#define PC_SCI 9

struct pc_pic {
    uint8_t irr, isr, imr, elcr; /* elcr: level-triggered lines */
    uint8_t lines;               /* levels, to see edges */
    uint8_t base;                /* vector of line 0 */
    uint8_t first;               /* line of the highest priority */
    uint8_t init;                /* next initialisation word, 2 to 4; 0: none */
    bool wants_icw4, auto_eoi, rotate, read_isr, special_mask, poll;
};

struct pc_ioapic {
    uint32_t select, id;
    uint64_t lines; /* levels of the pins */
    union {
        uint64_t entry[PC_PINS];
        uint32_t word[2 * PC_PINS];
    };
};

struct pc_counter {
    uint32_t count;       /* 1 to 65536 */
    nsec_t start;         /* when it was loaded */
    uint8_t mode, access; /* access: 1 low byte, 2 high byte, 3 both */
    bool high_next_read, high_next_write, gate;
    uint8_t low_written;
    uint8_t latched; /* bytes of `latch` not read yet */
    uint16_t latch;
    bool status_latched;
    uint8_t status;
};

struct pc {
    struct domain *d;
    /* levels by source: of ISA lines by a device model and by the core, of PCI pins by device */
    uint16_t isa, core;
    uint8_t intx[32];
    uint8_t link_route[4], link_count[4];
    uint8_t gsi_count[32];
    struct pc_pic pic[2];
    struct pc_ioapic ioapic;
    struct pc_counter counter[3];
    uint8_t speaker;    /* port 61, bits 0 and 1 */
    struct timer timer; /* of counter 0 */
    uint16_t pm_status, pm_enable;
    uint32_t config_index; /* port CF8 */
};

/* pc_lines.c: a source of the core changes the level of an ISA line. */
void pc_set_core_line_locked(struct pc *pc, unsigned int irq, bool level);

/* pc_pic.c */
void pc_pic_set_line_locked(struct pc *pc, unsigned int irq, bool level);
/* Tells the vcpus that take the pair's interrupts that there is one. */
void pc_pic_notify_locked(struct pc *pc);
bus_access_fn pc_pic_access, pc_pic_access_elcr;
void pc_pic_reset(struct pc *pc);

/* pc_ioapic.c */
void pc_ioapic_set_line_locked(struct pc *pc, unsigned int pin, bool level);
void pc_ioapic_end(struct domain *d, uint8_t vector);
/* Whether pin 0 passes the PIC's interrupts on to v. */
bool pc_ioapic_passes_extint_locked(const struct pc *pc, const struct vcpu *v);
bus_access_fn pc_ioapic_access;
void pc_ioapic_load_entry(struct pc_ioapic *io, unsigned int pin, uint64_t entry);
void pc_ioapic_reset(struct pc *pc);

/* pc_timer.c */
bus_access_fn pc_timer_access, pc_timer_access_speaker, pc_timer_access_pm;
bool pc_timer_has_pm(const struct vcpu *v, uint64_t port);
void pc_timer_init(struct pc *pc);
/* Channel 0 counts again from its beginning. */
void pc_timer_resume_locked(struct pc *pc);
void pc_timer_load_events_locked(struct pc *pc, uint16_t status, uint16_t enable);

#endif
