/* SPDX-License-Identifier: MIT */
/*
 * Cleave's own hypercall, for dom0: number CLEAVE_HYPERCALL (one of the numbers that Xen's ABI
 * leaves to the architecture and never used on x86), one argument, the address of a struct
 * cleave_op. Under real Xen it is -ENOSYS, by which a tool can tell the two apart.
 */
#ifndef CLEAVE_PUBLIC_H
#define CLEAVE_PUBLIC_H

#include <stdint.h>

#define CLEAVE_HYPERCALL 55 /* __HYPERVISOR_arch_7 */
#define CLEAVE_INTERFACE_VERSION 1

/* Does nothing, and by that tells Cleave from Xen. */
#define CLEAVE_OP_probe 1

/*
 * Walks frames, owners, counts, p2m, ports and grants; what disagrees is in `xl dmesg`. Debug
 * build; else always 0.
 */
#define CLEAVE_OP_check 2
struct cleave_check {
    uint32_t violations; /* OUT */
};

/*
 * The longest time that interrupts were kept waiting since this was last asked, and the exit that
 * began it; 0 ticks in the release build.
 */
#define CLEAVE_OP_stretch 3
struct cleave_stretch {
    uint64_t ticks; /* of the TSC */
    uint64_t exit_code, rax, rdi;
    uint16_t domain; /* DOMID_IDLE: no exit */
    uint16_t checks; /* by the watchdog, in either build, since this was last asked */
    uint16_t missed; /* the most of them in a row that saw one CPU make no progress */
    uint16_t pad;
};

/*
 * The longest time that a lock of one class was held since this was last asked for the class, and
 * who let it go; 0 ticks in the release build. -EINVAL: that was the last class.
 */
#define CLEAVE_OP_hold 4
struct cleave_hold {
    uint32_t lock; /* IN: classes count from 1, in the order in which they may be taken */
    uint32_t pad;
    uint64_t ticks;  /* OUT: of the TSC */
    uint64_t caller; /* OUT: an address in the core */
    char name[8];    /* OUT: of the class */
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
