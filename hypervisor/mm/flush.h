/* SPDX-License-Identifier: MIT */
/* TLB flushes for a domain's p2m (mm/flush.c). */
#ifndef CLV_MM_FLUSH_H
#define CLV_MM_FLUSH_H

struct domain;

/*
 * Returns once no CPU can use a translation that was removed from d's p2m before the call. May be
 * called with locks held.
 */
void flush_domain(struct domain *d);

#endif
