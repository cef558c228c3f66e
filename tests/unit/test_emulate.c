/* SPDX-License-Identifier: MIT */
/*
 * guest/emulate.c: instructions on emulated memory, executed from a guest's RAM with the registers
 * and flags that the CPU would leave, and refusals. The emulated page is dom0's I/O APIC, faked as
 * one word.
 */
#include "bus_model.h"
#include "directmap.h"
#include "mm/alloc.h"
#include "mm/p2m.h"
#include "vdev/lapic.h"

#include <stdlib.h>
#include <sys/mman.h>

#define CF 0x1u
#define PF 0x4u
#define AF 0x10u
#define ZF 0x40u
#define SF 0x80u
#define OF 0x800u
#define DF 0x400u
#define ARITHMETIC (CF | PF | AF | ZF | SF | OF)

static uint64_t *const rip = &registers.rip;

/* Runs one instruction whose memory operand is at gpa. */
static int run_at(gpa_t gpa, const char *bytes, unsigned int n)
{
    assert_int_equal(guest_write_physical(d, CODE, bytes, n), 0);
    *rip = CODE;
    return emulate_access(v, gpa);
}

static void run(const char *bytes, unsigned int n)
{
    assert_int_equal(run_at(IOAPIC, bytes, n), 0);
    assert_int_equal(*rip, CODE + n);
}

#define RUN(bytes) run(bytes, sizeof(bytes) - 1)

static void moves(void **state)
{
    (void)state;
    gpr[0] = IOAPIC;
    gpr[1] = 0xaaaaaaaa12345678;
    RUN("\x89\x08"); /* mov %ecx,(%rax) */
    assert_int_equal(word, 0x12345678);
    word = 0x87654321;
    RUN("\x8b\x08"); /* mov (%rax),%ecx: clears the upper half */
    assert_int_equal(gpr[1], 0x87654321);
    RUN("\xc7\x00\x01\x00\x00\x80"); /* movl $0x80000001,(%rax) */
    assert_int_equal(word, 0x80000001);
    gpr[2] = 0xfeedfeed;
    RUN("\x87\x10"); /* xchg %edx,(%rax) */
    assert_int_equal(word, 0xfeedfeed);
    assert_int_equal(gpr[2], 0x80000001);
    word = 0x80001234;
    RUN("\x48\x63\x08"); /* movslq (%rax),%rcx */
    assert_int_equal(gpr[1], 0xffffffff80001234);
    gpr[0] = IOAPIC - 0x40;
    gpr[9] = 0x10;
    RUN("\x42\x89\x14\x88"); /* mov %edx,(%rax,%r9,4) */
    assert_int_equal(word, 0x80000001);
    assert_int_equal(registers.rflags, 2); /* moves do not change the flags */
}

/* The device register has 4 bytes: narrower and wider accesses reach nothing. */
static void other_sizes(void **state)
{
    (void)state;
    gpr[0] = IOAPIC;
    gpr[1] = 0x1111111111111111;
    RUN("\x8a\x28"); /* mov (%rax),%ch */
    assert_int_equal(gpr[1], 0x111111111111ff11);
    RUN("\x66\x8b\x08"); /* mov (%rax),%cx */
    assert_int_equal(gpr[1], 0x111111111111ffff);
    RUN("\x48\x8b\x08"); /* mov (%rax),%rcx */
    assert_int_equal(gpr[1], ~0ull);
    RUN("\x0f\xb6\x08"); /* movzbl (%rax),%ecx */
    assert_int_equal(gpr[1], 0xff);
    RUN("\x48\x0f\xbf\x08"); /* movswq (%rax),%rcx */
    assert_int_equal(gpr[1], ~0ull);
    RUN("\x88\x08");
    assert_int_equal(reads + writes, 0);
}

static unsigned int flags(void) { return (unsigned int)registers.rflags & ARITHMETIC; }

static void logic(void **state)
{
    (void)state;
    gpr[0] = IOAPIC;
    registers.rflags = 2 | ARITHMETIC | 0x200;
    word = 0xf0f0f0f0;
    RUN("\x81\x08\x0f\x00\x00\x00"); /* orl $0xf,(%rax) */
    assert_int_equal(word, 0xf0f0f0ff);
    assert_int_equal(flags(), SF | PF);
    assert_int_equal(registers.rflags & 0x200, 0x200);
    RUN("\x83\x20\xf0"); /* andl $-0x10,(%rax) */
    assert_int_equal(word, 0xf0f0f0f0);
    gpr[1] = 0x0f0f0f0f;
    RUN("\x23\x08"); /* and (%rax),%ecx */
    assert_int_equal(gpr[1], 0);
    assert_int_equal(flags(), ZF | PF);
    assert_int_equal(word, 0xf0f0f0f0);
    gpr[1] = 0xf0f0f0f1;
    RUN("\x31\x08"); /* xor %ecx,(%rax) */
    assert_int_equal(word, 1);
    assert_int_equal(flags(), 0);
    writes = 0;
    RUN("\xf7\x00\x02\x00\x00\x00"); /* testl $2,(%rax) */
    assert_int_equal(flags(), ZF | PF);
    RUN("\x85\x08"); /* test %ecx,(%rax) */
    assert_int_equal(flags(), 0);
    assert_int_equal(writes, 0);
}

/* CMP against the host's own CPU. */
static void compare(void **state)
{
    static const uint32_t values[] = {
        0, 1, 2, 0xf, 0x10, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffff0, 0xffffffff, 0x12345678,
    };

    (void)state;
    gpr[0] = IOAPIC;
    for (unsigned int i = 0; i < ARRAY_SIZE(values); i++)
        for (unsigned int j = 0; j < ARRAY_SIZE(values); j++) {
            uint64_t expected;

            __asm__("cmp %2, %1; pushfq; pop %0"
                    : "=r"(expected)
                    : "r"(values[i]), "r"(values[j])
                    : "cc");
            word = values[i];
            gpr[1] = values[j];
            RUN("\x39\x08"); /* cmp %ecx,(%rax): memory is the first operand */
            assert_int_equal(flags(), expected & ARITHMETIC);
            word = values[j];
            gpr[1] = values[i];
            RUN("\x3b\x08"); /* cmp (%rax),%ecx: the register is */
            assert_int_equal(flags(), expected & ARITHMETIC);
        }
    assert_int_equal(writes, 0);
}

struct machine {
    uint64_t rax, rcx, memory, flags;
};

/* The host's CPU executes the same bytes, on memory at RDX. */
static void run_natively(const char *bytes, unsigned int n, struct machine *m)
{
    static char *code;

    if (!code)
        code = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(code, MAP_FAILED);
    memcpy(code, bytes, n);
    code[n] = (char)0xc3;
    __asm__ volatile("add $-128, %%rsp; push %[flags]; popfq; call *%[code]; pushfq; pop %[flags];"
                     "sub $-128, %%rsp"
                     : "+a"(m->rax), "+c"(m->rcx), [flags] "+b"(m->flags)
                     : "d"(&m->memory), [code] "S"(code)
                     : "memory", "cc");
}

/* Each arithmetic instruction in each size, against the host's own CPU with the same bytes. */
static void computes_as_a_cpu(void **state)
{
    static const struct {
        const char *bytes;
        unsigned int n;
        uint64_t undefined;
    } insns[] = {
#define I(bytes, undefined) { bytes, sizeof(bytes) - 1, undefined }
        I("\x01\x0a", 0),
        I("\x03\x0a", 0),
        I("\x11\x0a", 0),
        I("\x13\x0a", 0),
        I("\x19\x0a", 0),
        I("\x1b\x0a", 0),
        I("\x29\x0a", 0),
        I("\x2b\x0a", 0),
        I("\x39\x0a", 0),
        I("\x3b\x0a", 0),
        I("\x09\x0a", AF),
        I("\x0b\x0a", AF),
        I("\x21\x0a", AF),
        I("\x31\x0a", AF),
        I("\x85\x0a", AF),
        I("\xff\x02", 0),
        I("\xff\x0a", 0),
        I("\xf7\x12", 0),
        I("\xf7\x1a", 0),
        I("\x87\x0a", 0),
        I("\x0f\xc1\x0a", 0),
        I("\x0f\xb1\x0a", 0),
        I("\x83\x02\xf1", 0),
        I("\x83\x12\x7f", 0),
        I("\x83\x1a\x01", 0),
        I("\x83\x2a\x80", 0),
        I("\x83\x3a\xff", 0),
        I("\xc7\x02\x01\x02\x03\x84", 0),
        I("\x0f\xba\x22\x05", ARITHMETIC & ~CF),
        I("\x0f\xba\x2a\xff", ARITHMETIC & ~CF),
        I("\x0f\xba\x32\x1f", ARITHMETIC & ~CF),
        I("\x0f\xba\x3a\x2e", ARITHMETIC & ~CF),
    };
    static const uint64_t values[] = {
        0,
        1,
        0xf,
        0x10,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x7fffffffffffffff,
        0x8000000000000000,
        ~0ull,
        0x123456789abcdef0,
    };
    static const char *const prefixes[] = { "\x66", "", "\x48" };

    (void)state;
    table_there = true;
    for (unsigned int i = 0; i < ARRAY_SIZE(insns) * 4; i++) {
        bool bytes_only = i % 4 == 3; /* the even opcode */
        char bytes[16];
        unsigned int n = insns[i / 4].n, size = bytes_only ? 1 : 2u << i % 4, at = 0;
        uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;

        if (bytes_only &&
            (insns[i / 4].bytes[0] == '\x83' || !memcmp(insns[i / 4].bytes, "\x0f\xba", 2)))
            continue;
        if (!bytes_only && prefixes[i % 4][0])
            bytes[at++] = prefixes[i % 4][0];
        memcpy(bytes + at, insns[i / 4].bytes, n);
        if (bytes_only)
            bytes[bytes[0] == 0x0f] &= (char)~1;
        n += at;
        if (insns[i / 4].bytes[0] == '\xc7' && size < 4)
            n -= 4 - size;
        for (unsigned int k = 0; k < ARRAY_SIZE(values) * ARRAY_SIZE(values) * 2; k++) {
            uint64_t x = values[k / 2 % ARRAY_SIZE(values)], y = values[k / 2 / ARRAY_SIZE(values)];
            struct machine m = { k % 3 ? x : ~y, y, x, 2 | (k & 1 ? ARITHMETIC : 0) };

            gpr[0] = m.rax;
            gpr[1] = y;
            gpr[2] = HOLE;
            table_word = x & mask;
            registers.rflags = m.flags;
            assert_int_equal(run_at(HOLE, bytes, n), 0);
            assert_int_equal(*rip, CODE + n);
            run_natively(bytes, n, &m);
            assert_int_equal(gpr[0], m.rax);
            assert_int_equal(gpr[1], m.rcx);
            assert_int_equal(table_word & mask, m.memory & mask);
            assert_int_equal((registers.rflags ^ m.flags) & ARITHMETIC & ~insns[i / 4].undefined,
                             0);
        }
    }
    table_there = false;
}

/* A register bit offset is relative to the operand's first bit, and may be negative. */
static void bits_far_away(void **state)
{
    static const struct {
        const char *bytes;
        unsigned int n;
        int64_t at;
        uint64_t bit;
    } cases[] = {
        { "\x0f\xa3\x0a", 3, 0, 31 },
        { "\x0f\xa3\x0a", 3, 4, 32 },
        { "\x0f\xa3\x0a", 3, -4, 0xffffffff },
        { "\x0f\xa3\x0a", 3, -4, 0xffffffe0 },
        { "\x0f\xa3\x0a", 3, -8, 0xffffffdf },
        { "\x66\x0f\xab\x0a", 4, 2, 0x10010 },
        { "\x66\x0f\xb3\x0a", 4, -2, 0xffff },
        { "\x48\x0f\xbb\x0a", 4, -8, ~0ull },
        { "\x48\x0f\xa3\x0a", 4, 0x20000000, 1ull << 32 },
    };

    (void)state;
    model_dom0(false);
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        gpr[2] = HOLE + 0x800;
        gpr[1] = cases[i].bit;
        registers.rflags = 2;
        assert_int_equal(run_at(gpr[2] + (uint64_t)cases[i].at, cases[i].bytes, cases[i].n), 0);
        assert_int_equal(*rip, CODE + cases[i].n);
        assert_int_equal(flags(), CF); /* all ones */
        gpr[1] ^= 64;                  /* another word: the fault was not on this operand */
        assert_int_equal(run_at(gpr[2] + (uint64_t)cases[i].at, cases[i].bytes, cases[i].n), 0);
        assert_int_equal(*rip, CODE);
    }
    assert_int_equal(protections, ARRAY_SIZE(cases));
}

static void strings(void **state)
{
    uint32_t ram[4] = { 1, 2, 3, 4 };

    (void)state;
    gpr[0] = 0x77;
    gpr[7] = IOAPIC;
    gpr[1] = 3;
    /* rep stos: one at a time, RIP stays until the last */
    for (unsigned int left = 3; left-- > 0;) {
        assert_int_equal(run_at(IOAPIC + 4 * (2 - left), "\xf3\xab", 2), 0);
        assert_int_equal(*rip, CODE + (left ? 0 : 2));
        assert_int_equal(gpr[1], left);
    }
    assert_int_equal(gpr[7], IOAPIC + 12);
    assert_int_equal(writes, 3);
    assert_int_equal(guest_write_physical(d, DATA, ram, sizeof(ram)), 0);
    gpr[6] = DATA + 4;
    gpr[7] = IOAPIC + 0x10;
    registers.rflags |= DF;
    RUN("\xa5"); /* movsl from RAM to the device, downwards */
    assert_int_equal(word, 2);
    assert_int_equal(word_offset, 0x10);
    assert_int_equal(gpr[6], DATA);
    assert_int_equal(gpr[7], IOAPIC + 0xc);
    registers.rflags &= ~(uint64_t)DF;
    word = 0x99;
    gpr[6] = IOAPIC + 0x10;
    gpr[7] = DATA + 8;
    gpr[1] = 1;
    RUN("\xf3\xa5"); /* rep movsl from the device to RAM */
    assert_int_equal(guest_read_physical(d, ram, DATA, sizeof(ram)), 0);
    assert_int_equal(ram[2], 0x99);
    assert_int_equal(ram[3], 4);
    gpr[1] = 0;
    reads = 0;
    RUN("\xf3\xa5"); /* nothing to do */
    assert_int_equal(reads, 0);
    gpr[6] = DATA + 0xffe;
    assert_int_equal(run_at(IOAPIC, "\xa5", 1), -EINVAL); /* the RAM operand crosses its page */
}

/* Segments, and wrapping at 4 GiB, in 32-bit code. */
/* MOVS waits for either operand; then it is executed anew. */
static void paged_operands(void **state)
{
    uint32_t ram[4] = { 1, 2, 3, 4 };
    static uint8_t contents[PAGE_SIZE];
    gfn_t gfn = gpa_to_gfn(DATA);

    (void)state;
    assert_int_equal(guest_write_physical(d, DATA, ram, sizeof(ram)), 0);
    memcpy(contents, harness_guest(d, DATA), PAGE_SIZE);
    assert_int_equal(p2m_page_evict(d, gfn, contents), 0);
    for (unsigned int to = 0; to < 2; to++) {
        gpr[6] = to ? IOAPIC + 0x10 : DATA + 4;
        gpr[7] = to ? DATA + 4 : IOAPIC + 0x10;
        writes = 0;
        assert_int_equal(run_at(IOAPIC + 0x10, "\xa5", 1), 0);
        assert_int_equal(*rip, CODE);
        assert_int_equal(v->wait, WAIT_PAGE);
        assert_int_equal(v->awaited.n, gfn.n);
        assert_int_equal(writes, 0);
        assert_int_equal(gpr[6], to ? IOAPIC + 0x10 : DATA + 4);
        v->wait = WAIT_NONE;
    }
    mfn_t mfn = alloc_domain(d, ORDER_4K);
    memcpy(mfn_to_virt(mfn), contents, PAGE_SIZE);
    assert_int_equal(p2m_page_fill(d, gfn, mfn), 0);
    gpr[6] = DATA + 4;
    gpr[7] = IOAPIC + 0x10;
    RUN("\xa5");
    assert_int_equal(word, 2);
}

static void short_modes(void **state)
{
    (void)state;
    mode64 = false;
    segments[SEG_CS].attributes = 1u << 10;
    segments[SEG_DS].base = 0x80000000;
    segments[SEG_SS].base = 0x1000;
    gpr[0] = IOAPIC - 0x80000000;
    word = 5;
    RUN("\x8b\x08");
    assert_int_equal(gpr[1], 5);
    gpr[5] = IOAPIC - 0x1000;
    RUN("\x8b\x4d\x00"); /* mov 0(%ebp),%ecx: by SS */
    segments[SEG_GS].base = 0xfffff000;
    gpr[0] = IOAPIC + 0x1000;
    RUN("\x65\x8b\x08"); /* wraps */
    segments[SEG_CS].attributes = 0;
    gpr[3] = IOAPIC;
    gpr[1] = 0x11110000;
    RUN("\x67\x8b\x0b"); /* 16-bit code: mov (%ebx),%cx */
    assert_int_equal(gpr[1] >> 16, 0x1111);
}

static void not_emulated(void **state)
{
    (void)state;
    gpr[0] = IOAPIC;
    assert_int_equal(run_at(IOAPIC, "\xff\x30", 2), -EINVAL); /* push */
    assert_int_equal(*rip, CODE);
    /* the fault was on another operand */
    assert_int_equal(run_at(IOAPIC + 0x20, "\x8b\x08", 2), -EINVAL);
    assert_int_equal(run_at(IOAPIC, "\xab", 1), 0);
    gpr[7] = IOAPIC + 4;
    assert_int_equal(run_at(IOAPIC, "\xab", 1), -EINVAL);
    *rip = HOLE; /* no code at this address */
    assert_int_equal(emulate_access(v, IOAPIC), -EINVAL);
    *rip = CODE + 0x1fff; /* half an instruction at the end of RAM */
    assert_int_equal(guest_write_physical(d, *rip, "\x8b", 1), 0);
    assert_int_equal(emulate_access(v, IOAPIC), -EINVAL);
    *rip = CODE + 0xfff; /* and one across two pages */
    assert_int_equal(guest_write_physical(d, *rip, "\x8b\x08", 2), 0);
    assert_int_equal(emulate_access(v, IOAPIC), 0);
    assert_int_equal(*rip, CODE + 0x1001);
    assert_int_equal(protections, 0);
    /* unmapped: the guest can handle it */
    assert_int_equal(run_at(HOLE, "\xff\x30", 2), 0);
    assert_int_equal(*rip, CODE);
    assert_int_equal(protections, 1);
    table_there = true;
    assert_int_equal(run_at(HOLE, "\xff\x30", 2), -EINVAL);
    table_there = false;
    assert_int_equal(run_at(LAPIC_PAGE, "\xff\x30", 2), -EINVAL);
    model_dom0(false);
    assert_int_equal(run_at(IOAPIC, "\xff\x30", 2), 0);
    assert_int_equal(protections, 2);
}

static void nobody_there(void **state)
{
    uint64_t val = 0;

    (void)state;
    for (unsigned int size = 1; size <= 8; size *= 2) {
        val = bus_memory_read(v, HOLE, size);
        assert_int_equal(val, size == 8 ? ~0ull : (1ull << 8 * size) - 1);
        bus_memory_write(v, HOLE, size, 0);
    }
    val = bus_memory_read(v, 0xfee00030, 4);
    assert_int_equal(val, 0x11110030);
    bus_memory_write(v, 0xfee000b0, 4, 7);
    assert_int_equal(word_offset, 0xb0);
    val = bus_memory_read(v, 0xfee00030, 8);
    assert_int_equal(val, ~0ull);
    val = bus_memory_read(v, CONFIGURATION + 0x10, 2);
    assert_int_equal(val, 0x210);
    bus_memory_write(v, CONFIGURATION + 0x104, 4, 0x77);
    assert_int_equal(configuration, 0x10400000077);
    table_there = true; /* an MSI-X table accepts all sizes */
    bus_memory_write(v, HOLE + 8, 8, 0x123456789);
    val = bus_memory_read(v, HOLE + 8, 8);
    assert_int_equal(val, 0x123456789);
    gpr[0] = HOLE;
    table_word = 0xffffffff00000005;                      /* returns only the bytes requested */
    assert_int_equal(run_at(HOLE, "\x48\x63\x08", 3), 0); /* movslq (%rax),%rcx */
    assert_int_equal(gpr[1], 5);
    assert_int_equal(run_at(HOLE, "\x0f\xb6\x08", 3), 0); /* movzbl (%rax),%ecx */
    assert_int_equal(gpr[1], 5);
    table_there = false;
    model_dom0(false); /* a guest has none */
    val = bus_memory_read(v, IOAPIC, 4);
    assert_int_equal(val, 0xffffffff);
}

/*
 * Operand addresses: relative to RIP, with FS and GS, in the stack segment if RSP or RBP is the
 * base.
 */
static void operands(void **state)
{
    (void)state;
    word = 0x1234;
    gpr[1] = 0;
    /* mov 16(%rip),%ecx */
    assert_int_equal(run_at(IOAPIC + 21, "\x8b\x0d\x10\x00\x00\x00", 6), -EINVAL);
    /* relative to the next instruction */
    assert_int_equal(run_at(IOAPIC + 22, "\x8b\x0d\x10\x00\x00\x00", 6), 0);
    assert_int_equal(gpr[1], 0x1234);
    segments[SEG_FS].base = IOAPIC - 0x100;
    gpr[0] = 0x100;
    gpr[1] = 0;
    RUN("\x64\x8b\x08"); /* mov %fs:(%rax),%ecx */
    assert_int_equal(gpr[1], 0x1234);
    segments[SEG_DS].base = segments[SEG_SS].base = 0x5000; /* which 64-bit code ignores */
    gpr[5] = IOAPIC - 0x10;
    RUN("\x8b\x4d\x10"); /* mov 16(%rbp),%ecx */
    mode64 = false;
    segments[SEG_CS].attributes = 1u << 10;
    segments[SEG_SS].base = 0x5000;
    segments[SEG_DS].base = 0x9000;
    gpr[5] = (uint32_t)IOAPIC - 0x5010;
    RUN("\x8b\x4d\x10"); /* by SS */
    gpr[4] = (uint32_t)IOAPIC - 0x5000;
    RUN("\x8b\x0c\x24"); /* mov (%esp),%ecx */
    gpr[0] = (uint32_t)IOAPIC - 0x9000;
    RUN("\x8b\x08"); /* by DS */
    segments[SEG_ES].base = 0x3000;
    gpr[0] = (uint32_t)IOAPIC - 0x3000;
    RUN("\x26\x8b\x08"); /* by ES, as its prefix says */
}

/* A user program's MOVS must not access pages that it may not. */
static void privilege(void **state)
{
    uint64_t table[4] = { 0x30007, 0x31007, 0 };
    uint64_t entry;

    (void)state;
    harness_populate(d, 0x30, 3);
    entry = table[1];
    assert_int_equal(guest_write_physical(d, 0x30000, &entry, 8), 0); /* PML4[0] -> 0x31000 */
    entry = 0x32007;
    assert_int_equal(guest_write_physical(d, 0x31000, &entry, 8), 0); /* PDPT[0] -> 0x32000 */
    /* 2M page 0, supervisor */
    entry = 0x83;
    assert_int_equal(guest_write_physical(d, 0x32000, &entry, 8), 0);
    /* 2M page 0 again at 2M, user */
    entry = 0x87;
    assert_int_equal(guest_write_physical(d, 0x32008, &entry, 8), 0);
    /* the device at 4M, user */
    entry = (IOAPIC & ~0x1fffffull) | 0x87;
    assert_int_equal(guest_write_physical(d, 0x32010, &entry, 8), 0);
    harness_paging.cr0 = 0x80000001;
    harness_paging.cr3 = table[0] & PAGE_MASK;
    harness_paging.cr4 = 0x20;
    harness_paging.efer = 0x500;
    registers.cpl = 3;
    assert_int_equal(guest_write_physical(d, CODE, "\xa5", 1), 0);
    *rip = 0x200000 + CODE;
    gpr[6] = DATA; /* the kernel's */
    gpr[7] = 0x400000 + (IOAPIC & 0x1fffff);
    assert_int_equal(emulate_access(v, IOAPIC), 0);
    assert_int_equal(faults, 1);
    assert_int_equal(fault_address, DATA);
    assert_int_equal(writes, 0);
    assert_int_equal(*rip, 0x200000 + CODE);
    gpr[6] = 0x200000 + DATA;
    assert_int_equal(emulate_access(v, IOAPIC), 0);
    assert_int_equal(faults, 1);
    assert_int_equal(writes, 1);
    *rip = CODE; /* code of the kernel */
    assert_int_equal(emulate_access(v, IOAPIC), -EINVAL);
}

/* An instruction continues in the next page of the address space, not in the next frame. */
static void code_across_pages(void **state)
{
    static const uint64_t tables[] = { 0x31007, 0x32007, 0x33007 };
    const uint64_t device = (IOAPIC & PAGE_MASK) | 7;

    (void)state;
    harness_populate(d, 0x30, 10);
    for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++)
        assert_int_equal(guest_write_physical(d, 0x30000 + i * 0x1000, &tables[i], 8), 0);
    assert_int_equal(guest_write_physical(d, 0x33000, &(uint64_t){ 0x36005 }, 8), 0);
    assert_int_equal(guest_write_physical(d, 0x33008, &(uint64_t){ 0x34005 }, 8), 0);
    assert_int_equal(guest_write_physical(d, 0x33010, &device, 8), 0);
    harness_paging.cr0 = 0x80000001;
    harness_paging.cr3 = 0x30000;
    harness_paging.cr4 = 0x20;
    harness_paging.efer = 0x500;
    gpr[0] = 0x2000;
    word = 0x12345678;
    for (unsigned int before = 1; before < 7; before++) {
        const char insn[] = "\x81\x00\x01\x02\x03\x04"; /* addl $0x4030201,(%rax) */

        *rip = 0x1000 - before;
        assert_int_equal(guest_write_physical(d, 0x37000, "\x90\x90\x90\x90\x90\x90", 6), 0);
        assert_int_equal(guest_write_physical(d, 0x37000 - before, insn, before), 0);
        assert_int_equal(guest_write_physical(d, 0x34000, insn + before, 6 - before), 0);
        assert_int_equal(emulate_access(v, IOAPIC), 0);
        assert_int_equal(word, 0x12345678 + 0x4030201 * before);
        assert_int_equal(*rip, 0x1006 - before);
    }
    *rip = 0xfff; /* the next page has no code */
    assert_int_equal(guest_write_physical(d, 0x33008, &(uint64_t){ 0 }, 8), 0);
    assert_int_equal(emulate_access(v, IOAPIC), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(code_across_pages, model_setup),
        cmocka_unit_test_setup(moves, model_setup),
        cmocka_unit_test_setup(other_sizes, model_setup),
        cmocka_unit_test_setup(logic, model_setup),
        cmocka_unit_test_setup(compare, model_setup),
        cmocka_unit_test_setup(computes_as_a_cpu, model_setup),
        cmocka_unit_test_setup(bits_far_away, model_setup),
        cmocka_unit_test_setup(strings, model_setup),
        cmocka_unit_test_setup(paged_operands, model_setup),
        cmocka_unit_test_setup(short_modes, model_setup),
        cmocka_unit_test_setup(not_emulated, model_setup),
        cmocka_unit_test_setup(nobody_there, model_setup),
        cmocka_unit_test_setup(operands, model_setup),
        cmocka_unit_test_setup(privilege, model_setup),
    };

    return cmocka_run_group_tests_name("emulate", tests, NULL, NULL);
}
