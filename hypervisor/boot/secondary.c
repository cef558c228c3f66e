/* SPDX-License-Identifier: MIT */
/*
 * Starts the secondary CPUs, one after the other. The boot CPU prepares everything that needs
 * memory, sends INIT and SIPI, and watches the new CPU step through enum start_state. All CPUs
 * share one time base, so the new CPU's TSC is first compared with the boot CPU's. A CPU whose TSC
 * cannot be synchronised stays offline.
 *
 * Read next: entry.S, from boot_trampoline on.
 */
#include "boot/secondary.h"
#include "core/sched.h"
#include "cpu.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/features.h"
#include "cpu/irq.h"
#include "cpu/timer.h"
#include "cpu/traps.h"
#include "directmap.h"
#include "guest/run.h"
#include "hw.h"
#include "lib.h"
#include "lib/cmdline.h"
#include "lib/log.h"
#include "mm/memory.h"
#include "percpu.h"
#include "platform/acpi.h"

#define MSR_TSC 0x10u

#define START_PATIENCE SEC(5)
#define COMPARE_ROUNDS 20

extern char boot_trampoline[], boot_trampoline_end[];

enum start_state { START_NONE, START_ALIVE, START_GO };

uint64_t secondary_stack;          /* for entry.S */
static uint32_t start_state;       /* atomic */
static uint64_t adjust_tsc;        /* the new CPU adds this to its TSC before the next reading */
static volatile uint64_t told_tsc; /* the new CPU's reading; 0: requested */

static void set_start_state(enum start_state s)
{
    __atomic_store_n(&start_state, s, __ATOMIC_SEQ_CST);
}
static enum start_state get_state(void) { return __atomic_load_n(&start_state, __ATOMIC_SEQ_CST); }

/*
 * Reads the TSC after told_tsc was read. Without LFENCE, a predicted branch would let RDTSC go
 * first.
 */
static uint64_t ordered_tsc(void)
{
    __asm__ volatile("lfence" ::: "memory");
    return rdtsc();
}

/* The new CPU's half of the comparison. A CPU that is refused stays here until INIT. */
static void wait_for_go(void)
{
    while (get_state() != START_GO) {
        if (!told_tsc) {
            uint64_t add = __atomic_exchange_n(&adjust_tsc, 0, __ATOMIC_SEQ_CST);

            if (add)
                cpu_wrmsr(MSR_TSC, rdtsc() + add);
            told_tsc = ordered_tsc();
        }
        cpu_pause();
    }
}

/*
 * Bounds how far the other TSC is ahead: its value was read between two readings of this one.
 * Returns true if no difference is measurable.
 */
static bool compare_tsc(int64_t *low, int64_t *high)
{
    *low = INT64_MIN;
    *high = INT64_MAX;
    for (unsigned int i = 0; i < COMPARE_ROUNDS; i++) {
        uint64_t before = rdtsc();

        __atomic_store_n(&told_tsc, 0, __ATOMIC_SEQ_CST);
        while (!told_tsc)
            cpu_pause();

        uint64_t after = ordered_tsc();

        *low = MAX(*low, (int64_t)(told_tsc - after));
        *high = MIN(*high, (int64_t)(told_tsc - before));
    }
    return *low <= 0 && *high >= 0;
}

static bool tsc_agrees(unsigned int id)
{
    int64_t low, high;

    if (compare_tsc(&low, &high))
        return true;
    log_warn("CPU %u: TSC differs by %ld to %ld ticks, adjusting it\n", id, low, high);
    __atomic_store_n(&adjust_tsc, (uint64_t) - (low + (high - low) / 2), __ATOMIC_SEQ_CST);
    return compare_tsc(&low, &high);
}

/* C entry of a secondary CPU, on its own stack. */
void secondary_main(void)
{
    struct cpu *c = this_cpu();

    features_init_cpu();
    traps_init_cpu(c);
    apic_init_cpu();
    set_start_state(START_ALIVE);
    wait_for_go();
    timer_init_cpu(c->id);
    hw_init_cpu();
    sched_init_cpu(c->id);
    __atomic_store_n(&c->online, true, __ATOMIC_SEQ_CST);
    run_cpu();
}

static bool wait_until_alive(nsec_t patience)
{
    nsec_t end = clock_now() + patience;

    while (get_state() != START_ALIVE && clock_now() < end)
        cpu_pause();
    return get_state() == START_ALIVE;
}

static void start_cpu(uint32_t id)
{
    struct cpu *c = &cpus[nr_cpus];

    c->id = nr_cpus;
    traps_prepare_cpu(c);
    secondary_stack = (uint64_t)c->stack_top - STACK_RESERVED;
    told_tsc = 1;
    set_start_state(START_NONE);
    apic_send(id, APIC_INIT);
    (void)wait_until_alive(MSEC(10)); /* only the delay that INIT needs */
    apic_send(id, APIC_SIPI | AP_TRAMPOLINE >> PAGE_SHIFT);
    if (!wait_until_alive(MSEC(10)))
        apic_send(id, APIC_SIPI | AP_TRAMPOLINE >> PAGE_SHIFT);
    bool alive = wait_until_alive(START_PATIENCE);
    if (!alive || !tsc_agrees(c->id)) {
        apic_send(id, APIC_INIT);
        log_warn("CPU with APIC id %u stays offline: %s\n", id,
                 alive ? "its TSC cannot be synchronised" : "it did not start");
        return;
    }
    set_start_state(START_GO);
    while (!__atomic_load_n(&c->online, __ATOMIC_SEQ_CST))
        cpu_pause();
    nr_cpus++;
}

static void ignore_kick(unsigned int vector, void *data) {}

void secondary_start_all(void)
{
    const char *word = cmdline_get("maxcpus");
    uint64_t limit = MAX_CPUS;

    if (word && (!cmdline_parse_size(word, &limit) || limit == 0 || limit > MAX_CPUS)) {
        log_warn("maxcpus=%s: not a number from 1 to %u; using all CPUs\n", word, MAX_CPUS);
        limit = MAX_CPUS;
    }
    irq_set_handler(VECTOR_KICK, ignore_kick, NULL);
    memcpy(paddr_to_virt(AP_TRAMPOLINE), boot_trampoline,
           (size_t)(boot_trampoline_end - boot_trampoline));
    if (acpi.cpus_ignored)
        log_warn("%u CPUs stay offline: the core has room for %u\n", acpi.cpus_ignored, MAX_CPUS);
    for (unsigned int i = 0; i < acpi.cpus && nr_cpus < limit; i++)
        if (acpi.cpu_apic_id[i] > apic_max_id())
            log_warn("CPU with APIC id %u stays offline: ids above %u need x2APIC\n",
                     acpi.cpu_apic_id[i], apic_max_id());
        else if (acpi.cpu_apic_id[i] != cpus[0].apic_id)
            start_cpu(acpi.cpu_apic_id[i]);
    log_info("%u of %u CPUs are up\n", nr_cpus, acpi.cpus);
}
