/* SPDX-License-Identifier: MIT */
/* core/ioreq.c where a test has no device models. */
#include "core/ioreq.h"

void ioreq_begin(struct vcpu *v, bool again) {}
int ioreq_access(struct vcpu *v, const struct ioreq_access *a, uint64_t *val) { return -EIO; }
bool ioreq_has_memory(struct domain *d, gpa_t gpa) { return false; }
int ioreq_get_frame(struct domain *d, ioservid_t id, uint64_t index, mfn_t *mfn) { return -ENOENT; }
