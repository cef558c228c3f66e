/* SPDX-License-Identifier: MIT */
/*
 * Every hypercall number with every small sub-operation, and arguments at the boundaries: 0, -1,
 * huge, misaligned, pointers into a hole, across a page end, non-canonical, and valid pointers to
 * invalid contents. Valid pointers lead to a scratch page followed by a hole, so that a handler
 * that reads on stops soon and does not overwrite this guest. For the same reason small numbers are
 * not valid pointers: their frames are returned.
 */
#include "evil.h"

#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "evtchn.h"
#include "hypercall.h"
#include "mem.h"
#include "time.h"
#include "trap.h"

#define SUBOPS 64

struct call {
    uint64_t nr, a, b, c;
};

static uint64_t scratch; /* a page followed by a hole */
static uint64_t first[SUBOPS + 16], second[16], third[4];
static unsigned first_count, second_count, third_count;
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* The contents behind valid pointers, one after the other. */
enum contents { ZEROS, ONES, SELF_WORDS, SELF_THEN_ZEROS, RANDOM, CONTENTS };

static void fill_scratch(enum contents contents)
{
    uint64_t *words = (uint64_t *)scratch;

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*words); i++) {
        switch (contents) {
        case ONES: words[i] = -1UL; break;
        case SELF_WORDS: words[i] = DOMID_SELF * 0x0001000100010001UL; break;
        case RANDOM: words[i] = next_random(); break;
        default: words[i] = 0;
        }
    }
    if (contents == SELF_THEN_ZEROS)
        words[0] = DOMID_SELF;
}

static void make_arguments(void)
{
    uint64_t hole = mem_pages(2) + PAGE_SIZE;
    uint64_t holes[] = { hole >> PAGE_SHIFT, 0, 0xffff >> PAGE_SHIFT, (0xffff >> PAGE_SHIFT) + 1 };
    long given = mem_give(holes, ARRAY_SIZE(holes));

    if (given != ARRAY_SIZE(holes))
        trap_panic("evil: %ld of %lu pages given back", given, ARRAY_SIZE(holes));
    scratch = hole - PAGE_SIZE;

    for (unsigned i = 0; i < SUBOPS; i++)
        first[first_count++] = i;
    const uint64_t others[] = {
        SUBOPS, 0xffff, 1UL << 31, 1UL << 32, -1UL, scratch, scratch + 3, hole - 8, hole - 1, hole,
    };
    memcpy(first + first_count, others, sizeof(others));
    first_count += ARRAY_SIZE(others);

    const uint64_t seconds[] = {
        0, 1, 1UL << 31, -1UL, scratch, scratch + 1, hole - 8, hole - 1, hole, 1UL << 47, -8UL,
    };
    memcpy(second, seconds, sizeof(seconds));
    second_count = ARRAY_SIZE(seconds);

    const uint64_t thirds[] = { 0, 1, -1UL, scratch };
    memcpy(third, thirds, sizeof(thirds));
    third_count = ARRAY_SIZE(thirds);
}

/* True if at least a few bytes are readable. */
static bool readable(uint64_t p) { return p >= scratch && p < scratch + PAGE_SIZE; }

/* Calls that legitimately end or disable this domain if their argument is readable. */
static bool ends_us(const struct call *call)
{
    if (call->nr == __HYPERVISOR_sched_op_compat)
        return call->a == SCHEDOP_block || call->a == SCHEDOP_shutdown;
    if (call->nr == __HYPERVISOR_sched_op) {
        bool waits = call->a == SCHEDOP_poll || call->a == SCHEDOP_shutdown ||
                     call->a == SCHEDOP_shutdown_code || call->a == SCHEDOP_watchdog;

        return call->a == SCHEDOP_block || (waits && readable(call->b));
    }
    if (call->nr == __HYPERVISOR_vcpu_op)
        return call->a == VCPUOP_down && (uint32_t)call->b == 0;
    if (call->nr == __HYPERVISOR_event_channel_op)
        return (call->a == EVTCHNOP_reset || call->a == EVTCHNOP_init_control) && readable(call->b);
    return false;
}

static bool answered; /* with something other than -ENOSYS */

static void run_call(void *arg)
{
    const struct call *call = arg;

    answered |= hypercall(call->nr, call->a, call->b, call->c, call->c, call->b) != -XEN_ENOSYS;
}

static void try_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
    struct call call = { nr, a, b, c };

    if (ends_us(&call))
        return;
    evil_try(run_call, &call);
    if (nr == __HYPERVISOR_memory_op && a == XENMEM_add_to_physmap && readable(b))
        evtchn_repair_shared();
}

/* True if this hypercall number is implemented. */
static bool is_there(uint64_t nr)
{
    answered = false;
    for (unsigned i = 0; i < first_count; i++)
        try_call(nr, first[i], 0, 0);
    return answered;
}

/*
 * Calls without a valid pointer are made with one kind of contents only. "verbose" prints the time
 * for each number.
 */
static void try_number(uint64_t nr, bool pointers_only)
{
    uint64_t start = time_now();

    for (unsigned i = 0; i < first_count; i++)
        for (unsigned j = 0; j < second_count; j++)
            for (unsigned k = 0; k < third_count; k++)
                if (!pointers_only || readable(first[i]) || readable(second[j]) ||
                    readable(third[k]))
                    try_call(nr, first[i], second[j], third[k]);
    if (cmdline_has("verbose"))
        printf("evil: hypercall %lu: %lu ms\n", nr, (time_now() - start) / NS_PER_MS);
}

void evil_hypercalls(void)
{
    static const uint64_t beyond[] = {
        64, 127, 128, 129, 255, 256, 0x7fffffff, 0x80000000, 1UL << 32, 1UL << 63, -1UL,
    };

    make_arguments();
    for (uint64_t nr = 0; nr < 64; nr++) {
        if (!is_there(nr))
            continue;
        for (enum contents contents = 0; contents < CONTENTS; contents++) {
            fill_scratch(contents);
            try_number(nr, contents > 0);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(beyond); i++)
        if (is_there(beyond[i]))
            printf("evil: hypercall %lu is there\n", beyond[i]);
}
