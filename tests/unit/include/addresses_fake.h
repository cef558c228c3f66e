/* SPDX-License-Identifier: MIT */
/*
 * The core's own variables have addresses of the machine, too: where they are. Before some
 * (build.mk).
 */
#ifndef HARNESS_ADDRESSES_FAKE_H
#define HARNESS_ADDRESSES_FAKE_H

#include "directmap.h"

#define virt_to_paddr(p) ((paddr_t)(uintptr_t)(p))

#endif
