/* SPDX-License-Identifier: MIT */
/*
 * The core below the hypercalls, faked: it records requests. Also the helpers with which tests make
 * hypercalls. See hypercall_core.h.
 */
#include "hypercall_core.h"
#include "core/check.h"
#include "core/sched_table.h"
#include "core/vcpu_info.h"
#include "cpu/clock.h"
#include "cpu/softirq.h"
#include "hypercall/runstate.h"
#include "lib/console.h"
#include "lib/log.h"
#include "percpu.h"
#include "public/cleave.h"
#include "vdev/cpuid.h"
#include "vdev/lapic.h"
#include "vdev/pvclock.h"

#include <xen/hvm/hvm_vcpu.h>

/* --- the core below --- */

struct hypercall_core_did did;
unsigned int kill_restarts, dispatch_restarts, block_sets_port;
cpumask_t affinity, soft;
uint64_t pending_ports;
domid_t wanted_id;
bool interrupts_on, interrupt_pending, kill_asks_again;
int runstate;
struct hvm_hw_cpu saved_registers;
nsec_t now, timer_expires;
uint8_t shutdown_reason;
char serial[2048];
size_t serial_length, serial_room;
bool ring_cleared;
struct domain *guest;
struct vcpu *tool, *user;
static uint32_t refs; /* of either domain, while no hypercall runs */

uint64_t clock_tsc_khz = 1000000;

static struct domain *domain_at(domid_t id)
{
    if (id == 0)
        return tool->d;
    return id == guest->id ? guest : NULL;
}

struct domain *domain_get_next(domid_t first)
{
    for (uint32_t id = first; id <= 3; id++) {
        if (domain_at((domid_t)id) != NULL) {
            domain_ref(domain_at((domid_t)id));
            return domain_at((domid_t)id);
        }
    }
    return NULL;
}

int domain_create(struct xen_domctl_createdomain *config, domid_t id, struct domain **out)
{
    assert_int_equal(id, wanted_id);
    assert_in_range(config->max_vcpus, 1, MAX_VCPUS);
    did.created++;
    *out = guest;
    return 0;
}

int domain_kill(struct domain *d)
{
    assert_ptr_equal(d, guest);
    did.killed++;
    if (kill_asks_again) {
        struct hypercall again = { .v = tool, .arg = { BUF(0) } };

        kill_asks_again = false;
        did.refused_meanwhile += hypercall_domctl(&again) == -ERESTART;
    }
    return kill_restarts > 0 && kill_restarts-- ? -ERESTART : 0;
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    d->shut_down = true;
    shutdown_reason = reason;
    did.shutdowns++;
}
void domain_resume(struct domain *d) { d->shut_down = false; }
int domain_alloc_vcpus(struct domain *d, unsigned int n)
{
    did.vcpus++;
    return n == d->max_vcpus ? 0 : -EINVAL;
}
void domain_pause(struct domain *d)
{
    d->pause_count++;
    did.pauses++;
}
void domain_pause_sync(struct domain *d) { d->pause_count++; }
void domain_unpause(struct domain *d) { assert_int_not_equal(d->pause_count--, 0); }
void vcpu_kick(struct vcpu *v) {}
bool vcpu_has_pending(struct vcpu *v) { return interrupt_pending; }
bool vcpu_end_wait(struct vcpu *v, enum vcpu_wait what)
{
    if (v->wait != what)
        return false;
    v->wait = WAIT_NONE;
    did.woken++;
    return true;
}
void vcpu_event_upcall(struct vcpu *v) { did.upcalls++; }
int vcpu_info_register(struct vcpu *v, gfn_t gfn, uint32_t offset)
{
    return offset < PAGE_SIZE ? 0 : -EINVAL;
}
void runstate_update(struct vcpu *v) { did.runstates++; }
void domain_stop_vcpu(struct vcpu *v) { v->wait = WAIT_DOWN; }
void sched_wake(struct vcpu *v) {}
void sched_yield(struct vcpu *v) { did.yields++; }
void sched_dump(void) { did.dumps++; }
uint64_t sched_idle_time(unsigned int cpu) { return 1000 + cpu; }
int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap)
{
    d->weight = weight;
    d->cap = cap;
    return 0;
}
void sched_set_limit(struct vcpu *v, nsec_t fill) { v->sched.budget.fill = fill; }
int sched_table_begin(uint32_t period, uint32_t *stage)
{
    *stage = 5;
    return period > SEC(1) ? -EINVAL : 0;
}
int sched_table_add(uint32_t stage, uint32_t cpu, struct vcpu *v, uint32_t start, uint32_t end)
{
    assert_ptr_equal(v, domain_vcpu(v->d, v->id));
    did.slots++;
    return stage == 5 && start < end ? 0 : -ENOENT;
}
int sched_table_commit(uint32_t stage, uint64_t cookie)
{
    did.cookie = cookie;
    return stage == 5 ? 0 : -ENOENT;
}
void sched_table_info(struct cleave_table *info) { info->cookie = did.cookie; }
bool hw_interrupts_enabled(struct vcpu *v) { return interrupts_on; }
void softirq_raise(unsigned int cpu, enum softirq s) { did.softirqs++; }
nsec_t clock_now(void) { return now; }
void clock_set_wall(uint64_t sec, uint32_t nsec, nsec_t t) { did.wall++; }
void pvclock_update(struct vcpu *v) {}
void pvclock_update_wallclock(struct domain *d) { did.wall++; }
void timer_set(struct timer *t, nsec_t expires)
{
    t->armed = true;
    timer_expires = expires;
    did.timers++;
}
void evtchn_dump(struct domain *d) { did.dumps++; }
void grant_dump(struct domain *d) { did.dumps++; }
unsigned int check_invariants(void)
{
    did.checks++;
    return 5;
}
void lapic_save(struct vcpu *v, struct hvm_hw_lapic *hw, struct hvm_hw_lapic_regs *regs) {}
int hw_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0x0007040600070406;
    return 0;
}
int hw_set_msr(struct vcpu *v, uint32_t msr, uint64_t val) { return 0; }
void hw_save_context(struct vcpu *v, struct hvm_hw_cpu *c)
{
    assert_int_not_equal(v->d->pause_count, 0);
    *c = saved_registers;
}

int lapic_load(struct vcpu *v, const struct hvm_hw_lapic *hw, const struct hvm_hw_lapic_regs *regs)
{
    did.loaded++;
    return 0;
}

void hw_save_xsave(struct vcpu *v, struct hvm_hw_cpu_xsave *x) {}
int hw_load_xsave(struct vcpu *v, const struct hvm_hw_cpu_xsave *x) { return 0; }
int hw_load_start(struct vcpu *v, const struct vcpu_hvm_context *start)
{
    did.loaded++;
    return start->mode > 1 ? -EINVAL : 0;
}

int hw_load_context(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    if (c->cr0 >> 32)
        return -EINVAL;
    did.loaded++;
    v->initialised = true;
    v->wait = WAIT_NONE;
    return 0;
}

void vcpu_block(struct vcpu *v)
{
    v->wait = WAIT_HALT;
    did.blocks++;
}

bool vcpu_wait(struct vcpu *v, enum vcpu_wait what)
{
    v->wait = what;
    did.blocks++;
    /* an event arrives now, from a CPU that did not see this vcpu poll */
    pending_ports |= block_sets_port;
    return true;
}

int sched_set_affinity(struct vcpu *v, cpumask_t hard, cpumask_t soft_mask)
{
    if ((hard & 3) == 0)
        return -EINVAL;
    affinity = hard;
    soft = soft_mask;
    return 0;
}

struct vcpu_runstate_info sched_runstate(struct vcpu *v)
{
    return (struct vcpu_runstate_info){ runstate, 7, { 100, 20, 3, 0 } };
}
struct sched_times sched_times(struct vcpu *v, bool reset)
{
    return (struct sched_times){ .runstate = sched_runstate(v),
                                 .longest_wait = reset ? 77 : 78,
                                 .limit = v->sched.budget.fill };
}

int evtchn_is_pending(struct domain *d, uint32_t port)
{
    return port == 0 || port >= 64 ? -EINVAL : (int)(pending_ports >> port & 1);
}

/* Accepts as much as the port has room for; the next call finds more room. */
size_t console_write_raw(const char *s, size_t n)
{
    n = MIN(n, serial_room);
    for (size_t i = 0; i < n; i++)
        serial[serial_length++ % sizeof(serial)] = s[i];
    return n;
}

size_t console_dom0_read(char *buf, size_t n)
{
    size_t got = MIN(n, (size_t)3);

    memcpy(buf, "abc", got);
    return got;
}

/* A ring of 3000 letters x. */
uint32_t console_ring_read(char *buf, uint32_t size, uint32_t *index, bool clear, bool incremental)
{
    uint32_t from = incremental ? *index : 0, n = MIN(size, from < 3000 ? 3000 - from : 0);

    memset(buf, 'x', n);
    *index = from + n;
    ring_cleared |= clear;
    return n;
}

struct cpuid_policy {
    int none;
} cpuid_host, cpuid_max;

unsigned int cpuid_policy_leaves(struct cpuid_policy *p, struct xen_cpuid_leaf *out)
{
    static const struct xen_cpuid_leaf leaves[] = {
        { 0, XEN_CPUID_NO_SUBLEAF, 0xd, 2, 3, 4 },
        { 1, XEN_CPUID_NO_SUBLEAF, 10, 11, 12, 13 },
        { 7, 0, 1, 71, 72, 73 },
    };

    memcpy(out, leaves, sizeof(leaves));
    return 3;
}

void cpuid_policy_words(struct cpuid_policy *p, uint32_t words[CPUID_FEATURE_WORDS])
{
    assert_ptr_equal(p, &cpuid_host);
    for (unsigned int i = 0; i < CPUID_FEATURE_WORDS; i++)
        words[i] = 100 + i;
}

int cpuid_policy_set(struct domain *d, const struct xen_cpuid_leaf *leaves, unsigned int n,
                     uint32_t *err_leaf, uint32_t *err_subleaf)
{
    assert_int_not_equal(d->pause_count, 0);
    if (n > 0 && leaves[0].leaf == 0xbad) {
        *err_leaf = 0xbad;
        *err_subleaf = 0;
        return -EINVAL;
    }
    did.policies++;
    return 0;
}

/*
 * An entry of a multicall returns its first argument plus one. Number 99 is continued, and counts
 * in its second argument.
 */
long hypercall_dispatch(struct hypercall *hc)
{
    did.dispatched++;
    if (hc->nr != 99)
        return (long)hc->arg[0] + 1;
    hc->arg[1]++;
    return dispatch_restarts > 0 && dispatch_restarts-- ? -ERESTART : (long)hc->arg[1];
}

/* --- helpers --- */

int hypercall_core_setup(void **state)
{
    harness_machine(64);
    tool = harness_domain(0, 1024)->vcpu[0];
    harness_populate(tool->d, DOM0_BASE, 64);
    guest = harness_domain(3, 1024);
    harness_populate(guest, 0, 16);
    user = guest->vcpu[0];
    tool->initialised = user->initialised = true;
    tool->info = harness_guest(tool->d, BUF(63));
    user->info = harness_guest(guest, 15 << PAGE_SHIFT);
    spin_init(&guest->vdev.lock, LOCK_VDEV);
    guest->weight = 256;
    nr_cpus = 2;
    refs = guest->refs;
    memset(&did, 0, sizeof(did));
    kill_restarts = dispatch_restarts = block_sets_port = 0;
    pending_ports = 0;
    wanted_id = DOMID_INVALID;
    interrupts_on = true;
    interrupt_pending = false;
    kill_asks_again = false;
    runstate = RUNSTATE_blocked;
    saved_registers = (struct hvm_hw_cpu){ .rip = 0x1234,
                                           .r15 = 15,
                                           .rsp = 0x5000,
                                           .cr0 = 0x80000011,
                                           .cr3 = 0x3000,
                                           .cr4 = 0x20,
                                           .dr7 = 0x400,
                                           .cs_sel = 0x10,
                                           .ss_arbytes = 0xc93,
                                           .gs_base = 0xa000,
                                           .shadow_gs = 0xb000,
                                           .fpu_regs[511] = 0x7f };
    now = SEC(100);
    serial_length = 0;
    serial_room = SIZE_MAX;
    ring_cleared = false;
    harness_quiet = true;
    return 0;
}

/* The hypercall released its locks and references. */
void no_lock_held(void)
{
    for (unsigned int c = 0; c < LOCK_CLASSES; c++)
        assert_int_equal(cpus[0].held[c], 0);
    assert_int_equal(guest->refs, refs);
    assert_int_equal(tool->d->refs, refs);
}

void *at(gva_t va) { return harness_guest(tool->d, va); }

/*
 * A hypercall of the tools. The structure is passed in page 0 of the tool's memory, and copied
 * back.
 */
static long by_tool(hypercall_fn *fn, void *op, size_t size)
{
    long rc;

    memcpy(at(BUF(0)), op, size);
    rc = harness_hypercall(fn, tool, BUF(0), 0, 0, NULL);
    memcpy(op, at(BUF(0)), size);
    no_lock_held();
    return rc;
}

long domctl(struct xen_domctl *op)
{
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return by_tool(hypercall_domctl, op, sizeof(*op));
}

long sysctl(struct xen_sysctl *op)
{
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return by_tool(hypercall_sysctl, op, sizeof(*op));
}

/* A hypercall of `v` with its argument structure in page 1 of its memory. */
long call(hypercall_fn *fn, struct vcpu *v, uint64_t op, const void *arg, size_t size)
{
    gva_t va = v == tool ? BUF(1) : 1 << PAGE_SHIFT;
    long rc;

    memcpy(harness_guest(v->d, va), arg, size);
    rc = harness_hypercall(fn, v, op, va, 0, NULL);
    no_lock_held();
    return rc;
}

long vcpu_call(struct vcpu *v, uint64_t op, uint64_t id, const void *arg, size_t size)
{
    gva_t va = 1 << PAGE_SHIFT;
    long rc;

    memcpy(harness_guest(v->d, va), arg, size);
    rc = harness_hypercall(hypercall_vcpu_op, v, op, id, va, NULL);
    no_lock_held();
    return rc;
}
