/* SPDX-License-Identifier: MIT */
/*
 * Machines with the real allocator, and domains on them, for tests that link mm/
 * (include/harness.h).
 */
#include "harness.h"
#include "directmap.h"
#include "mm/alloc.h"
#include "platform/boot_info.h"

#include <stdlib.h>

#define DOMAINS 16

static struct domain *domains[DOMAINS];

static void forget_domains(void)
{
    for (unsigned int i = 0; i < DOMAINS; i++) {
        if (!domains[i])
            continue;
        free(domains[i]->vcpu[0]);
        free(domains[i]);
        domains[i] = NULL;
    }
}

void harness_machine(unsigned int mib)
{
    static const uint64_t low = 1 << 20;
    struct boot_range ranges[] = {
        { 0, HARNESS_DOM0_LOW, BOOT_CORE },
        { HARNESS_DOM0_LOW, HARNESS_DOM0, 1 },
        { HARNESS_DOM0, HARNESS_DOM0_END, BOOT_CORE },
        { HARNESS_DOM0_END, (uint64_t)mib << 20, 1 },
    };

    forget_domains();
    harness_memory_new(mib);
    memset(harness_memory + low, 0xa5, 256 * PAGE_SIZE); /* left by firmware */
    harness_fail_alloc(0);
    harness_preempt_every = 0;
    harness_flushes = 0;
    harness_on_flush = NULL;
    harness_paging = (struct guest_paging){ 0 };
    harness_quiet = true;
    mm_init(ranges, ARRAY_SIZE(ranges));
    harness_quiet = false;
}

int harness_setup(void **state)
{
    (void)state;
    harness_machine(64);
    return 0;
}

struct domain *harness_domain(domid_t id, uint64_t max_pages)
{
    struct domain *d = calloc(1, sizeof(*d));
    struct vcpu *v = calloc(1, sizeof(*v));

    assert_in_range(id, 0, DOMAINS - 1);
    assert_null(domains[id]);
    d->id = id;
    d->refs = 1;
    d->is_dom0 = id == 0;
    d->max_pages = max_pages;
    d->pool.size = id ? 1u << 20 : 0; /* tests of pools shrink it, and give dom0 a reserve */
    d->max_vcpus = 1;
    d->vcpu[0] = v;
    d->shared_info_mfn = MFN_NONE;
    v->d = d;
    spin_init(&d->lock, LOCK_DOMAIN);
    assert_int_equal(p2m_init(d), 0);
    domains[id] = d;
    return d;
}

void harness_populate(struct domain *d, uint64_t gfn, uint64_t count)
{
    if (d->is_dom0)
        alloc_assign(d, gfn, gfn + count);
    for (uint64_t i = 0; i < count; i++) {
        if (d->is_dom0)
            assert_int_equal(p2m_set(d, GFN(gfn + i), MFN(gfn + i), ORDER_4K, P2M_RAM), 0);
        else
            assert_int_equal(p2m_populate(d, GFN(gfn + i), ORDER_4K), 0);
    }
}

void *harness_guest(struct domain *d, gpa_t gpa)
{
    mfn_t m = p2m_lookup(d, gpa_to_gfn(gpa), NULL, NULL);

    assert_true(mfn_valid_number(m));
    return (uint8_t *)mfn_to_virt(m) + (gpa & ~PAGE_MASK);
}

void harness_kill(struct domain *d)
{
    d->dying = DOMAIN_DYING;
    while (p2m_teardown(d) == -ERESTART)
        ;
    d->dying = DOMAIN_DEAD;
    domain_put(d);
}

void harness_check_memory(void)
{
    unsigned int errors = alloc_check();

    for (unsigned int i = 0; i < DOMAINS; i++)
        if (domains[i])
            errors += p2m_check(domains[i]) + alloc_check_domain(domains[i]);
    assert_int_equal(errors, 0);
}

long harness_hypercall(hypercall_fn *fn, struct vcpu *v, uint64_t arg0, uint64_t arg1,
                       uint64_t arg2, unsigned int *restarts)
{
    struct hypercall hc = { .v = v, .arg = { arg0, arg1, arg2 } };
    unsigned int n = 0;
    long rc;

    while ((rc = fn(&hc)) == -ERESTART)
        assert_true(++n < 1000000);
    if (restarts)
        *restarts = n;
    return rc;
}

/* --- core/domain.c and hypercall/table.c, as far as memory needs them --- */

struct domain *domain_get(domid_t id)
{
    if (id >= DOMAINS || !domains[id])
        return NULL;
    domain_ref(domains[id]);
    return domains[id];
}

void domain_ref(struct domain *d) { __atomic_add_fetch(&d->refs, 1, __ATOMIC_SEQ_CST); }

/* Keeps the structure for the test to inspect. */
void domain_put(struct domain *d)
{
    BUG_ON(__atomic_fetch_sub(&d->refs, 1, __ATOMIC_SEQ_CST) == 0);
}
