/* SPDX-License-Identifier: MIT */
/* Sets of times as sorted arrays: a CPU has few pieces, so linear search is enough. */
#include "spans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int make_room(struct spans *spans)
{
    size_t room = spans->room ? 2 * spans->room : 8;
    struct span *list;

    if (spans->count < spans->room)
        return 0;
    list = realloc(spans->list, room * sizeof(*list));
    if (!list)
        return -ENOMEM;
    spans->list = list;
    spans->room = room;
    return 0;
}

int spans_add(struct spans *spans, struct span span)
{
    size_t first = 0, last;
    int rc = make_room(spans);

    if (rc < 0 || span.start >= span.end)
        return rc;
    while (first < spans->count && spans->list[first].end < span.start)
        first++;
    /* [first, last) touch the new span, and become one with it. */
    for (last = first; last < spans->count && spans->list[last].start <= span.end; last++) {
        if (spans->list[last].start < span.start)
            span.start = spans->list[last].start;
        if (spans->list[last].end > span.end)
            span.end = spans->list[last].end;
    }
    memmove(&spans->list[first + 1], &spans->list[last],
            (spans->count - last) * sizeof(*spans->list));
    spans->list[first] = span;
    spans->count += 1 - (last - first);
    return 0;
}

int spans_add_all(struct spans *spans, const struct spans *more)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < more->count; i++)
        rc = spans_add(spans, more->list[i]);
    return rc;
}

struct span spans_gap(const struct spans *busy, uint32_t from, uint32_t limit, uint32_t length)
{
    struct span gap = { from, limit };

    for (size_t i = 0; i < busy->count; i++) {
        if (busy->list[i].end <= gap.start)
            continue;
        if (busy->list[i].start > gap.start) {
            gap.end = busy->list[i].start < limit ? busy->list[i].start : limit;
            break;
        }
        gap.start = busy->list[i].end;
    }
    if (gap.start >= limit)
        return (struct span){ limit, limit };
    if (gap.end - gap.start > length)
        gap.end = gap.start + length;
    return gap;
}

uint32_t spans_length(const struct spans *spans)
{
    uint32_t length = 0;

    for (size_t i = 0; i < spans->count; i++)
        length += spans->list[i].end - spans->list[i].start;
    return length;
}

void spans_free(struct spans *spans)
{
    free(spans->list);
    *spans = (struct spans){ .list = NULL };
}
