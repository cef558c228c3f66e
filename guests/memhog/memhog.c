/* SPDX-License-Identifier: MIT */
/*
 * Touches memory, and checks each page for loss. Words on its command line:
 *
 *     set=MIB      how much it touches
 *     random       in a random order, also to check it, else upwards
 *     rounds=N     how often; each round checks the last one's stamps, and writes its own
 *     hot=MIB      then touches only so much again and again, until a number is in data/peer
 *     read         ... by reading
 *     check        then checks its set once more, and tells how long it waited for pages
 *     zero         then fills its set with zeroes, and checks that it reads zeroes
 *     balloon      follows memory/target with the rest of its memory, else ignores it
 *     walk         then does so until a number is in data/peer: checks that what comes back reads
 *                  zeroes, and fills it
 *
 * Prints "memhog: touched N pages" after each round, how long the fastest one took, and
 * "memhog: ok" or "memhog: FAILED ...".
 */
#include "balloon.h"
#include "cleave-schema.h"
#include "mem.h"
#include "store.h"
#include "trap.h"

#define PAGES_PER_MIB 256
#define WAIT_TICKS 20000 /* more than a fault that the hypervisor handles alone */
#define WAITS_MAX 8192

static uint64_t start, pages, step, rest;
static uint64_t waits, waited[WAITS_MAX]; /* for single pages; ticks */

static uint64_t stamp_of(uint64_t page, uint64_t round) { return page * 31 + round + 1; }

static void check(uint64_t page, uint64_t expected)
{
    volatile uint64_t *words = (void *)page;

    for (unsigned i = 0; i < 512; i += 511)
        if (words[i] != (expected ? expected + i : 0))
            trap_panic("memhog: FAILED: page %lx has %lx instead of %lx", page, words[i],
                       expected ? expected + i : 0);
}

static void stamp(uint64_t page, uint64_t value)
{
    volatile uint64_t *words = (void *)page;

    words[0] = value;
    words[511] = value + 511;
}

/* Visits each page once: steps by an odd number through a power of two. */
static void each_page(void (*visit)(uint64_t page, uint64_t round), uint64_t round)
{
    uint64_t size = 1, at = 0, left = pages;

    while (size < pages)
        size *= 2;
    for (; left; at = (at + step) % size) {
        if (at >= pages)
            continue;
        visit(start + at * PAGE_SIZE, round);
        left--;
    }
}

static void touch(uint64_t page, uint64_t round)
{
    check(page, round ? stamp_of(page, round - 1) : 0);
    stamp(page, stamp_of(page, round));
}

static void touch_all(uint64_t round)
{
    each_page(touch, round);
    printf("memhog: touched %lu pages\n", pages);
}

/* Checks what the last round wrote. */
static void check_timed(uint64_t page, uint64_t rounds)
{
    uint64_t began = rdtsc(), took;

    check(page, rounds ? stamp_of(page, rounds - 1) : 0);
    took = rdtsc() - began;
    if (took < WAIT_TICKS || waits == WAITS_MAX)
        return;
    /* sorted by insertion */
    uint64_t at = waits++;
    for (; at > 0 && waited[at - 1] > took; at--)
        waited[at] = waited[at - 1];
    waited[at] = took;
}

static void check_all(uint64_t rounds)
{
    each_page(check_timed, rounds);
    printf("memhog: checked %lu pages\n", pages);
    if (waits)
        printf("memhog: waited for %lu pages: half at most %lu ticks, 99 of 100 %lu, all %lu\n",
               waits, waited[(waits - 1) / 2], waited[(waits - 1) * 99 / 100], waited[waits - 1]);
}

static void touch_hot(uint64_t hot, bool read)
{
    uint64_t end = 0, sum = 0;

    printf("memhog: touches %lu pages again and again\n", hot);
    do {
        for (uint64_t i = 0; i < hot; i++) {
            volatile uint64_t *words = (void *)(start + i * PAGE_SIZE);

            sum += words[1];
            if (!read)
                words[1] = 0;
        }
    } while (store_await_number(SCHEMA_DATA_PEER, &end, 0) && sum == 0);
}

static void walk(uint64_t round)
{
    uint64_t end;

    printf("memhog: walks\n");
    do {
        uint64_t had = balloon_size();

        (void)balloon_step();
        for (uint64_t i = balloon_size(); i < had; i++) {
            check(rest + i * PAGE_SIZE, 0);
            stamp(rest + i * PAGE_SIZE, ~i);
        }
    } while (store_await_number(SCHEMA_DATA_PEER, &end, 0));
    touch_all(round);
}

int guest_main(void)
{
    uint64_t rounds = cmdline_number("rounds", 1), hot = cmdline_number("hot", 0) * PAGES_PER_MIB;
    bool follows = cmdline_has("balloon");
    uint64_t fastest = ~0ul;

    pages = cmdline_number("set", 8) * PAGES_PER_MIB;
    step = cmdline_has("random") ? 0x9e37 : 1;
    start = mem_untouched((unsigned)pages);
    if (follows) {
        uint64_t room = mem_free();

        rest = mem_untouched((unsigned)room);
        balloon_init(rest, room);
        while (balloon_step() > 0)
            ;
        printf("memhog: gave %lu pages\n", balloon_size());
    }
    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t began = rdtsc(), took;

        touch_all(round);
        took = rdtsc() - began;
        fastest = took < fastest ? took : fastest;
        if (follows)
            (void)balloon_step();
    }
    if (cmdline_has("walk"))
        walk(rounds);
    if (hot)
        touch_hot(hot, cmdline_has("read"));
    if (cmdline_has("check"))
        check_all(rounds);
    if (cmdline_has("zero")) {
        memset((void *)start, 0, pages * PAGE_SIZE);
        printf("memhog: zeroed %lu pages\n", pages);
        for (uint64_t i = 0; i < pages; i++)
            check(start + i * PAGE_SIZE, 0);
    }
    printf("memhog: fastest round %lu ticks\n", fastest);
    printf("memhog: ok\n");
    return 0;
}
