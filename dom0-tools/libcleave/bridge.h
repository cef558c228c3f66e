/* SPDX-License-Identifier: MIT */
/*
 * Bridges of dom0's kernel.
 */
#ifndef LIBCLEAVE_BRIDGE_H
#define LIBCLEAVE_BRIDGE_H

#include <stdbool.h>

bool bridge_exists(const char *bridge);

/* Adds an interface to a bridge and sets it up. Returns 0 or a negative errno. */
int bridge_join(const char *bridge, const char *interface);

/* Returns the MTU of a bridge. */
unsigned int bridge_mtu(const char *bridge);

#endif
