/* SPDX-License-Identifier: MIT */
/* vdev/msi.c: emulates the frames that a test chose, as one word. */
#include "harness.h"

uint64_t harness_msi_start, harness_msi_end;
uint64_t harness_msi_word;

bool msi_emulates(const struct domain *d, uint64_t start, uint64_t end)
{
    return d->is_dom0 && start < harness_msi_end && end > harness_msi_start;
}

bool msi_mmio(struct domain *d, gpa_t gpa, unsigned int size, bool write, uint64_t *val)
{
    if (!msi_emulates(d, gpa >> PAGE_SHIFT, (gpa >> PAGE_SHIFT) + 1))
        return false;
    if (write)
        harness_msi_word = *val;
    else
        *val = harness_msi_word;
    return true;
}
