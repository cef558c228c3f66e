/* SPDX-License-Identifier: MIT */
/*
 * Invalid descriptors, gates and returns, and code at CPL 3. Whatever succeeds reaches an invalid
 * instruction, so each try ends by an exception. Its handler needs the runtime's code segment, TSS
 * and first gates, which therefore are not changed. AMD APM vol. 2, 4.7, 4.8, 8.9.
 */
#include "evil.h"

#include "mem.h"
#include "smp.h"
#include "trap.h"
#include "window.h"

#define DESCRIPTORS 64
#define USER_CODE 5 /* their indexes; nonsense follows */
#define USER_DATA 6
#define NONSENSE 7
#define RPL_USER 3
#define GATES_FROM 0x50
#define GATES_TO 0x80
#define CODE_SELECTOR 0x08
#define DATA_SELECTOR 0x10
#define FLAGS_IOPL 0x3000
#define NON_CANONICAL 0x8000000000000000UL
#define NOT_MAPPED 0xffffffff80000000UL

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static uint64_t *descriptors; /* this vCPU's GDT in this chapter */
static uint8_t *landing;      /* an invalid instruction: the target of jumps */

/*
 * Returns descriptors of every type and privilege. The next one is the upper half of a system
 * descriptor.
 */
static uint64_t nonsense(unsigned i)
{
    static const uint64_t bases[] = { 0, 0xff00ffff00000000, 0x0000fd8000000000,
                                      0x1200345600000000 };

    return (uint64_t)(0x80 | (i / 32 % 4) << 5 | i % 32) << 40 | (uint64_t)(i % 7) << 52 |
           bases[i % 4] | 0xffff;
}

static void load_descriptors(void)
{
    struct table_pointer pointer = { DESCRIPTORS * 8 - 1, (uint64_t)descriptors };

    trap_init();
    memcpy(descriptors, vcpu_this()->gdt, sizeof(vcpu_this()->gdt));
    descriptors[USER_CODE] = 0x00affb000000ffff;
    descriptors[USER_DATA] = 0x00cff3000000ffff;
    for (unsigned i = NONSENSE; i < DESCRIPTORS; i++)
        descriptors[i] = nonsense(i);
    asm volatile("lgdt %0" ::"m"(pointer));
}

/* --- selectors --- */

static void far_return(void *arg)
{
    asm volatile("push %0; push %1; lretq" ::"r"(*(uint64_t *)arg), "r"(landing));
}

static void far_jump(void *arg)
{
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) to = {
        (uint64_t)landing,
        *(uint64_t *)arg,
    };

    asm volatile("ljmp *%0" ::"m"(to));
}

static void far_call(void *arg)
{
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) to = {
        (uint64_t)landing,
        *(uint64_t *)arg,
    };

    asm volatile("lcall *%0" ::"m"(to));
}

static void load_ds(void *arg)
{
    asm volatile("mov %w0, %%ds; mov %w1, %%ds" ::"r"(*(uint64_t *)arg), "r"(0));
}

static void load_fs(void *arg)
{
    asm volatile("mov %w0, %%fs; mov %w1, %%fs" ::"r"(*(uint64_t *)arg), "r"(0));
}

static void load_ss(void *arg)
{
    asm volatile("mov %w0, %%ss; mov %w1, %%ss" ::"r"(*(uint64_t *)arg), "r"(DATA_SELECTOR));
}

static void load_ldt(void *arg)
{
    asm volatile("lldt %w0; lldt %w1" ::"r"(*(uint64_t *)arg), "r"(0));
}

/* Reloads the old TSS at once, because the next exception would read its stack from the new one. */
static void load_task(void *arg)
{
    asm volatile("ltr %w0" ::"r"(*(uint64_t *)arg));
    trap_init();
}

static void look_at(void *arg)
{
    uint64_t rights = 0;

    asm volatile("lar %w1, %k0; lsl %w1, %k0; verr %w1; verw %w1"
                 : "+r"(rights)
                 : "r"(*(uint64_t *)arg)
                 : "cc");
}

static void try_selectors(void)
{
    static void (*const uses[])(void *) = {
        far_return, far_jump, far_call, load_ds, load_fs, load_ss, load_ldt, load_task, look_at,
    };

    for (unsigned use = 0; use < ARRAY_SIZE(uses); use++)
        for (uint64_t selector = NONSENSE * 8; selector < (DESCRIPTORS + 2) * 8; selector++) {
            if (selector & 4 || selector % 8 == 2) /* skip local descriptors and one RPL */
                continue;
            load_descriptors();
            evil_try(uses[use], &selector);
        }
}

/* --- gates --- */

static void interrupt(void *arg)
{
    static uint8_t code[4] = { 0xcd, 0, 0x0f, 0x0b }; /* int n; ud2 */

    code[1] = *(uint8_t *)arg;
    asm volatile("call *%0" ::"r"(code) : "memory");
}

static void try_gates(void)
{
    static const uint64_t offsets[] = { 0, NON_CANONICAL, NOT_MAPPED };
    struct table_pointer pointer;
    uint64_t *gates = mem_page();

    asm volatile("sidt %0" : "=m"(pointer));
    memcpy(gates, (void *)pointer.base, PAGE_SIZE);
    for (unsigned round = 0; round < 16; round++) {
        for (unsigned n = GATES_FROM; n < GATES_TO; n++) {
            uint64_t to = offsets[n % 3] ? offsets[n % 3] : (uint64_t)landing;
            uint64_t selector = round % 2 ? CODE_SELECTOR : (NONSENSE + n) % DESCRIPTORS * 8;

            gates[2 * n] = (to & 0xffff) | selector << 16 | (uint64_t)(round % 8) << 32 |
                           (uint64_t)(0x80 | n % 32) << 40 | (to >> 16 & 0xffff) << 48;
            gates[2 * n + 1] = to >> 32;
        }
        for (unsigned n = GATES_FROM; n < GATES_TO; n++) {
            load_descriptors();
            pointer.base = (uint64_t)gates;
            asm volatile("lidt %0" ::"m"(pointer));
            evil_try(interrupt, &n);
        }
    }
}

/* --- returns, including to CPL 3 --- */

struct frame {
    uint64_t rip, cs, rflags, rsp, ss;
};

static void interrupt_return(void *arg)
{
    asm volatile("mov %0, %%rsp; iretq" ::"r"(arg) : "memory");
}

static void try_returns(void)
{
    static const uint64_t selectors[] = {
        0, CODE_SELECTOR, DATA_SELECTOR, USER_CODE * 8 + RPL_USER, 0x1b, 0xffff,
    };
    static const uint64_t flags[] = { 0, 0x2, 0x4002, 0x20002, 0x10102, -1UL };
    static const uint64_t places[] = { 0, NON_CANONICAL, NOT_MAPPED };

    for (unsigned n = 0; n < ARRAY_SIZE(selectors) * ARRAY_SIZE(flags) * 9; n++) {
        unsigned pair = n / 9, place = n % 3;
        struct frame frame = {
            place ? places[place] : (uint64_t)landing,
            selectors[pair % 6],
            flags[pair / 6],
            places[n / 3 % 3],
            n % 2 ? DATA_SELECTOR : USER_DATA * 8 + RPL_USER,
        };

        load_descriptors();
        evil_try(interrupt_return, &frame);
    }
}

int evil_user(const uint8_t *bytes, unsigned length)
{
    static uint8_t *code;
    struct frame frame = { WINDOW_AT(0), USER_CODE * 8 + RPL_USER, FLAGS_IOPL | 2, WINDOW_AT(1),
                           USER_DATA * 8 + RPL_USER };

    if (!descriptors)
        descriptors = mem_page();
    if (!code)
        code = mem_page();
    for (unsigned i = 0; i + 1 < PAGE_SIZE; i += 2) /* ud2 */
        memcpy(code + i, "\x0f\x0b", 2);
    memcpy(code, bytes, length);
    window_map(0, (uint64_t)code | PTE_RW | PTE_USER);
    load_descriptors();

    int vector = evil_try(interrupt_return, &frame);

    trap_init();
    return vector;
}

void evil_descriptors(void)
{
    static uint8_t ud2[] = { 0x0f, 0x0b };

    if (!descriptors)
        descriptors = mem_page();
    landing = ud2;
    try_selectors();
    try_gates();
    try_returns();
    trap_init();
}
