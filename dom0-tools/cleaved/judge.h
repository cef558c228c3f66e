/* SPDX-License-Identifier: MIT */
/*
 * Whether a promise of CPU time was kept, why not, and when its VM is told to be at risk. Pure: the
 * samples come from monitor.c, or from a test.
 */
#ifndef CLEAVED_JUDGE_H
#define CLEAVED_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "demand.h"
#include "planner.h"
#include "usage.h"

/* --- a second --------------------------------------------------------------------------------- */

/* What a VM's vCPUs did in a second. */
struct judge_second {
    uint64_t wanted, elapsed; /* ns; of all vCPUs, and of one */
    bool kept;
    uint64_t lack; /* ns, of the vCPU that lacks most */
    /* The wait that is furthest above its bound; waited is 0 if there is none. */
    uint32_t waiter; /* vCPU */
    uint64_t waited, bound;
    /* The vCPU that lacks most of its slots; owed is 0 if there is none. */
    uint32_t robbed;
    uint64_t slots, owed; /* ns */
};

/* Adds what a vCPU did between two answers of the core. time: their difference. */
void judge_vcpu(struct judge_second *second, const struct planner_vcpu *planned,
                const struct cleave_time *before, const struct cleave_time *after,
                const struct usage_time *time);

/* What is known of a VM whose promise was broken. */
struct judge_scene {
    uint32_t mhz, planned_mhz; /* promised to each vCPU, and in the plan's slots */
    bool has_tables;           /* the core has the plan's */
};

#define JUDGE_TEXT_MAX 448

/* Says what a vCPU lacked in a second that was not kept, and the causes as far as known. */
void judge_explain(const struct judge_second *second, const struct judge_scene *scene,
                   char text[JUDGE_TEXT_MAX]);

/* --- risk ------------------------------------------------------------------------------------- */

#define JUDGE_QUIET_S 600 /* between two warnings about one VM, so that none flutters */

struct judge_risk {
    bool at_risk;       /* as it was told last */
    int64_t quiet_till; /* in s */
};

enum judge_news { JUDGE_NOTHING, JUDGE_AT_RISK, JUDGE_SAFE };

/* Takes a prediction, and returns what is to be told. now: in s. */
enum judge_news judge_risk(struct judge_risk *risk, bool holds, int64_t now);

/* Says why the SLO is predicted to hold, or not to. */
void judge_forecast(const struct demand_forecast *forecast, uint32_t slo, bool holds,
                    char text[JUDGE_TEXT_MAX]);

#endif
