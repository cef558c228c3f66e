/* SPDX-License-Identifier: MIT */
/*
 * A group's queue: runnable vcpus in the order of virtual time.
 *
 * It is a treap (Seidel and Aragon, 1996): a binary tree in the order of the queue, in which each
 * vcpu's rank, a number by chance, is at least that of those below it. So its depth is logarithmic
 * in the queue's length, whatever the order in which they come. Each vcpu knows the union of the
 * affinities below it, so that the first one for a CPU is found on one way down.
 *
 * Read next: sched_fair.c.
 */
#include "core/sched_internal.h"

static void update_above(struct sched_unit *u)
{
    for (; u; u = u->up)
        u->below = u->affinity | (u->left ? u->left->below : 0) | (u->right ? u->right->below : 0);
}

static void publish_first(struct sched_group *g)
{
    const struct sched_unit *u = g->queue;

    while (u && u->left)
        u = u->left;
    __atomic_store_n(&g->first, u ? u->vtime | 1 : 0, __ATOMIC_SEQ_CST);
}

bool sched_queue_is_behind(const struct sched_group *g, const struct sched_unit *u)
{
    vtime_t first = __atomic_load_n(&g->first, __ATOMIC_SEQ_CST);

    return first && (!u || sched_lag(first, u->vtime) > FAIR_BALANCE);
}

/* Queues u behind those that have had as much but for FAIR_TIE: microseconds change no turns. */
void sched_queue_add(struct sched_unit *u)
{
    struct sched_group *g = sched_group_of(u->cpu);
    struct sched_unit **at = &g->queue, **left = &u->left, **right = &u->right;
    struct sched_unit *t, *up = NULL, *left_up = u, *right_up = u;
    vtime_t place = u->vtime + FAIR_TIE;

    ASSERT(spin_lock_held(&g->lock) && !u->queued);
    while ((t = *at) && t->rank >= u->rank) {
        up = t;
        at = sched_lag(place, t->vtime) > 0 ? &t->left : &t->right;
    }
    *at = u;
    u->up = up;
    while (t) { /* those of lower rank there go below u, to the left or the right */
        bool after = sched_lag(place, t->vtime) > 0;
        struct sched_unit **side = after ? right : left;

        *side = t;
        t->up = after ? right_up : left_up;
        *(after ? &right_up : &left_up) = t;
        *(after ? &right : &left) = after ? &t->left : &t->right;
        t = after ? t->left : t->right;
    }
    *left = *right = NULL;
    if (left_up != u)
        update_above(left_up);
    update_above(right_up);
    u->queued = true;
    g->length++;
    g->weight += u->weight;
    if (sched_group_count() > 1)
        publish_first(g);
}

void sched_queue_remove(struct sched_unit *u)
{
    struct sched_group *g = sched_group_of(u->cpu);
    struct sched_unit *up = u->up, *left = u->left, *right = u->right;
    struct sched_unit **at = &g->queue;

    if (!u->queued)
        return;
    if (up)
        at = up->left == u ? &up->left : &up->right;
    while (left && right) {
        bool is_left = left->rank >= right->rank;
        struct sched_unit *t = is_left ? left : right;

        *at = t;
        t->up = up;
        up = t;
        at = is_left ? &t->right : &t->left;
        *(is_left ? &left : &right) = *at;
    }
    *at = left ?: right;
    if (*at)
        (*at)->up = up;
    update_above(up);
    u->queued = false;
    g->length--;
    g->weight -= u->weight;
    if (sched_group_count() > 1)
        publish_first(g);
}

void sched_queue_reweigh(struct sched_unit *u, uint32_t weight)
{
    if (u->queued)
        sched_group_of(u->cpu)->weight += weight - u->weight;
    u->weight = weight;
}

struct sched_unit *sched_queue_first(const struct sched_group *g, unsigned int cpu)
{
    struct sched_unit *u = g->queue;

    if (!u || !cpumask_has(&u->below, cpu))
        return NULL;
    for (;;)
        if (u->left && cpumask_has(&u->left->below, cpu))
            u = u->left;
        else if (cpumask_has(&u->affinity, cpu))
            return u;
        else
            u = u->right;
}
