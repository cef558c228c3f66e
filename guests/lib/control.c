/* SPDX-License-Identifier: MIT */
/*
 * control/shutdown: a tool writes poweroff, reboot or halt. The guest clears the node as an
 * acknowledgement, and shuts down with the corresponding reason. Other words (suspend) are left in
 * the node, so the tool sees that the request was not handled.
 */
#include "control.h"

#include <xen/sched.h>

#include "hypercall.h"
#include "cleave-schema.h"
#include "store.h"
#include "time.h"

#define WATCH_SHUTDOWN 31

int control_init(void)
{
    store_write(SCHEMA_CONTROL_POWEROFF, "1");
    store_write(SCHEMA_CONTROL_REBOOT, "1");
    return store_watch(SCHEMA_CONTROL_SHUTDOWN, WATCH_SHUTDOWN);
}

void control_poll(void)
{
    static const struct {
        const char *word;
        unsigned reason;
    } ends[] = {
        { "poweroff", SHUTDOWN_poweroff },
        { "halt", SHUTDOWN_poweroff },
        { "reboot", SHUTDOWN_reboot },
    };
    char word[16];

    if (!(store_fired() & 1u << WATCH_SHUTDOWN))
        return;
    if (store_read(SCHEMA_CONTROL_SHUTDOWN, word, sizeof(word)) <= 0)
        return;
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strcmp(word, ends[i].word))
            continue;
        store_write(SCHEMA_CONTROL_SHUTDOWN, "");
        printf("guest: told to %s\n", word);
        hypercall_shutdown(ends[i].reason);
    }
}

void control_sleep(uint64_t ns)
{
    uint64_t end = time_now() + ns;

    do {
        control_poll();
        time_set_timer(end);
        irq_wait();
    } while (time_now() < end);
}
