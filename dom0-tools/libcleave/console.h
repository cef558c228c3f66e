/* SPDX-License-Identifier: MIT */
/*
 * A guest's console, from dom0.
 */
#ifndef LIBCLEAVE_CONSOLE_H
#define LIBCLEAVE_CONSOLE_H

#include "domain.h"

/*
 * Connects the terminal (or, where standard input is none, its bytes) with the guest's console
 * until the user types Ctrl-] or the guest ends. 0, or a negative errno after an error line.
 */
int console_attach(struct hv *hv, struct xs_handle *store, const struct domain *domain);

#endif
