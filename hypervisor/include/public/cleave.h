/* SPDX-License-Identifier: MIT */
/*
 * Cleave's hypercall, for dom0 only: number CLEAVE_HYPERCALL (reserved for the architecture by
 * Xen's ABI and unused on x86), with one argument, the address of a struct cleave_op. Xen returns
 * -ENOSYS, by which a tool can tell the two apart.
 */
#ifndef CLEAVE_PUBLIC_H
#define CLEAVE_PUBLIC_H

#include <stdint.h>

#define CLEAVE_HYPERCALL 55 /* __HYPERVISOR_arch_7 */
#define CLEAVE_INTERFACE_VERSION 1

/* Does nothing. Success identifies Cleave. */
#define CLEAVE_OP_probe 1

/* Checks frames, owners, counts, p2m, ports and grants. Violations are logged (`xl dmesg`). */
#define CLEAVE_OP_check 2
struct cleave_check {
    uint32_t violations; /* OUT */
};

/*
 * The longest time without interrupts since the last query, and the exit that began it. 0 ticks in
 * the release build.
 */
#define CLEAVE_OP_stretch 3
struct cleave_stretch {
    uint64_t ticks; /* TSC ticks */
    uint64_t exit_code, rax, rdi;
    uint16_t domain; /* DOMID_IDLE: no exit */
    uint16_t checks; /* by the watchdog since the last query; in both builds */
    uint16_t missed; /* maximum of consecutive checks in which a CPU made no progress */
    uint16_t pad;
};

/*
 * The longest hold of a lock of one class since the last query for it, and where it was released. 0
 * ticks in the release build. -EINVAL: no such class.
 */
#define CLEAVE_OP_hold 4
struct cleave_hold {
    uint32_t lock; /* IN: classes are numbered from 1, in lock order */
    uint32_t pad;
    uint64_t ticks;  /* OUT: TSC ticks */
    uint64_t caller; /* OUT: address in the core */
    char name[8];    /* OUT: name of the class */
};

struct cleave_op {
    uint32_t cmd; /* CLEAVE_OP_* */
    uint32_t interface_version;
    union {
        struct cleave_check check;
        struct cleave_stretch stretch;
        struct cleave_hold hold;
        uint8_t pad[120];
    } u;
};

#endif
