/* SPDX-License-Identifier: MIT */
/*
 * Nested page faults, and dom0's device memory. dom0 sees the machine's device memory at its own addresses,
 * but for RAM and for what the dom0 builder hid (the local APIC, the I/O APICs ...). It is mapped when dom0
 * first touches it, 2M at once where that is all device memory; but not the MSI-X tables (vdev/msi.c).
 */
#include "domain.h"
#include "lib.h"
#include "p2m.h"
#include "vdev.h"

/* Written while dom0 is built, on one CPU; only read after. */
static struct { uint64_t start, end; } hidden[52]; /* as many as ACPI may list, and four more */
static unsigned int hidden_ranges;

void p2m_hide_mmio(uint64_t start, uint64_t end)
{
    BUG_ON(hidden_ranges == ARRAY_SIZE(hidden) || start >= end);
    hidden[hidden_ranges].start = start;
    hidden[hidden_ranges++].end = end;
}

bool p2m_mmio_allowed(const struct domain *d, uint64_t start, uint64_t end)
{
    bool allowed = d->is_dom0 && start < end;

    for (unsigned int i = 0; i < hidden_ranges && allowed; i++)
        allowed = end <= hidden[i].start || start >= hidden[i].end;
    for (uint64_t n = start; n < end && n < frame_count && allowed; n++)
        allowed = !mfn_is_ram(MFN(n));
    return allowed;
}

static bool may_map(const struct domain *d, uint64_t start, uint64_t end)
{
    return p2m_mmio_allowed(d, start, end) && !msi_emulates(d, start, end);
}

void p2m_forget_mmio(struct domain *d, uint64_t start, uint64_t end)
{
    struct p2m_batch batch;

    p2m_batch_init(&batch, d);
    for (; start < end; start++)
        (void)!p2m_batch_remove(&batch, GFN(start), ORDER_2M, 1u << P2M_MMIO, NULL);
    p2m_batch_finish(&batch);
}

/* The device memory around gfn. -ENOENT: not to be mapped; -EEXIST: some of it is. */
static int map_around(struct domain *d, gfn_t gfn, unsigned int order)
{
    uint64_t start = ROUND_DOWN(gfn.n, 1ull << order), end = start + (1ull << order);
    int rc;

    if (!may_map(d, start, end))
        return -ENOENT;
    rc = p2m_set(d, GFN(start), MFN(start), order, P2M_MMIO);
    if (!rc && !may_map(d, start, end)) /* msi.c has taken some of it meanwhile */
        p2m_forget_mmio(d, start, end);
    return rc;
}

static int map_device(struct domain *d, gfn_t gfn, unsigned int hole_order)
{
    int rc = hole_order >= ORDER_2M ? map_around(d, gfn, ORDER_2M) : -ENOENT;

    if (rc == -ENOENT || rc == -EEXIST)
        rc = map_around(d, gfn, ORDER_4K);
    /* another vcpu was faster */
    return rc == -EEXIST ? 0 : rc;
}

int p2m_fault(struct vcpu *v, gpa_t gpa, bool write, bool exec)
{
    struct domain *d = v->d;
    gfn_t gfn = gpa_to_gfn(gpa);
    enum p2m_type type;
    unsigned int order;

    (void)p2m_lookup(d, gfn, &type, &order);
    if (type == P2M_HOLE)
        return map_device(d, gfn, order);
    if (type == P2M_ABSENT)
        return -ENOMEM; /* nobody brings its frame back: that ends the guest, instead of an endless retry */
    if (write && !p2m_is_writable(type) && type != P2M_MMIO)
        return -EACCES;
    if (exec && !p2m_is_ram(type))
        return -EACCES;
    return 0;
}
