/* SPDX-License-Identifier: MIT */
/*
 * Arguments of hypercalls: what is refused and with which error, what comes back, what is left unchanged. The
 * families' own files, on real guest memory (mm/); the core below them is faked here and notes what it was
 * asked to do.
 *
 * dom0 has RAM from DOM0_BASE on, without paging: a hypercall's buffers are at physical addresses there.
 */
#include "alloc.h"
#include "cpu.h"
#include "harness.h"
#include "platform.h"
#include "public/cleave.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/platform.h>
#include <xen/physdev.h>

#define DOM0_BASE 0x1000u                      /* first frame of dom0 */
#define BUF(n) (((gva_t)DOM0_BASE + (n)) << PAGE_SHIFT)
#define NOWHERE 0x70000000ull

static struct domain *guest;
static struct vcpu *tool, *user;               /* dom0's and the guest's vcpu */

/*
 * --- the core below
 * ----------------------------------------------------------------------------------------------
 */

static struct {
    unsigned int created, killed, pauses, vcpus, loaded, policies, upcalls, woken, shutdowns, timers, wall,
        dispatched;
} did;
static unsigned int kill_restarts, dispatch_restarts, block_sets_port;
static uint64_t affinity, soft, pending_ports;
static nsec_t now, timer_expires;
static uint8_t shutdown_reason;
static uint32_t refs;                          /* of either domain, when no hypercall runs */
static char serial[64];
static size_t serial_length;

uint64_t tsc_khz = 1000000;

void strlcpy_(char *dst, const char *src, size_t size)
{
    assert_true(strlen(src) < size);
    memcpy(dst, src, strlen(src) + 1);
}

static struct domain *domain_at(domid_t id)
{
    return id == 0 ? tool->d : id == guest->id ? guest : NULL;
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

int domain_create(struct xen_domctl_createdomain *config, domid_t *id, struct domain **out)
{
    assert_int_equal(*id, DOMID_INVALID);
    assert_in_range(config->max_vcpus, 1, MAX_VCPUS);
    did.created++;
    *id = 7;
    *out = guest;
    return 0;
}

int domain_kill(struct domain *d)
{
    assert_ptr_equal(d, guest);
    did.killed++;
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
void domain_pause(struct domain *d) { d->pause_count++; did.pauses++; }
void domain_pause_sync(struct domain *d) { d->pause_count++; }
void domain_unpause(struct domain *d) { assert_int_not_equal(d->pause_count--, 0); }
void vcpu_pause_sync(struct vcpu *v) { v->pause_count++; }
void vcpu_unpause(struct vcpu *v) { assert_int_not_equal(v->pause_count--, 0); }
void vcpu_kick(struct vcpu *v) { (void)v; }
void vcpu_unblock(struct vcpu *v) { v->blocked = v->polling = false; did.woken++; }
void vcpu_event_upcall(struct vcpu *v) { (void)v; did.upcalls++; }
int vcpu_register_info(struct vcpu *v, gfn_t gfn, uint32_t offset)
{
    (void)v;
    (void)gfn;
    return offset < PAGE_SIZE ? 0 : -EINVAL;
}
void vcpu_update_runstate(struct vcpu *v) { (void)v; }
unsigned int vcpu_runstate_layout(struct vcpu *v, bool compat, uint8_t *out) { return compat ? 44 : 48; }
void vcpu_stop(struct vcpu *v) { v->down = true; }
void sched_wake(struct vcpu *v) { (void)v; }
void sched_yield(struct vcpu *v) { (void)v; }
void sched_dump(void) { }
uint64_t sched_idle_time(unsigned int cpu) { return 1000 + cpu; }
int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap)
{
    d->weight = weight;
    d->cap = cap;
    return 0;
}
bool svm_interrupts_enabled(struct vcpu *v) { (void)v; return true; }
void softirq_raise(unsigned int cpu, enum softirq s) { (void)cpu; (void)s; }
nsec_t clock_now(void) { return now; }
void clock_set_wall(uint64_t sec, uint32_t nsec, nsec_t t) { (void)sec; (void)nsec; (void)t; did.wall++; }
void pvclock_update_wallclock(struct domain *d) { (void)d; }
void timer_set(struct timer *t, nsec_t expires) { t->armed = true; timer_expires = expires; did.timers++; }
void timer_stop(struct timer *t) { t->armed = false; }
void evtchn_dump(struct domain *d) { (void)d; }
void grant_dump(struct domain *d) { (void)d; }
unsigned int invariants_check(void) { return 5; }
void lapic_save(struct vcpu *v, struct hvm_hw_lapic *hw, struct hvm_hw_lapic_regs *regs)
{
    (void)v;
    (void)hw;
    (void)regs;
}
int svm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    (void)v;
    (void)msr;
    *val = 0x0007040600070406;
    return 0;
}
int svm_set_msr(struct vcpu *v, uint32_t msr, uint64_t val) { (void)v; (void)msr; (void)val; return 0; }
void svm_save_context(struct vcpu *v, struct hvm_hw_cpu *c)
{
    assert_int_not_equal(v->pause_count + v->d->pause_count, 0);
    c->rip = 0x1234;
}

int lapic_load(struct vcpu *v, const struct hvm_hw_lapic *hw, const struct hvm_hw_lapic_regs *regs)
{
    (void)v;
    (void)hw;
    (void)regs;
    did.loaded++;
    return 0;
}

int svm_load_context(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    if (c->cr0 >> 32)
        return -EINVAL;
    did.loaded++;
    v->initialised = true;
    v->down = false;
    return 0;
}

void sched_block(struct vcpu *v)
{
    v->blocked = true;
    pending_ports |=
        block_sets_port; /* an event that comes just now, from a CPU that did not see that we poll */
}

int sched_set_affinity(struct vcpu *v, uint64_t hard, uint64_t soft_mask)
{
    (void)v;
    if ((hard & 3) == 0)
        return -EINVAL;
    affinity = hard;
    soft = soft_mask;
    return 0;
}

void sched_runstate(struct vcpu *v, struct runstate *rs)
{
    (void)v;
    *rs = (struct runstate){ .state = RUNSTATE_blocked, .since = 7, .time = { 100, 20, 3, 0 } };
}

int evtchn_is_pending(struct domain *d, uint32_t port)
{
    (void)d;
    return port == 0 || port >= 64 ? -EINVAL : (int)(pending_ports >> port & 1);
}

void console_dom0_write(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        serial[serial_length++ % sizeof(serial)] = s[i];
}

size_t console_dom0_read(char *buf, size_t n)
{
    size_t got = MIN(n, (size_t)3);

    memcpy(buf, "abc", got);
    return got;
}

/* A ring with 3000 times the letter x. */
static bool ring_cleared;
uint32_t console_ring_read(char *buf, uint32_t size, uint32_t *index, bool clear, bool incremental)
{
    uint32_t from = incremental ? *index : 0, n = MIN(size, from < 3000 ? 3000 - from : 0);

    memset(buf, 'x', n);
    *index = from + n;
    ring_cleared |= clear;
    return n;
}

unsigned int cpuid_policy_leaves(enum cpuid_policy_index which, const struct domain *d,
                                 struct xen_cpuid_leaf *out, unsigned int max)
{
    static const struct xen_cpuid_leaf leaves[] = {
        { 0, XEN_CPUID_NO_SUBLEAF, 0xd, 2, 3, 4 },
        { 1, XEN_CPUID_NO_SUBLEAF, 10, 11, 12, 13 },
        { 7, 0, 1, 71, 72, 73 },
    };

    (void)which;
    (void)d;
    memcpy(out, leaves, MIN(max, 3u) * sizeof(leaves[0]));
    return 3;
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
 * Entry of a multicall: its first argument plus one; nr 99 asks to be continued, its second argument counting
 * up.
 */
long hypercall_dispatch(struct hypercall *hc)
{
    did.dispatched++;
    if (hc->nr != 99)
        return (long)hc->arg[0] + 1;
    hc->arg[1]++;
    return dispatch_restarts > 0 && dispatch_restarts-- ? -ERESTART : (long)hc->arg[1];
}

/*
 * --- helpers
 * ------------------------------------------------------------------------------------------------------
 */

static int setup(void **state)
{
    (void)state;
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
    now = SEC(100);
    serial_length = 0;
    ring_cleared = false;
    harness_quiet = true;
    return 0;
}

/* What a hypercall took, it gave back. */
static void no_lock_held(void)
{
    for (unsigned int c = 0; c < LOCK_CLASSES; c++)
        assert_int_equal(cpus[0].held[c], 0);
    assert_int_equal(guest->refs, refs);
    assert_int_equal(tool->d->refs, refs);
}

static void *at(gva_t va)
{
    return harness_guest(tool->d, va);
}

static long domctl(struct xen_domctl *op)
{
    long rc;

    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    memcpy(at(BUF(0)), op, sizeof(*op));
    rc = harness_hypercall(hypercall_domctl, tool, BUF(0), 0, 0, NULL);
    memcpy(op, at(BUF(0)), sizeof(*op));
    no_lock_held();
    return rc;
}

static long sysctl(struct xen_sysctl *op)
{
    long rc;

    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    memcpy(at(BUF(0)), op, sizeof(*op));
    rc = harness_hypercall(hypercall_sysctl, tool, BUF(0), 0, 0, NULL);
    memcpy(op, at(BUF(0)), sizeof(*op));
    no_lock_held();
    return rc;
}

/* A hypercall of `v` with its argument structure in page 1 of its memory. */
static long call(hypercall_fn *fn, struct vcpu *v, uint64_t op, const void *arg, size_t size)
{
    gva_t va = v == tool ? BUF(1) : 1 << PAGE_SHIFT;
    long rc;

    memcpy(harness_guest(v->d, va), arg, size);
    rc = harness_hypercall(fn, v, op, va, 0, NULL);
    no_lock_held();
    return rc;
}

static long vcpu_call(struct vcpu *v, uint64_t op, uint64_t id, const void *arg, size_t size)
{
    gva_t va = 1 << PAGE_SHIFT;
    long rc;

    memcpy(harness_guest(v->d, va), arg, size);
    rc = harness_hypercall(hypercall_vcpu_op, v, op, id, va, NULL);
    no_lock_held();
    return rc;
}

/*
 * --- domctl
 * -------------------------------------------------------------------------------------------------------
 */

static void test_domctl_refuses(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_pausedomain, .domain = 3 };

    (void)state;
    memcpy(at(BUF(0)), &op, sizeof(op)); /* interface version 0 */
    assert_int_equal(harness_hypercall(hypercall_domctl, tool, BUF(0), 0, 0, NULL), -EACCES);
    assert_int_equal(harness_hypercall(hypercall_domctl, tool, NOWHERE, 0, 0, NULL), -EFAULT);
    op.cmd = 0;
    assert_int_equal(domctl(&op), -ENOSYS);
    op.cmd = 6; /* a number that was removed */
    assert_int_equal(domctl(&op), -ENOSYS);
    op.cmd = ~0u;
    assert_int_equal(domctl(&op), -ENOSYS);
    op = (struct xen_domctl){ .cmd = XEN_DOMCTL_pausedomain, .domain = 9 };
    assert_int_equal(domctl(&op), -ESRCH);
    op.domain = 0; /* itself */
    assert_int_equal(domctl(&op), -EINVAL);
    assert_int_equal(did.pauses, 0);
}

static struct xen_domctl good_create(void)
{
    return (struct xen_domctl){ .cmd = XEN_DOMCTL_createdomain,
                               .domain = 0xffff,
                               .u.createdomain = { .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                                                  .max_vcpus = 2,
                                                  .max_evtchn_port = 1023,
                                                  .max_grant_frames = -1,
                                                  .max_maptrack_frames = -1,
                                                  .grant_opts = 1,
                                                  .arch.emulation_flags = XEN_X86_EMU_LAPIC } };
}

#define REFUSED(field, value, error) do { \
        struct xen_domctl op_ = good_create(); \
        op_.u.createdomain.field = (value); \
        assert_int_equal(domctl(&op_), (error)); \
    } while (0)

static void test_create(void **state)
{
    struct xen_domctl op = good_create();

    (void)state;
    REFUSED(flags, XEN_DOMCTL_CDF_hap, -EOPNOTSUPP);                                       /* PV */
    REFUSED(flags, XEN_DOMCTL_CDF_hvm, -EOPNOTSUPP);                                       /* shadow paging */
    REFUSED(flags, 3 | XEN_DOMCTL_CDF_iommu, -EOPNOTSUPP);
    REFUSED(flags, 3 | XEN_DOMCTL_CDF_nested_virt, -EOPNOTSUPP);
    REFUSED(flags, 3 | 1u << 31, -EINVAL);
    REFUSED(max_vcpus, 0, -EINVAL);
    REFUSED(max_vcpus, MAX_VCPUS + 1, -ERANGE);
    REFUSED(max_grant_frames, GRANT_MAX_FRAMES + 1, -EINVAL);
    REFUSED(grant_opts, 2, -EOPNOTSUPP);
    REFUSED(grant_opts, 0x11, -EINVAL);
    REFUSED(vmtrace_size, 4096, -EOPNOTSUPP);
    REFUSED(cpupool_id, 1, -ENOENT);
    REFUSED(arch.emulation_flags, XEN_X86_EMU_LAPIC | XEN_X86_EMU_HPET, -EOPNOTSUPP);      /* type=hvm */
    REFUSED(arch.emulation_flags, 1u << 31, -EINVAL);
    REFUSED(arch.misc_flags, 2, -EINVAL);
    assert_int_equal(did.created, 0);
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(op.domain, 7);
    op = good_create();
    op.domain = 0; /* 0 asks for any id; it must not make a second dom0 */
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(did.created, 2);
}

/* The structure can be read but not written: nobody would learn the new domain's id. */
static void test_create_needs_a_way_back(void **state)
{
    struct xen_domctl op = good_create();
    mfn_t m = alloc_domain(tool->d, 0);

    (void)state;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    memcpy(mfn_to_virt(m), &op, sizeof(op));
    assert_int_equal(p2m_set(tool->d, GFN(0x3000), m, 0, P2M_RAM_RO), 0);
    assert_int_equal(harness_hypercall(hypercall_domctl, tool, 0x3000ull << PAGE_SHIFT, 0, 0, NULL), -EFAULT);
    assert_int_equal(did.created, 0);
}

static void test_pause_counts(void **state)
{
    struct xen_domctl pause = { .cmd = XEN_DOMCTL_pausedomain, .domain = 3 },
                      unpause = { .cmd = XEN_DOMCTL_unpausedomain, .domain = 3 };

    (void)state;
    assert_int_equal(domctl(&unpause), -EINVAL); /* nobody paused it */
    assert_int_equal(domctl(&pause), 0);
    assert_int_equal(domctl(&pause), 0);
    assert_int_equal(guest->pause_count, 2);
    assert_int_equal(domctl(&unpause), 0);
    assert_int_equal(domctl(&unpause), 0);
    assert_int_equal(domctl(&unpause), -EINVAL);
    assert_int_equal(guest->pause_count, 0);
    for (unsigned int i = 0; i < 255; i++)
        assert_int_equal(domctl(&pause), 0);
    assert_int_equal(domctl(&pause), -EBUSY);
    assert_int_equal(guest->pause_count, 255);
}

static void test_destroy_continues(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_destroydomain, .domain = 3 };

    (void)state;
    kill_restarts = 3;
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(did.killed, 4);
    guest->dying = DOMAIN_DYING; /* nothing else can be done to it */
    op.cmd = XEN_DOMCTL_max_vcpus;
    assert_int_equal(domctl(&op), -EINVAL);
    op.cmd = XEN_DOMCTL_destroydomain;
    assert_int_equal(domctl(&op), 0);
}

static void test_getdomaininfo(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getdomaininfo, .domain = 1 };

    (void)state;
    guest->controller_pauses = 1;
    guest->shut_down = true;
    guest->shutdown_code = SHUTDOWN_crash;
    user->blocked = true;
    assert_int_equal(domctl(&op), 0); /* the first one from 1 on */
    assert_int_equal(op.domain, 3);
    assert_int_equal(op.u.getdomaininfo.domain, 3);
    assert_int_equal(op.u.getdomaininfo.cpu_time, 100);
    assert_int_equal(op.u.getdomaininfo.tot_pages, 16);
    assert_int_equal(op.u.getdomaininfo.nr_online_vcpus, 1);
    assert_int_equal(op.u.getdomaininfo.flags, XEN_DOMINF_paused | XEN_DOMINF_shutdown | XEN_DOMINF_blocked |
                                                   XEN_DOMINF_hvm_guest | XEN_DOMINF_hap |
                                                   SHUTDOWN_crash << XEN_DOMINF_shutdownshift);
    op.domain = 4;
    assert_int_equal(domctl(&op), -ESRCH);
}

static void test_page_types(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getpageframeinfo3, .domain = 3 };
    uint64_t *pfn = at(BUF(2));

    (void)state;
    for (unsigned int every = 0; every < 3; every++) { /* without and with continuations */
        harness_preempt_every = every;
        for (uint64_t i = 0; i < 512; i++)
            pfn[i] = i;
        op.u.getpageframeinfo3.num = 512;
        op.u.getpageframeinfo3.array.p = (void *)BUF(2);
        assert_int_equal(domctl(&op), 0);
        for (uint64_t i = 0; i < 512; i++)
            assert_int_equal(pfn[i], i < 16 ? XEN_DOMCTL_PFINFO_NOTAB : XEN_DOMCTL_PFINFO_XTAB);
    }
    op.u.getpageframeinfo3.num = 1025;
    assert_int_equal(domctl(&op), -E2BIG);
    op.u.getpageframeinfo3.num = 1;
    op.u.getpageframeinfo3.array.p = (void *)(~0ull - 3);
    assert_int_equal(domctl(&op), -EFAULT);
}

static void test_affinity(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuaffinity, .domain = 3 };
    struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;
    uint8_t *map = at(BUF(2));

    (void)state;
    user->sched.affinity = user->sched.soft_affinity = ~0ull;
    a->flags = XEN_VCPUAFFINITY_HARD;
    a->cpumap_hard = (struct xenctl_bitmap){ .bitmap.p = (void *)BUF(2), .nr_bits = 3 };
    map[0] = 0xf6; /* bits 1 and 2; the rest is not the caller's */
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(affinity, 6);
    assert_int_equal(soft, ~0ull);
    assert_int_equal(map[0], 2); /* what there is of it: two CPUs */
    a->cpumap_hard.nr_bits = 200;
    memset(map, 0xff, 25);
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(affinity, ~0ull);
    for (unsigned int i = 1; i < 25; i++)
        assert_int_equal(map[i], 0);
    a->cpumap_hard.nr_bits = 8;
    map[0] = 0xfc;
    assert_int_equal(domctl(&op), -EINVAL);
    a->cpumap_hard.nr_bits = ~0u;
    assert_int_equal(domctl(&op), -E2BIG);
    a->cpumap_hard.nr_bits = 8;
    a->flags = 0;
    assert_int_equal(domctl(&op), -EINVAL);
    a->flags = XEN_VCPUAFFINITY_HARD;
    a->vcpu = 1;
    assert_int_equal(domctl(&op), -ESRCH);
    a->vcpu = ~0u;
    assert_int_equal(domctl(&op), -ESRCH);
}

/*
 * --- contexts
 * -----------------------------------------------------------------------------------------------------
 */

static size_t put_record(size_t used, uint16_t code, uint16_t instance, const void *data, uint32_t length)
{
    struct hvm_save_descriptor d = { code, instance, length };
    uint8_t *p = (uint8_t *)at(BUF(4)) + used;

    memcpy(p, &d, sizeof(d));
    if (length > 0)
        memcpy(p + sizeof(d), data, length);
    return used + sizeof(d) + length;
}

static const struct hvm_save_header header = { .magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION };
static const struct hvm_hw_cpu registers = { .rip = 0x1000, .cr0 = 0x11 };

static long set_context(size_t size)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_sethvmcontext, .domain = 3,
                             .u.hvmcontext = { .size = (uint32_t)size, .buffer.p = (void *)BUF(4) } };

    return domctl(&op);
}

static void test_context_get(void **state)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_gethvmcontext, .domain = 3 };
    struct hvm_save_descriptor *d = at(BUF(4));
    uint32_t size;

    (void)state;
    assert_int_equal(domctl(&op), 0);
    size = op.u.hvmcontext.size;
    op.u.hvmcontext.buffer.p = (void *)BUF(4);
    assert_int_equal(domctl(&op), 0);
    assert_int_equal(op.u.hvmcontext.size, size);
    assert_int_equal(d->typecode, HVM_SAVE_CODE(HEADER));
    op.u.hvmcontext.size = size - 1;
    assert_int_equal(domctl(&op), -ENOSPC);
    assert_int_equal(guest->pause_count, 0);
    assert_int_equal(set_context(size), 0); /* what comes out goes in */
    assert_int_equal(did.loaded, 3);
}

static void test_context_set(void **state)
{
    size_t head = put_record(0, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header)), cpu, end;
    struct hvm_hw_cpu wrong = registers;

    (void)state;
    user->initialised = false;
    user->down = true;
    cpu = put_record(head, HVM_SAVE_CODE(CPU), 0, &registers, sizeof(registers));
    assert_int_equal(set_context(cpu), -ENODATA);                     /* no end */
    end = put_record(cpu, HVM_SAVE_CODE(END), 0, NULL, 0);
    assert_int_equal(set_context(end - 1), -ENODATA);
    assert_int_equal(set_context(head - 1), -ENODATA);
    put_record(cpu, 77, 0, NULL, 0);
    assert_int_equal(set_context(end), -EINVAL);                      /* no such record */
    put_record(cpu, HVM_SAVE_CODE(END), 0, NULL, 0);
    put_record(head, HVM_SAVE_CODE(CPU), 1, &registers, sizeof(registers));
    assert_int_equal(set_context(end), -ENOENT);                      /* no such vcpu */
    put_record(head, HVM_SAVE_CODE(CPU), 0, &registers, sizeof(registers) - 8);
    assert_int_equal(set_context(end), -EINVAL);
    ((struct hvm_save_descriptor *)((uint8_t *)at(BUF(4)) + head))->length = ~0u;
    assert_int_equal(set_context(end), -EINVAL);
    assert_int_equal(did.loaded, 0);
    assert_false(user->initialised);
    wrong.cr0 = 1ull << 32;
    put_record(head, HVM_SAVE_CODE(CPU), 0, &wrong, sizeof(wrong));
    assert_int_equal(set_context(end), -EINVAL);
    assert_false(user->initialised);
    put_record(head, HVM_SAVE_CODE(CPU), 0, &registers, sizeof(registers));
    assert_int_equal(set_context(end), 0);
    assert_true(user->initialised && !user->down);
    ((struct hvm_save_header *)((uint8_t *)at(BUF(4)) + 8))->magic++;
    assert_int_equal(set_context(end), -EINVAL);
    assert_int_equal(guest->pause_count, 0);
}

/*
 * --- CPU policies
 * -------------------------------------------------------------------------------------------------
 */

static void test_cpu_policy(void **state)
{
    struct xen_sysctl get = { .cmd = XEN_SYSCTL_get_cpu_policy,
                             .u.cpu_policy.index = XEN_SYSCTL_cpu_policy_hvm_default };
    struct xen_domctl set = { .cmd = XEN_DOMCTL_set_cpu_policy, .domain = 3 };
    xen_cpuid_leaf_t *leaves = at(BUF(2));

    (void)state;
    assert_int_equal(sysctl(&get), 0);
    assert_int_equal(get.u.cpu_policy.nr_leaves, CPUID_POLICY_LEAVES);
    get.u.cpu_policy.leaves.p = (void *)BUF(2);
    assert_int_equal(sysctl(&get), 0);
    assert_int_equal(get.u.cpu_policy.nr_leaves, 3);
    get.u.cpu_policy.nr_leaves = 2;
    assert_int_equal(sysctl(&get), -ENOBUFS);
    get.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_max;
    assert_int_equal(sysctl(&get), -EOPNOTSUPP);
    get.u.cpu_policy.index = 99;
    assert_int_equal(sysctl(&get), -EINVAL);

    set.u.cpu_policy.nr_leaves = 3;
    set.u.cpu_policy.leaves.p = (void *)BUF(2);
    assert_int_equal(domctl(&set), -EBUSY); /* it may be running */
    guest->controller_pauses = 1;
    assert_int_equal(domctl(&set), 0);
    leaves[0].leaf = 0xbad;
    assert_int_equal(domctl(&set), -EINVAL);
    assert_int_equal(set.u.cpu_policy.err_leaf, 0xbad);
    set.u.cpu_policy.nr_leaves = CPUID_POLICY_LEAVES + 1;
    assert_int_equal(domctl(&set), -E2BIG);
    set.u.cpu_policy.nr_leaves = 1;
    set.u.cpu_policy.nr_msrs = 3;
    assert_int_equal(domctl(&set), -E2BIG);
    assert_int_equal(did.policies, 1);
}

static void test_featureset(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_get_cpu_featureset,
                            .u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_host };
    uint32_t *words = at(BUF(2));

    (void)state;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.cpu_featureset.nr_features, 19);
    op.u.cpu_featureset.features.p = (void *)BUF(2);
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(words[0], 13); /* 1.edx */
    assert_int_equal(words[1], 12); /* 1.ecx */
    assert_int_equal(words[5], 71); /* 7.0.ebx */
    words[2] = 0x55;
    op.u.cpu_featureset.nr_features = 2;
    assert_int_equal(sysctl(&op), -ENOBUFS);
    assert_int_equal(words[2], 0x55);
    op.u.cpu_featureset.index = 99;
    assert_int_equal(sysctl(&op), -EINVAL);
}

/*
 * --- sysctl
 * -------------------------------------------------------------------------------------------------------
 */

static void test_sysctl_info(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };
    xen_domctl_getdomaininfo_t *list = at(BUF(2));

    (void)state;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.physinfo.capabilities, 0x109);
    assert_int_equal(op.u.physinfo.nr_cpus, 2);
    assert_int_equal(op.u.physinfo.hw_cap[0], 13);

    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_cputopoinfo };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.cputopoinfo.num_cpus, 2);
    op.u.cputopoinfo.cputopo.p = (void *)BUF(2);
    op.u.cputopoinfo.num_cpus = 1;
    ((xen_sysctl_cputopo_t *)at(BUF(2)))[1].core = 77;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(((xen_sysctl_cputopo_t *)at(BUF(2)))[1].core, 77);

    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_getdomaininfolist,
                             .u.getdomaininfolist = { .max_domains = 10, .buffer.p = (void *)BUF(2) } };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.getdomaininfolist.num_domains, 2);
    assert_int_equal(list[1].domain, 3);
    op.u.getdomaininfolist.first_domain = 4;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.getdomaininfolist.num_domains, 0);
    op.u.getdomaininfolist.first_domain = 0;
    op.u.getdomaininfolist.max_domains = 1;
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.getdomaininfolist.num_domains, 1);

    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_cpupool_op, .u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.cpupool_op.n_dom, 2);
    op.u.cpupool_op.cpupool_id = 1;
    assert_int_equal(sysctl(&op), -ENOENT);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_perfc_op };
    assert_int_equal(sysctl(&op), -ENOSYS);
    op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_get_pmstat };
    assert_int_equal(sysctl(&op), -ENODEV);
}

static void test_readconsole(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_readconsole,
                            .u.readconsole = { .clear = 1, .buffer.p = (void *)BUF(2), .count = 8192 } };
    char *text = at(BUF(2));

    (void)state;
    memset(text, 0, 3001);
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.readconsole.count, 3000);
    assert_int_equal(text[2999], 'x');
    assert_int_equal(text[3000], 0);
    assert_true(ring_cleared);
    op.u.readconsole = (struct xen_sysctl_readconsole){
        .incremental = 1, .index = 2990, .buffer.p = (void *)BUF(2), .count = 5 };
    assert_int_equal(sysctl(&op), 0);
    assert_int_equal(op.u.readconsole.count, 5);
    assert_int_equal(op.u.readconsole.index, 2995);
}

/*
 * --- what guests call
 * ---------------------------------------------------------------------------------------------
 */

static void test_version(void **state)
{
    struct xen_feature_info info = { 0 };
    char text[1024] = "";

    (void)state;
    assert_int_equal(call(hypercall_xen_version, user, XENVER_version, text, 1), 4 << 16 | 17);
    assert_int_equal(call(hypercall_xen_version, user, XENVER_get_features, &info, sizeof(info)), 0);
    memcpy(&info, harness_guest(guest, 1 << PAGE_SHIFT), sizeof(info));
    assert_int_equal(info.submap, 1u << 0 | 1u << 2 | 1u << 8 | 1u << 9 | 1u << 16);
    assert_int_equal(
        call(hypercall_xen_version, tool, XENVER_get_features, &(struct xen_feature_info){ 0 }, sizeof(info)),
        0);
    memcpy(&info, at(BUF(1)), sizeof(info));
    assert_int_equal(info.submap, 1u << 0 | 1u << 2 | 1u << 8 | 1u << 9 | 1u << 11 | 1u << 17);
    info.submap_idx = 1;
    assert_int_equal(call(hypercall_xen_version, user, XENVER_get_features, &info, sizeof(info)), -EINVAL);
    assert_int_equal(call(hypercall_xen_version, user, XENVER_commandline, text, sizeof(text)), -EPERM);
    assert_int_equal(call(hypercall_xen_version, tool, XENVER_commandline, text, sizeof(text)), 0);
    assert_int_equal(call(hypercall_xen_version, user, 11, text, 1), -ENOSYS);
    assert_int_equal(harness_hypercall(hypercall_xen_version, user, XENVER_capabilities, NOWHERE, 0, NULL),
                     -EFAULT);
}

static long poll(uint32_t n, uint64_t timeout)
{
    struct sched_poll p = { .ports.p = (void *)(2ull << PAGE_SHIFT), .nr_ports = n, .timeout = timeout };

    user->blocked = false;
    return call(hypercall_sched_op, user, SCHEDOP_poll, &p, sizeof(p));
}

static void test_poll(void **state)
{
    evtchn_port_t *ports = harness_guest(guest, 2 << PAGE_SHIFT);

    (void)state;
    ports[0] = 5;
    ports[1] = 6;
    assert_int_equal(poll(129, 0), -EINVAL);
    pending_ports = 1 << 6;
    assert_int_equal(poll(2, 0), 0);
    assert_false(user->blocked); /* one is pending */
    pending_ports = 0;
    assert_int_equal(poll(2, 0), 0);
    assert_true(user->blocked && user->polling);
    assert_false(user->poll_timer.armed);
    assert_int_equal(poll(2, (uint64_t)now), 0);
    assert_false(user->blocked); /* its time is over already */
    assert_int_equal(poll(2, (uint64_t)now + 5), 0);
    assert_true(user->blocked && user->poll_timer.armed);
    assert_int_equal(timer_expires, now + 5);
    block_sets_port = 1 << 5; /* the event comes between the first look and the block: not lost */
    assert_int_equal(poll(2, (uint64_t)now + 5), 0);
    assert_false(user->blocked || user->polling || user->poll_timer.armed);
    ports[0] = 99;
    assert_int_equal(poll(1, 0), -EINVAL);
}

static void test_sched_op(void **state)
{
    struct sched_shutdown s = { .reason = SHUTDOWN_MAX + 1 };
    struct sched_remote_shutdown r = { .domain_id = 3, .reason = SHUTDOWN_reboot };
    struct sched_watchdog w = { .timeout = 10 };

    (void)state;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_shutdown, &s, sizeof(s)), -EINVAL);
    r.domain_id = 0;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_remote_shutdown, &r, sizeof(r)), -EPERM);
    assert_int_equal(did.shutdowns, 0);
    r.domain_id = 3;
    assert_int_equal(call(hypercall_sched_op, tool, SCHEDOP_remote_shutdown, &r, sizeof(r)), 0);
    assert_int_equal(shutdown_reason, SHUTDOWN_reboot);
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), 1);
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), 2);
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), -ENOSPC);
    w.id = 3;
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), -EINVAL);
    w = (struct sched_watchdog){ .id = 1 };
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)), 0);
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_watchdog, &w, sizeof(w)),
                     -EINVAL); /* it is free now */
    assert_int_equal(call(hypercall_sched_op, user, SCHEDOP_pin_override, &w, sizeof(w)), -ENOSYS);
}

static void test_vcpu_op(void **state)
{
    struct vcpu_set_singleshot_timer t = { (uint64_t)now - 1, VCPU_SSHOTTMR_future };
    struct vcpu_set_periodic_timer p = { .period_ns = (uint64_t)MSEC(1) - 1 };
    struct vcpu second = { .d = guest, .id = 1 };

    (void)state;
    assert_int_equal(vcpu_call(user, VCPUOP_is_up, 1, &t, 0), -ENOENT);
    assert_int_equal(vcpu_call(user, VCPUOP_is_up, 1ull << 31, &t, 0), -ENOENT);
    assert_int_equal(vcpu_call(user, 14, 0, &t, 0), -ENOSYS);
    assert_int_equal(vcpu_call(user, VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), -XEN_ETIME);
    t.flags = 0;
    assert_int_equal(vcpu_call(user, VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), 0); /* at once */
    assert_int_equal(timer_expires, now - 1);
    t.timeout_abs_ns = ~0ull;
    assert_int_equal(vcpu_call(user, VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), 0);
    assert_int_equal(timer_expires, TIME_NEVER);
    assert_int_equal(vcpu_call(user, VCPUOP_set_periodic_timer, 0, &p, sizeof(p)), -EINVAL);
    p.period_ns = ~0ull;
    assert_int_equal(vcpu_call(user, VCPUOP_set_periodic_timer, 0, &p, sizeof(p)), -EINVAL);

    guest->max_vcpus = 2;
    guest->vcpu[1] = &second;
    second.vdev.sipi_vector = -1;
    assert_int_equal(vcpu_call(user, VCPUOP_set_singleshot_timer, 1, &t, sizeof(t)), -EINVAL); /* another's */
    assert_int_equal(vcpu_call(user, VCPUOP_up, 1, &t, 0), -EINVAL);         /* has no state yet */
    assert_int_equal(vcpu_call(user, VCPUOP_initialise, 1, &t, 0), -ENOSYS); /* by INIT and SIPI only */
    second.initialised = true;
    assert_int_equal(vcpu_call(user, VCPUOP_up, 1, &t, 0), 0);
    assert_int_equal(vcpu_call(user, VCPUOP_is_up, 1, &t, 0), 1);
    assert_int_equal(vcpu_call(user, VCPUOP_down, 1, &t, 0), 0);
    assert_int_equal(vcpu_call(user, VCPUOP_is_up, 1, &t, 0), 0);
    guest->max_vcpus = 1;
    guest->vcpu[1] = NULL;
}

static long param(struct vcpu *v, bool set, domid_t id, uint32_t index, uint64_t value)
{
    struct xen_hvm_param p = { .domid = id, .index = index, .value = value };

    return call(hypercall_hvm_op, v, set ? HVMOP_set_param : HVMOP_get_param, &p, sizeof(p));
}

static void test_hvm_params(void **state)
{
    (void)state;
    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_STORE_PFN, 1), -EPERM);
    assert_int_equal(param(user, true, 0, HVM_PARAM_CALLBACK_IRQ, 0), -EPERM);
    assert_int_equal(param(user, false, DOMID_SELF, HVM_PARAM_IDENT_PT, 0), -EPERM);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_STORE_PFN, 0xfeffc), 0);
    assert_int_equal(param(user, false, DOMID_SELF, HVM_PARAM_STORE_PFN, 0), 0);
    assert_int_equal(((struct xen_hvm_param *)harness_guest(guest, 1 << PAGE_SHIFT))->value, 0xfeffc);
    assert_int_equal(param(tool, true, 9, HVM_PARAM_STORE_PFN, 1), -ESRCH);
    assert_int_equal(param(tool, true, 3, HVM_NR_PARAMS, 1), -EINVAL);
    assert_int_equal(param(tool, true, 3, ~0u, 1), -EINVAL);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_DM_DOMAIN, 1), -EINVAL); /* deprecated */
    assert_int_equal(param(tool, true, 3, HVM_PARAM_ALTP2M, 1), -EOPNOTSUPP);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_TIMER_MODE, 4), -EINVAL);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_IOREQ_SERVER_PFN, 5), 0);
    assert_int_equal(param(tool, true, 3, HVM_PARAM_IOREQ_SERVER_PFN, 6), -EEXIST);

    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 1), 0); /* as Linux does */
    assert_int_equal(guest->vdev.callback_vector, 0);
    user->info->evtchn_upcall_pending = 1;
    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 2ull << 56 | 0xf3), 0);
    assert_int_equal(guest->vdev.callback_vector, 0xf3);
    assert_int_equal(did.upcalls, 1); /* what was pending comes the new way */
    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 2ull << 56 | 8), -EINVAL);
    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 2ull << 56 | 0x1f3), -EINVAL);
    assert_int_equal(param(user, true, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 3ull << 56), -EINVAL);
    assert_int_equal(guest->hvm_params[HVM_PARAM_CALLBACK_IRQ], 2ull << 56 | 0xf3);
}

static void test_upcall_vector(void **state)
{
    struct xen_hvm_evtchn_upcall_vector u = { .vcpu = 0, .vector = 15 };

    (void)state;
    assert_int_equal(call(hypercall_hvm_op, user, HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), -EINVAL);
    u = (struct xen_hvm_evtchn_upcall_vector){ .vcpu = 1, .vector = 0xf3 };
    assert_int_equal(call(hypercall_hvm_op, user, HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), -ENOENT);
    u.vcpu = 0;
    assert_int_equal(call(hypercall_hvm_op, user, HVMOP_set_evtchn_upcall_vector, &u, sizeof(u)), 0);
    assert_int_equal(user->vdev.upcall_vector, 0xf3);
    assert_int_equal(call(hypercall_hvm_op, user, HVMOP_altp2m, &u, sizeof(u)), -ENOSYS);
}

static void test_console_io(void **state)
{
    char *text = at(BUF(2));
    unsigned int restarts;

    (void)state;
    memset(text, 'y', 1000);
    harness_preempt_every = 1;
    assert_int_equal(harness_hypercall(hypercall_console_io, tool, CONSOLEIO_write, 1000, BUF(2), &restarts),
                     0);
    assert_int_equal(serial_length, 1000);
    assert_int_equal(restarts, 3);
    assert_int_equal(harness_hypercall(hypercall_console_io, tool, CONSOLEIO_write, ~0u, BUF(2), NULL),
                     -EINVAL);
    assert_int_equal(harness_hypercall(hypercall_console_io, tool, CONSOLEIO_read, 10, BUF(2), NULL), 3);
    assert_memory_equal(text, "abc", 3);
    assert_int_equal(harness_hypercall(hypercall_console_io, user, CONSOLEIO_read, 10, 0, NULL), -EPERM);
    memcpy(harness_guest(guest, 0), "hi \033[2J\nrest", 12);
    assert_int_equal(harness_hypercall(hypercall_console_io, user, CONSOLEIO_write, 12, 0, NULL), 0);
    assert_string_equal(harness_log, "hi ?[2J\n"); /* nothing that a terminal would obey */
    assert_int_equal(guest->vdev.debug_length, 4);
    assert_int_equal(harness_hypercall(hypercall_console_io, user, 2, 1, 0, NULL), -ENOSYS);
    no_lock_held();
}

static void test_multicall(void **state)
{
    struct multicall_entry *e = at(BUF(2));
    uint32_t *small = at(BUF(3));
    struct hypercall compat = { .v = tool, .compat = true, .arg = { BUF(3), 1 } };

    (void)state;
    e[0] = (struct multicall_entry){ .op = 1, .args = { 41 } };
    e[1] = (struct multicall_entry){ .op = 99, .args = { 0, 10 } };
    e[2] = (struct multicall_entry){ .op = __HYPERVISOR_multicall, .args = { BUF(2), 1 } };
    e[3] = (struct multicall_entry){ .op = 1ull << 32 | 1, .args = { 1 } };
    dispatch_restarts = 2;
    assert_int_equal(harness_hypercall(hypercall_multicall, tool, BUF(2), 3, 0, NULL), 0);
    assert_int_equal(e[0].result, 42);
    assert_int_equal(e[1].result, 13);      /* its progress was in its entry */
    assert_int_equal((long)e[2].result, -EINVAL);
    assert_int_equal(did.dispatched, 4);
    assert_int_equal(harness_hypercall(hypercall_multicall, tool, NOWHERE, 1, 0, NULL), -EFAULT);
    assert_int_equal(harness_hypercall(hypercall_multicall, tool, NOWHERE, 0, 0, NULL), 0);

    memset(small, 0, 32);
    small[0] = 1;
    small[2] = 4;
    assert_int_equal(hypercall_multicall(&compat), 0);
    assert_int_equal(small[1], 5);
}

static void test_platform_and_cleave(void **state)
{
    struct xen_platform_op op = { .cmd = XENPF_settime64, .interface_version = XENPF_INTERFACE_VERSION };
    struct cleave_op own = { .cmd = CLEAVE_OP_check, .interface_version = CLEAVE_INTERFACE_VERSION };

    (void)state;
    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL), 0);
    assert_int_equal(did.wall, 1);
    op.u.settime64.nsecs = 1000000000;
    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL), -EINVAL);
    op.cmd = XENPF_firmware_info;
    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL), -ENOSYS);
    op.interface_version = 0;
    memcpy(at(BUF(0)), &op, sizeof(op));
    assert_int_equal(harness_hypercall(hypercall_platform_op, tool, BUF(0), 0, 0, NULL), -EACCES);
    memcpy(at(BUF(0)), &own, sizeof(own));
    assert_int_equal(harness_hypercall(hypercall_cleave_op, tool, BUF(0), 0, 0, NULL), 0);
    assert_int_equal(((struct cleave_op *)at(BUF(0)))->u.check.violations, 5);
    no_lock_held();
}

/*
 * --- nonsense: every number with the arguments that break things
 * ----------------------------------------------------
 */

static void test_nonsense(void **state)
{
    static hypercall_fn *const families[] = {
        hypercall_xen_version,  hypercall_sched_op,    hypercall_vcpu_op,    hypercall_hvm_op,
        hypercall_console_io,   hypercall_multicall,   hypercall_physdev_op, hypercall_vm_assist,
        hypercall_set_timer_op, hypercall_platform_op, hypercall_cleave_op,
    };
    static const uint64_t values[] = { 0,       1,          4095,       4096 - 4, 16 << PAGE_SHIFT,
                                      NOWHERE, 1ull << 47, 1ull << 63, ~0ull,    ~0ull - 7 };

    (void)state;
    harness_preempt_every = 0;
    for (unsigned int f = 0; f < ARRAY_SIZE(families); f++) {
        for (uint64_t op = 0; op < 80; op++) {
            for (unsigned int i = 0; i < ARRAY_SIZE(values) * ARRAY_SIZE(values); i++) {
                struct hypercall hc = {
                    .v = user, .compat = i & 1, .arg = { op, values[i / 10], values[i % 10] } };

                if (families[f] == hypercall_console_io && (int32_t)hc.arg[1] > 65536)
                    continue;
                (void)families[f](&hc);
            }
        }
    }
    no_lock_held();
}

/* The same for the tools' families: structures full of one byte. */
static void test_nonsense_of_tools(void **state)
{
    static const uint8_t fill[] = { 0, 1, 0x10, 0x7f, 0xff };

    (void)state;
    for (uint32_t cmd = 0; cmd < 100; cmd++) {
        for (unsigned int i = 0; i < ARRAY_SIZE(fill); i++) {
            struct xen_domctl d;
            struct xen_sysctl s;

            memset(&d, fill[i], sizeof(d));
            memset(&s, fill[i], sizeof(s));
            d.cmd = s.cmd = cmd;
            d.domain = 3;
            (void)domctl(&d);
            (void)sysctl(&s);
        }
    }
    assert_int_equal(did.created, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_domctl_refuses, setup),
        cmocka_unit_test_setup(test_create, setup),
        cmocka_unit_test_setup(test_create_needs_a_way_back, setup),
        cmocka_unit_test_setup(test_pause_counts, setup),
        cmocka_unit_test_setup(test_destroy_continues, setup),
        cmocka_unit_test_setup(test_getdomaininfo, setup),
        cmocka_unit_test_setup(test_page_types, setup),
        cmocka_unit_test_setup(test_affinity, setup),
        cmocka_unit_test_setup(test_context_get, setup),
        cmocka_unit_test_setup(test_context_set, setup),
        cmocka_unit_test_setup(test_cpu_policy, setup),
        cmocka_unit_test_setup(test_featureset, setup),
        cmocka_unit_test_setup(test_sysctl_info, setup),
        cmocka_unit_test_setup(test_readconsole, setup),
        cmocka_unit_test_setup(test_version, setup),
        cmocka_unit_test_setup(test_poll, setup),
        cmocka_unit_test_setup(test_sched_op, setup),
        cmocka_unit_test_setup(test_vcpu_op, setup),
        cmocka_unit_test_setup(test_hvm_params, setup),
        cmocka_unit_test_setup(test_upcall_vector, setup),
        cmocka_unit_test_setup(test_console_io, setup),
        cmocka_unit_test_setup(test_multicall, setup),
        cmocka_unit_test_setup(test_platform_and_cleave, setup),
        cmocka_unit_test_setup(test_nonsense, setup),
        cmocka_unit_test_setup(test_nonsense_of_tools, setup),
    };

    return cmocka_run_group_tests_name("hypercalls", tests, NULL, NULL);
}
