/* SPDX-License-Identifier: MIT */
/* A guest's text for the core's console: hypercall/console_io.c, for port 0xe9 (vdev/io.c). */
#ifndef CLV_CONSOLE_IO_H
#define CLV_CONSOLE_IO_H

#include "guest_fwd.h"
#include "types.h"

/* Adds to d's current line; whole lines are logged, with nothing in them that a terminal would obey. */
void console_io_guest_text(struct domain *d, const char *text, size_t n);

#endif
