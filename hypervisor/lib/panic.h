/* SPDX-License-Identifier: MIT */
/* What a panic calls above lib/ (lib/panic.c); panic itself is in lib.h. */
#ifndef CLV_LIB_PANIC_H
#define CLV_LIB_PANIC_H

#include "types.h"

struct panic_hooks {
    void (*stop_others)(void); /* the other CPUs */
    void (*dump_cpus)(void);   /* what this CPU and the stopped ones did */
    void (*dump_domains)(void);
    noreturn void (*leave)(void);  /* reboots after a while, or stays */
    noreturn void (*reboot)(void); /* at once: a panic within a panic */
};
void panic_set_hooks(const struct panic_hooks *h); /* before anything can panic */
/* the end of a panic: dumps the domains and leaves the machine */
noreturn void panic_leave(void);

#endif
