/* SPDX-License-Identifier: MIT */
/* Judges a second, and a prediction. Read next: monitor.c. */
#include "judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A second is no whole number of cycles: a slot may lie just outside of it. And half a percent. */
#define SLOT_SLACK_NS 2500000
#define SLACK_DIVISOR 200
/* The core may finish what it does before it switches. */
#define WAIT_SLACK_NS 1000000
#define NS_PER_MS 1000000
/* of overbooking too far */
#define REMEDY ": move a VM away, or lower its cpu_mhz or cpu_slo"

/* --- a second --------------------------------------------------------------------------------- */

/* The core's maximum is new if it has changed, also after a reader let it begin again. */
static uint64_t fresh_wait(const struct cleave_time *before, const struct cleave_time *after)
{
    return after->longest_wait != before->longest_wait ? after->longest_wait : 0;
}

static void add_wait(struct judge_second *second, const struct planner_vcpu *planned,
                     uint64_t waited)
{
    uint64_t worst = second->waited - second->bound, bound = planned->wait_ns;

    if (waited <= bound || waited - bound <= WAIT_SLACK_NS || waited - bound <= worst)
        return;
    second->waiter = planned->vcpu;
    second->waited = waited;
    second->bound = bound;
}

static uint64_t slack_of(const struct usage_time *time)
{
    return SLOT_SLACK_NS + time->elapsed / SLACK_DIVISOR;
}

/* As in usage_between, all the time that it slept counts as if it had been in its slots. */
static void add_slots(struct judge_second *second, const struct planner_vcpu *planned,
                      const struct usage_time *time, uint64_t slots)
{
    uint64_t owed = time->elapsed * planned->time_ns / PLANNER_PERIOD_NS;
    uint64_t slept = time->elapsed - time->wanted;

    owed = owed > slept ? owed - slept : 0;
    if (owed <= slots + slack_of(time) || owed - slots <= second->owed - second->slots)
        return;
    second->robbed = planned->vcpu;
    second->owed = owed;
    second->slots = slots;
}

void judge_vcpu(struct judge_second *second, const struct planner_vcpu *planned,
                const struct cleave_time *before, const struct cleave_time *after,
                const struct usage_time *time)
{
    second->wanted += time->wanted;
    second->elapsed = time->elapsed;
    if (time->lack > slack_of(time))
        second->kept = false;
    if (time->lack > second->lack)
        second->lack = time->lack;
    if (!planned->cpus)
        return;
    add_wait(second, planned, fresh_wait(before, after));
    add_slots(second, planned, time, after->slot_time - before->slot_time);
}

/* Appends to text. */
__attribute__((format(printf, 2, 3))) static void append(char text[JUDGE_TEXT_MAX],
                                                         const char *format, ...)
{
    size_t length = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + length, JUDGE_TEXT_MAX - length, format, args);
    va_end(args);
}

void judge_explain(const struct judge_second *second, const struct judge_scene *scene,
                   char text[JUDGE_TEXT_MAX])
{
    bool known = false;

    text[0] = '\0';
    append(text, "a vCPU with %u MHz lacked %" PRIu64 " ms of them in %" PRIu64 " ms", scene->mhz,
           second->lack / NS_PER_MS, second->elapsed / NS_PER_MS);
    if (!scene->has_tables) {
        append(text, "; the core does not have the plan's tables");
        known = true;
    }
    if (second->waited) {
        append(text, "; vCPU %u waited %" PRIu64 " us, and the plan allows %" PRIu64,
               second->waiter, second->waited / 1000, second->bound / 1000);
        known = true;
    }
    if (second->owed) {
        append(text, "; vCPU %u ran %" PRIu64 " ms in its slots, and the plan has %" PRIu64,
               second->robbed, second->slots / NS_PER_MS, second->owed / NS_PER_MS);
        known = true;
    }
    if (scene->planned_mhz < scene->mhz) {
        append(text,
               "; overbooked: the plan has %u MHz for it, and others wanted theirs, too" REMEDY,
               scene->planned_mhz);
        known = true;
    }
    if (!known)
        append(text, "; the cause is not known: see `cleave cpu show`");
}

/* --- risk ------------------------------------------------------------------------------------- */

enum judge_news judge_risk(struct judge_risk *risk, bool holds, int64_t now)
{
    if (holds == !risk->at_risk || (!holds && now < risk->quiet_till))
        return JUDGE_NOTHING;
    risk->at_risk = !holds;
    if (holds)
        return JUDGE_SAFE;
    risk->quiet_till = now + JUDGE_QUIET_S;
    return JUDGE_AT_RISK;
}

void judge_forecast(const struct demand_forecast *forecast, uint32_t slo, bool holds,
                    char text[JUDGE_TEXT_MAX])
{
    uint64_t permille = (forecast->violation >> 10) * 1000 / (DEMAND_ONE >> 10);

    text[0] = '\0';
    append(text,
           "its SLO of %u %% is predicted to %s: relaxed VMs reserve %" PRIu64 " MHz of %" PRIu64
           ", and want more in %" PRIu64 ".%" PRIu64 " %% of the seconds",
           slo, holds ? "hold" : "break", forecast->reserved_mhz, forecast->capacity_mhz,
           permille / 10, permille % 10);
    if (forecast->share < 100)
        append(text, ", if other VMs take %u %% of the time that they leave in their slots",
               100 - forecast->share);
    if (!holds)
        append(text, "; no other VM is overbooked until it holds" REMEDY);
}
