/* SPDX-License-Identifier: MIT */
/*
 * Instructions on a page that the guest has returned. Those that compilers use on memory must read
 * ones and have no effect, like on any hole. Others must raise a fault, and not end the guest.
 */
#include "evil.h"

#include "mem.h"

#define VECTOR_GP 13
#define ONES (~0UL)
#define CARRY 1
#define ZERO 0x40

static uint64_t *page;
static uint64_t result, flags;

static void run_bt(void *arg)
{
    (void)arg;
    result = 100; /* a bit of the second word */
    asm volatile("bt %2, (%3); pushf; pop %0"
                 : "=r"(flags), "+m"(*page)
                 : "r"(result), "r"(page)
                 : "cc");
}

static void run_bts(void *arg)
{
    (void)arg;
    asm volatile("lock btsq $5, %1; pushf; pop %0" : "=r"(flags), "+m"(*page));
}

static void run_inc(void *arg)
{
    (void)arg;
    asm volatile("lock incq %1; pushf; pop %0" : "=r"(flags), "+m"(*page));
}

static void run_add(void *arg)
{
    (void)arg;
    result = 5;
    asm volatile("add %2, %0; pushf; pop %1" : "+r"(result), "=r"(flags) : "m"(*page) : "cc");
}

static void run_cmpxchg(void *arg)
{
    (void)arg;
    result = ONES;
    asm volatile("lock cmpxchgq %3, %2; pushf; pop %1"
                 : "+a"(result), "=r"(flags), "+m"(*page)
                 : "r"(0UL)
                 : "cc");
}

static void run_xadd(void *arg)
{
    (void)arg;
    result = 3;
    asm volatile("lock xaddq %0, %2; pushf; pop %1" : "+r"(result), "=r"(flags), "+m"(*page)::"cc");
}

static void run_fxsave(void *arg)
{
    (void)arg;
    asm volatile("fxsave64 %0" : "=m"(*page));
}

static const struct {
    void (*run)(void *);
    const char *name;
    uint64_t result, flags;
} tries[] = {
    { run_bt, "bt", 100, CARRY },
    { run_bts, "bts", 0, CARRY },
    { run_inc, "inc", 0, ZERO },
    { run_add, "add", 4, CARRY },
    { run_cmpxchg, "cmpxchg", ONES, ZERO },
    { run_xadd, "xadd", ONES, CARRY },
};

void evil_gone(void)
{
    uint64_t gfn;

    page = mem_page();
    gfn = (uint64_t)page >> PAGE_SHIFT;
    if (mem_give(&gfn, 1) != 1) {
        evil_expect(false, "a page to give back", 0);
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(tries); i++) {
        result = flags = 0;
        evil_expect(evil_try(tries[i].run, NULL) < 0, tries[i].name, i);
        evil_expect(result == tries[i].result, tries[i].name, (long)result);
        evil_expect((flags & (CARRY | ZERO)) == tries[i].flags, tries[i].name, (long)flags);
    }
    evil_expect(evil_try(run_fxsave, NULL) == VECTOR_GP, "fxsave to a page given back", 0);
    evil_expect(mem_take(&gfn, 1) == 1 && *page == 0, "the page taken back", (long)*page);
}
