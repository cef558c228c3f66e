/* SPDX-License-Identifier: MIT */
/* svm/state.c: every vcpu has the control registers that the test chooses. */
#include "harness.h"

struct guest_paging hw_get_paging(struct vcpu *v) { return harness_paging; }
