/* SPDX-License-Identifier: MIT */
/* Makes paths absolute, relative to cleave's working directory. Read next: vmfile.c. */
#define _GNU_SOURCE
#include "path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *path_absolute(const char *path)
{
    char *folder = path[0] == '/' ? NULL : get_current_dir_name();
    char *absolute = NULL;

    if (path[0] == '/')
        return strdup(path);
    if (!folder || asprintf(&absolute, "%s/%s", folder, path) < 0)
        absolute = NULL;
    free(folder);
    return absolute;
}
