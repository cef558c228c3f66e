/* SPDX-License-Identifier: MIT */
/*
 * Text output. It goes to the hypervisor's log by port 0xe9 until a sink is registered (console.c
 * registers the PV console ring); also later for guests started with "debug", and for panics.
 */
#ifndef GUESTS_LIB_TEXT_H
#define GUESTS_LIB_TEXT_H

#include "lib.h"

/* Writes n bytes. Called by one vCPU at a time. */
typedef void text_sink(const char *text, size_t n);

void text_set_sink(text_sink *sink);

/* Also writes to port 0xe9 from now on. */
void text_debug(bool on);

/* Writes n bytes, not interleaved with other vCPUs. */
void text_write(const char *text, size_t n);

#endif
