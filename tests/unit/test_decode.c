/* SPDX-License-Identifier: MIT */
/*
 * vdev/decode.c: each supported opcode in each mode, by encodings written by hand next to the
 * assembler text, and what it must refuse. No byte string makes it read past its end, or return a
 * description that io.c could not use.
 */
#include "harness.h"
#include "guest/decode.h"

#include <stdlib.h>

#define NONE 0xff

static struct insn decode(enum insn_mode mode, const char *bytes, unsigned int n)
{
    struct insn i;
    uint8_t *exact = malloc(n); /* the sanitizer detects a read past its end */

    memcpy(exact, bytes, n);
    assert_int_equal(decode_insn(exact, n, mode, &i), 0);
    for (unsigned int less = 0; less < n; less++) {
        struct insn part;

        assert_int_equal(decode_insn(exact, less, mode, &part), -EINVAL);
    }
    free(exact);
    assert_int_equal(i.length, n);
    return i;
}

#define DECODE(mode, bytes) decode(mode, bytes, sizeof(bytes) - 1)

static void refuse(enum insn_mode mode, const char *bytes, unsigned int n)
{
    uint8_t padded[32] = { 0 };
    struct insn i;

    memcpy(padded, bytes, n);
    assert_int_equal(decode_insn(padded, sizeof(padded), mode, &i), -EINVAL);
}

#define REFUSE(mode, bytes) refuse(mode, bytes, sizeof(bytes) - 1)

/* Checks a field of the description against its expected value. */
#define EXPECT(i, field, value) assert_int_equal((i).field, value)

static void moves_with_registers(void **state)
{
    struct insn i;

    (void)state;
    i = DECODE(INSN_64, "\x89\x08"); /* mov %ecx,(%rax) */
    EXPECT(i, op, INSN_STORE);
    EXPECT(i, size, 4);
    EXPECT(i, reg, 1);
    EXPECT(i, base, 0);
    EXPECT(i, index, NONE);
    EXPECT(i, mem_is_dest, true);
    EXPECT(i, disp, 0);
    EXPECT(i, address_size, 8);
    i = DECODE(INSN_64, "\x8b\x51\x20"); /* mov 0x20(%rcx),%edx */
    EXPECT(i, op, INSN_LOAD);
    EXPECT(i, size, 4);
    EXPECT(i, reg, 2);
    EXPECT(i, base, 1);
    EXPECT(i, disp, 0x20);
    EXPECT(i, mem_is_dest, false);
    i = DECODE(INSN_64, "\x4c\x8b\x81\xf0\xff\xff\xff"); /* mov -0x10(%rcx),%r8 */
    EXPECT(i, size, 8);
    EXPECT(i, reg, 8);
    EXPECT(i, disp, -0x10);
    i = DECODE(INSN_64, "\x66\x89\x07"); /* mov %ax,(%rdi) */
    EXPECT(i, size, 2);
    EXPECT(i, base, 7);
    i = DECODE(INSN_64, "\x88\x27"); /* mov %ah,(%rdi) */
    EXPECT(i, size, 1);
    EXPECT(i, reg, 4);
    EXPECT(i, reg_high8, true);
    i = DECODE(INSN_64, "\x40\x88\x27"); /* mov %spl,(%rdi): because of the REX prefix */
    EXPECT(i, reg, 4);
    EXPECT(i, reg_high8, false);
    i = DECODE(INSN_64, "\x45\x8a\x3f"); /* mov (%r15),%r15b */
    EXPECT(i, reg, 15);
    EXPECT(i, base, 15);
    EXPECT(i, reg_high8, false);
    i = DECODE(INSN_32, "\x89\x08");
    EXPECT(i, size, 4);
    EXPECT(i, address_size, 4);
    i = DECODE(INSN_16, "\x89\x07"); /* mov %ax,(%bx) */
    EXPECT(i, size, 2);
    EXPECT(i, base, 3);
    i = DECODE(INSN_16, "\x66\x89\x07"); /* mov %eax,(%bx) */
    EXPECT(i, size, 4);
    EXPECT(i, address_size, 2);
}

static void addresses(void **state)
{
    struct insn i;

    (void)state;
    i = DECODE(INSN_64, "\x8b\x05\x10\x00\x00\x00"); /* mov 0x10(%rip),%eax */
    EXPECT(i, rip_relative, true);
    EXPECT(i, base, NONE);
    EXPECT(i, disp, 0x10);
    i = DECODE(INSN_32, "\x8b\x05\x00\x00\xe0\xfe"); /* mov 0xfee00000,%eax */
    EXPECT(i, rip_relative, false);
    EXPECT(i, base, NONE);
    EXPECT(i, disp, (int32_t)0xfee00000);
    /* mov 0xfffffffffee00020,%eax: SIB without a base */
    i = DECODE(INSN_64, "\x8b\x04\x25\x20\x00\xe0\xfe");
    EXPECT(i, base, NONE);
    EXPECT(i, index, NONE);
    EXPECT(i, disp, (int32_t)0xfee00020);
    EXPECT(i, rip_relative, false);
    i = DECODE(INSN_64, "\x8b\x44\x8b\x08"); /* mov 8(%rbx,%rcx,4),%eax */
    EXPECT(i, base, 3);
    EXPECT(i, index, 1);
    EXPECT(i, scale, 2);
    EXPECT(i, disp, 8);
    i = DECODE(INSN_64, "\x8b\x04\x24"); /* mov (%rsp),%eax */
    EXPECT(i, base, 4);
    EXPECT(i, index, NONE);
    i = DECODE(INSN_64, "\x41\x8b\x04\x24"); /* mov (%r12),%eax */
    EXPECT(i, base, 12);
    EXPECT(i, index, NONE);
    i = DECODE(INSN_64, "\x42\x8b\x04\x20"); /* mov (%rax,%r12,1),%eax: 12 is an index, 4 is none */
    EXPECT(i, base, 0);
    EXPECT(i, index, 12);
    i = DECODE(INSN_64, "\x41\x8b\x45\x00"); /* mov 0(%r13),%eax */
    EXPECT(i, base, 13);
    EXPECT(i, disp, 0);
    i = DECODE(INSN_64, "\x67\x8b\x00"); /* mov (%eax),%eax */
    EXPECT(i, address_size, 4);
    i = DECODE(INSN_64, "\x65\x8b\x00"); /* mov %gs:(%rax),%eax */
    EXPECT(i, segment, 6);
    i = DECODE(INSN_32, "\x26\x8b\x00"); /* mov %es:(%eax),%eax */
    EXPECT(i, segment, 1);
    i = DECODE(INSN_32, "\x67\x8b\x42\xfe"); /* mov -2(%bp,%si),%eax */
    EXPECT(i, address_size, 2);
    EXPECT(i, base, 5);
    EXPECT(i, index, 6);
    EXPECT(i, scale, 0);
    EXPECT(i, disp, -2);
    i = DECODE(INSN_16, "\x67\x8b\x04\x88"); /* mov (%eax,%ecx,4),%ax */
    EXPECT(i, address_size, 4);
    EXPECT(i, size, 2);
    EXPECT(i, base, 0);
    EXPECT(i, index, 1);
    EXPECT(i, scale, 2);
}

static void immediates_and_offsets(void **state)
{
    struct insn i;

    (void)state;
    i = DECODE(INSN_64, "\xc7\x00\xff\xff\xff\xff"); /* movl $-1,(%rax) */
    EXPECT(i, op, INSN_STORE);
    EXPECT(i, has_imm, true);
    EXPECT(i, imm, ~0ull);
    EXPECT(i, size, 4);
    i = DECODE(INSN_64, "\x48\xc7\x00\x00\x00\x00\x80"); /* movq $-0x80000000,(%rax) */
    EXPECT(i, size, 8);
    EXPECT(i, imm, 0xffffffff80000000ull);
    i = DECODE(INSN_64, "\x66\xc7\x00\x34\x12"); /* movw $0x1234,(%rax) */
    EXPECT(i, size, 2);
    EXPECT(i, imm, 0x1234);
    i = DECODE(INSN_64, "\xc6\x40\x05\x7f"); /* movb $0x7f,5(%rax) */
    EXPECT(i, size, 1);
    EXPECT(i, imm, 0x7f);
    EXPECT(i, disp, 5);
    i = DECODE(INSN_64, "\xc7\x05\x10\x00\x00\x00\x01\x00\x00\x00"); /* movl $1,0x10(%rip) */
    EXPECT(i, rip_relative, true);
    EXPECT(i, disp, 0x10);
    EXPECT(i, imm, 1);
    i = DECODE(INSN_64, "\xa1\x20\x00\xe0\xfe\x00\x00\x00\x00"); /* movabs 0xfee00020,%eax */
    EXPECT(i, op, INSN_LOAD);
    EXPECT(i, disp, 0xfee00020);
    EXPECT(i, reg, 0);
    EXPECT(i, base, NONE);
    EXPECT(i, size, 4);
    i = DECODE(INSN_32, "\xa2\x20\x00\xe0\xfe"); /* mov %al,0xfee00020 */
    EXPECT(i, op, INSN_STORE);
    EXPECT(i, size, 1);
    EXPECT(i, disp, (int32_t)0xfee00020);
    i = DECODE(INSN_64, "\x67\xa3\x20\x00\xe0\xfe"); /* addr32 mov %eax,0xfee00020 */
    EXPECT(i, address_size, 4);
}

static void extending_moves(void **state)
{
    struct insn i;

    (void)state;
    i = DECODE(INSN_64, "\x0f\xb6\x00"); /* movzbl (%rax),%eax */
    EXPECT(i, op, INSN_LOAD_ZX);
    EXPECT(i, size, 1);
    EXPECT(i, reg_size, 4);
    i = DECODE(INSN_64, "\x0f\xb7\x20"); /* movzwl (%rax),%esp: not a high byte */
    EXPECT(i, size, 2);
    EXPECT(i, reg, 4);
    EXPECT(i, reg_high8, false);
    i = DECODE(INSN_64, "\x0f\xb6\x20"); /* movzbl (%rax),%esp */
    EXPECT(i, reg, 4);
    EXPECT(i, reg_high8, false);
    i = DECODE(INSN_64, "\x48\x0f\xbe\x00"); /* movsbq (%rax),%rax */
    EXPECT(i, op, INSN_LOAD_SX);
    EXPECT(i, size, 1);
    EXPECT(i, reg_size, 8);
    i = DECODE(INSN_64, "\x66\x0f\xbe\x00"); /* movsbw (%rax),%ax */
    EXPECT(i, reg_size, 2);
    i = DECODE(INSN_64, "\x0f\xbf\x00"); /* movswl (%rax),%eax */
    EXPECT(i, size, 2);
    EXPECT(i, reg_size, 4);
    i = DECODE(INSN_64, "\x48\x63\x00"); /* movslq (%rax),%rax */
    EXPECT(i, op, INSN_LOAD_SX);
    EXPECT(i, size, 4);
    EXPECT(i, reg_size, 8);
    REFUSE(INSN_32, "\x63\x00"); /* arpl */
}

static void arithmetic(void **state)
{
    static const struct {
        uint8_t base;
        enum insn_op op;
        bool lockable;
    } ops[] = {
        { 0x00, INSN_ADD, true }, { 0x08, INSN_OR, true },   { 0x10, INSN_ADC, true },
        { 0x18, INSN_SBB, true }, { 0x20, INSN_AND, true },  { 0x28, INSN_SUB, true },
        { 0x30, INSN_XOR, true }, { 0x38, INSN_CMP, false },
    };
    struct insn i;

    (void)state;
    for (unsigned int n = 0; n < ARRAY_SIZE(ops); n++)
        for (uint8_t form = 0; form < 4; form++) {
            char bytes[3] = { (char)0xf0, (char)(ops[n].base + form), 0x0b }; /* op %ecx,(%rbx) */

            i = decode(INSN_64, bytes + 1, 2);
            EXPECT(i, op, ops[n].op);
            EXPECT(i, size, form & 1 ? 4 : 1);
            EXPECT(i, mem_is_dest, form < 2);
            EXPECT(i, reg, 1);
            EXPECT(i, base, 3);
            EXPECT(i, has_imm, false);
            if (ops[n].lockable && form < 2)
                EXPECT(decode(INSN_64, bytes, 3), op, ops[n].op);
            else
                refuse(INSN_64, bytes, 3);
        }
    for (unsigned int reg = 0; reg < 8; reg++) {
        static const int group[8] = { INSN_ADD, INSN_OR,  INSN_ADC, INSN_SBB,
                                      INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP };
        char bytes[3] = { (char)0x83, (char)(reg << 3), (char)0xf0 }; /* op $-0x10,(%rax) */

        i = decode(INSN_64, bytes, 3);
        EXPECT(i, op, group[reg]);
        EXPECT(i, imm, ~0xfull);
        EXPECT(i, size, 4);
        EXPECT(i, mem_is_dest, true);
    }
    i = DECODE(INSN_64, "\x81\x08\x78\x56\x34\x12"); /* orl $0x12345678,(%rax) */
    EXPECT(i, op, INSN_OR);
    EXPECT(i, imm, 0x12345678);
    i = DECODE(INSN_64, "\x80\x38\x05"); /* cmpb $5,(%rax) */
    EXPECT(i, op, INSN_CMP);
    EXPECT(i, size, 1);
    i = DECODE(INSN_64, "\x85\x08"); /* test %ecx,(%rax) */
    EXPECT(i, op, INSN_TEST);
    i = DECODE(INSN_64, "\xf7\x00\x00\x10\x00\x00"); /* testl $0x1000,(%rax) */
    EXPECT(i, op, INSN_TEST);
    EXPECT(i, imm, 0x1000);
    EXPECT(i, has_imm, true);
    i = DECODE(INSN_64, "\xf6\x00\x01"); /* testb $1,(%rax) */
    EXPECT(i, size, 1);
    i = DECODE(INSN_64, "\xf7\x10"); /* notl (%rax) */
    EXPECT(i, op, INSN_NOT);
    EXPECT(i, size, 4);
    i = DECODE(INSN_64, "\xf0\xf6\x18"); /* lock negb (%rax) */
    EXPECT(i, op, INSN_NEG);
    EXPECT(i, size, 1);
    i = DECODE(INSN_64, "\x48\xff\x00"); /* incq (%rax) */
    EXPECT(i, op, INSN_INC);
    EXPECT(i, size, 8);
    EXPECT(i, imm, 1);
    i = DECODE(INSN_64, "\xf0\xfe\x48\x01"); /* lock decb 1(%rax) */
    EXPECT(i, op, INSN_DEC);
    EXPECT(i, size, 1);
    EXPECT(i, disp, 1);
    for (char reg = 4; reg < 8; reg++) /* mul, imul, div, idiv */
        refuse(INSN_64, (char[]){ (char)0xf7, (char)(reg << 3) }, 2);
    for (char reg = 2; reg < 8; reg++) { /* calls, jumps, push; none of these for 0xfe */
        refuse(INSN_64, (char[]){ (char)0xff, (char)(reg << 3) }, 2);
        refuse(INSN_64, (char[]){ (char)0xfe, (char)(reg << 3) }, 2);
    }
    REFUSE(INSN_64, "\xf0\x80\x38\x05"); /* lock cmpb */
    i = DECODE(INSN_64, "\x87\x08");     /* xchg %ecx,(%rax) */
    EXPECT(i, op, INSN_XCHG);
    EXPECT(DECODE(INSN_64, "\xf0\x87\x08"), op, INSN_XCHG);
    i = DECODE(INSN_64, "\xf0\x0f\xb1\x08"); /* lock cmpxchg %ecx,(%rax) */
    EXPECT(i, op, INSN_CMPXCHG);
    EXPECT(i, size, 4);
    EXPECT(i, reg_size, 4);
    i = DECODE(INSN_64, "\x0f\xb0\x20"); /* cmpxchg %ah,(%rax) */
    EXPECT(i, size, 1);
    EXPECT(i, reg_high8, true);
    i = DECODE(INSN_64, "\xf0\x4d\x0f\xc1\x08"); /* lock xadd %r9,(%r8) */
    EXPECT(i, op, INSN_XADD);
    EXPECT(i, size, 8);
    EXPECT(i, reg, 9);
    EXPECT(i, base, 8);
}

static void bit_tests(void **state)
{
    static const uint8_t by_register[] = { 0xa3, 0xab, 0xb3, 0xbb };
    struct insn i;

    (void)state;
    for (unsigned int n = 0; n < 4; n++) {
        char bytes[] = { (char)0xf0, 0x0f, (char)by_register[n], 0x08, 0 }; /* bt* %ecx,(%rax) */

        i = decode(INSN_64, bytes + 1, 3);
        EXPECT(i, op, INSN_BT + n);
        EXPECT(i, size, 4);
        EXPECT(i, reg, 1);
        EXPECT(i, has_imm, false);
        if (n > 0)
            EXPECT(decode(INSN_64, bytes, 4), op, INSN_BT + n);
        else
            refuse(INSN_64, bytes, 4);
        bytes[2] = (char)0xba; /* bt* $-7,(%rax) */
        bytes[3] = (char)((n + 4) << 3);
        bytes[4] = (char)0xf9;
        i = decode(INSN_64, bytes + 1, 4);
        EXPECT(i, op, INSN_BT + n);
        EXPECT(i, size, 4);
        EXPECT(i, imm, -7);
        EXPECT(i, has_imm, true);
        bytes[3] = (char)(n << 3);
        refuse(INSN_64, bytes + 1, 4);
    }
    i = DECODE(INSN_64, "\x66\x0f\xba\x28\x03"); /* btsw $3,(%rax) */
    EXPECT(i, size, 2);
    i = DECODE(INSN_64, "\x4c\x0f\xab\x38"); /* bts %r15,(%rax) */
    EXPECT(i, size, 8);
    EXPECT(i, reg, 15);
}

static void strings(void **state)
{
    struct insn i;

    (void)state;
    i = DECODE(INSN_64, "\xab"); /* stos %eax,(%rdi) */
    EXPECT(i, op, INSN_STOS);
    EXPECT(i, size, 4);
    EXPECT(i, rep, false);
    i = DECODE(INSN_64, "\xf3\x48\xab"); /* rep stos %rax,(%rdi) */
    EXPECT(i, size, 8);
    EXPECT(i, rep, true);
    EXPECT(i, address_size, 8);
    i = DECODE(INSN_64, "\xf3\xa4"); /* rep movsb */
    EXPECT(i, op, INSN_MOVS);
    EXPECT(i, size, 1);
    EXPECT(i, rep, true);
    i = DECODE(INSN_32, "\xf2\x66\xa5"); /* repne movsw */
    EXPECT(i, size, 2);
    EXPECT(i, address_size, 4);
    EXPECT(i, rep, true);
}

static void refused(void **state)
{
    (void)state;
    REFUSE(INSN_64, "\x89\xc8"); /* mov %ecx,%eax: no memory */
    REFUSE(INSN_64, "\x0f\xb6\xc0");
    REFUSE(INSN_64, "\x90");
    REFUSE(INSN_64, "\xf0\x89\x08"); /* lock mov */
    REFUSE(INSN_64, "\xf0\xab");
    REFUSE(INSN_64, "\xc7\x08");         /* group 11 with another operation */
    REFUSE(INSN_64, "\xff\x30");         /* push (%rax) */
    REFUSE(INSN_64, "\x0f\x10\x00");     /* movups */
    REFUSE(INSN_64, "\xc5\xf8\x10\x00"); /* VEX */
    REFUSE(INSN_64, "\x0f\xc7\x08");     /* cmpxchg8b: 0xc7 of the other table */
    /* 15 bytes are the limit, 16 are not an instruction */
    EXPECT(DECODE(INSN_64, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\x08"), size,
           2);
    REFUSE(INSN_64, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\x08");
    /* a REX prefix counts only directly before the opcode */
    EXPECT(DECODE(INSN_64, "\x48\x66\x89\x08"), size, 2);
    EXPECT(DECODE(INSN_64, "\x48\x41\x89\x08"), size, 4);
}

/* Random bytes: within the buffer, and only descriptions that io.c can execute. */
static void any_bytes(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15ull;

    (void)state;
    for (unsigned int round = 0; round < 400000; round++) {
        unsigned int n = round % 16;
        uint8_t *bytes = malloc(n + 1);
        struct insn i;

        for (unsigned int k = 0; k < n; k++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            bytes[k] = (uint8_t)(seed >> 56);
        }
        if (!decode_insn(bytes, n, (enum insn_mode)(round / 16 % 3), &i)) {
            assert_in_range(i.length, 1, n);
            assert_true(i.size == 1 || i.size == 2 || i.size == 4 || i.size == 8);
            assert_true(i.reg_size == 1 || i.reg_size == 2 || i.reg_size == 4 || i.reg_size == 8);
            assert_true(i.address_size == 2 || i.address_size == 4 || i.address_size == 8);
            assert_true(i.reg < 16 && (i.base < 16 || i.base == NONE) &&
                        (i.index < 16 || i.index == NONE));
            assert_true(i.scale < 4);
            assert_true(!i.reg_high8 || (i.reg >= 4 && i.reg < 8));
            assert_true(i.segment <= 6 && i.op <= INSN_MOVS);
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_with_registers),
        cmocka_unit_test(addresses),
        cmocka_unit_test(immediates_and_offsets),
        cmocka_unit_test(extending_moves),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(bit_tests),
        cmocka_unit_test(strings),
        cmocka_unit_test(refused),
        cmocka_unit_test(any_bytes),
    };

    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
