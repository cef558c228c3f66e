/* SPDX-License-Identifier: MIT */
/*
 * cpu/traps.c: the tables that a CPU loads; routing of exceptions; the stack in a panic message;
 * the maximum depth of a CPU's stack. LGDT and similar instructions are executed here.
 */
#include "harness.h"
#include "cpu/irq.h"
#include "cpu/smp.h"
#include "cpu/traps.h"
#include "guest/decode.h"
#include "mm/memory.h"
#include "mm/pagetable.h"
#include "percpu.h"

#include <stdio.h>
#include <string.h>

#define STACKS 9
#define PAGES_MAX (STACK_SIZE / PAGE_SIZE)

static uint8_t stacks[STACKS][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));
static unsigned int stacks_made, nmis, irqs, last_irq;

char entry_traps[1];
void irq_dispatch(unsigned int vector)
{
    irqs++;
    last_irq = vector;
}
void smp_nmi(const struct trap_frame *f) { nmis++; }

uint8_t *pagetable_stack(unsigned int pages)
{
    assert_true(stacks_made < STACKS && pages <= PAGES_MAX);
    return stacks[stacks_made++] + pages * PAGE_SIZE;
}

extern char image_start[], text_end[]; /* of this program (build.mk) */

/* --- a CPU that loads tables --- */

struct table {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));
static struct table gdt, idt;
static uint64_t task_register, code_selector, cr2, cr3;
static unsigned int data_selectors;

/* The operand address of a two-byte instruction with ModRM: decoded as a MOV with that ModRM. */
static unsigned int operand(const uint8_t *code, long long *r, uint64_t *at)
{
    uint8_t mov[12] = { 0x48, 0x8b };
    bool rex = (code[0] & 0xf0) == 0x40;
    struct insn i;

    if (rex)
        mov[0] |= code[0];
    memcpy(mov + 2, code + rex + 2, sizeof(mov) - 2);
    assert_int_equal(decode_insn(mov, sizeof(mov), INSN_64, &i), 0);
    *at = (uint64_t)i.disp +
          (i.base == INSN_NO_REGISTER ? 0 : (uint64_t)*harness_register(r, i.base)) +
          (i.index == INSN_NO_REGISTER ? 0 : (uint64_t)*harness_register(r, i.index) << i.scale);
    if (i.rip_relative)
        *at += (uint64_t)r[HARNESS_RIP] + i.length + rex;
    return i.length + rex;
}

static unsigned int execute(const uint8_t *code, long long *r)
{
    bool rex = (code[0] & 0xf0) == 0x40;
    const uint8_t *op = code + rex;
    unsigned int modrm = op[op[0] == 0x0f ? 2 : 1], which = modrm >> 3 & 7, length;
    long long *reg = harness_register(r, (modrm & 7) | (rex && (code[0] & 1) ? 8 : 0));
    uint64_t at;

    if (op[0] == 0xcb) { /* LRETQ */
        const uint64_t *sp = (const uint64_t *)r[HARNESS_RSP];

        code_selector = sp[1];
        r[HARNESS_RIP] = (long long)sp[0] - 2;
        r[HARNESS_RSP] += 16;
        return 2;
    }
    if (op[0] == 0x8e) {                    /* MOV to a segment register */
        assert_int_equal(code_selector, 8); /* its GDT is loaded */
        data_selectors |= 1u << which;
        return rex + 2;
    }
    if (op[0] == 0x0f && op[1] == 0x00 && which == 3) { /* LTR */
        task_register = (uint64_t)*reg;
        return rex + 3;
    }
    if (op[0] == 0x0f && op[1] == 0x20) { /* MOV from a control register */
        *reg = (long long)(which == 2 ? cr2 : cr3);
        return rex + 3;
    }
    if (op[0] != 0x0f || op[1] != 0x01 || (which != 2 && which != 3))
        return 0;
    length = operand(code, r, &at);
    memcpy(which == 2 ? &gdt : &idt, (const void *)at, sizeof(gdt)); /* LGDT, LIDT */
    return length;
}

static int setup(void **state)
{
    harness_memory_new(1);
    harness_quiet = true;
    memset(stacks, 0, sizeof(stacks));
    nr_cpus = 2;
    for (unsigned int i = 0; i < 2; i++) {
        cpus[i].stack_top = stacks[i] + STACK_SIZE;
        ((struct cpu **)cpus[i].stack_top)[-1] = &cpus[i];
    }
    stacks_made = 2;
    nmis = irqs = data_selectors = 0;
    code_selector = task_register = 0;
    gdt = idt = (struct table){ 0 };
    return 0;
}

/* --- tables (APM vol. 2, 4.7, 4.8 and 8.2) --- */

/* All gates point to their stubs with interrupts off; with_stacks: three on their own stacks. */
static void assert_gates(bool with_stacks)
{
    assert_int_equal(idt.limit, 256 * 16 - 1);
    for (unsigned int i = 0; i < 256; i++) {
        const uint64_t *gate = (const uint64_t *)idt.base + 2 * i;
        static const uint8_t stacks[256] = { [2] = 1, [8] = 2, [18] = 3 };
        unsigned int ist = with_stacks ? stacks[i] : 0;
        uint64_t stub = (uint64_t)entry_traps + 16 * i;

        assert_int_equal((gate[0] & 0xffff) | (gate[0] >> 32 & 0xffff0000) | gate[1] << 32, stub);
        assert_int_equal(gate[0] >> 16 & 0xffff, 8);
        assert_int_equal(gate[0] >> 32 & 0xff, ist);
        assert_int_equal(gate[0] >> 40 & 0xff, 0x8e);
        assert_int_equal(gate[1] >> 32, 0);
    }
}

static void tables_of_the_boot_cpu(void **state)
{
    harness_on_refused(execute);
    traps_init_early();
    assert_int_equal(gdt.limit, 5 * 8 - 1);
    const uint64_t *descriptor = (const uint64_t *)gdt.base;

    assert_int_equal(descriptor[0], 0);
    assert_int_equal(descriptor[1] & ~(1ull << 40), 0x00af9a000000ffff); /* 64-bit code */
    assert_int_equal(descriptor[2] & ~(1ull << 40), 0x00cf92000000ffff);
    assert_int_equal(code_selector, 8);
    assert_int_equal(data_selectors, 0x3d); /* all but CS */
    assert_gates(false);
    traps_own_stacks(true);
    assert_gates(true);
}

/*
 * The descriptor points to a TSS, and this to three stacks, each with the CPU's pointer above its
 * top.
 */
static void a_cpu_has_a_task_state_of_its_own(void **state)
{
    const uint64_t *descriptor;
    uint64_t first = 0, base;

    harness_on_refused(execute);
    traps_init_early();
    for (unsigned int i = 0; i < 2; i++) {
        struct cpu *c = &cpus[i ? MAX_CPUS - 1 : 0];

        traps_prepare_cpu(c);
        assert_int_equal(stacks_made, i ? 9 : 5);
        harness_cpu = c->id;
        traps_init_cpu(c);
        assert_int_equal(((const uint64_t *)gdt.base)[1] & ~(1ull << 40), 0x00af9a000000ffff);
        assert_int_equal(((const uint64_t *)gdt.base)[2] & ~(1ull << 40), 0x00cf92000000ffff);
        assert_int_equal(task_register & 0xffff, 24);
        assert_gates(true);
        descriptor = (const uint64_t *)gdt.base + 3;
        assert_int_equal(descriptor[0] & 0xffff, 103);
        assert_int_equal(descriptor[0] >> 40 & 0xffff, 0x89); /* present, available TSS */
        base = (descriptor[0] >> 16 & 0xffffff) | (descriptor[0] >> 32 & 0xff000000) |
               descriptor[1] << 32;
        assert_int_not_equal(base, first);
        first = base;
        assert_int_equal(*(const uint16_t *)(base + 102), 104); /* no I/O bitmap */
        for (unsigned int n = 0; n < 3; n++) {
            const uint8_t *top = stacks[2 + i * 4 + n] +
                                 2 * PAGE_SIZE; /* CPU 1 made one first, too */
            uint64_t ist;

            memcpy(&ist, (const uint8_t *)base + 36 + 8 * n, 8);
            assert_int_equal(ist % 16, 0);
            assert_in_range(ist, (uint64_t)top - 64, (uint64_t)top - 8);
            assert_ptr_equal(((struct cpu *const *)top)[-1], c);
        }
    }
    struct cpu *last = &cpus[MAX_CPUS - 1];

    assert_ptr_equal(last->stack_top, stacks[5] + STACK_SIZE);
    assert_ptr_equal(((struct cpu **)last->stack_top)[-1], last);
    traps_prepare_cpu(last); /* started once more */
    assert_int_equal(stacks_made, 9);
}

/* --- exceptions --- */

static void who_gets_an_exception(void **state)
{
    struct trap_frame f = { .vector = 32, .rip = 0x1234 };

    traps_enter(&f);
    assert_int_equal(irqs, 1);
    assert_int_equal(last_irq, 32);
    f.vector = 255;
    traps_enter(&f);
    assert_int_equal(last_irq, 255);
    assert_int_equal(nmis, 0);
    f.vector = VECTOR_NMI;
    traps_enter(&f);
    assert_int_equal(nmis, 1);
    assert_int_equal(irqs, 2);
    for (f.vector = 0; f.vector < 32; f.vector++) {
        if (f.vector == VECTOR_NMI)
            continue;
        assert_panics(traps_enter(&f));
        assert_int_equal(strstr(harness_log, "machine check") != NULL, f.vector == VECTOR_MC);
    }
    assert_int_equal(nmis, 1);
    assert_int_equal(irqs, 2);
}

/* Only this trap, and only at this address, is not a bug of the core; it is logged once. */
static void a_guests_single_step_may_hit_the_core(void **state)
{
    struct trap_frame f = { .vector = VECTOR_DB, .rip = 0x1234 };

    traps_step_rip = 0x1234;
    traps_enter(&f);
    assert_non_null(strstr(harness_log, "single-step"));
    harness_log[0] = 0;
    traps_enter(&f);
    assert_null(strstr(harness_log, "single-step"));
    f.rip++;
    assert_panics(traps_enter(&f));
    f = (struct trap_frame){ .vector = VECTOR_DB + 2, .rip = 0x1234 };
    assert_panics(traps_enter(&f));
    traps_step_rip = 0;
}

/* The page below a stack is a guard page: an access to it means that the stack overflowed. */
static void an_overflow_is_named(void **state)
{
    const uint64_t low = (uint64_t)stacks[0];
    const struct {
        uint64_t cr2;
        bool overflow;
    } cases[] = {
        { low - 1, true },
        { low - PAGE_SIZE, true },
        { low - PAGE_SIZE - 1, false },
        { low, false },
        { low + STACK_SIZE - 1, false },
        { low + STACK_SIZE, false },
        { 0, false },
        { (uint64_t)stacks[2] - 8, true },
        { (uint64_t)stacks[2], false },
        { (uint64_t)stacks[2] + 2 * PAGE_SIZE, false },
    };

    harness_on_refused(execute);
    traps_prepare_cpu(&cpus[0]);
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        cr2 = cases[i].cr2;
        traps_dump();
        assert_int_equal(strstr(harness_log, "overflow") != NULL, cases[i].overflow);
    }
}

/* --- callers --- */

#define FRAMES 30

/* A stack frame: the caller's frame, and the return address. */
struct stack_frame {
    uint64_t next, caller;
};

/*
 * Dumps with these frames as callers of this function; both are on this CPU's stack, which ends at
 * `top`.
 */
static noinline void dump_from(const void *first, const void *top)
{
    struct stack_frame *own = __builtin_frame_address(0);
    struct stack_frame saved = *own;

    cpus[0].stack_top = (uint8_t *)top;
    own->next = (uint64_t)first;
    traps_dump();
    *own = saved;
}

/* Checks that the last caller in the dump is the n-th (from 0); -1: none of these. */
static void assert_last(int n)
{
    unsigned long address = 0;

    if (sscanf(harness_log, "  called from %lx", &address) != 1)
        fail_msg("%s", harness_log);
    if (n >= 0)
        assert_int_equal(address, (uint64_t)image_start + 0x100 * (unsigned int)n);
    else
        assert_true(address >= (uint64_t)image_start + 0x100 * FRAMES);
}

static void chain(struct stack_frame frames[FRAMES], unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        frames[i].next = i + 1 < n ? (uint64_t)&frames[i + 1] : 0;
        frames[i].caller = (uint64_t)image_start + 0x100 * i;
    }
}

/* The dump stops where the stack is inconsistent: it must not fault. */
static void callers_are_followed_while_they_make_sense(void **state)
{
    struct stack_frame frames[FRAMES + 1];
    const void *top = &frames[FRAMES];

    harness_on_refused(execute);
    chain(frames, 5);
    dump_from(frames, top);
    assert_last(4);
    dump_from(frames, &frames[5]); /* the last begins at the end of the stack */
    assert_last(4);
    dump_from(frames, (uint64_t *)&frames[5] - 1); /* and is incomplete */
    assert_last(3);
    dump_from((uint8_t *)frames + 4, top); /* misaligned */
    assert_last(-1);
    frames[2].caller = (uint64_t)text_end - 1;
    frames[2].next = 0;
    dump_from(frames, top);
    assert_last(-1); /* also at the last byte of text */
    frames[2].caller = (uint64_t)text_end;
    dump_from(frames, top);
    assert_last(1);
    frames[2].caller = (uint64_t)image_start - 1;
    dump_from(frames, top);
    assert_last(1);
    chain(frames, 5);
    frames[2].next = (uint64_t)&frames[0]; /* backwards */
    dump_from(frames, top);
    assert_last(2);
    frames[2].next = (uint64_t)stacks[4]; /* another CPU's stack */
    ((struct stack_frame *)stacks[4])->caller = (uint64_t)image_start + 0x400;
    dump_from(frames, top);
    assert_last(2);
    chain(frames, FRAMES); /* endless chain */
    dump_from(frames, top);
    assert_last(25 - 2 - 1); /* two are this program's functions */
}

static void half_of_a_stack_is_for_emergencies(void **state)
{
    assert_int_equal(traps_check_stacks(), 0);
    ((uint64_t *)(stacks[1] + STACK_SIZE / 2))[0] = 1;
    assert_int_equal(traps_check_stacks(), 0);
    ((uint64_t *)(stacks[1] + STACK_SIZE / 2))[-1] = 1;
    assert_int_equal(traps_check_stacks(), 1);
    assert_non_null(strstr(harness_log, "CPU 1 has used 8200 bytes"));
    ((uint64_t *)stacks[0])[0] = 1; /* to the last byte */
    assert_int_equal(traps_check_stacks(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tables_of_the_boot_cpu, setup),
        cmocka_unit_test_setup(a_cpu_has_a_task_state_of_its_own, setup),
        cmocka_unit_test_setup(who_gets_an_exception, setup),
        cmocka_unit_test_setup(a_guests_single_step_may_hit_the_core, setup),
        cmocka_unit_test_setup(an_overflow_is_named, setup),
        cmocka_unit_test_setup(callers_are_followed_while_they_make_sense, setup),
        cmocka_unit_test_setup(half_of_a_stack_is_for_emergencies, setup),
    };

    return cmocka_run_group_tests_name("traps", tests, NULL, NULL);
}
