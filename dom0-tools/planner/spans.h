/* SPDX-License-Identifier: MIT */
/* Sets of times: sorted spans that neither overlap nor touch. */
#ifndef PLANNER_SPANS_H
#define PLANNER_SPANS_H

#include <stddef.h>
#include <stdint.h>

struct span {
    uint32_t start, end;
};

struct spans {
    struct span *list;
    size_t count, room;
};

/* Both return 0 or -ENOMEM. */
int spans_add(struct spans *spans, struct span span);
int spans_add_all(struct spans *spans, const struct spans *more);

/*
 * Returns the first time that busy leaves free in [from, limit), at most length long. Empty: there
 * is none.
 */
struct span spans_gap(const struct spans *busy, uint32_t from, uint32_t limit, uint32_t length);

/* Returns the sum of the lengths. */
uint32_t spans_length(const struct spans *spans);

void spans_free(struct spans *spans);

#endif
