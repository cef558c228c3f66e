/* SPDX-License-Identifier: MIT */
/*
 * A panic: a bug in the core, or a machine that cannot be used. panic() stops the other CPUs,
 * prints the reason and dumps state. It reboots after a few seconds, so that an unattended machine
 * comes back. Code that knows CPUs, domains and how to reset the machine is above this folder,
 * hence the hooks.
 *
 * Read next: platform/power.c.
 */
#include "lib/panic.h"
#include "cpu.h"
#include "lib.h"
#include "lib/console.h"
#include "percpu.h"

static const struct panic_hooks *hooks;
static uint32_t panicking; /* 1 + the CPU that panicked first */

void panic_set_hooks(const struct panic_hooks *h) { hooks = h; }

void panic(const char *fmt, ...)
{
    static const char again[] = "(CLV) panic: nested panic, rebooting\n";
    uint32_t none = 0, self = this_cpu()->id + 1;
    char text[256];
    va_list ap;

    if (!__atomic_compare_exchange_n(&panicking, &none, self, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        if (none != self)
            cpu_halt();
        console_take_over();
        console_write_raw(again, sizeof(again) - 1);
        hooks->reboot();
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    hooks->stop_others();
    log_err("panic on CPU %u: %s", this_cpu()->id, text);
    hooks->dump_cpus();
    panic_leave();
}

void panic_leave(void)
{
    hooks->dump_domains();
    hooks->leave();
}
