/* SPDX-License-Identifier: MIT */
/* Samples of the pages that a domain uses (mm/p2m_sample.c). Callers hold LOCK_DOMCTL. */
#ifndef CLV_MM_P2M_SAMPLE_H
#define CLV_MM_P2M_SAMPLE_H

#include "public/cleave.h"
#include "types.h"

struct domain;

/* As CLEAVE_OP_sample_begin and CLEAVE_OP_sample_read. -ERESTART: call again. */
long p2m_sample_begin(struct domain *d, struct cleave_sample_begin *op);
long p2m_sample_read(struct domain *d, struct cleave_sample_read *op);
/* Before d's structure is freed. */
void p2m_sample_free(struct domain *d);

#endif
