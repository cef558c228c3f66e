/* SPDX-License-Identifier: MIT */
/*
 * Measures the time that its vCPU gets, on any hypervisor, by what it sees: it reads its clock all
 * the time, and was away between two readings that are far apart. Prints how many microseconds it
 * had in each 10 ms of the hypervisor's clock, 20 numbers a line behind the number of the first:
 *
 *     meter 4200: 10000 9988 0 ...
 *     meter gap 10012
 *
 * With nap=US it sleeps so long at a time, and prints how late it was woken, in microseconds. The
 * measurement takes seconds=S, after a second. Read by tests/bench/cpu.awk.
 */
#include "mem.h"
#include "time.h"
#include "trap.h"

#define STEP (10 * NS_PER_MS)
#define AWAY 2000 /* ns; a turn of the loop takes less than a fifth */
#define NS_PER_US 1000
#define COLUMNS 20

static uint64_t first, steps;
static uint32_t *had;

/* Adds the time from `begin` to `end` to its steps. */
static void add(uint64_t begin, uint64_t end)
{
    while (begin < end) {
        uint64_t step = begin / STEP, next = (step + 1) * STEP;

        if (next > end)
            next = end;
        if (step >= first && step < first + steps)
            had[step - first] += next - begin;
        begin = next;
    }
}

static void print_steps(void)
{
    for (uint64_t i = 0; i < steps; i++) {
        if (i % COLUMNS == 0)
            printf("%smeter %lu:", i ? "\n" : "", first + i);
        printf(" %u", had[i] / NS_PER_US);
    }
    printf("\n");
}

static void measure_time(uint64_t begin, uint64_t end)
{
    uint64_t since = time_now(), last = since, gap = 0;

    while (last < end) {
        uint64_t now = time_now();

        if (now - last > AWAY) {
            add(since, last);
            since = now;
            if (last >= begin && now - last > gap)
                gap = now - last;
        }
        last = now;
        cpu_work();
    }
    add(since, last);
    print_steps();
    printf("meter gap %lu\n", gap / NS_PER_US);
}

static void sort(uint32_t *values, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        uint32_t value = values[i];
        uint64_t at = i;

        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

static void measure_naps(uint64_t nap, uint64_t begin, uint64_t end, uint64_t room)
{
    uint64_t count = 0;

    for (uint64_t due = begin; due < end && count < room; due = time_now() + nap) {
        time_sleep(due - time_now());
        had[count++] = (time_now() - due) / NS_PER_US;
    }
    sort(had, count);
    printf("meter naps %lu late %u %u %u\n", count, had[count / 2], had[count * 99 / 100],
           had[count - 1]);
}

int guest_main(void)
{
    uint64_t seconds = cmdline_number("seconds", 5), nap = cmdline_number("nap", 0) * NS_PER_US;
    uint64_t room, begin = (time_now() / NS_PER_S + 2) * NS_PER_S;

    first = begin / STEP;
    steps = seconds * NS_PER_S / STEP;
    room = nap && seconds * NS_PER_S / nap > steps ? seconds * NS_PER_S / nap : steps;
    had = (uint32_t *)mem_pages((room * sizeof(*had) + PAGE_SIZE - 1) / PAGE_SIZE);
    memset(had, 0, room * sizeof(*had));
    printf("meter begins\n");
    if (nap)
        measure_naps(nap, begin, begin + seconds * NS_PER_S, room);
    else
        measure_time(begin, begin + seconds * NS_PER_S);
    printf("meter ends\n");
    /* it goes on wanting its share until all have measured */
    for (;;) {
        if (nap)
            time_sleep(nap);
        else
            cpu_work();
    }
}
