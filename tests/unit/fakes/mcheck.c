/* SPDX-License-Identifier: MIT */
/* cpu/mcheck.c: a CPU without machine-check banks. */
#include "cpu.h"

void mcheck_init_cpu(void) { }
