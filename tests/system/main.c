/* SPDX-License-Identifier: MIT */
/*
 * The system tests, run in dom0 by the rig: `system [GROUP]...`; without a group, all but those
 * that need machines of their own. `system -GROUP...`: all others of these. ONLY='PATTERN' and
 * SKIP='PATTERN' in the environment select tests by name, with * and ?. The hypervisor is Cleave or
 * real Xen (make check HV=xen); each test states its differences. Next to read: system.h, verbs.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system.h"

/* After the last group dom0's kernel has lost its watches of the store: disks no longer connect. */
static const struct group *const groups[] = {
    &group_verbs,    &group_refusals, &group_contract, &group_stock,   &group_many,
    &group_hostile,  &group_linux,    &group_devices,  &group_stretch, &group_cost,
    &group_pv,       &group_dma,      &group_hotplug,  &group_full,    &group_supervisor,
    &group_promises, &group_balance,  &group_watching, &group_host,    &group_store,
    &group_flood,    &group_saving,   &group_long,     &group_exact,   &group_trace,
    &group_memory,   &group_field,    &group_paging,   &group_hvm,     &group_hvmdm,
    &group_new,      &group_daemons,
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))
#define TESTS_MAX 256

/* Whether the group runs only when it is named. */
static bool has_its_machine(const char *name)
{
    static const char *const names[] = { "long", "saving", "exact", "hvmdm", "hvm", "new" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool wanted(const char *name, int argc, char **argv)
{
    bool others = argc == 1 || argv[1][0] == '-';

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i] + (argv[i][0] == '-'), name) == 0)
            return !others;
    return others && !has_its_machine(name);
}

/*
 * The first domain makes the hypervisor allocate memory that it keeps, so free memory is compared
 * from then on.
 */
static int warm_up(void **state)
{
    (void)state;
    return run("cleave create -p /guests/hello.cfg && cleave destroy hello")->status;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[TESTS_MAX];
    size_t count = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < GROUPS; i++) {
        if (!wanted(groups[i]->name, argc, argv))
            continue;
        if (count + groups[i]->count > TESTS_MAX) {
            fprintf(stderr, "system: more than %d tests: raise TESTS_MAX\n", TESTS_MAX);
            return 1;
        }
        memcpy(&tests[count], groups[i]->tests, groups[i]->count * sizeof(tests[0]));
        count += groups[i]->count;
    }
    if (!count) {
        fprintf(stderr, "system: no such group; there are");
        for (size_t i = 0; i < GROUPS; i++)
            fprintf(stderr, " %s", groups[i]->name);
        fprintf(stderr, "\n");
        return 1;
    }
    cmocka_set_test_filter(getenv("ONLY"));
    cmocka_set_skip_filter(getenv("SKIP"));
    return _cmocka_run_group_tests("system", tests, count, warm_up, NULL) != 0;
}
