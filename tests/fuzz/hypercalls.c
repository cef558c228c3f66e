/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's target for the hypercall layer. An input is a program: each step is an opcode byte
 * followed by its operands.
 *
 * 0-2  hypercall: who (1 byte: domain, vcpu), number (1), 5 arguments of a kind byte and its value
 * 3    the same by another vcpu, in the middle of a later one, at its n-th release of all locks:
 *      n (1) after the number
 * 4    domctl by dom0: command (2), domain (2), then its structure's bytes
 * 5    memory: who (1), page and offset (3), length (1), bytes
 * 6    time passes: microseconds (2)
 * 7    the n-th allocation or p2m change from now on fails: n (1)
 *
 * After the program, the invariants must hold, and after all domains are destroyed no frame may be
 * missing (world.c). seeds.c writes the initial programs.
 */
#include "world.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *at, *end;

/* The next n bytes as a number; zeros past the end. */
static uint64_t take(unsigned int n)
{
    uint64_t val = 0;

    for (unsigned int i = 0; i < n; i++)
        val |= (uint64_t)(at < end ? *at++ : 0) << (8 * i);
    return val;
}

static void write_memory(unsigned int domain, gpa_t gpa, unsigned int n)
{
    struct vcpu *v = world_vcpu(domain, 0);
    uint8_t bytes[256];

    for (unsigned int i = 0; i < n; i++)
        bytes[i] = (uint8_t)take(1);
    if (v && guest_write(v, gpa, bytes, n))
        return;
}

/* Numbers typical of hypercalls: small, any, an address in the caller's memory, almost zero. */
static uint64_t argument(unsigned int domain)
{
    switch (take(1) % 8) {
    case 0: return take(1);
    case 1: return take(2);
    case 2: return take(4);
    case 3: return take(8);
    case 4: return -take(1);
    default: return world_base(domain) + take(2) * 4;
    }
}

/* meanwhile: made by another vcpu during a later hypercall. */
static bool hypercall(bool meanwhile)
{
    static const uint8_t numbers[] = {
        __HYPERVISOR_memory_op,      __HYPERVISOR_event_channel_op,
        __HYPERVISOR_grant_table_op, __HYPERVISOR_vcpu_op,
        __HYPERVISOR_sched_op,       __HYPERVISOR_hvm_op,
        __HYPERVISOR_multicall,      __HYPERVISOR_set_timer_op,
        __HYPERVISOR_xen_version,    __HYPERVISOR_console_io,
        __HYPERVISOR_vm_assist,      __HYPERVISOR_physdev_op,
        __HYPERVISOR_sysctl,         __HYPERVISOR_domctl,
        __HYPERVISOR_platform_op,    __HYPERVISOR_arch_7,
        __HYPERVISOR_dm_op,
    };
    unsigned int who = (unsigned int)take(1), domain = who % WORLD_DOMAINS;
    struct vcpu *v = world_vcpu(domain, who / WORLD_DOMAINS % WORLD_VCPUS);
    uint32_t nr = (uint32_t)take(1);
    unsigned int after = meanwhile ? (unsigned int)take(1) : 0;
    uint64_t arg[HYPERCALL_ARGS] = { 0 };

    for (unsigned int i = 0; i < 5; i++)
        arg[i] = argument(domain);
    nr = nr < 0xf0 ? numbers[nr % ARRAY_SIZE(numbers)] : nr;
    if (!meanwhile)
        return v == NULL || world_hypercall(v, nr, arg);
    world_meanwhile(after, v, nr, arg);
    return true;
}

static bool domctl(void)
{
    struct xen_domctl op = { .cmd = (uint32_t)take(2),
                             .interface_version = XEN_DOMCTL_INTERFACE_VERSION };
    gpa_t gpa = world_base(0);
    uint64_t arg[HYPERCALL_ARGS] = { gpa };
    struct vcpu *v = world_vcpu(0, 0);
    uint8_t *u = (uint8_t *)&op.u;

    op.domain = (domid_t)take(2);
    for (unsigned int i = (unsigned int)take(1); i > 0; i--, u++)
        if (u < (uint8_t *)(&op + 1))
            *u = (uint8_t)take(1);
    return v == NULL || guest_write(v, gpa, &op, sizeof(op)) ||
           world_hypercall(v, __HYPERVISOR_domctl, arg);
}

static bool step(void)
{
    unsigned int domain;
    gpa_t gpa;

    switch (take(1) % 8) {
    case 3: return hypercall(true);
    case 4: return domctl();
    case 5:
        domain = (unsigned int)take(1) % WORLD_DOMAINS;
        gpa = world_base(domain) + take(3);
        write_memory(domain, gpa, (unsigned int)take(1));
        return true;
    case 6: world_pass(USEC(take(2))); return true;
    case 7: harness_fail_alloc((unsigned int)take(1)); return true;
    default: return hypercall(false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    at = data;
    end = data + size;
    world_new();
    while (at < end)
        if (!step())
            return 0; /* dom0 powered the machine off */
    world_end();
    return 0;
}
