/* SPDX-License-Identifier: MIT */
/*
 * Nested page faults, and dom0's device memory. dom0 sees the machine's device memory at its own addresses,
 * but only the ranges that the dom0 builder allowed (not the local APIC, the I/O APICs, anything of the
 * core). They are mapped when dom0 first touches them, 2M at once where that is all device memory.
 */
#include "domain.h"
#include "lib.h"
#include "p2m.h"

/* Written while dom0 is built, on one CPU; only read after. */
static struct { uint64_t start, end; } mmio[64];
static unsigned int mmio_ranges;

void p2m_allow_mmio(struct domain *d, uint64_t start, uint64_t end)
{
    BUG_ON(!d->is_dom0 || start >= end);
    if (mmio_ranges == ARRAY_SIZE(mmio))
        panic("more than %lu ranges of device memory for dom0; the firmware's memory map is too fragmented\n",
              ARRAY_SIZE(mmio));
    mmio[mmio_ranges].start = start;
    mmio[mmio_ranges++].end = end;
}

/* All of these frames are device memory for dom0. */
static bool range_allowed(const struct domain *d, uint64_t start, uint64_t end)
{
    bool inside = false;

    if (!d->is_dom0)
        return false;
    for (unsigned int i = 0; i < mmio_ranges && !inside; i++)
        inside = start >= mmio[i].start && end <= mmio[i].end;
    for (uint64_t n = start; inside && n < end && n < frame_count; n++)
        inside = !mfn_is_ram(MFN(n));
    return inside;
}

bool p2m_mmio_allowed(const struct domain *d, uint64_t mfn)
{
    return range_allowed(d, mfn, mfn + 1);
}

static int map_device(struct domain *d, gfn_t gfn, unsigned int hole_order)
{
    uint64_t large = gfn.n & ~((1ull << ORDER_2M) - 1);
    int rc = -EEXIST;

    if (hole_order >= ORDER_2M && range_allowed(d, large, large + (1ull << ORDER_2M)))
        rc = p2m_set(d, GFN(large), MFN(large), ORDER_2M, P2M_MMIO);
    if (rc == -EEXIST)
        rc = p2m_set(d, gfn, MFN(gfn.n), ORDER_4K, P2M_MMIO);
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
        return p2m_mmio_allowed(d, gfn.n) ? map_device(d, gfn, order) : -ENOENT;
    if (type == P2M_ABSENT)
        return -EAGAIN;
    if (write && !p2m_is_writable(type) && type != P2M_MMIO)
        return -EACCES;
    if (exec && !p2m_is_ram(type))
        return -EACCES;
    return 0;
}
