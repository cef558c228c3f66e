/* SPDX-License-Identifier: MIT */
/* What is remembered of a VM, as JSON in its folder. Read next: usage.c, membook.c. */
#include "jsonfile.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "vms.h"

#define PATH_SIZE 128

static void path_of(const char *uuid, const char *file, const char *suffix, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, VMS_HOME "/vms/%s/%s%s", uuid, file, suffix);
}

json_t *jsonfile_load(const char *uuid, const char *file)
{
    char path[PATH_SIZE];

    path_of(uuid, file, "", path);
    return json_load_file(path, 0, NULL);
}

int jsonfile_save(const char *uuid, const char *file, json_t *json)
{
    char path[PATH_SIZE], fresh[PATH_SIZE];
    int rc = -EIO;

    path_of(uuid, file, "", path);
    path_of(uuid, file, ".new", fresh);
    if (json && json_dump_file(json, fresh, JSON_COMPACT) == 0 && rename(fresh, path) == 0)
        rc = 0;
    else
        unlink(fresh);
    json_decref(json);
    return rc;
}
