/* SPDX-License-Identifier: MIT */
/* The values of a VM file's keys, and where they are, for messages. Only vmfile.c includes it. */
#ifndef LIBCLEAVE_VMREADER_H
#define LIBCLEAVE_VMREADER_H

#include <libxlutil.h>
#include <limits.h>
#include <stdbool.h>

struct vmreader {
    const char *path;
    const char *text; /* the file's lines, then the settings */
    int lines;        /* of the file */
    XLU_Config *config;
    const char *root, *extra;  /* parts of the kernel's command line */
    char place[PATH_MAX + 16]; /* of vmreader_where() */
};

/* What a number may be. */
struct vmreader_limits {
    long min, max, fallback;
    const char *unit; /* "" or " MiB" */
};

/* Parses text. NULL after an error line, which includes those of libxlutil. */
XLU_Config *vmreader_parse(const char *path, const char *text);

/* Returns "PATH:LINE" of the key, or the path alone if the file does not set it. */
const char *vmreader_where(struct vmreader *reader, const char *key);

/* Whether the file sets the key. */
bool vmreader_has(const struct vmreader *reader, const char *key);

/* Returns the text of a key, or fallback if it is absent. NULL after an error line. */
const char *vmreader_text(struct vmreader *reader, const char *key, const char *fallback);

/* Reads the number of a key, or what is meant without it. -EINVAL after an error line. */
int vmreader_number(struct vmreader *reader, const char *key, const struct vmreader_limits *limits,
                    long *value);

#endif
