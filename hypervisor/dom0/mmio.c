/* SPDX-License-Identifier: MIT */
/*
 * dom0's device memory. The machine's device memory appears to dom0 at its own addresses, except
 * what the builder hides (local APIC, I/O APICs ...). It is mapped on first access, as 2M if the
 * whole range is device memory. Pages with MSI-X tables are not mapped (msi.c).
 */
#include "dom0/mmio.h"
#include "core/domain.h"
#include "dom0/msi.h"
#include "errors.h"
#include "lib.h"
#include "mm/frame.h"
#include "mm/p2m.h"

/* Written by one CPU while dom0 is built, read-only afterwards. */
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

/*
 * Maps the device memory around gfn. -ENOENT: it may not be mapped; -EEXIST: part of it is mapped.
 */
static int map_around(struct domain *d, gfn_t gfn, unsigned int order)
{
    uint64_t start = ROUND_DOWN(gfn.n, 1ull << order), end = start + (1ull << order);
    int rc;

    if (!may_map(d, start, end))
        return -ENOENT;
    rc = p2m_set(d, GFN(start), MFN(start), order, P2M_MMIO);
    if (!rc && !may_map(d, start, end)) /* msi.c has claimed part of it meanwhile */
        mmio_forget(d, start, end);
    return rc;
}

int mmio_map(struct domain *d, gfn_t gfn, unsigned int hole_order)
{
    int rc = hole_order >= ORDER_2M ? map_around(d, gfn, ORDER_2M) : -ENOENT;

    if (rc == -ENOENT || rc == -EEXIST)
        rc = map_around(d, gfn, ORDER_4K);
    /* another vcpu has mapped it */
    return rc == -EEXIST ? 0 : rc;
}
