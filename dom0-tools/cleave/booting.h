/* SPDX-License-Identifier: MIT */
/* Whether a guest that takes requests has finished booting. */
#ifndef CLEAVE_BOOTING_H
#define CLEAVE_BOOTING_H

#include <stdbool.h>

#include "domain.h"

/* Looks at one domain. Zeros: none yet. */
struct booting {
    long long began; /* of the looks, by deadline_now */
    unsigned int looks, idle;
};

/*
 * Takes one more look at a domain that takes requests; a caller looks every 50 ms or so. True: it
 * has booted.
 */
bool booting_is_over(struct booting *booting, const struct domain *domain);

#endif
