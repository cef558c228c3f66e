/* SPDX-License-Identifier: MIT */
/* Access to a guest's console from dom0. */
#ifndef LIBCLEAVE_CONSOLE_H
#define LIBCLEAVE_CONSOLE_H

#include "domain.h"

/* The log of a guest's console, for snprintf with its name: of xenconsoled, or of cleave-dm. */
#ifndef CONSOLE_LOG /* tests have another */
#define CONSOLE_LOG "/var/log/xen/console/guest-%s.log"
#endif
/* The interval of looks at what was added to a log. */
#define CONSOLE_FOLLOW_MS 200

/*
 * Connects the user's terminal (or standard input, if it is not a terminal) to the guest's console
 * until the user types Ctrl-] or the guest ends. Beside another such console it only reads, as
 * console_watch. Returns 0, or a negative errno after an error line.
 */
int console_attach(struct hv *hv, struct xs_handle *store, const struct domain *domain);

/* Shows what the guest says from now on, from its log, and passes no input on. */
int console_watch(struct hv *hv, const struct domain *domain);

#endif
