/* SPDX-License-Identifier: MIT */
/* cpu/features.c: a host CPU with every feature that nested paging may use. */
#include "cpu/features.h"

struct cpu_features cpu_features = {
    .x2apic = true, .pages_1g = true, .asid_count = 16, .physical_bits = 40
};
