/* SPDX-License-Identifier: MIT */
/* Runs programs of other packages: they may be absent, and are ended when the verb is. */
#ifndef LIBCLEAVE_TOOL_H
#define LIBCLEAVE_TOOL_H

/*
 * Runs argv and waits for its end, or ends it when lock_is_interrupted. *output, if output is not
 * NULL, is what it printed, which the caller frees. Returns 0, or a negative errno after an error
 * line with what it complained about; -ENOENT: package is not installed.
 */
int tool_run(char *const *argv, const char *package, char **output);

#endif
