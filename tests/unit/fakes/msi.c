/* SPDX-License-Identifier: MIT */
/* dom0/msi.c: emulates the frames that a test chooses. */
#include "harness.h"
#include "dom0/msi.h"

uint64_t harness_msi_start, harness_msi_end;

bool msi_emulates(const struct domain *d, uint64_t start, uint64_t end)
{
    return d->is_dom0 && start < harness_msi_end && end > harness_msi_start;
}
