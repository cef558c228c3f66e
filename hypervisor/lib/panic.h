/* SPDX-License-Identifier: MIT */
/* Hooks of a panic into higher folders (lib/panic.c); panic itself is declared in lib.h. */
#ifndef CLV_LIB_PANIC_H
#define CLV_LIB_PANIC_H

#include "types.h"

struct panic_hooks {
    void (*stop_others)(void); /* stops the other CPUs */
    void (*dump_cpus)(void);   /* this CPU's state, and where the others stopped */
    void (*dump_domains)(void);
    noreturn void (*leave)(void);  /* reboots after a delay, or halts */
    noreturn void (*reboot)(void); /* immediately, for a nested panic */
};
void panic_set_hooks(const struct panic_hooks *h); /* must precede any panic */
/* The end of a panic: dumps the domains and leaves the machine. */
noreturn void panic_leave(void);

#endif
