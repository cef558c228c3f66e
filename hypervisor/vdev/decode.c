/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder: bytes in, a description of one memory access out; anything that is not in the
 * tables below is -EINVAL. It has no state and touches nothing, so it is tested and fuzzed on the host as it
 * is. APM vol. 3, chapter 1 and appendix A.
 *
 * Order of an instruction: prefixes (at most 15 bytes in all), opcode, ModRM, SIB, displacement, immediate.
 * Forms whose operand is a register are refused: they do not access memory. LOCK is accepted where the CPU
 * would.
 *
 * Read next: io.c, its only caller.
 */
#include "decode.h"
#include "errors.h"

#define LENGTH_MAX 15
#define NONE 0xff

/* How an opcode's operands are coded. */
enum form {
    FORM_NONE,        /* not ours */
    FORM_MODRM,       /* memory and register by ModRM */
    FORM_IMM8,        /* ModRM's memory and an immediate byte, sign-extended */
    FORM_IMM,         /* the same, immediate of the operand's size (at most 4 bytes) */
    FORM_OFFSET,      /* AL/eAX and an absolute address */
    FORM_STRING,      /* rSI, rDI */
};

#define BYTE 1     /* the memory operand is one byte; else of operand size */
#define DEST 2     /* the memory operand is written, or the first one */
#define LOCKABLE 4
#define GROUP 8    /* the operation depends on ModRM.reg */
#define WORD 16    /* the memory operand has two bytes (MOVZX, MOVSX) */
#define DWORD 32   /* four (MOVSXD) */

struct opcode { uint8_t form, op, flags; };

#define ALU(base, operation) \
    [base] = { FORM_MODRM, operation, BYTE | DEST | LOCKABLE }, \
    [(base) + 1] = { FORM_MODRM, operation, DEST | LOCKABLE }, \
    [(base) + 2] = { FORM_MODRM, operation, BYTE }, \
    [(base) + 3] = { FORM_MODRM, operation, 0 }

static const struct opcode one_byte[256] = {
    ALU(0x08, INSN_OR),
    ALU(0x20, INSN_AND),
    ALU(0x30, INSN_XOR),
    [0x38] = { FORM_MODRM, INSN_CMP, BYTE | DEST },
    [0x39] = { FORM_MODRM, INSN_CMP, DEST },
    [0x3a] = { FORM_MODRM, INSN_CMP, BYTE },
    [0x3b] = { FORM_MODRM, INSN_CMP, 0 },
    [0x80] = { FORM_IMM8, 0, BYTE | DEST | GROUP },
    [0x81] = { FORM_IMM, 0, DEST | GROUP },
    [0x83] = { FORM_IMM8, 0, DEST | GROUP },
    [0x84] = { FORM_MODRM, INSN_TEST, BYTE | DEST },
    [0x85] = { FORM_MODRM, INSN_TEST, DEST },
    [0x86] = { FORM_MODRM, INSN_XCHG, BYTE | DEST | LOCKABLE },
    [0x87] = { FORM_MODRM, INSN_XCHG, DEST | LOCKABLE },
    [0x88] = { FORM_MODRM, INSN_STORE, BYTE | DEST },
    [0x89] = { FORM_MODRM, INSN_STORE, DEST },
    [0x8a] = { FORM_MODRM, INSN_LOAD, BYTE },
    [0x8b] = { FORM_MODRM, INSN_LOAD, 0 },
    [0xa0] = { FORM_OFFSET, INSN_LOAD, BYTE },
    [0xa1] = { FORM_OFFSET, INSN_LOAD, 0 },
    [0xa2] = { FORM_OFFSET, INSN_STORE, BYTE | DEST },
    [0xa3] = { FORM_OFFSET, INSN_STORE, DEST },
    [0xa4] = { FORM_STRING, INSN_MOVS, BYTE | DEST },
    [0xa5] = { FORM_STRING, INSN_MOVS, DEST },
    [0xaa] = { FORM_STRING, INSN_STOS, BYTE | DEST },
    [0xab] = { FORM_STRING, INSN_STOS, DEST },
    [0xc6] = { FORM_IMM8, INSN_STORE, BYTE | DEST | GROUP },
    [0xc7] = { FORM_IMM, INSN_STORE, DEST | GROUP },
    [0xf6] = { FORM_IMM8, INSN_TEST, BYTE | DEST | GROUP },
    [0xf7] = { FORM_IMM, INSN_TEST, DEST | GROUP },
};

/* 0x63 exists in 64-bit mode only. */
static const struct opcode movsxd = { FORM_MODRM, INSN_LOAD_SX, DWORD };

static const struct opcode two_byte[256] = {
    [0xb6] = { FORM_MODRM, INSN_LOAD_ZX, BYTE },
    [0xb7] = { FORM_MODRM, INSN_LOAD_ZX, WORD },
    [0xbe] = { FORM_MODRM, INSN_LOAD_SX, BYTE },
    [0xbf] = { FORM_MODRM, INSN_LOAD_SX, WORD },
};

struct cursor {
    const uint8_t *bytes;
    unsigned int at, end;
    bool overrun;
};

static uint8_t next(struct cursor *c)
{
    if (c->at >= c->end) {
        c->overrun = true;
        return 0;
    }
    return c->bytes[c->at++];
}

/* Little-endian, sign-extended. */
static int64_t next_signed(struct cursor *c, unsigned int bytes)
{
    uint64_t val = 0;
    unsigned int shift = 64 - 8 * bytes;

    for (unsigned int i = 0; i < bytes; i++)
        val |= (uint64_t)next(c) << (8 * i);
    return bytes ? (int64_t)(val << shift) >> shift : 0;
}

struct prefixes {
    bool operand, address, lock, rep;
    uint8_t segment;
    uint8_t rex; /* 0: none */
};

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

static uint8_t read_prefixes(struct cursor *c, enum insn_mode mode, struct prefixes *p)
{
    for (;;) {
        uint8_t b = next(c);

        switch (b) {
        case 0x26: p->segment = 1; break;
        case 0x2e: p->segment = 2; break;
        case 0x36: p->segment = 3; break;
        case 0x3e: p->segment = 4; break;
        case 0x64: p->segment = 5; break;
        case 0x65: p->segment = 6; break;
        case 0x66: p->operand = true; break;
        case 0x67: p->address = true; break;
        case 0xf0: p->lock = true; break;
        case 0xf2:
        case 0xf3: p->rep = true; break;
        default:
            if (mode != INSN_64 || (b & 0xf0) != 0x40)
                return b;
            p->rex = b; /* counts only right before the opcode */
            continue;
        }
        p->rex = 0;
        if (c->overrun)
            return 0;
    }
}

/* 16-bit addressing: base and index by ModRM.rm; 3 BX, 5 BP, 6 SI, 7 DI. */
static void decode_address16(struct cursor *c, unsigned int mod, unsigned int rm, struct insn *out)
{
    static const uint8_t base[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
    static const uint8_t index[8] = { 6, 7, 6, 7, NONE, NONE, NONE, NONE };

    out->base = base[rm];
    out->index = index[rm];
    if (mod == 0 && rm == 6)
        out->base = NONE;
    out->disp = next_signed(c, mod == 1 ? 1 : mod == 2 || (mod == 0 && rm == 6) ? 2 : 0);
}

static void decode_address(struct cursor *c, unsigned int mod, unsigned int rm, uint8_t rex,
                           enum insn_mode mode, struct insn *out)
{
    bool disp32 = mod == 2;

    out->base = (uint8_t)(rm | (rex & REX_B ? 8 : 0));
    if (rm == 4) {
        uint8_t sib = next(c);

        out->scale = sib >> 6;
        out->index = (uint8_t)((sib >> 3 & 7) | (rex & REX_X ? 8 : 0));
        out->base = (uint8_t)((sib & 7) | (rex & REX_B ? 8 : 0));
        if (out->index == 4)
            out->index = NONE;
        rm = sib & 7;
        if (mod == 0 && rm == 5) {
            out->base = NONE;
            disp32 = true;
        }
    } else if (mod == 0 && rm == 5) {
        out->base = NONE;
        out->rip_relative = mode == INSN_64;
        disp32 = true;
    }
    out->disp = next_signed(c, mod == 1 ? 1 : disp32 ? 4 : 0);
}

/* ModRM and what follows it up to the displacement. Returns ModRM.reg, or -EINVAL for a register operand. */
static int decode_modrm(struct cursor *c, uint8_t rex, enum insn_mode mode, struct insn *out)
{
    uint8_t modrm = next(c);
    unsigned int mod = modrm >> 6, rm = modrm & 7;

    if (mod == 3)
        return -EINVAL;
    if (out->address_size == 2)
        decode_address16(c, mod, rm, out);
    else
        decode_address(c, mod, rm, rex, mode, out);
    return modrm >> 3 & 7;
}

/* Opcodes whose operation is in ModRM.reg. */
static int group_operation(uint8_t opcode, unsigned int reg, struct insn *out, bool *lockable)
{
    static const uint8_t alu[8] = { NONE, INSN_OR, NONE, NONE, INSN_AND, NONE, INSN_XOR, INSN_CMP };

    if (opcode >= 0xf6)
        return reg <= 1 ? 0 : -EINVAL; /* TEST */
    if (opcode >= 0xc6)
        return reg == 0 ? 0 : -EINVAL; /* MOV */
    if (alu[reg] == NONE)
        return -EINVAL;
    out->op = (enum insn_op)alu[reg];
    *lockable = out->op != INSN_CMP;
    return 0;
}

static uint8_t operand_size(enum insn_mode mode, const struct prefixes *p)
{
    if (p->rex & REX_W)
        return 8;
    return (mode == INSN_16) != p->operand ? 2 : 4;
}

static uint8_t address_size(enum insn_mode mode, const struct prefixes *p)
{
    if (mode == INSN_64)
        return p->address ? 4 : 8;
    return (mode == INSN_16) != p->address ? 2 : 4;
}

static const struct opcode *find_opcode(struct cursor *c, uint8_t *b, enum insn_mode mode)
{
    if (*b == 0x0f) {
        *b = next(c);
        return &two_byte[*b];
    }
    return *b == 0x63 && mode == INSN_64 ? &movsxd : &one_byte[*b];
}

int insn_decode(const uint8_t *bytes, unsigned int available, enum insn_mode mode, struct insn *out)
{
    struct cursor c = { bytes, 0, available < LENGTH_MAX ? available : LENGTH_MAX, false };
    struct prefixes p = { 0 };
    uint8_t b = read_prefixes(&c, mode, &p);
    const struct opcode *o = find_opcode(&c, &b, mode);
    bool lockable = o->flags & LOCKABLE;
    int reg = 0;

    if (o->form == FORM_NONE)
        return -EINVAL;
    *out = (struct insn){ .op = (enum insn_op)o->op, .base = NONE, .index = NONE, .segment = p.segment };
    out->mem_is_dest = o->flags & DEST;
    out->reg_size = operand_size(mode, &p);
    out->size = o->flags & BYTE ? 1 : o->flags & WORD ? 2 : o->flags & DWORD ? 4 : out->reg_size;
    if ((o->flags & BYTE) && out->op != INSN_LOAD_ZX && out->op != INSN_LOAD_SX)
        out->reg_size = 1;
    out->address_size = address_size(mode, &p);
    out->rep = p.rep && o->form == FORM_STRING;

    if (o->form == FORM_MODRM || o->form == FORM_IMM8 || o->form == FORM_IMM) {
        reg = decode_modrm(&c, p.rex, mode, out);
        if (reg < 0 || ((o->flags & GROUP) && group_operation(b, (unsigned int)reg, out, &lockable)))
            return -EINVAL;
    } else if (o->form == FORM_OFFSET) {
        out->disp = next_signed(&c, out->address_size);
    }
    if (o->form == FORM_IMM8 || o->form == FORM_IMM) {
        out->has_imm = true;
        out->imm = (uint64_t)next_signed(&c, o->form == FORM_IMM8 ? 1 : out->size < 4 ? out->size : 4);
    } else if (o->form == FORM_MODRM) {
        out->reg = (uint8_t)(reg | (p.rex & REX_R ? 8 : 0));
        out->reg_high8 = out->reg_size == 1 && !p.rex && reg >= 4;
    }
    if (c.overrun || (p.lock && !lockable))
        return -EINVAL;
    out->length = (uint8_t)c.at;
    return 0;
}
