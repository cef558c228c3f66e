/* SPDX-License-Identifier: MIT */
/*
 * guest/access.c and guest/emulate.c with devices of a device model: each instruction is executed
 * again after each answer, and must leave what one execution leaves. Blocks of string operations,
 * 16-bit code with its segments, and the routing of ports and of PCI configuration.
 */
#include "bus_model.h"
#include "core/ioreq.h"
#include "guest/access.h"
#include "vdev/pc.h"

#include <xen/hvm/ioreq.h>

#include <stdlib.h>

#define DEVICE 0xd0000000ull
#define ZF 0x40u
#define CF 0x1u
#define DF 0x400u

static struct ioreq_access asked[64];
static uint64_t answers[64];
static unsigned int sent, done, at; /* of this instruction */
static uint8_t device[2 * PAGE_SIZE];
static bool no_blocks;
static uint32_t config_index;

void ioreq_begin(struct vcpu *of, bool again) {}
bool ioreq_has_memory(struct domain *of, gpa_t gpa) { return gpa - DEVICE < sizeof(device); }
uint32_t pc_config_index(struct domain *of) { return config_index; }
void pc_set_config_index(struct domain *of, uint32_t val) { config_index = val; }

int ioreq_access(struct vcpu *of, const struct ioreq_access *a, uint64_t *val)
{
    if (at < done && a->count > 1 && asked[at].count != a->count)
        return -ENOENT; /* as core/ioreq.c, which has made another access then */
    if (at < done) {
        *val = answers[at++];
        return 0;
    }
    if (a->count > 1 && no_blocks)
        return -ENOENT;
    asked[sent++] = *a;
    return -EAGAIN;
}

/* The device model: memory at DEVICE; ports read as their number. */
static uint64_t serve(const struct ioreq_access *a)
{
    uint64_t val = ~0ull;

    if (a->type != IOREQ_TYPE_COPY)
        return a->addr;
    for (uint32_t i = 0; i < a->count; i++) {
        int64_t step = (int64_t)i * a->size * (a->down ? -1 : 1);
        uint8_t *mine = device + (a->addr - DEVICE + (uint64_t)step);
        const void *value = &a->data;
        uint8_t *theirs = a->data_is_ptr ? harness_guest(d, a->data + (uint64_t)step) : NULL;

        if (a->write)
            memcpy(mine, theirs ? theirs : value, a->size);
        else
            memcpy(theirs ? theirs : (uint8_t *)&val, mine, a->size);
    }
    return val;
}

/* Executes the instruction until no answer is missing. Returns the number of requests. */
static unsigned int execute(gpa_t gpa, const char *bytes, unsigned int n)
{
    assert_int_equal(guest_write_physical(d, CODE, bytes, n), 0);
    registers.rip = CODE;
    sent = done = 0;
    for (;;) {
        at = 0;
        assert_int_equal(emulate_access(v, gpa), 0);
        if (sent == done)
            break;
        assert_int_equal(registers.rip, CODE);
        answers[done] = serve(&asked[done]);
        done++;
    }
    return done;
}

#define EXECUTE(gpa, bytes) execute(gpa, bytes, sizeof(bytes) - 1)

static uint32_t *cell(unsigned int offset) { return (uint32_t *)(device + offset); }

static int setup(void **state)
{
    model_setup(state);
    model_dom0(false);
    d->ioreq = (struct ioreq_domain *)&d->ioreq; /* anything but NULL */
    memset(device, 0, sizeof(device));
    no_blocks = false;
    config_index = 0;
    return 0;
}

static void moves(void **state)
{
    gpr[0] = DEVICE;
    gpr[1] = 0x1122334455667788;
    assert_int_equal(EXECUTE(DEVICE, "\x48\x89\x08"), 1); /* mov %rcx,(%rax) */
    assert_int_equal(*(uint64_t *)device, 0x1122334455667788);
    assert_int_equal(registers.rip, CODE + 3);
    gpr[1] = ~0ull;
    EXECUTE(DEVICE, "\x8b\x08"); /* mov (%rax),%ecx */
    assert_int_equal(gpr[1], 0x55667788);
    EXECUTE(DEVICE, "\x0f\xbe\x08"); /* movsbl (%rax),%ecx */
    assert_int_equal(gpr[1], 0xffffff88);
    EXECUTE(DEVICE + 2, "\x0f\xb7\x48\x02"); /* movzwl 2(%rax),%ecx */
    assert_int_equal(gpr[1], 0x5566);
}

/* Registers and flags change once, however often the instruction is executed. */
static void reads_and_writes_in_one(void **state)
{
    gpr[0] = DEVICE;
    *cell(0) = 5;
    gpr[1] = 7;
    registers.rflags = 2;
    assert_int_equal(EXECUTE(DEVICE, "\x87\x08"), 2); /* xchg %ecx,(%rax) */
    assert_int_equal(*cell(0), 7);
    assert_int_equal(gpr[1], 5);
    assert_int_equal(EXECUTE(DEVICE, "\x0f\xc1\x08"), 2); /* xadd %ecx,(%rax) */
    assert_int_equal(*cell(0), 12);
    assert_int_equal(gpr[1], 7);
    registers.rflags = 2 | CF;
    assert_int_equal(EXECUTE(DEVICE, "\x11\x08"), 2); /* adc %ecx,(%rax) */
    assert_int_equal(*cell(0), 20);
    assert_int_equal(registers.rflags & CF, 0);
    gpr[1] = 20;
    assert_int_equal(EXECUTE(DEVICE, "\x39\x08"), 1); /* cmp: it only reads */
    assert_int_equal(registers.rflags & ZF, ZF);
    assert_int_equal(EXECUTE(DEVICE, "\x29\x08"), 2); /* sub %ecx,(%rax) */
    assert_int_equal(*cell(0), 0);
    gpr[0] = 3;
    gpr[3] = DEVICE;
    gpr[1] = 9;
    assert_int_equal(EXECUTE(DEVICE, "\x0f\xb1\x0b"), 2); /* cmpxchg %ecx,(%rbx): differs */
    assert_int_equal(gpr[0], 0);
    assert_int_equal(*cell(0), 0);
    assert_int_equal(EXECUTE(DEVICE, "\x0f\xb1\x0b"), 2);
    assert_int_equal(*cell(0), 9);
    assert_int_equal(registers.rflags & ZF, ZF);
}

static void strings_one_by_one(void **state)
{
    uint32_t *ram = harness_guest(d, DATA);

    ram[0] = 0x12345678;
    gpr[6] = DATA;
    gpr[7] = DEVICE;
    assert_int_equal(EXECUTE(DEVICE, "\xa5"), 1); /* movsl */
    assert_int_equal(*cell(0), 0x12345678);
    assert_int_equal(gpr[6], DATA + 4);
    assert_int_equal(gpr[7], DEVICE + 4);
    gpr[6] = DEVICE; /* from the device to itself: a read, then a write */
    assert_int_equal(EXECUTE(DEVICE, "\xa5"), 2);
    assert_int_equal(*cell(4), 0x12345678);
    gpr[6] = DEVICE;
    gpr[7] = DATA + 8;
    assert_int_equal(EXECUTE(DEVICE, "\xa4"), 1);
    assert_int_equal(ram[2], 0x78);
    gpr[0] = 0xabcd;
    gpr[7] = DEVICE + 16;
    assert_int_equal(EXECUTE(DEVICE + 16, "\x66\xab"), 1); /* stosw */
    assert_int_equal(*cell(16), 0xabcd);
    /* REP where no server has all: an iteration at a time, and RIP stays */
    no_blocks = true;
    gpr[1] = 2;
    gpr[7] = DEVICE + 32;
    assert_int_equal(EXECUTE(DEVICE + 32, "\xf3\xab"), 1);
    assert_int_equal(registers.rip, CODE);
    assert_int_equal(gpr[1], 1);
    assert_int_equal(EXECUTE(DEVICE + 36, "\xf3\xab"), 1);
    assert_int_equal(registers.rip, CODE + 2);
    assert_int_equal(gpr[7], DEVICE + 40);
    gpr[1] = 0;
    assert_int_equal(EXECUTE(DEVICE, "\xf3\xab"), 0);
    assert_int_equal(registers.rip, CODE + 2);
}

static void strings_in_blocks(void **state)
{
    uint32_t *ram = harness_guest(d, DATA);

    for (unsigned int i = 0; i < 1024; i++)
        ram[i] = i + 1;
    gpr[1] = 1000;
    gpr[6] = DATA + 0x800;
    gpr[7] = DEVICE + 0x100;
    assert_int_equal(EXECUTE(DEVICE + 0x100, "\xf3\xa5"), 1); /* to the end of the source's page */
    assert_int_equal(asked[0].count, 512);
    assert_int_equal(gpr[1], 488);
    assert_int_equal(gpr[6], DATA + PAGE_SIZE);
    assert_int_equal(gpr[7], DEVICE + 0x900);
    assert_int_equal(registers.rip, CODE);
    assert_int_equal(*cell(0x100), 513);
    assert_int_equal(*cell(0x8fc), 1024);
    gpr[1] = 3; /* back, into RAM */
    gpr[6] = DEVICE + 0x100;
    gpr[7] = DATA;
    assert_int_equal(EXECUTE(DEVICE + 0x100, "\xf3\xa5"), 1);
    assert_int_equal(ram[2], 515);
    assert_int_equal(ram[3], 4);
    assert_int_equal(gpr[1], 0);
    assert_int_equal(registers.rip, CODE + 2);
    registers.rflags = 2 | DF; /* downwards */
    gpr[1] = 100;
    gpr[0] = 0x77;
    gpr[7] = DEVICE + 9;
    assert_int_equal(EXECUTE(DEVICE + 9, "\xf3\xaa"), 1);
    assert_int_equal(asked[0].count, 10);
    assert_true(asked[0].down);
    assert_false(asked[0].data_is_ptr);
    assert_int_equal(*(uint64_t *)device, 0x7777777777777777);
    assert_int_equal(gpr[7], DEVICE - 1);
    assert_int_equal(gpr[1], 90);
}

/* Firmware: real mode with bases, and "unreal" mode with 32-bit addresses. */
static void sixteen_bit_code(void **state)
{
    mode64 = false;
    segments[SEG_CS] = (struct hw_segment){ .base = CODE - 0x20 };
    segments[SEG_ES] = (struct hw_segment){ .base = DEVICE, .limit = 0xffff };
    segments[SEG_DS] = (struct hw_segment){ .base = DATA, .limit = 0xffff };
    segments[SEG_SS] = (struct hw_segment){ .base = DEVICE + 0x100, .limit = 0xffff };
    gpr[3] = 0xffff0010; /* BX; the upper half does not count */
    gpr[6] = 0xabcd0004;
    gpr[0] = 0x11223344;
    registers.rip = 0x20;
    sent = done = at = 0;
    assert_int_equal(guest_write_physical(d, CODE, "\x26\x89\x00", 3), 0);
    assert_int_equal(emulate_access(v, DEVICE + 0x14), 0); /* mov %ax,%es:(%bx,%si) */
    assert_int_equal(asked[0].addr, DEVICE + 0x14);
    assert_int_equal(asked[0].size, 2);
    assert_int_equal(asked[0].data, 0x3344);
    gpr[5] = 8;
    sent = 0;
    assert_int_equal(guest_write_physical(d, CODE, "\x66\x89\x46\xfc", 4), 0);
    assert_int_equal(emulate_access(v, DEVICE + 0x104), 0); /* mov %eax,-4(%bp): by SS */
    assert_int_equal(asked[0].addr, DEVICE + 0x104);
    assert_int_equal(asked[0].size, 4);
    gpr[7] = DEVICE + 0x30;
    segments[SEG_DS] = (struct hw_segment){ .limit = ~0u };
    sent = 0;
    assert_int_equal(guest_write_physical(d, CODE, "\x67\x8a\x0f", 3), 0);
    assert_int_equal(emulate_access(v, DEVICE + 0x30), 0); /* mov (%edi),%cl */
    assert_int_equal(asked[0].addr, DEVICE + 0x30);
    gpr[1] = 0xffff0003; /* CX = 3 */
    gpr[7] = 0xffff0040;
    sent = 0;
    assert_int_equal(guest_write_physical(d, CODE, "\xf3\xab", 2), 0);
    assert_int_equal(emulate_access(v, DEVICE + 0x40), 0); /* rep stosw: ES:DI */
    assert_int_equal(asked[0].addr, DEVICE + 0x40);
    assert_int_equal(asked[0].count, 3);
    answers[0] = 0;
    done = 1;
    assert_int_equal(emulate_access(v, DEVICE + 0x40), 0);
    assert_int_equal(gpr[1], 0xffff0000);
    assert_int_equal(gpr[7], 0xffff0046);
}

static int port(uint16_t number, unsigned int size, bool write, uint32_t *val)
{
    sent = done = at = 0;
    return access_port(v, number, size, write, val);
}

static void ports_and_configuration(void **state)
{
    uint32_t val = 0x80001234;

    assert_int_equal(port(0xcf8, 4, true, &val), 0); /* the index is the core's */
    assert_int_equal(config_index, 0x80001234);
    val = 0;
    assert_int_equal(port(0xcf8, 4, false, &val), 0);
    assert_int_equal(val, 0x80001234);
    assert_int_equal(sent, 0);
    assert_int_equal(port(0xcf9, 1, true, &val), -EAGAIN); /* a reset */
    assert_int_equal(asked[0].type, IOREQ_TYPE_PIO);
    assert_int_equal(asked[0].addr, 0xcf9);
    assert_int_equal(port(0xcfe, 2, false, &val), -EAGAIN);
    assert_int_equal(asked[0].type, IOREQ_TYPE_PCI_CONFIG);
    assert_int_equal(asked[0].addr, 0x12ull << 32 | 0x36);
    assert_int_equal(asked[0].size, 2);
    assert_int_equal(port(0xcfe, 4, false, &val), -EAGAIN); /* beyond the register */
    assert_int_equal(asked[0].type, IOREQ_TYPE_PIO);
    config_index = 0x1234;
    assert_int_equal(port(0xcfc, 4, false, &val), -EAGAIN); /* not enabled */
    assert_int_equal(asked[0].type, IOREQ_TYPE_PIO);
    done = 1;
    at = 0;
    answers[0] = 0x1122334455667788;
    assert_int_equal(access_port(v, 0x60, 1, false, &val), 0); /* only so much as was read */
    assert_int_equal(val, 0x88);
    val = 7;
    assert_int_equal(port(0xe9, 1, false, &val), 0); /* the core's */
    assert_int_equal(val, 0xe9);
    struct access_block b = { .data = DATA, .count = 8, .size = 2 };
    assert_int_equal(access_port_block(v, 0xe9, &b), -ENOENT);
    sent = done = at = 0;
    assert_int_equal(access_port_block(v, 0x1f0, &b), -EAGAIN);
    assert_int_equal(asked[0].count, 8);
    assert_true(asked[0].data_is_ptr);
    b.count = 1;
    assert_int_equal(access_port_block(v, 0x1f0, &b), -ENOENT);
    d->ioreq = NULL; /* no HVM guest: nobody else is asked */
    assert_int_equal(port(0x60, 1, false, &val), 0);
    assert_int_equal(val, 0xff);
    b.count = 8;
    assert_int_equal(access_port_block(v, 0x1f0, &b), -ENOENT);
    assert_int_equal(access_memory_block(v, DEVICE, &b), -ENOENT);
}

static void refused_only_where_there_is_a_device(void **state)
{
    gpr[0] = DEVICE;
    assert_int_equal(guest_write_physical(d, CODE, "\xff\x30", 2), 0); /* push (%rax) */
    registers.rip = CODE;
    assert_int_equal(emulate_access(v, DEVICE), -EINVAL);
    assert_int_equal(protections, 0);
    assert_int_equal(emulate_access(v, DEVICE + 0x100000), 0);
    assert_int_equal(protections, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(moves, setup),
        cmocka_unit_test_setup(reads_and_writes_in_one, setup),
        cmocka_unit_test_setup(strings_one_by_one, setup),
        cmocka_unit_test_setup(strings_in_blocks, setup),
        cmocka_unit_test_setup(sixteen_bit_code, setup),
        cmocka_unit_test_setup(ports_and_configuration, setup),
        cmocka_unit_test_setup(refused_only_where_there_is_a_device, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
