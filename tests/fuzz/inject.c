/* SPDX-License-Identifier: MIT */
/*
 * Failure injection: each seed program of the hypercall fuzzer (memory, grants, event channels,
 * domain creation ...) is run repeatedly. In run n, its n-th allocation or p2m change fails, until
 * none is left to fail. Leftovers of a failed operation show as a broken invariant or a missing
 * frame (world_end), which the program reports.
 */
#include "world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define LARGEST 8192
#define RUNS 5000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t program[LARGEST];
static size_t length;

static void load(const char *name)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", SEEDS, name);
    f = fopen(path, "rb");
    if (!f)
        abort();
    length = fread(program, 1, sizeof(program), f);
    fclose(f);
}

/* Returns the number of failures. */
static unsigned int inject(const char *name)
{
    unsigned int n;

    load(name);
    for (n = 1; n < RUNS; n++) {
        world_fail_alloc = n;
        world_doing = name;
        LLVMFuzzerTestOneInput(program, length);
        if (!world_alloc_failed())
            break;
    }
    return n - 1;
}

int main(void)
{
    struct dirent **names;
    int n = scandir(SEEDS, &names, NULL, alphasort);
    unsigned int failed = 0, programs = 0;

    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            unsigned int count = inject(names[i]->d_name);

            failed += count;
            programs += count > 0;
        }
        free(names[i]);
    }
    free(names);
    if (!failed) {
        fprintf(stderr, "inject: no allocation failed in the programs of %s: is it empty?\n",
                SEEDS);
        return 1;
    }
    printf("inject: %u programs that can fail, %u failures: nothing is left behind\n", programs,
           failed);
    return 0;
}
