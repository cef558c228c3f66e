/* SPDX-License-Identifier: MIT */
/* Translations of a domain's p2m that CPUs keep (mm/flush.c). */
#ifndef CLV_MM_FLUSH_H
#define CLV_MM_FLUSH_H

struct domain;

/*
 * Returns when no CPU can use a translation that was in d's p2m before the call. May be called with
 * locks held.
 */
void flush_domain(struct domain *d);

#endif
