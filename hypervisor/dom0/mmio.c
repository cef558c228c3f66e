/* SPDX-License-Identifier: MIT */
/*
 * dom0's device memory. dom0 sees the machine's device memory at its own addresses, but for RAM and
 * for what the dom0 builder hid (the local APIC, the I/O APICs ...). It is mapped when dom0 first
 * touches it, 2M at once where all of that is device memory. The MSI-X tables are not mapped
 * (msi.c).
 */
#include "dom0/mmio.h"
#include "core/domain.h"
#include "dom0/msi.h"
#include "errors.h"
#include "lib.h"
#include "mm/frame.h"
#include "mm/p2m.h"

/* Written while dom0 is built, on one CPU; only read after. */
static struct {
    uint64_t start, end;
} hidden[52]; /* as many as ACPI may list, and four more */
static unsigned int hidden_ranges;

void mmio_hide(uint64_t start, uint64_t end)
{
    BUG_ON(hidden_ranges == ARRAY_SIZE(hidden) || start >= end);
    hidden[hidden_ranges].start = start;
    hidden[hidden_ranges++].end = end;
}

bool mmio_allowed(const struct domain *d, uint64_t start, uint64_t end)
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
    return mmio_allowed(d, start, end) && !msi_emulates(d, start, end);
}

void mmio_forget(struct domain *d, uint64_t start, uint64_t end)
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
        mmio_forget(d, start, end);
    return rc;
}

int mmio_map(struct domain *d, gfn_t gfn, unsigned int hole_order)
{
    int rc = hole_order >= ORDER_2M ? map_around(d, gfn, ORDER_2M) : -ENOENT;

    if (rc == -ENOENT || rc == -EEXIST)
        rc = map_around(d, gfn, ORDER_4K);
    /* another vcpu was faster */
    return rc == -EEXIST ? 0 : rc;
}
