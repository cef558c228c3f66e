/* SPDX-License-Identifier: MIT */
/* core/domain.c: the layout of shared_info is only remembered. */
#include "harness.h"

void domain_set_compat(struct domain *d, bool compat) { d->compat = compat; }
