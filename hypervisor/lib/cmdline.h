/* SPDX-License-Identifier: MIT */
/* The core's command line (lib/cmdline.c). */
#ifndef CLV_LIB_CMDLINE_H
#define CLV_LIB_CMDLINE_H

#include "types.h"

void cmdline_init(const char *text); /* which must stay */
void cmdline_check(void);            /* warns about options that no file reads */
/* The value of name=..., until the next call; "" of a bare name; NULL: absent. */
const char *cmdline_get(const char *name);
/* A decimal number or a size: "7" "512M" "1G" "4096k"; false when malformed. */
bool cmdline_parse_size(const char *s, uint64_t *n);

#endif
