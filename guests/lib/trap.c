/* SPDX-License-Identifier: MIT */
/*
 * Traps of the guest. Exceptions have their own stack (IST 1), so that a guest with a bad or
 * exhausted stack can still report them. AMD APM vol. 2, 8 (exceptions), 4.7.4 (TSS descriptor).
 */
#include "trap.h"

#include <xen/sched.h>

#include "hypercall.h"
#include "smp.h"
#include "text.h"

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS 0x18

struct idt_gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, zero;
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern uint8_t trap_stubs[][16];
int trap_try_enter(void (*run)(void *), void *arg, uint64_t *resume);
void trap_unwind(uint64_t resume, int vector) __attribute__((noreturn));
void trap_handle(struct trap_frame *frame);

static struct idt_gate idt[256];
static trap_irq *irqs[256];

static const char *const names[] = {
    "#DE divide",         "#DB debug",      "NMI",
    "#BP breakpoint",     "#OF overflow",   "#BR bound",
    "#UD invalid opcode", "#NM no FPU",     "#DF double fault",
    "vector 9",           "#TS TSS",        "#NP segment",
    "#SS stack",          "#GP protection", "#PF page fault",
    "vector 15",          "#MF x87",        "#AC alignment",
    "#MC machine check",  "#XF SIMD",
};

static void fill_idt(void)
{
    for (unsigned v = 0; v < 256; v++) {
        uint64_t at = (uint64_t)trap_stubs[v];

        idt[v] = (struct idt_gate){
            .offset_low = at,
            .offset_middle = at >> 16,
            .offset_high = at >> 32,
            .selector = SELECTOR_CODE,
            .ist = v < 32,
            .type = 0x8e,
        };
    }
}

void trap_init(void)
{
    struct vcpu *v = vcpu_this();
    uint64_t tss = (uint64_t)&v->tss;
    struct table_pointer gdt_pointer = { sizeof(v->gdt) - 1, (uint64_t)v->gdt };
    struct table_pointer idt_pointer = { sizeof(idt) - 1, (uint64_t)idt };

    if (!idt[0].type)
        fill_idt();
    v->tss.ist1 = v->trap_stack;
    v->tss.io_map = sizeof(v->tss);
    v->gdt[1] = 0x00af9b000000ffff;
    v->gdt[2] = 0x00cf93000000ffff;
    v->gdt[3] = (sizeof(v->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ULL << 40 |
                (tss >> 24 & 0xff) << 56;
    v->gdt[4] = tss >> 32;
    asm volatile("lgdt %0; lidt %1; ltr %w2; mov %w3, %%ss" ::"m"(gdt_pointer), "m"(idt_pointer),
                 "r"(SELECTOR_TSS), "r"(SELECTOR_DATA)
                 : "memory");
}

void trap_set_irq(unsigned vector, trap_irq *handler) { irqs[vector] = handler; }

int trap_try(void (*run)(void *), void *arg)
{
    struct vcpu *v = vcpu_this();
    uint64_t flags;
    int vector;

    asm volatile("pushf; pop %0" : "=r"(flags));
    v->trap_resume = 0;
    vector = trap_try_enter(run, arg, &v->trap_resume);
    v->trap_resume = 0;
    asm volatile("push %0; popf" ::"r"(flags) : "cc", "memory");
    return vector;
}

static void print_frame(const struct trap_frame *f)
{
    uint64_t cr2;

    asm volatile("mov %%cr2, %0" : "=r"(cr2));
    printf("rip %016lx rsp %016lx cr2 %016lx cs %lx rflags %lx error %lx\n", f->rip, f->rsp, cr2,
           f->cs, f->rflags, f->error);
    printf("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
    printf("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
    printf("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
    printf("r13 %016lx r14 %016lx r15 %016lx\n", f->r13, f->r14, f->r15);
}

void trap_panic(const char *format, ...)
{
    char text[160];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    text_debug(true);
    printf("guest: %s\n", text);
    hypercall_shutdown(SHUTDOWN_crash);
}

/* Called by trap.S, with interrupts off. */
void trap_handle(struct trap_frame *f)
{
    struct vcpu *v = vcpu_this();

    if (irqs[f->vector]) {
        irqs[f->vector](f);
        return;
    }
    if (f->vector >= 32)
        trap_panic("unexpected interrupt %lu on vCPU %u", f->vector, v->id);
    if (v->trap_resume)
        trap_unwind(v->trap_resume, f->vector);
    text_debug(true);
    print_frame(f);
    trap_panic("%s on vCPU %u at rip %lx",
               f->vector < ARRAY_SIZE(names) ? names[f->vector] : "exception", v->id, f->rip);
}
