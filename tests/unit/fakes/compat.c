/* SPDX-License-Identifier: MIT */
/* core/domain.c: only records the layout of shared_info. */
#include "harness.h"

void domain_set_compat(struct domain *d, bool compat) { d->compat = compat; }
