/* SPDX-License-Identifier: MIT */
/*
 * The local APIC (AMD APM vol. 2, 16.3 registers, 16.9 x2APIC). Used for the upcall vector, IPIs,
 * INIT and SIPI.
 */
#include "apic.h"

#include "trap.h"

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2APIC 0x400
#define APIC_BASE_ENABLE 0x800
#define MSR_X2APIC 0x800
#define SVR_ENABLE 0x100
#define VECTOR_SPURIOUS 0xff

static bool x2apic;

static void spurious(struct trap_frame *frame) { (void)frame; }

static uint32_t read_register(unsigned reg)
{
    return x2apic ? rdmsr(MSR_X2APIC + reg) : *(volatile uint32_t *)(APIC_MMIO + reg * 16);
}

static void write_register(unsigned reg, uint32_t value)
{
    if (x2apic)
        wrmsr(MSR_X2APIC + reg, value);
    else
        *(volatile uint32_t *)(APIC_MMIO + reg * 16) = value;
}

void apic_init(void)
{
    x2apic = (cpuid(1, 0).c & 1u << 21) && !cmdline_has("xapic");
    if (x2apic)
        wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    trap_set_irq(VECTOR_SPURIOUS, spurious);
    write_register(APIC_TPR, 0);
    write_register(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
}

bool apic_is_x2apic(void) { return x2apic; }

uint32_t apic_id(void) { return x2apic ? read_register(APIC_ID) : read_register(APIC_ID) >> 24; }

void apic_eoi(void) { write_register(APIC_EOI, 0); }

void apic_icr(uint32_t to, uint32_t command)
{
    if (x2apic) {
        wrmsr(MSR_X2APIC + APIC_ICR, (uint64_t)to << 32 | command);
        return;
    }
    write_register(APIC_ICR + 1, to << 24);
    write_register(APIC_ICR, command);
}
