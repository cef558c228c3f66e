/* SPDX-License-Identifier: MIT */
/* An intrusive, circular, doubly linked list with a head. An unlinked node points to itself. */
#ifndef CLV_LIST_H
#define CLV_LIST_H

#include "types.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name) \
    { \
        &(name), &(name) \
    }
#define list_entry(p, type, member) container_of(p, type, member)
/* Iterates over each `type *e` linked by its `member`. */
#define list_for_each(type, e, head, member) \
    for (type *e = list_entry((head)->next, type, member); &e->member != (head); \
         e = list_entry(e->member.next, type, member))

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_add_before(struct list *n, struct list *at)
{
    n->prev = at->prev;
    n->next = at;
    at->prev->next = n;
    at->prev = n;
}

static inline void list_del(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

#endif
