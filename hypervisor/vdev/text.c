/* SPDX-License-Identifier: MIT */
/*
 * Guest output on the core's console, from port 0xe9 (bus.c) or console_io. It is split into lines,
 * sanitised, and logged with the domain's id, rate-limited. Lock: d->vdev.lock protects the
 * unfinished line.
 */
#include "vdev/text.h"
#include "core/domain.h"
#include "lib.h"
#include "spinlock.h"

static void print_line_locked(struct domain *d)
{
    ASSERT(spin_lock_held(&d->vdev.lock));
    d->vdev.debug_line[d->vdev.debug_length] = '\0';
    log_guest(d, "%s\n", d->vdev.debug_line);
    d->vdev.debug_length = 0;
}

void text_print(struct domain *d, const char *text, size_t n)
{
    spin_lock_scope(&d->vdev.lock);
    for (size_t i = 0; i < n; i++) {
        char c = text[i] == '\t' ? ' ' : text[i];

        if (c != '\n' && c != '\r')
            d->vdev.debug_line[d->vdev.debug_length++] = c < ' ' || c > '~' ? '?' : c;
        if (c == '\n' || d->vdev.debug_length == sizeof(d->vdev.debug_line) - 1)
            print_line_locked(d);
    }
}
