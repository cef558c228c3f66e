/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables, and exceptions taken in the core, which are bugs and panic. NMI, #DF and #MC
 * have IST stacks, because they may arrive when the current stack is unusable. They go without
 * while a guest's task register is loaded: the CPU would then read the stack address from the
 * guest's memory. (APM vol. 2, 4.8, 8.2 and 12.2)
 *
 * IST stacks during exits would need VMSAVE, VMLOAD and another VMLOAD per exit: a sixth of a null
 * hypercall on real hardware, as measured by Xen's authors, and Xen does without, too. NMI and #MC
 * lose nothing: no SYSCALL enters the core, so its stack pointer is always valid. A stack overflow
 * during an exit would reset the machine without a dump: the #PF of the guard page becomes a #DF
 * that has no stack either. So overflow is ruled out: only p2m_check.c recurses, four levels deep,
 * and the build bounds each frame. The deepest chain, with an interrupt, an NMI and a panic on top,
 * is below 10 of 16 KiB. traps_check_stacks() verifies that actual use stays within half.
 */
#include "cpu/traps.h"
#include "cpu/irq.h"
#include "cpu/smp.h"
#include "lib.h"
#include "mm/memory.h"
#include "mm/pagetable.h"
#include "percpu.h"

_Static_assert(offsetof(struct trap_frame, rax) == 14 * 8 &&
                   offsetof(struct trap_frame, error) == 16 * 8,
               "entry.S pushes the registers, the vector and the error code in this order");

#define SELECTOR_CODE 8
#define SELECTOR_DATA 16
#define SELECTOR_TSS 24
#define TYPE_TSS 0x89ull
#define TYPE_INTERRUPT_GATE 0x8e

#define IST_PAGES 2
#define IST_COUNT 3

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, iopb;
} __packed_;

struct idt_entry {
    uint16_t offset0, selector;
    uint8_t ist, type;
    uint16_t offset1;
    uint32_t offset2, reserved;
};
struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __packed_;

static struct {
    uint64_t gdt[5];
    struct tss tss;
} __attribute__((aligned(16))) descriptors[MAX_CPUS];
static struct idt_entry idt[2][256]; /* [0]: no IST; [1]: IST for NMI, #DF, #MC */

static const char *const names[] = {
    "divide error", "debug",          "NMI",         "breakpoint",         "overflow",
    "bound",        "invalid opcode", "no FPU",      "double fault",       "9",
    "invalid TSS",  "absent segment", "stack fault", "general protection", "page fault",
    "15",           "FPU error",      "alignment",   "machine check",      "SIMD error",
};

void traps_own_stacks(bool on)
{
    struct table_pointer pointer = { sizeof(idt[0]) - 1, (uint64_t)idt[on] };

    __asm__ volatile("lidt %0" : : "m"(pointer));
}

static void load_tables(unsigned int cpu)
{
    struct table_pointer gdt = { sizeof(descriptors[cpu].gdt) - 1, (uint64_t)descriptors[cpu].gdt };

    descriptors[cpu].gdt[SELECTOR_CODE / 8] = 0x00af9b000000ffff;
    descriptors[cpu].gdt[SELECTOR_DATA / 8] = 0x00cf93000000ffff;
    descriptors[cpu].tss.iopb = sizeof(struct tss);
    __asm__ volatile("lgdt %0" : : "m"(gdt));
    __asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:"
                     :
                     : "i"(SELECTOR_CODE)
                     : "rax", "memory");
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; mov %0, %%fs; mov %0, %%gs"
                     :
                     : "r"(SELECTOR_DATA));
}

void traps_init_early(void)
{
    static const uint8_t own_stack[IST_COUNT] = { VECTOR_NMI, VECTOR_DF, VECTOR_MC };

    for (unsigned int i = 0; i < ARRAY_SIZE(idt[0]); i++) {
        uint64_t stub = (uint64_t)entry_traps + i * 16;

        idt[0][i] = idt[1][i] = (struct idt_entry){
            .selector = SELECTOR_CODE,
            .type = TYPE_INTERRUPT_GATE,
            .offset0 = (uint16_t)stub,
            .offset1 = (uint16_t)(stub >> 16),
            .offset2 = (uint32_t)(stub >> 32),
        };
    }
    for (unsigned int i = 0; i < IST_COUNT; i++)
        idt[1][own_stack[i]].ist = (uint8_t)(i + 1);
    load_tables(0);
    traps_own_stacks(false);
}

static uint8_t *make_stack(struct cpu *c, unsigned int pages)
{
    uint8_t *top = pagetable_stack(pages);

    ((struct cpu **)top)[-1] = c;
    return top;
}

/*
 * Sets up stacks and descriptors for a CPU, on the boot CPU. Stacks from an earlier attempt to
 * start a CPU under this number are reused.
 */
void traps_prepare_cpu(struct cpu *c)
{
    uint64_t *gdt = descriptors[c->id].gdt;
    struct tss *tss = &descriptors[c->id].tss;
    uint64_t base = (uint64_t)tss;

    gdt[SELECTOR_TSS / 8] = (sizeof(*tss) - 1) | (base & 0xffffff) << 16 | TYPE_TSS << 40 |
                            (base >> 24 & 0xff) << 56;
    gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
    if (tss->ist[0])
        return;
    if (!c->stack_top)
        c->stack_top = make_stack(c, STACK_SIZE / PAGE_SIZE);
    for (unsigned int i = 0; i < IST_COUNT; i++)
        tss->ist[i] = (uint64_t)make_stack(c, IST_PAGES) - STACK_RESERVED;
}

/* Loads the descriptor tables; runs on the CPU itself. */
void traps_init_cpu(struct cpu *c)
{
    load_tables(c->id);
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
    traps_own_stacks(true);
}

/* Returns the top of the stack of this CPU that contains sp, or 0. */
static uint64_t stack_top_of(uint64_t sp)
{
    const struct cpu *c = this_cpu();
    const struct tss *tss = &descriptors[c->id].tss;
    uint64_t top = (uint64_t)c->stack_top;

    if (sp < top && sp >= top - STACK_SIZE)
        return top;
    for (unsigned int i = 0; i < IST_COUNT; i++)
        if (sp < tss->ist[i] && sp >= tss->ist[i] + STACK_RESERVED - IST_PAGES * PAGE_SIZE)
            return tss->ist[i];
    return 0;
}

/*
 * Returns the high-water mark of the stack of a CPU. Stack pages start zeroed: nonzero words were
 * pushed.
 */
static uint64_t stack_used(const struct cpu *c)
{
    const uint64_t *word = (const uint64_t *)(c->stack_top - STACK_SIZE);

    while (!*word)
        word++;
    return (uint64_t)(c->stack_top - (const uint8_t *)word);
}

unsigned int traps_check_stacks(void)
{
    unsigned int errors = 0;

    for (unsigned int i = 0; i < nr_cpus; i++)
        if (stack_used(&cpus[i]) > STACK_SIZE / 2)
            errors +=
                check_failed("CPU %u has used %lu bytes of its stack\n", i, stack_used(&cpus[i]));
    return errors;
}

static bool in_text(uint64_t address)
{
    return address >= (uint64_t)image_start && address < (uint64_t)text_end;
}

/* Prints return addresses along the frame pointers, for addr2line -e build/cleave.elf. */
static void dump_calls(uint64_t rbp)
{
    uint64_t top = stack_top_of(rbp);

    for (unsigned int depth = 0; depth < 25; depth++) {
        const uint64_t *frame = (const uint64_t *)rbp;

        if (!top || rbp % 8 || rbp + 16 > top || !in_text(frame[1]))
            return;
        log_err("  called from %lx\n", frame[1]);
        if (frame[0] <= rbp)
            return;
        rbp = frame[0];
        top = stack_top_of(rbp);
    }
}

void traps_dump(void)
{
    uint64_t cr2, cr3;

    __asm__ volatile("mov %%cr2, %0; mov %%cr3, %1" : "=r"(cr2), "=r"(cr3));
    log_err("  cr2 %016lx cr3 %016lx, current vcpu %p\n", cr2, cr3, (void *)current_vcpu());
    if (stack_top_of(cr2 + PAGE_SIZE) && !stack_top_of(cr2))
        log_err("  cr2 is in the guard page below a stack: the stack has overflowed\n");
    dump_calls((uint64_t)__builtin_frame_address(0));
}

static void dump_frame(const struct trap_frame *f)
{
    log_err("  rip %016lx rsp %016lx rflags %08lx cs %lx ss %lx\n", f->rip, f->rsp, f->rflags,
            f->cs, f->ss);
    log_err("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
    log_err("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
    log_err("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
    log_err("  r13 %016lx r14 %016lx r15 %016lx\n", f->r13, f->r14, f->r15);
}

uint64_t traps_step_rip;

/*
 * An intercept comes before the single-step trap of its instruction (APM vol. 2, 15.7), and a CPU
 * does not take the trap then. Bochs takes it after VMRUN, in spite of GIF=0. The core itself
 * never sets TF, and hw_set_rip raises the guest's trap when the instruction is done.
 */
static bool is_stray_step(const struct trap_frame *f)
{
    static bool said;

    if (f->vector != VECTOR_DB || f->rip != traps_step_rip)
        return false;
    if (!said)
        log_warn("CPU %u: a guest's single-step trap hit the core, which goes on\n",
                 this_cpu()->id);
    said = true;
    return true;
}

void traps_enter(struct trap_frame *f)
{
    if (f->vector >= VECTOR_FIRST_IRQ) {
        irq_dispatch((unsigned int)f->vector);
        return;
    }
    if (f->vector == VECTOR_NMI) {
        smp_nmi(f);
        return;
    }
    if (is_stray_step(f))
        return;
    log_err("exception %lu (%s), error %lx, in the core on CPU %u\n", f->vector,
            f->vector < ARRAY_SIZE(names) ? names[f->vector] : "reserved", f->error,
            this_cpu()->id);
    dump_frame(f);
    panic(f->vector == VECTOR_MC ? "machine check: uncorrectable hardware error\n"
                                 : "unexpected exception in the core\n");
}
