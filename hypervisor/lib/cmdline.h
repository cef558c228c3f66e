/* SPDX-License-Identifier: MIT */
/* The core's command line (lib/cmdline.c). */
#ifndef CLV_LIB_CMDLINE_H
#define CLV_LIB_CMDLINE_H

#include "types.h"

void cmdline_init(const char *text); /* text must stay valid */
void cmdline_check(void);            /* warns about unknown options */
/* Returns the value of name=..., valid until the next call. "" for a bare name, NULL if absent. */
const char *cmdline_get(const char *name);
/* Parses a decimal number or size ("7", "512M", "1G", "4096k"). Returns false if malformed. */
bool cmdline_parse_size(const char *s, uint64_t *n);

#endif
