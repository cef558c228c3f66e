/* SPDX-License-Identifier: MIT */
/*
 * Linux says in the store that it takes requests before its user space runs. Asked to power off
 * then, it finds no program for it, turns its own devices off, and boots on, deaf to all that
 * follows (Linux 6.1, kernel/reboot.c: __orderly_poweroff). Nothing in the store tells when the
 * danger is over. But a kernel that boots is busy, and a guest that has booted waits for something
 * to do, if only between two requests. So it has booted once it was idle for most of a second, or
 * if it has had more CPU time than a boot takes.
 */
#include "booting.h"

#include "deadline.h"

#define WINDOW_MS 1000
#define LOOKS_MIN 8
#define BOOT_NS 10000000000ull

bool booting_is_over(struct booting *booting, const struct domain *domain)
{
    long long now = deadline_now();

    if (domain->info.cpu_time > BOOT_NS)
        return true;
    if (!booting->looks)
        booting->began = now;
    booting->looks++;
    booting->idle += domain->info.flags & XEN_DOMINF_blocked ? 1 : 0;
    if (now - booting->began < WINDOW_MS || booting->looks < LOOKS_MIN)
        return false;
    if (booting->idle * 4 >= booting->looks * 3)
        return true;
    *booting = (struct booting){ .looks = 0 };
    return false;
}
