/* SPDX-License-Identifier: MIT */
/* Plans in which relaxed VMs get less than they reserve, because they do not want it at once. */
#ifndef LIBCLEAVE_OVERBOOK_H
#define LIBCLEAVE_OVERBOOK_H

#include "book.h"
#include "demand.h"
#include "hv.h"

#define OVERBOOK_TEXT_MAX 384

/*
 * Plans the input's VMs, which are the book's, after planner_make has refused: those of class
 * relaxed that have a history are overbooked. admits: as far as each is predicted to keep its SLO;
 * else whatever is predicted, as when a VM has gone or asks for less. Returns 0 and the plan;
 * -ENOSPC: no SLO allows it, plan->refusal is as it was, and *why says so (empty: nobody can be
 * overbooked); or -ENOMEM.
 */
int overbook_plan(struct hv *hv, const struct planner_input *input, const struct book *book,
                  bool admits, struct planner_plan *plan, char why[OVERBOOK_TEXT_MAX]);

/*
 * Predicts anew, from the histories as they are now, for the VMs of a book with a plan. holds: for
 * each VM of the book, whether its SLO still holds. Returns 0 or a negative errno.
 */
int overbook_predict(struct hv *hv, const struct book *book, bool *holds,
                     struct demand_forecast *forecast);

#endif
