/* SPDX-License-Identifier: MIT */
/*
 * Makes the machine address of a core variable its own address. Included first in some files
 * (build.mk).
 */
#ifndef HARNESS_ADDRESSES_FAKE_H
#define HARNESS_ADDRESSES_FAKE_H

#include "directmap.h"

#define virt_to_paddr(p) ((paddr_t)(uintptr_t)(p))

#endif
