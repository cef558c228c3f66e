/* SPDX-License-Identifier: MIT */
/*
 * Emulation of one instruction on emulated memory. emulate_access() fetches the instruction once
 * into a local copy, decodes it (decode.c), executes it on the bus, and advances RIP. For REP it
 * executes one iteration and leaves RIP. It uses the address reported by the CPU. The operand's
 * computed address must match it, so a fault on another access (a page crossing, a second operand)
 * is not taken for it. Both operands of MOVS are translated by the guest's page tables, with the
 * guest's privilege.
 *
 * Read next: ../vdev/bus.c.
 */
#include "guest/emulate.h"
#include "core/vcpu.h"
#include "core/vcpu_memory.h"
#include "errors.h"
#include "guest/access.h"
#include "guest/decode.h"
#include "hw.h"
#include "lib.h"
#include "mm/guest.h"
#include "percpu.h"

static uint64_t mask_of(unsigned int bytes) { return bytes >= 8 ? ~0ull : (1ull << bytes * 8) - 1; }

enum { RAX, RCX, RSP = 4, RBP, RSI, RDI };
#define INSN_BYTES 15
#define SEGMENT_D (1u << 10) /* in attributes: 32-bit code */

#define FLAG_CF (1ull << 0)
#define FLAG_PF (1ull << 2)
#define FLAG_AF (1ull << 4)
#define FLAG_ZF (1ull << 6)
#define FLAG_SF (1ull << 7)
#define FLAG_DF (1ull << 10)
#define FLAG_OF (1ull << 11)
#define FLAGS_ARITHMETIC (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

struct access {
    struct vcpu *v;
    struct guest_paging paging;
    uint64_t rip, rflags;
    unsigned int user; /* GUEST_WALK_USER, or 0 */
    enum insn_mode mode;
    struct insn insn;
};

static uint64_t read_gpr(struct vcpu *v, unsigned int reg, bool high8, unsigned int size)
{
    return (high8 ? *guest_gpr(&v->regs, reg - 4) >> 8 : *guest_gpr(&v->regs, reg)) & mask_of(size);
}

/* Like the CPU: a 4-byte write clears the upper half, 1 and 2 bytes leave the rest unchanged. */
static void write_gpr(struct vcpu *v, unsigned int reg, bool high8, unsigned int size, uint64_t val)
{
    uint64_t mask = size == 4 ? ~0ull : mask_of(size);
    unsigned int n = high8 ? reg - 4 : reg;
    unsigned int shift = high8 ? 8 : 0;

    val &= mask_of(size);
    *guest_gpr(&v->regs, n) = (*guest_gpr(&v->regs, n) & ~(mask << shift)) | val << shift;
}

static uint64_t segment_base(const struct access *a, enum hw_segment_name n)
{
    return a->mode == INSN_64 && n != SEG_FS && n != SEG_GS ? 0 : hw_get_segment(a->v, n).base;
}

static gva_t segment_address(const struct access *a, uint64_t offset, enum hw_segment_name segment)
{
    gva_t va = segment_base(a, segment) + (offset & mask_of(a->insn.address_size));

    return a->mode == INSN_64 ? va : va & 0xffffffff;
}

/* insn.segment numbers ES CS SS DS FS GS from 1, hw_segment_name from 0. */
static enum hw_segment_name segment_or(const struct insn *i, enum hw_segment_name by_default)
{
    return i->segment ? (enum hw_segment_name)(i->segment - 1) : by_default;
}

static gva_t operand_address(const struct access *a)
{
    const struct insn *i = &a->insn;
    uint64_t offset = (uint64_t)i->disp;

    if (i->rip_relative)
        offset += a->rip + i->length;
    if (i->base != INSN_NO_REGISTER)
        offset += *guest_gpr(&a->v->regs, i->base);
    if (i->index != INSN_NO_REGISTER)
        offset += *guest_gpr(&a->v->regs, i->index) << i->scale;
    /* the bit offset in a register may select a distant word */
    if (i->op >= INSN_BT && i->op <= INSN_BTC && !i->has_imm) {
        uint64_t bit = *guest_gpr(&a->v->regs, i->reg), above = 64 - i->size * 8;

        offset += (uint64_t)((int64_t)(bit << above) >> above >> (__builtin_ctz(i->size) + 3)) *
                  i->size;
    }
    return segment_address(a, offset,
                           segment_or(i, i->base == RSP || i->base == RBP ? SEG_SS : SEG_DS));
}

/* For string operations. A prefix does not change the segment. */
static gva_t destination_address(const struct access *a)
{
    return segment_address(a, *guest_gpr(&a->v->regs, RDI), SEG_ES);
}

/* Fetches the bytes at RIP, across a page boundary if needed. Returns how many were readable. */
static unsigned int fetch_insn(const struct access *a, uint8_t bytes[INSN_BYTES])
{
    gva_t va = segment_base(a, SEG_CS) + a->rip;
    unsigned int n = 0;

    while (n < INSN_BYTES) {
        unsigned int part = (unsigned int)MIN(INSN_BYTES - n, PAGE_SIZE - ((va + n) & ~PAGE_MASK));
        uint32_t fault;
        gpa_t gpa;

        if (guest_walk(a->v->d, &a->paging, va + n, GUEST_WALK_EXEC | a->user, &gpa, &fault) ||
            guest_read_physical(a->v->d, bytes + n, gpa, part))
            break;
        n += part;
    }
    return n;
}

/* Computes x op y, and sets RFLAGS like the CPU. */
static uint64_t compute_arithmetic(const struct access *a, enum insn_op op, uint64_t x, uint64_t y)
{
    uint64_t mask = mask_of(a->insn.size), sign = mask ^ mask >> 1, changed = FLAGS_ARITHMETIC;
    uint64_t carry = op == INSN_ADC || op == INSN_SBB ? a->rflags & FLAG_CF : 0;
    bool subtract = op != INSN_ADD && op != INSN_ADC && op != INSN_INC && op != INSN_XADD;

    if (op == INSN_INC || op == INSN_DEC)
        changed &= ~FLAG_CF;
    /* flags as for result - 0 */
    if (op == INSN_AND || op == INSN_TEST || op == INSN_OR || op == INSN_XOR) {
        if (op == INSN_OR)
            x |= y;
        else
            x = op == INSN_XOR ? x ^ y : x & y;
        y = 0;
    }
    uint64_t result = (subtract ? x - y - carry : x + y + carry) & mask;
    uint64_t carries = subtract ? (~x & y) | (~(x ^ y) & result) : (x & y) | ((x | y) & ~result);
    uint64_t overflow = (x ^ result) & (subtract ? x ^ y : y ^ result);
    uint64_t flags = (result ? 0 : FLAG_ZF) | (result & sign ? FLAG_SF : 0) |
                     (carries & sign ? FLAG_CF : 0) |
                     (__builtin_parity((uint8_t)result) ? 0 : FLAG_PF) |
                     (carries & 8 ? FLAG_AF : 0) | (overflow & sign ? FLAG_OF : 0);

    hw_set_rflags(a->v, (a->rflags & ~changed) | (flags & changed));
    return result;
}

/* Copies the bit to CF and returns the new value of the operand. */
static uint64_t test_bit(const struct access *a, uint64_t memory, uint64_t number)
{
    uint64_t bit = 1ull << number % (a->insn.size * 8);

    hw_set_rflags(a->v, (a->rflags & ~FLAG_CF) | (memory & bit ? FLAG_CF : 0));
    switch (a->insn.op) {
    case INSN_BTS: return memory | bit;
    case INSN_BTR: return memory & ~bit;
    case INSN_BTC: return memory ^ bit;
    default: return memory;
    }
}

/* Computes the result of an instruction from its memory operand and its register or immediate. */
static uint64_t compute_result(const struct access *a, uint64_t memory, uint64_t other)
{
    const struct insn *i = &a->insn;
    uint64_t accumulator;

    switch (i->op) {
    case INSN_LOAD_SX: return memory >> (i->size * 8 - 1) ? memory | ~mask_of(i->size) : memory;
    case INSN_LOAD:
    case INSN_LOAD_ZX: return memory;
    case INSN_XCHG: write_gpr(a->v, i->reg, i->reg_high8, i->size, memory); return other;
    case INSN_XADD:
        write_gpr(a->v, i->reg, i->reg_high8, i->size, memory);
        return compute_arithmetic(a, i->op, memory, other);
    case INSN_CMPXCHG:
        accumulator = read_gpr(a->v, RAX, false, i->size);
        if (!compute_arithmetic(a, i->op, accumulator, memory))
            return other;
        write_gpr(a->v, RAX, false, i->size, memory);
        return memory;
    case INSN_BT ... INSN_BTC: return test_bit(a, memory, other);
    case INSN_NOT: return ~memory;
    case INSN_NEG: return compute_arithmetic(a, i->op, 0, memory);
    default:
        return compute_arithmetic(a, i->op, i->mem_is_dest ? memory : other,
                                  i->mem_is_dest ? other : memory);
    }
}

/* Executes an instruction with a memory operand and a register or immediate. 0, or -EAGAIN etc. */
static int execute_insn(const struct access *a, gpa_t gpa)
{
    const struct insn *i = &a->insn;
    bool reads_only = i->op == INSN_CMP || i->op == INSN_TEST || i->op == INSN_BT;
    uint64_t memory = 0, result,
             other = i->has_imm ? i->imm & mask_of(i->size)
                                : read_gpr(a->v, i->reg, i->reg_high8, i->size);

    if (i->op == INSN_STORE)
        return access_memory(a->v, gpa, i->size, true, &other);
    int rc = access_memory(a->v, gpa, i->size, false, &memory);

    if (rc)
        return rc;
    if (!i->mem_is_dest || reads_only) {
        result = compute_result(a, memory, other);
        if (!reads_only)
            write_gpr(a->v, i->reg, i->reg_high8, i->reg_size, result);
        return 0;
    }
    struct guest_regs before = a->v->regs;

    result = compute_result(a, memory, other);
    rc = access_memory(a->v, gpa, i->size, true, &result);
    if (rc == -EAGAIN) { /* the whole instruction executes again */
        a->v->regs = before;
        hw_set_rflags(a->v, a->rflags);
    }
    return rc;
}

/* --- strings --- */

/*
 * Translates an operand of a string operation, which must not cross a page. -EFAULT: a page fault
 * was injected. -ERESTART: a page is paged.
 */
static int translate_operand(const struct access *a, gva_t va, bool write, gpa_t *gpa)
{
    uint32_t fault = 0;
    int rc =
        guest_walk(a->v->d, &a->paging, va, (write ? GUEST_WALK_WRITE : 0) | a->user, gpa, &fault);

    if (rc == -ERESTART)
        return rc;
    if (rc) {
        hw_inject_page_fault(a->v, va, fault);
        return -EFAULT;
    }
    return (*gpa & ~PAGE_MASK) + a->insn.size > PAGE_SIZE ? -EINVAL : 0;
}

/*
 * Accesses one operand of MOVS in RAM or, if there is none, on a device. -ERESTART: a page is
 * paged; a device that was read is then read again.
 */
static int copy_operand(const struct access *a, gpa_t gpa, bool write, uint64_t *val)
{
    struct domain *d = a->v->d;
    unsigned int size = a->insn.size;
    int rc = write ? guest_write_physical(d, gpa, val, size)
                   : guest_read_physical(d, val, gpa, size);

    return rc == -EFAULT ? access_memory(a->v, gpa, size, write, val) : rc;
}

static void advance_register(const struct access *a, unsigned int reg, int64_t by)
{
    write_gpr(a->v, reg, false, a->insn.address_size, *guest_gpr(&a->v->regs, reg) + (uint64_t)by);
}

/* Returns how many elements from gpa on are in its page, in the direction of the operation. */
static uint64_t elements_left(const struct access *a, gpa_t gpa)
{
    uint64_t offset = gpa & ~PAGE_MASK;

    return a->rflags & FLAG_DF ? offset / a->insn.size + 1 : (PAGE_SIZE - offset) / a->insn.size;
}

/*
 * Has a device model execute as many iterations as it can at once: up to the end of a page of
 * either operand. to is emulated memory, and from is RAM (MOVS) or 0 (STOS); or the reverse.
 * Returns their number; 0: none, -EAGAIN etc.
 */
static int64_t execute_block(const struct access *a, gpa_t from, gpa_t to, bool write)
{
    const struct insn *i = &a->insn;
    bool stores = i->op == INSN_STOS;
    uint64_t count = i->rep ? read_gpr(a->v, RCX, false, i->address_size) : 1;
    struct access_block b = {
        .size = i->size, .write = write, .down = a->rflags & FLAG_DF, .by_value = stores
    };

    count = MIN(count, elements_left(a, to));
    if (!stores)
        count = MIN(count, elements_left(a, from));
    b.count = (uint32_t)count;
    b.data = write ? from : to;
    if (stores)
        b.data = read_gpr(a->v, RAX, false, i->size);
    int rc = access_memory_block(a->v, write ? to : from, &b);

    return rc == -ENOENT ? 0 : rc ?: (int64_t)count;
}

/* Executes some iterations of MOVS. Returns their number, or an error. */
static int64_t execute_moves(const struct access *a)
{
    struct domain *d = a->v->d;
    uint64_t val = 0, probe;
    gpa_t from, to;
    int rc = translate_operand(a,
                               segment_address(a, *guest_gpr(&a->v->regs, RSI),
                                               segment_or(&a->insn, SEG_DS)),
                               false, &from);

    if (!rc)
        rc = translate_operand(a, destination_address(a), true, &to);
    if (!rc && unlikely(d->ioreq) && a->insn.rep) {
        bool reads_ram = !guest_read_physical(d, &probe, from, a->insn.size);
        bool writes_ram = !guest_read_physical(d, &probe, to, a->insn.size);
        int64_t n = reads_ram != writes_ram ? execute_block(a, from, to, reads_ram) : 0;

        if (n)
            return n;
    }
    if (!rc)
        rc = copy_operand(a, from, false, &val);
    if (!rc)
        rc = copy_operand(a, to, true, &val);
    return rc ?: 1;
}

/* The same for STOS, at gpa. */
static int64_t execute_stores(const struct access *a, gpa_t gpa)
{
    uint64_t val = read_gpr(a->v, RAX, false, a->insn.size);
    int64_t n;

    if (((destination_address(a) ^ gpa) & ~PAGE_MASK))
        return -EINVAL;
    n = a->insn.rep ? execute_block(a, 0, gpa, true) : 0;
    return n ?: access_memory(a->v, gpa, a->insn.size, true, &val) ?: 1;
}

/*
 * Executes one iteration, or several. 0: done; 1: RIP stays (REP continues, or a fault was
 * injected); -EINVAL, -EAGAIN, -EIO, -ERESTART.
 */
static int execute_string(const struct access *a, gpa_t gpa)
{
    const struct insn *i = &a->insn;
    int64_t step = a->rflags & FLAG_DF ? -(int64_t)i->size : (int64_t)i->size;

    if (i->rep && !read_gpr(a->v, RCX, false, i->address_size))
        return 0;
    int64_t n = i->op == INSN_MOVS ? execute_moves(a) : execute_stores(a, gpa);

    if (n < 0)
        return n == -EFAULT ? 1 : (int)n;
    if (i->op == INSN_MOVS)
        advance_register(a, RSI, n * step);
    advance_register(a, RDI, n * step);
    if (!i->rep)
        return 0;
    advance_register(a, RCX, -n);
    return read_gpr(a->v, RCX, false, i->address_size) != 0;
}

enum insn_mode emulate_code_mode(struct vcpu *v)
{
    if (hw_mode_64(v))
        return INSN_64;
    return hw_get_segment(v, SEG_CS).attributes & SEGMENT_D ? INSN_32 : INSN_16;
}

static int emulate_insn(struct vcpu *v, gpa_t gpa)
{
    struct access a = {
        .v = v,
        .paging = hw_get_paging(v),
        .rip = hw_get_rip(v),
        .rflags = hw_get_rflags(v),
        .user = hw_get_cpl(v) == 3 ? GUEST_WALK_USER : 0,
        .mode = emulate_code_mode(v),
    };
    uint8_t bytes[INSN_BYTES] = { 0 };
    int rc;

    unsigned int n = fetch_insn(&a, bytes);

    if (!n || decode_insn(bytes, n, a.mode, &a.insn)) {
        log_guest(v->d, "vcpu %u: %u bytes at RIP %#lx, %02x %02x %02x %02x, cannot access %#lx\n",
                  v->id, n, a.rip, bytes[0], bytes[1], bytes[2], bytes[3], gpa);
        return -EINVAL;
    }
    if (a.insn.op == INSN_STOS || a.insn.op == INSN_MOVS)
        rc = execute_string(&a, gpa);
    else if ((operand_address(&a) ^ gpa) & ~PAGE_MASK)
        return -EINVAL;
    else
        rc = execute_insn(&a, gpa);
    if (!rc)
        hw_set_rip(v, a.rip + a.insn.length);
    return rc < 0 ? rc : 0;
}

/*
 * Emulates an access. An unsupported access to an address without memory or device (e.g. ballooned
 * out) injects #GP, as Xen does: a kernel then kills the program, or reports the RIP. #PF would
 * name an address that is mapped, so the access would be retried endlessly, and #MC is fatal to
 * most kernels. An unsupported access to a device crashes the guest.
 */
int emulate_access(struct vcpu *v, gpa_t gpa)
{
    int rc = emulate_insn(v, gpa);

    if (rc == -ERESTART) {
        vcpu_memory_wait_page(v, this_cpu()->paged);
        return 0;
    }
    if (rc == -EAGAIN || rc == -EIO) /* v waits, or its domain was crashed */
        return 0;
    if (rc != -EINVAL || access_has_memory(v, gpa))
        return rc;
    hw_inject_exception(v, EXC_GP, 0);
    return 0;
}
