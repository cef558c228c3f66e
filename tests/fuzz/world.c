/* SPDX-License-Identifier: MIT */
/*
 * The layers below the core, for the fuzzer: one CPU, a clock that only the input advances, timers,
 * and vcpus without hardware state. Guests run without paging, so a guest's virtual address is its
 * physical one. No vcpu ever runs: the fuzzer makes hypercalls on its behalf.
 *
 * Read next: hypercalls.c.
 */
#include "world.h"
#include "core/check.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/irq.h"
#include "cpu/softirq.h"
#include "cpu/trace.h"
#include "cpu/traps.h"
#include "directmap.h"
#include "lib/console.h"
#include "lib/log.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/pagetable.h"
#include "percpu.h"
#include "platform/acpi.h"
#include "platform/boot_info.h"
#include "platform/host_ioapic.h"
#include "platform/power.h"
#include "platform/uart.h"

#include <stdio.h>
#include <stdlib.h>
#include <xen/domctl.h>

#define MACHINE_MIB 6
#define LOW (1ull << 20)
#define RESTARTS 100000

static nsec_t now;
static struct domain *domains[WORLD_DOMAINS]; /* with a reference each */
static jmp_buf stopped;
static uint64_t free_before;
static bool alloc_failed;

unsigned int world_fail_alloc;
const char *world_doing = "the input";

bool world_alloc_failed(void) { return alloc_failed || harness_alloc_has_failed(); }

/* --- cpu/, lib/, platform/ --- */

unsigned int uart_irq = 4;
struct acpi_info acpi = { .cpus = 1 };
struct clock_scale clock_scale = { .mul = 1u << 31 };
uint64_t clock_tsc_khz = 1000000;

nsec_t clock_now(void) { return now; }
nsec_t clock_scaled(const struct clock_scale *s, uint64_t tsc) { return (nsec_t)tsc; }
uint64_t clock_wall_at_boot(void) { return 1700000000ull * 1000000000; }
void clock_set_wall(uint64_t sec, uint32_t nsec, nsec_t t) {}
size_t console_write_raw(const char *s, size_t n) { return n; }
size_t console_dom0_read(char *buf, size_t n) { return 0; }
uint32_t console_ring_read(char *buf, uint32_t size, uint32_t *index, bool clear, bool incremental)
{
    return 0;
}
unsigned int host_ioapic_lines(void) { return 24; }
void host_ioapic_route(unsigned int gsi, const struct host_route *r) {}
void irq_set_handler(unsigned int vector, irq_handler *fn, void *data) {}
uint32_t harness_port_read(uint16_t port, unsigned int size);
void harness_port_write(uint16_t port, unsigned int size, uint32_t val);
uint32_t harness_port_read(uint16_t port, unsigned int size) { return 0xffffffff; }
void harness_port_write(uint16_t port, unsigned int size, uint32_t val) {}
bool hw_port_allowed(struct domain *of, uint16_t port) { return true; }
void apic_send(uint32_t apic_id, uint32_t command) {}
unsigned int traps_check_stacks(void) { return 0; }

void power_stop(uint8_t reason) { longjmp(stopped, 1); }

void timer_set(struct timer *t, nsec_t expires) { harness_timer_arm(t, expires); }

/* --- svm/ --- */

/* Only the control block's frame of svm/'s part of a vcpu. */
static int init_vcpu(struct vcpu *v)
{
    v->hw.vmcb_mfn = alloc_core(0);
    if (!mfn_valid_number(v->hw.vmcb_mfn))
        return -ENOMEM;
    v->hw.vmcb = mfn_to_virt(v->hw.vmcb_mfn);
    return 0;
}

static void release_vcpu(struct vcpu *v)
{
    if (v->hw.vmcb)
        alloc_free(v->hw.vmcb_mfn, 0);
    v->hw.vmcb = NULL;
}

static const struct domain_part svm_frames = { .init_vcpu = init_vcpu,
                                               .release_vcpu = release_vcpu };

unsigned int hw_get_cpl(struct vcpu *v) { return 0; }
int hw_load_start(struct vcpu *v, const struct vcpu_hvm_context *start) { return -EINVAL; }
int hw_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return 0;
}
int hw_set_msr(struct vcpu *v, uint32_t msr, uint64_t val) { return 0; }
struct guest_paging hw_get_paging(struct vcpu *v) { return (struct guest_paging){ 0 }; }
struct hw_segment hw_get_segment(struct vcpu *v, enum hw_segment_name n)
{
    return (struct hw_segment){ 0 };
}
void hw_inject_exception(struct vcpu *v, unsigned int vector, uint32_t error) {}
void hw_inject_page_fault(struct vcpu *v, uint64_t address, uint32_t error) {}
bool hw_interrupts_enabled(struct vcpu *v) { return true; }
void hw_save_xsave(struct vcpu *v, struct hvm_hw_cpu_xsave *x) {}
int hw_load_xsave(struct vcpu *v, const struct hvm_hw_cpu_xsave *x) { return 0; }
int hw_load_context(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    v->initialised = true;
    return 0;
}
void hw_save_context(struct vcpu *v, struct hvm_hw_cpu *c) {}
bool hw_mode_64(struct vcpu *v) { return true; }
void hw_set_rflags(struct vcpu *v, uint64_t rflags) {}
void hw_set_rip(struct vcpu *v, uint64_t rip) {}
void hw_skip(struct vcpu *v, unsigned int length) {}

/* --- the machine --- */

static uint64_t free_frames(void)
{
    struct alloc_info info;

    alloc_info(&info);
    return info.free;
}

static void run_softirqs(void)
{
    while (cpus[0].softirq & 1u << SOFTIRQ_REAP)
        softirq_run();
    if (cpus[0].softirq & 1u << SOFTIRQ_TRACE)
        trace_attach();
    cpus[0].softirq = 0;
}

/* Frees the ring of the trace that a tool left. */
static void end_trace(void)
{
    uint32_t session;

    if (trace_start(CLEAVE_TRACE_RECORDS_MIN, CLEAVE_TRACE_EVENTS, &session) || trace_stop(session))
        panic("%s: the trace does not end\n", world_doing);
    run_softirqs();
}

static void new_domain(unsigned int n)
{
    struct xen_domctl_createdomain config = { .max_vcpus = WORLD_VCPUS,
                                              .max_evtchn_port = -1,
                                              .max_grant_frames = 4,
                                              .max_maptrack_frames = 4 };
    struct domain *d;

    if (n == WORLD_HVM)
        config.arch.emulation_flags = XEN_X86_EMU_ALL & ~XEN_X86_EMU_VPCI;
    int rc = domain_create(&config, (domid_t)n, &d);

    while (!rc) {
        rc = domain_alloc_vcpus(d, WORLD_VCPUS);
        if (!rc)
            break;
        rc = rc == -ERESTART ? 0 : rc;
    }
    if (rc)
        panic("the fuzzer's machine is too small\n");
    d->max_pages = n ? 2 * WORLD_GUEST_FRAMES : WORLD_DOM0_FRAMES;
    if (n == 0)
        alloc_assign(d, WORLD_DOM0_BASE, WORLD_DOM0_BASE + WORLD_DOM0_FRAMES);
    for (uint64_t i = 0; i < (n ? WORLD_GUEST_FRAMES : WORLD_DOM0_FRAMES); i++) {
        uint64_t frame = WORLD_DOM0_BASE + i;

        if (n ? p2m_populate(d, GFN(i), ORDER_4K)
              : p2m_set(d, GFN(frame), MFN(frame), ORDER_4K, P2M_RAM))
            panic("the fuzzer's machine is too small\n");
    }
    for (unsigned int i = 0; i < WORLD_VCPUS; i++) {
        d->vcpu[i]->initialised = true;
        d->vcpu[i]->wait = WAIT_NONE;
    }
    d->controller_pauses = 0;
    domain_unpause(d);
    domain_ref(d);
    domains[n] = d;
}

void world_new(void)
{
    const paddr_t dom0_start = WORLD_DOM0_BASE * PAGE_SIZE;
    const paddr_t dom0_end = dom0_start + WORLD_DOM0_FRAMES * PAGE_SIZE;
    struct boot_range ranges[] = { { 0, LOW, BOOT_CORE },
                                   { LOW, dom0_start, 1 },
                                   { dom0_start, dom0_end, BOOT_CORE },
                                   { dom0_end, MACHINE_MIB * LOW, 1 } };

    harness_memory_new(MACHINE_MIB);
    harness_quiet = true;
    harness_fail_alloc(0);
    now = SEC(1);
    harness_timers_forget();
    mm_init(ranges, ARRAY_SIZE(ranges));
    softirq_set_handler(SOFTIRQ_REAP, domain_reap);
    sched_init_cpu(0);
    domain_add_part(&svm_frames);
    domain_add_part(&vdev_part);
    free_before = free_frames() + WORLD_DOM0_FRAMES; /* which are freed in the end */
    for (unsigned int n = 0; n < WORLD_DOMAINS; n++)
        new_domain(n);
    alloc_failed = false;
    harness_fail_alloc(world_fail_alloc);
}

struct vcpu *world_vcpu(unsigned int domain, unsigned int vcpu)
{
    struct domain *d = domains[domain];

    return d->dying == DOMAIN_ALIVE && !d->shut_down ? d->vcpu[vcpu] : NULL;
}

gpa_t world_base(unsigned int domain) { return domain ? 0 : (gpa_t)WORLD_DOM0_BASE << PAGE_SHIFT; }

bool world_hypercall(struct vcpu *v, uint32_t nr, const uint64_t arg[HYPERCALL_ARGS])
{
    struct hypercall hc = { .v = v, .nr = nr };
    unsigned int restarts = 0;

    memcpy(hc.arg, arg, sizeof(hc.arg));
    v->wait = WAIT_NONE;
    cpus[0].current = v;
    if (setjmp(stopped))
        return false;
    cpus[0].hypercall_start = 0;
    while (hypercall_dispatch(&hc) == -ERESTART) {
        cpus[0].current = NULL;
        run_softirqs();
        cpus[0].current = v;
        cpus[0].hypercall_start = 0;
        now += USEC(10);
        if (++restarts == RESTARTS)
            panic("hypercall %u never ends\n", nr);
        if (v->d->dying || v->d->shut_down)
            break;
    }
    cpus[0].current = NULL;
    for (unsigned int i = 0; i < LOCK_CLASSES; i++)
        BUG_ON(cpus[0].held[i]);
    run_softirqs();
    return true;
}

void world_pass(nsec_t time)
{
    now += time;
    for (unsigned int fired = 0; fired < 64; fired++) {
        struct timer *due = harness_first_timer();

        if (!due || due->expires > now)
            return;
        timer_stop(due);
        due->fn(due->data);
        run_softirqs();
    }
}

/* Frees the frames that dom0 gave back and the core kept for it. */
static void free_parked(struct domain *d)
{
    d->max_pages = frame_count;
    for (uint64_t n = 0; n < frame_count; n++) {
        struct frame *f = &frame_table[n];

        if (f->state != FRAME_DOMAIN || f->owner != d || !(f->flags & FRAME_F_PARKED))
            continue;
        if (alloc_recount(d, 1))
            panic("a parked frame does not come back\n");
        f->flags &= ~FRAME_F_PARKED;
        d->p2m.parked--;
        frame_put(MFN(n));
    }
}

/* Like domain_kill, which refuses dom0; its memory is freed like a guest's. */
static void end_dom0(struct domain *d)
{
    d->dying = DOMAIN_DYING;
    domain_pause(d);
    for (unsigned int i = 0; i < 2; i++)
        timer_finish(&d->watchdog[i]);
    alloc_claim(d, 0);
    while (grant_teardown(d) == -ERESTART || evtchn_teardown(d) == -ERESTART)
        ;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        vcpu_release(d->vcpu[i]);
    if (alloc_set_pool(d, 0)) /* no reserve any longer */
        panic("dom0's pool cannot shrink\n");
    d->is_dom0 = false;
    free_parked(d);
    while (p2m_teardown(d) == -ERESTART)
        ;
    while (grant_free(d) == -ERESTART)
        ;
    dom0 = NULL; /* no VIRQ is sent any longer */
    d->dying = DOMAIN_DEAD;
    domain_put(d);
}

/*
 * Destroys a guest with all timers that its vcpus can have. If a page of it is still mapped, it
 * stays without timers.
 */
static void kill_guest(struct domain *d)
{
    for_each_vcpu(d, v) {
        struct timer *timers[] = { &v->singleshot, &v->periodic, &v->poll_timer,
                                   &v->vdev.lapic.timer };

        for (unsigned int i = 0; d->dying == DOMAIN_ALIVE && i < ARRAY_SIZE(timers); i++)
            timer_set(timers[i], TIME_NEVER);
    }
    while (domain_kill(d) == -ERESTART)
        run_softirqs();
    for_each_vcpu(d, v)
        if (v->singleshot.armed || v->periodic.armed || v->poll_timer.armed ||
            v->vdev.lapic.timer.armed)
            panic("%s: a timer of dead vcpu %u is armed\n", world_doing, v->id);
}

void world_end(void)
{
    struct domain *d;
    uint64_t after;

    alloc_failed = harness_alloc_has_failed();
    harness_fail_alloc(0);
    cpus[0].current = NULL;
    world_meanwhile(0, NULL, 0, (uint64_t[HYPERCALL_ARGS]){ 0 });
    if (check_invariants())
        panic("%s (allocation %u fails): invariants: %s", world_doing, world_fail_alloc,
              harness_log);
    for (d = domain_get_next(1); d; d = domain_get_next((domid_t)(d->id + 1))) {
        kill_guest(d);
        domain_put(d);
        if (d->id == DOMID_FIRST_RESERVED - 1)
            break;
    }
    if (check_invariants())
        panic("%s (allocation %u fails): invariants without guests: %s", world_doing,
              world_fail_alloc, harness_log);
    end_dom0(domains[0]);
    end_trace();
    for (unsigned int n = 0; n < WORLD_DOMAINS; n++)
        domain_put(domains[n]);
    run_softirqs();
    run_softirqs();
    d = domain_get_next(0);
    if (d)
        panic("%s (allocation %u fails): domain %u is left with %u references, %lu frames\n",
              world_doing, world_fail_alloc, d->id, d->refs - 1, d->tot_pages);
    after = free_frames();
    if (after != free_before)
        panic("%s (allocation %u fails): free frames: %lu before, %lu after all domains\n",
              world_doing, world_fail_alloc, free_before, after);
}
