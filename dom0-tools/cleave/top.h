/* SPDX-License-Identifier: MIT */
/* cleave top: the order of VMs, their lines, and the screen. */
#ifndef CLEAVE_TOP_H
#define CLEAVE_TOP_H

#include "sample.h"

enum top_key { TOP_UNMET, TOP_GOT, TOP_WANTED, TOP_LONGEST, TOP_MEMORY, TOP_NAME, TOP_KEYS };

#define TOP_LINE_MAX 512
#define TOP_SECONDS_MAX 3600

/* --- toplines.c ------------------------------------------------------------------------------- */

/* The words of --sort by enum top_key. The first letter of each is the key on the screen. */
extern const char *const toplines_keys[TOP_KEYS];

/* Sorts the VMs: the largest first, and by name from a on. Those without a domain are the last. */
void toplines_sort(struct sample *sample, enum top_key key);

/* Each writes a line without a newline. Lines of VMs are name_width + TOPLINES_REST wide. */
#define TOPLINES_REST 67
#define TOPLINES_HEADS 2
void toplines_head(const struct sample *sample, enum top_key key, int line,
                   char text[TOP_LINE_MAX]);
void toplines_columns(int name_width, char text[TOP_LINE_MAX]);
void toplines_vm(const struct sample *sample, const struct sample_vm *vm, int name_width,
                 char text[TOP_LINE_MAX]);

/* Returns what is wrong as a whole, or NULL. */
const char *toplines_warning(const struct sample *sample);

/* --- topscreen.c ------------------------------------------------------------------------------ */

/*
 * Shows VMs on the terminal until the user quits. Returns 0, or a negative errno after an error
 * line.
 */
int topscreen_run(enum top_key key, uint32_t seconds);

#endif
