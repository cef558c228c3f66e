/* SPDX-License-Identifier: MIT */
/* cpu/mcheck.c: a CPU without machine-check banks. */
#include "cpu/mcheck.h"

void mcheck_init_cpu(void) {}
