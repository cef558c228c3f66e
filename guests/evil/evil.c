/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest. It makes every hypercall with invalid arguments, or (by a word on the command
 * line) accesses every MSR, port and CPUID leaf, or executes every privileged instruction. It may
 * get errors and exceptions, but must not affect others. Calls that legitimately end this domain (a
 * valid shutdown, taking its only vCPU down) are left out.
 *
 * "evil: done, N calls, still alive" is the line that a test waits for; the domain then powers
 * itself off. Words: hypercalls (also the default), msr, ports, cpuid, privileged, storms, races
 * (two vCPUs), wakes, structures, locks, all; endless, timers, far (never end); verbose. Read next:
 * hypercalls.c, structures.c, storms.c, cpu.c.
 */
#include "evil.h"

#include "apic.h"
#include "evtchn.h"
#include "time.h"
#include "trap.h"

uint64_t evil_tries, evil_faults;

int evil_try(void (*run)(void *), void *arg)
{
    int vector = trap_try(run, arg);

    evil_tries++;
    evil_faults += vector >= 0;
    return vector;
}

static const struct chapter {
    const char *word;
    void (*run)(void);
} chapters[] = {
    { "hypercalls", evil_hypercalls }, { "cpuid", evil_cpuid }, { "msr", evil_msrs },
    { "privileged", evil_privileged }, { "ports", evil_ports }, { "storms", evil_storms },
    { "races", evil_races },           { "wakes", evil_wakes }, { "structures", evil_structures },
    { "locks", evil_locks },
};

/* Accepts and ignores an interrupt of any vector. */
static void ignore(struct trap_frame *frame)
{
    (void)frame;
    apic_eoi();
}

static void ignore_nmi(struct trap_frame *frame) { (void)frame; }

static void run_chapter(const struct chapter *chapter)
{
    uint64_t tries = evil_tries, faults = evil_faults, start = time_now();

    printf("evil: %s\n", chapter->word);
    chapter->run();
    apic_init();
    evtchn_repair_shared();
    evtchn_repair_upcall();
    printf("evil: %s: %lu calls, %lu exceptions, %lu ms\n", chapter->word, evil_tries - tries,
           evil_faults - faults, (time_now() - start) / NS_PER_MS);
}

int guest_main(void)
{
    bool asked = false;

    if (cmdline_has("endless"))
        evil_endless();
    if (cmdline_has("timers"))
        evil_timers();
    if (cmdline_has("far"))
        evil_far_timers();

    trap_set_irq(TRAP_NMI, ignore_nmi);
    for (unsigned vector = 32; vector < 255; vector++)
        if (vector != EVTCHN_VECTOR)
            trap_set_irq(vector, ignore);
    for (unsigned i = 0; i < ARRAY_SIZE(chapters); i++) {
        if (!cmdline_has("all") && !cmdline_has(chapters[i].word))
            continue;
        run_chapter(&chapters[i]);
        asked = true;
    }
    if (!asked)
        run_chapter(&chapters[0]);
    irq_on();
    printf("evil: done, %lu calls, still alive\n", evil_tries);
    irq_off();
    return 0;
}
