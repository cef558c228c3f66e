/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder: translates bytes to the description of one memory access. Instructions
 * not in the table below are -EINVAL. It has no state and no side effects, so it is tested and
 * fuzzed on the host unchanged. APM vol. 3, chapter 1 and appendix A.
 *
 * An instruction has prefixes, opcode, ModRM, SIB, displacement, immediate; at most 15 bytes. Forms
 * with a register operand instead of memory are refused, since they cannot cause the exit. LOCK is
 * accepted only where the CPU accepts it.
 *
 * Read next: emulate.c, its only caller.
 */
#include "guest/decode.h"
#include "errors.h"

#define NONE INSN_NO_REGISTER

/* Encodings of the operands of an opcode. */
enum form {
    FORM_NONE,  /* not supported */
    FORM_MODRM, /* memory and register from ModRM */
    /* memory from ModRM, sign-extended immediate byte; ModRM.reg selects the operation */
    FORM_IMM8,
    FORM_IMM, /* the same, with an immediate of the operand's size (at most 4 bytes) */
    /* memory from ModRM only: immediate 1 (except TEST); ModRM.reg selects the operation */
    FORM_GROUP,
    FORM_OFFSET, /* AL/eAX and an absolute address */
    FORM_STRING, /* rSI, rDI */
};

#define TWO_BYTES 0x100 /* opcodes after 0x0f */
#define MOVSXD 0x63     /* a different instruction outside 64-bit mode */
#define GROUP_BT (TWO_BYTES + 0xba)

#define ALU(operation) \
    [((operation)-INSN_ADD) * 8 ...((operation)-INSN_ADD) * 8 + \
        1] = { FORM_MODRM, operation, true }, \
        [((operation)-INSN_ADD) * 8 + 2 ...((operation)-INSN_ADD) * 8 + 3] = { FORM_MODRM, \
                                                                               operation, false }

/* Even opcodes have one-byte operands (memory_size). */
static const struct opcode {
    uint8_t form, op;
    bool mem_is_dest;
} opcodes[0x200] = {
    ALU(INSN_ADD),
    ALU(INSN_OR),
    ALU(INSN_ADC),
    ALU(INSN_SBB),
    ALU(INSN_AND),
    ALU(INSN_SUB),
    ALU(INSN_XOR),
    ALU(INSN_CMP),
    [MOVSXD] = { FORM_MODRM, INSN_LOAD_SX, false },
    [0x80 ... 0x81] = { FORM_IMM, 0, true },
    [0x83] = { FORM_IMM8, 0, true },
    [0x84 ... 0x85] = { FORM_MODRM, INSN_TEST, true },
    [0x86 ... 0x87] = { FORM_MODRM, INSN_XCHG, true },
    [0x88 ... 0x89] = { FORM_MODRM, INSN_STORE, true },
    [0x8a ... 0x8b] = { FORM_MODRM, INSN_LOAD, false },
    [0xa0 ... 0xa1] = { FORM_OFFSET, INSN_LOAD, false },
    [0xa2 ... 0xa3] = { FORM_OFFSET, INSN_STORE, true },
    [0xa4 ... 0xa5] = { FORM_STRING, INSN_MOVS, true },
    [0xaa ... 0xab] = { FORM_STRING, INSN_STOS, true },
    [0xc6 ... 0xc7] = { FORM_IMM, 0, true },
    [0xf6 ... 0xf7] = { FORM_GROUP, 0, true },
    [0xfe ... 0xff] = { FORM_GROUP, 0, true },
    [TWO_BYTES + 0xa3] = { FORM_MODRM, INSN_BT, true },
    [TWO_BYTES + 0xab] = { FORM_MODRM, INSN_BTS, true },
    [TWO_BYTES + 0xb0 ... TWO_BYTES + 0xb1] = { FORM_MODRM, INSN_CMPXCHG, true },
    [TWO_BYTES + 0xb3] = { FORM_MODRM, INSN_BTR, true },
    [TWO_BYTES + 0xb6 ... TWO_BYTES + 0xb7] = { FORM_MODRM, INSN_LOAD_ZX, false },
    [GROUP_BT] = { FORM_IMM8, 0, true },
    [TWO_BYTES + 0xbb] = { FORM_MODRM, INSN_BTC, true },
    [TWO_BYTES + 0xbe ... TWO_BYTES + 0xbf] = { FORM_MODRM, INSN_LOAD_SX, false },
    [TWO_BYTES + 0xc0 ... TWO_BYTES + 0xc1] = { FORM_MODRM, INSN_XADD, true },
};

struct cursor {
    const uint8_t *bytes;
    unsigned int at, end;
    bool overrun;
};

static uint8_t next_byte(struct cursor *c)
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
        val |= (uint64_t)next_byte(c) << (8 * i);
    return bytes ? (int64_t)(val << shift) >> shift : 0;
}

struct prefixes {
    bool operand, address, lock, rep;
    uint8_t segment;
    uint8_t rex; /* 0: none */
};

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

static uint8_t read_prefixes(struct cursor *c, enum insn_mode mode, struct prefixes *p)
{
    for (;;) {
        uint8_t b = next_byte(c);

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
            p->rex = b; /* effective only directly before the opcode */
            continue;
        }
        p->rex = 0;
        if (c->overrun)
            return 0;
    }
}

/* 16-bit addresses have one or two of BX, BP, SI, DI. */
static void decode_address16(struct cursor *c, unsigned int mod, unsigned int rm, struct insn *out)
{
    enum { BX = 3, BP = 5, SI, DI };
    static const uint8_t base[8] = { BX, BX, BP, BP, SI, DI, BP, BX },
                         index[8] = { SI, DI, SI, DI, NONE, NONE, NONE, NONE };
    bool absolute = mod == 0 && rm == 6;

    out->base = absolute ? NONE : base[rm];
    out->index = index[rm];
    if (absolute || mod == 2)
        out->disp = next_signed(c, 2);
    else if (mod == 1)
        out->disp = next_signed(c, 1);
}

static void decode_address(struct cursor *c, unsigned int mod, unsigned int rm, uint8_t rex,
                           enum insn_mode mode, struct insn *out)
{
    bool disp32 = mod == 2;

    out->base = (uint8_t)(rm | (rex & REX_B ? 8 : 0));
    if (rm == 4) {
        uint8_t sib = next_byte(c);

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
    if (disp32)
        out->disp = next_signed(c, 4);
    else if (mod == 1)
        out->disp = next_signed(c, 1);
}

/* Decodes ModRM, SIB and displacement. False: the operand is a register. */
static bool decode_modrm(struct cursor *c, uint8_t rex, enum insn_mode mode, struct insn *out)
{
    uint8_t modrm = next_byte(c);

    out->reg = modrm >> 3 & 7;
    if (out->address_size == 2)
        decode_address16(c, modrm >> 6, modrm & 7, out);
    else
        decode_address(c, modrm >> 6, modrm & 7, rex, mode, out);
    return modrm >> 6 != 3;
}

/* Returns the operation that ModRM.reg selects within an opcode group; NONE: not supported. */
static uint8_t group_operation(unsigned int opcode, unsigned int reg)
{
    static const uint8_t unary[8] = { INSN_TEST, INSN_TEST, INSN_NOT, INSN_NEG,
                                      NONE,      NONE,      NONE,     NONE };

    if (opcode == GROUP_BT)
        return reg >= 4 ? (uint8_t)(INSN_BT + reg - 4) : NONE;
    if (opcode >= 0xfe)
        return reg <= 1 ? (uint8_t)(INSN_INC + reg) : NONE;
    if (opcode >= 0xf6)
        return unary[reg];
    if (opcode >= 0xc6)
        return reg == 0 ? INSN_STORE : NONE;
    return (uint8_t)(INSN_ADD + reg);
}

/* Returns the size of the memory operand. MOVZX, MOVSX and MOVSXD read less than they write. */
static uint8_t memory_size(unsigned int opcode, enum insn_op op, uint8_t operand_size)
{
    if (!(opcode & 1) && opcode != GROUP_BT)
        return 1;
    if (op != INSN_LOAD_ZX && op != INSN_LOAD_SX)
        return operand_size;
    return opcode == MOVSXD ? 4 : 2;
}

/* REX.W takes precedence over the operand-size prefix. */
static uint8_t operand_size(const struct prefixes *p, enum insn_mode mode)
{
    if (p->rex & REX_W)
        return 8;
    return p->operand != (mode == INSN_16) ? 2 : 4;
}

static uint8_t address_size(const struct prefixes *p, enum insn_mode mode)
{
    if (mode == INSN_64)
        return p->address ? 4 : 8;
    return p->address != (mode == INSN_16) ? 2 : 4;
}

/*
 * Reads an immediate of at most 4 bytes, sign-extended. INC and DEC have an implicit immediate of
 * 1.
 */
static uint64_t read_immediate(struct cursor *c, const struct opcode *o, const struct insn *i)
{
    if (o->form == FORM_GROUP && i->op != INSN_TEST)
        return 1;
    if (o->form == FORM_IMM8)
        return (uint64_t)next_signed(c, 1);
    return (uint64_t)next_signed(c, MIN(i->size, 4));
}

static bool is_lockable(const struct insn *i)
{
    return i->mem_is_dest && i->op >= INSN_ADD && i->op < INSN_TEST && i->op != INSN_CMP &&
           i->op != INSN_BT;
}

int decode_insn(const uint8_t *bytes, unsigned int available, enum insn_mode mode, struct insn *out)
{
    struct cursor c = { bytes, 0, available < INSN_LENGTH_MAX ? available : INSN_LENGTH_MAX,
                        false };
    struct prefixes p = { 0 };
    unsigned int opcode = read_prefixes(&c, mode, &p);

    if (opcode == 0x0f)
        opcode = TWO_BYTES + next_byte(&c);
    const struct opcode *o = &opcodes[opcode];

    if (o->form == FORM_NONE || (mode != INSN_64 && opcode == MOVSXD))
        return -EINVAL;
    *out = (struct insn){ .op = o->op,
                          .mem_is_dest = o->mem_is_dest,
                          .rep = p.rep && o->form == FORM_STRING,
                          .base = NONE,
                          .index = NONE,
                          .segment = p.segment,
                          .address_size = address_size(&p, mode),
                          .reg_size = operand_size(&p, mode) };
    out->size = memory_size(opcode, out->op, out->reg_size);
    if (out->op != INSN_LOAD_ZX && out->op != INSN_LOAD_SX)
        out->reg_size = out->size;

    if (o->form == FORM_OFFSET)
        out->disp = next_signed(&c, out->address_size);
    else if (o->form != FORM_STRING && !decode_modrm(&c, p.rex, mode, out))
        return -EINVAL;
    if (o->form == FORM_IMM8 || o->form == FORM_IMM || o->form == FORM_GROUP) {
        out->op = group_operation(opcode, out->reg);
        out->has_imm = true;
        out->imm = read_immediate(&c, o, out);
    } else if (o->form == FORM_MODRM) {
        out->reg_high8 = out->reg_size == 1 && !p.rex && out->reg >= 4;
        out->reg |= p.rex & REX_R ? 8 : 0;
    }
    if (c.overrun || out->op == NONE || (p.lock && !is_lockable(out)))
        return -EINVAL;
    out->length = (uint8_t)c.at;
    return 0;
}

int decode_io_string(const uint8_t *bytes, unsigned int length, enum insn_mode mode,
                     uint8_t *address_size_out, uint8_t *segment)
{
    struct cursor c = { bytes, 0, length, false };
    struct prefixes p = { 0 };
    uint8_t opcode = read_prefixes(&c, mode, &p);

    if (c.overrun || (opcode & 0xfc) != 0x6c)
        return -EINVAL;
    *address_size_out = address_size(&p, mode);
    *segment = p.segment ? (uint8_t)(p.segment - 1) : 3; /* DS */
    return 0;
}
