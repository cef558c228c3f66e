/* SPDX-License-Identifier: MIT */
/*
 * Bridges of dom0's kernel.
 */
#ifndef LIBCLEAVE_BRIDGE_H
#define LIBCLEAVE_BRIDGE_H

#include <stdbool.h>

bool bridge_exists(const char *bridge);

/* Puts an interface on a bridge and switches it on. 0 or a negative errno. */
int bridge_join(const char *bridge, const char *interface);

/* The largest packet that fits through it. */
unsigned int bridge_mtu(const char *bridge);

#endif
