/* SPDX-License-Identifier: MIT */
/*
 * A neighbour that detects interference: it fills its memory with a pattern, and checks all of it
 * before each heartbeat. A changed word crashes the guest; if its time stops, so does the
 * heartbeat. With "busy" it beats without pauses, to measure the cost of a beat. With "alarms" a
 * beat mostly sets its timer repeatedly, one second ahead.
 */
#include "cleave-schema.h"
#include "control.h"
#include "mem.h"
#include "store.h"
#include "time.h"
#include "trap.h"

#define KEPT 16 /* pages left for the rest of the program */
#define ALARMS 5000

static uint64_t value_at(const uint64_t *word) { return (uint64_t)word * 0x9e3779b97f4a7c15; }

static void set_alarms(void)
{
    for (unsigned i = 0; i < ALARMS; i++)
        time_set_timer(time_now() + NS_PER_S);
}

int guest_main(void)
{
    uint64_t words = (mem_free() - KEPT) * PAGE_SIZE / 8;
    uint64_t *memory = (uint64_t *)mem_pages(mem_free() - KEPT);

    for (uint64_t i = 0; i < words; i++)
        memory[i] = value_at(&memory[i]);
    printf("witness: %lu KiB under watch\n", words * 8 / 1024);
    control_init();
    for (uint64_t beat = 1;; beat++) {
        for (uint64_t i = 0; i < words; i++)
            if (memory[i] != value_at(&memory[i]))
                trap_panic("witness: the word at %lx has changed to %lx", (uint64_t)&memory[i],
                           memory[i]);
        store_write_number(SCHEMA_DATA_HEARTBEAT, beat);
        if (cmdline_has("alarms"))
            set_alarms();
        if (!cmdline_has("busy"))
            control_sleep(NS_PER_S / 5);
    }
}
