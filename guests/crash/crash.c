/* SPDX-License-Identifier: MIT */
/*
 * A guest that dies as hard as a CPU can: a triple fault. An empty IDT makes the breakpoint a fault, its #GP a double
 * fault, and the double fault a shutdown (AMD APM vol. 2, 8.2.9, 15.14.3). The hypervisor must report SHUTDOWN_crash for
 * this domain, and nobody else may notice. The command line offers softer ways: "exception" (an unexpected #UD, the
 * guest's own handler prints it) and "panic".
 */
#include "lib.h"
#include "trap.h"

int guest_main(void)
{
    struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none = { 0, 0 };

    if (cmdline_has("exception")) {
        printf("crash: invalid opcode, with the registers printed\n");
        asm volatile("ud2");
    }
    if (cmdline_has("panic"))
        trap_panic("crash: as asked for");
    printf("crash: triple fault now\n");
    asm volatile("lidt %0; int3" :: "m"(none));
    printf("crash: still alive, which cannot be\n");
    return 0;
}
