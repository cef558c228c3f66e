/* SPDX-License-Identifier: MIT */
/* A guest's local APIC (vdev/lapic.c), xAPIC and x2APIC (APM vol. 2 ch. 16). */
#ifndef CLV_VDEV_LAPIC_H
#define CLV_VDEV_LAPIC_H

#include "cpu/timer.h"
#include "types.h"

struct domain;
struct hvm_hw_lapic;
struct hvm_hw_lapic_regs;
struct vcpu;

#define LAPIC_PAGE 0xfee00000ull
enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };
#define LVT_MASKED (1u << 16)
#define LVT_PERIODIC (1u << 17)

/*
 * Registers in the order of the page, which has one every 16 bytes. irr and tmr are atomic, for any
 * CPU; the rest is accessed on the vcpu's CPU, or while it is paused.
 */
struct lapic {
    uint64_t base_msr;
    union {
        uint32_t reg[0x40];
        struct {
            uint32_t none_00[2];
            /* x2APIC id = 2 * vcpu id, as in Xen and the tools' MADT */
            uint32_t id;
            uint32_t version, none_04[4], tpr, none_09[4], ldr, dfr, svr;
            uint64_t isr[4], tmr[4], irr[4];
            uint32_t esr, none_29[7];
            uint64_t icr;
            uint32_t lvt[LVT_COUNT], initial_count, none_39[5], divide, none_3f;
        };
    };
    uint32_t esr_pending; /* errors since the last write to ESR latched them */
    nsec_t timer_start;   /* when initial_count was last loaded */
    struct timer timer;
};

void lapic_reset(struct vcpu *v, bool init);                    /* init: keeps the id and base */
void lapic_set_irq(struct vcpu *v, uint8_t vector, bool level); /* sets IRR, kicks; any CPU */
static inline bool lapic_has_request(const struct lapic *l)
{
    return READ_ONCE(l->irr[0]) | READ_ONCE(l->irr[1]) | READ_ONCE(l->irr[2]) |
           READ_ONCE(l->irr[3]);
}
/*
 * A mark, among the requests, that v may have an interrupt of the PIC pair (vdev/pc_pic.c).
 * lapic_takes_extint(): whether v takes those by its LINT0.
 */
void lapic_raise_extint(struct vcpu *v);
static inline bool lapic_has_extint(const struct lapic *l) { return READ_ONCE(l->irr[0]) & 1; }
void lapic_clear_extint(struct vcpu *v);
bool lapic_takes_extint(const struct vcpu *v);
/* deliverable vector (above PPR), or -1 */
int lapic_highest_pending(struct vcpu *v);
/* ignoring the TPR, which the CPU compares */
int lapic_highest_request(struct vcpu *v);
void lapic_accept(struct vcpu *v, uint8_t vector); /* IRR -> ISR, at injection */
/* ISR -> IRR, if not delivered */
void lapic_return(struct vcpu *v, uint8_t vector);
/* 0 or -EFAULT (#GP). msr: 0x1b, 0x800-0x8ff. */
int lapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val);
int lapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t val);
uint32_t lapic_mmio_read(struct vcpu *v, uint32_t offset);
void lapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t val);
bool lapic_has_page(const struct vcpu *v, gpa_t gpa); /* in xAPIC mode, at LAPIC_PAGE */
struct vcpu *lapic_by_id(struct domain *d, uint32_t apic_id);
/*
 * Delivers a message of an I/O APIC or MSI to its destination. Like an I/O APIC entry, the message
 * has the vector, the mode from bit 8 on, LAPIC_LOGICAL (destination mode) and LAPIC_LEVEL (trigger
 * mode); other bits are ignored.
 */
#define LAPIC_MODE(message) ((message) >> 8 & 7)
#define LAPIC_LOGICAL (1u << 11)
#define LAPIC_LEVEL (1u << 15)
void lapic_deliver(struct domain *d, uint32_t dest, uint32_t message);
/* Either structure may be NULL. */
void lapic_save(struct vcpu *v, struct hvm_hw_lapic *hw, struct hvm_hw_lapic_regs *regs);
int lapic_load(struct vcpu *v, const struct hvm_hw_lapic *hw, const struct hvm_hw_lapic_regs *regs);

#endif
