/* SPDX-License-Identifier: MIT */
/*
 * Where a guest's text goes: the hypervisor's own log through port 0xe9, until there is something better
 * (console.c registers the PV console ring), for guests started with "debug", and for last words.
 */
#ifndef GUESTS_LIB_TEXT_H
#define GUESTS_LIB_TEXT_H

#include "lib.h"

/* Takes n bytes; called by one vCPU at a time. */
typedef void text_sink(const char *text, size_t n);

void text_set_sink(text_sink *sink);

/* Also write to port 0xe9 from now on. */
void text_debug(bool on);

/* Writes n bytes whole, against other vCPUs. */
void text_write(const char *text, size_t n);

#endif
