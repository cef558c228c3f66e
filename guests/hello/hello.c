/* SPDX-License-Identifier: MIT */
/*
 * The smallest useful guest, in 4 MiB: it prints a greeting on its console, updates data/heartbeat
 * (a counter) and data/uptime (seconds) in the store, and shuts down on request by
 * control/shutdown. It is also the example for guests/lib.
 */
#include "control.h"
#include "hypercall.h"
#include "mem.h"
#include "smp.h"
#include "cleave-schema.h"
#include "store.h"
#include "time.h"

/* Prints the names of this domain's store nodes on one line. */
static void print_store(void)
{
    char names[256], home[32];
    int n;

    snprintf(home, sizeof(home), SCHEMA_DOMAIN_PATH, hypercall_domid());
    n = store_list(home, names, sizeof(names));

    for (int i = 0; i < n - 1; i++)
        if (!names[i])
            names[i] = ' ';
    if (n > 0)
        printf("hello: my store has %s\n", names);
}

int guest_main(void)
{
    uint64_t period = cmdline_number("beat", 1) * NS_PER_S;
    uint64_t start = time_now();
    char name[32] = "nameless";
    int rc;

    store_read(SCHEMA_NAME, name, sizeof(name));
    printf("hello: I am domain %u (%s), %lu KiB, %u vCPU%s, %lu KiB free\n", hypercall_domid(),
           name, mem_total() * 4, smp_count(), smp_count() == 1 ? "" : "s", mem_free() * 4);
    print_store();
    rc = control_init();
    if (rc)
        printf("hello: no watch on %s: %d; only destroy will end me\n", SCHEMA_CONTROL_SHUTDOWN,
               rc);
    for (uint64_t beat = 1;; beat++) {
        store_write_number(SCHEMA_DATA_HEARTBEAT, beat);
        store_write_number(SCHEMA_DATA_UPTIME, (time_now() - start) / NS_PER_S);
        printf("hello: beat %lu, it is %lu s after 1970\n", beat, time_wall());
        control_sleep(period);
    }
}
