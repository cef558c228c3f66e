/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder beside a reference, Debian's capstone: random instructions in all modes.
 * What the decoder accepts, the reference must read as the same number of bytes, with the same
 * memory operand. What it refuses is not compared: it knows few instructions on purpose. Prints the
 * bytes of each that differs.
 */
#include "guest/decode.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 2000000
#define REPORTED 20
#define LENGTH 15

static uint64_t seed = 1;
static unsigned int compared, differences;

static uint8_t any(void)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint8_t)(seed >> 56);
}

/* The number in the encoding of a register that can be in an address; 0xff: none. */
static uint8_t number_of(unsigned int reg)
{
    static const uint16_t of[16][3] = {
        { X86_REG_RAX, X86_REG_EAX, 0 },          { X86_REG_RCX, X86_REG_ECX, 0 },
        { X86_REG_RDX, X86_REG_EDX, 0 },          { X86_REG_RBX, X86_REG_EBX, X86_REG_BX },
        { X86_REG_RSP, X86_REG_ESP, 0 },          { X86_REG_RBP, X86_REG_EBP, X86_REG_BP },
        { X86_REG_RSI, X86_REG_ESI, X86_REG_SI }, { X86_REG_RDI, X86_REG_EDI, X86_REG_DI },
        { X86_REG_R8, X86_REG_R8D, 0 },           { X86_REG_R9, X86_REG_R9D, 0 },
        { X86_REG_R10, X86_REG_R10D, 0 },         { X86_REG_R11, X86_REG_R11D, 0 },
        { X86_REG_R12, X86_REG_R12D, 0 },         { X86_REG_R13, X86_REG_R13D, 0 },
        { X86_REG_R14, X86_REG_R14D, 0 },         { X86_REG_R15, X86_REG_R15D, 0 },
    };

    for (uint8_t n = 0; n < 16; n++)
        for (unsigned int size = 0; size < 3; size++)
            if (of[n][size] == reg && reg)
                return n;
    return 0xff;
}

static uint8_t segment_of(unsigned int reg)
{
    static const uint16_t segments[] = { X86_REG_ES, X86_REG_CS, X86_REG_SS,
                                         X86_REG_DS, X86_REG_FS, X86_REG_GS };

    for (uint8_t n = 0; n < 6; n++)
        if (segments[n] == reg)
            return (uint8_t)(n + 1);
    return 0;
}

/* Returns what differs, or NULL. */
static const char *compare(const struct insn *i, const cs_insn *reference, enum insn_mode mode)
{
    const cs_x86 *x = &reference->detail->x86;
    const cs_x86_op *memory = NULL;

    if (reference->size != i->length)
        return "length";
    for (unsigned int n = 0; n < x->op_count; n++)
        if (x->operands[n].type == X86_OP_MEM)
            memory = &x->operands[n];
    if (!memory)
        return "no memory operand";
    if (x->addr_size != i->address_size)
        return "address size";
    if (i->op == INSN_STOS || i->op == INSN_MOVS)
        return memory->size == i->size ? NULL : "size";
    if (memory->size != i->size)
        return "size";
    if (number_of(memory->mem.base) != i->base)
        return "base";
    if (number_of(memory->mem.index) != i->index)
        return "index";
    if (i->index != INSN_NO_REGISTER && memory->mem.scale != 1 << i->scale)
        return "scale";
    uint64_t mask = i->address_size == 8 ? ~0ull : (1ull << 8 * i->address_size) - 1;

    if (((uint64_t)memory->mem.disp ^ (uint64_t)i->disp) & mask)
        return "displacement";
    /* the reference does not tell overrides that 64-bit mode ignores */
    if (segment_of(memory->mem.segment) != i->segment && (mode != INSN_64 || i->segment > 4))
        return "segment";
    return NULL;
}

/* Capstone 4 forgets 66 beside F2 or F3. */
static bool confuses_capstone(const uint8_t bytes[LENGTH], enum insn_mode mode)
{
    bool operand = false, repeat = false;

    for (unsigned int n = 0; n < LENGTH; n++) {
        bool other = bytes[n] == 0x67 || bytes[n] == 0xf0 || (bytes[n] & 0xfe) == 0x64 ||
                     (bytes[n] & 0xe7) == 0x26 || (mode == INSN_64 && (bytes[n] & 0xf0) == 0x40);

        if (bytes[n] == 0x66)
            operand = true;
        else if ((bytes[n] & 0xfe) == 0xf2)
            repeat = true;
        else if (!other)
            break;
    }
    return operand && repeat;
}

/* At most one prefix of each group, then an opcode with random bytes. */
static void make_insn(uint8_t bytes[LENGTH], enum insn_mode mode)
{
    static const uint8_t segments[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
    unsigned int n = 0;

    if (any() < 40)
        bytes[n++] = segments[any() % 6];
    if (any() < 60)
        bytes[n++] = 0x67;
    if (any() < 60)
        bytes[n++] = 0x66;
    if (any() < 20)
        bytes[n++] = 0xf3;
    if (mode == INSN_64 && any() < 128)
        bytes[n++] = (uint8_t)(0x40 | (any() & 15));
    if (any() < 60)
        bytes[n++] = 0x0f;
    while (n < LENGTH)
        bytes[n++] = any();
}

int main(void)
{
    static const cs_mode modes[] = { CS_MODE_16, CS_MODE_32, CS_MODE_64 };
    csh handle[3];

    for (unsigned int m = 0; m < 3; m++)
        if (cs_open(CS_ARCH_X86, modes[m], &handle[m]) ||
            cs_option(handle[m], CS_OPT_DETAIL, CS_OPT_ON)) {
            fprintf(stderr, "decode_reference: capstone does not start\n");
            return 1;
        }
    for (unsigned int round = 0; round < ROUNDS; round++) {
        enum insn_mode mode = (enum insn_mode)(round % 3);
        uint8_t bytes[LENGTH];
        struct insn i;
        cs_insn *reference;

        make_insn(bytes, mode);
        if (confuses_capstone(bytes, mode) || decode_insn(bytes, LENGTH, mode, &i))
            continue;
        size_t count = cs_disasm(handle[mode], bytes, LENGTH, 0, 1, &reference);
        const char *what = count ? compare(&i, reference, mode) : "no instruction";

        compared++;
        if (what && differences++ < REPORTED) {
            printf("mode %d, %s:", mode, what);
            for (unsigned int n = 0; n < LENGTH; n++)
                printf(" %02x", bytes[n]);
            printf("  length %u, %s %s (%u)\n", i.length, count ? reference->mnemonic : "",
                   count ? reference->op_str : "", count ? reference->size : 0);
        }
        if (count)
            cs_free(reference, count);
    }
    for (unsigned int m = 0; m < 3; m++)
        cs_close(&handle[m]);
    printf("decode_reference: %u instructions compared, %u differ\n", compared, differences);
    return differences || compared < ROUNDS / 20;
}
