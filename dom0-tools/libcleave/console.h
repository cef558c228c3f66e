/* SPDX-License-Identifier: MIT */
/* Access to a guest's console from dom0. */
#ifndef LIBCLEAVE_CONSOLE_H
#define LIBCLEAVE_CONSOLE_H

#include "domain.h"

/*
 * Connects the user's terminal (or standard input, if it is not a terminal) to the guest's console
 * until the user types Ctrl-] or the guest ends. Returns 0, or a negative errno after an error
 * line.
 */
int console_attach(struct hv *hv, struct xs_handle *store, const struct domain *domain);

#endif
