/* SPDX-License-Identifier: MIT */
/*
 * A function for make itself: $(make_exit FILE) ends make with the status in FILE, if it exists.
 *
 * `make run CMD=...` should exit with the command's status, but make exits with 2 on any failure.
 * It can load functions, though (GNU make's manual, "Loading Dynamic Objects"); without that, the
 * status is 2.
 */
#include <gnumake.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int plugin_is_GPL_compatible;

int make_exit_gmk_setup(const gmk_floc *where);

static char *make_exit(const char *name, unsigned int argc, char **argv)
{
    int status = 0;
    FILE *file = fopen(argv[0], "r");

    (void)name;
    (void)argc;
    if (file) {
        if (fscanf(file, "%d", &status) != 1)
            status = 2;
        fclose(file);
        unlink(argv[0]);
        exit(status);
    }
    return NULL;
}

int make_exit_gmk_setup(const gmk_floc *where)
{
    (void)where;
    gmk_add_function("make_exit", make_exit, 1, 1, GMK_FUNC_DEFAULT);
    return 1;
}
