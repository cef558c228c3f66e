/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder (guest/decode.c): memory forms of MOV, MOVZX, MOVSX, the arithmetic and
 * logic that compilers use on memory, bit tests, STOS and MOVS. It has no side effects. Other
 * instructions are -EINVAL.
 */
#ifndef CLV_GUEST_DECODE_H
#define CLV_GUEST_DECODE_H

#include "types.h"

/* clang-format off */
enum insn_op {
    INSN_LOAD, INSN_STORE, INSN_LOAD_ZX, INSN_LOAD_SX,
    /* in x86's numbering */
    INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP,
    INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC, /* in x86's numbering */
    INSN_INC, INSN_DEC, INSN_NOT, INSN_NEG,
    INSN_XCHG, INSN_XADD, INSN_CMPXCHG, INSN_TEST,
    INSN_STOS, INSN_MOVS
};
/* clang-format on */

#define INSN_NO_REGISTER 0xff

enum insn_mode { INSN_16, INSN_32, INSN_64 };

struct insn {
    enum insn_op op;
    uint8_t length;   /* bytes */
    uint8_t size;     /* of the memory operand: 1, 2, 4, 8 */
    uint8_t reg_size; /* of the register operand (MOVZX, MOVSX differ) */
    bool mem_is_dest; /* store or read-modify-write */
    bool has_imm;
    uint8_t reg;          /* 0-15; 4-7 with reg_high8 below */
    bool reg_high8;       /* reg 4-7 is AH, CH, DH, BH */
    uint64_t imm;         /* sign-extended */
    bool rep;             /* STOS, MOVS */
    uint8_t address_size; /* 2 4 8 */
    uint8_t segment;      /* override: 0 none, else 1 + index in ES CS SS DS FS GS */
    /* of the memory operand: register numbers or INSN_NO_REGISTER; scale as a shift */
    uint8_t base, index, scale;
    bool rip_relative;
    int64_t disp;
};

#define INSN_LENGTH_MAX 15
/*
 * Decodes the prefixes of INS or OUTS: *address_size in bytes, and *segment of OUTS, numbered from
 * 0 in ES CS SS DS FS GS. -EINVAL: another instruction.
 */
int must_check decode_io_string(const uint8_t *bytes, unsigned int length, enum insn_mode mode,
                                uint8_t *address_size, uint8_t *segment);
int must_check decode_insn(const uint8_t *bytes, unsigned int available, enum insn_mode mode,
                           struct insn *out);

#endif
