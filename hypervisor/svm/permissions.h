/* SPDX-License-Identifier: MIT */
/* Permission maps for MSRs and ports (svm/permissions.c). */
#ifndef CLV_SVM_PERMISSIONS_H
#define CLV_SVM_PERMISSIONS_H

#include "types.h"

struct domain;

void permissions_init(void);
paddr_t permissions_msrpm(void);
paddr_t permissions_iopm(const struct domain *d);

#endif
