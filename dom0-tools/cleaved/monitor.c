/* SPDX-License-Identifier: MIT */
/*
 * Each second, what did each VM with a promise of CPU time want, and did it get that? The core
 * counts run time and time runnable to the nanosecond. The answers become the VM's history
 * (../libcleave/usage.h), and a broken promise an event. Each minute all histories together tell
 * which relaxed VM's promise is at risk. What this file keeps in memory is at most ten seconds of
 * history: the rest is on disk. Read next: judge.c.
 */
#include "monitor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "book.h"
#include "core.h"
#include "events.h"
#include "judge.h"
#include "overbook.h"
#include "promise.h"
#include "report.h"
#include "usage.h"

#define SAVE_S 10
/* A VM whose promise stays broken is an event once in so many seconds. */
#define EVENT_S 60
/* How often the SLOs of relaxed VMs are predicted anew; and how soon after the book has changed. */
#define RISK_S 60
#define RISK_SOON_S 5

struct watched {
    char uuid[UUID_STR_LEN]; /* "": free */
    uint32_t domid;          /* whose samples these are */
    uint32_t mhz;            /* of each vCPU, while they were taken */
    bool sampled;            /* at the last tick, too */
    struct cleave_time *samples;
    uint32_t count;
    struct usage usage;
    uint32_t event_in; /* seconds until the next event */
    struct judge_risk risk;
    bool seen;
};

static struct {
    struct book book;
    struct timespec read; /* the book's time of change */
    struct watched *list;
    size_t count;
    uint32_t save_in, risk_in; /* seconds */
} monitor;

int monitor_open(void)
{
    struct itimerspec each = { .it_value.tv_sec = 1, .it_interval.tv_sec = 1 };
    int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

    if (timer >= 0)
        timerfd_settime(timer, 0, &each, NULL);
    return timer;
}

/* --- who is watched --------------------------------------------------------------------------- */

/* Reads the book if it has changed. False: there are no promises. */
static bool read_book(void)
{
    struct stat st;

    if (stat(BOOK_PATH, &st) < 0)
        return false;
    if (memcmp(&st.st_mtim, &monitor.read, sizeof(st.st_mtim)) != 0) {
        book_free(&monitor.book);
        if (book_load(&monitor.book) < 0)
            return false;
        monitor.read = st.st_mtim;
        if (monitor.risk_in > RISK_SOON_S)
            monitor.risk_in = RISK_SOON_S;
    }
    return monitor.book.count > 0;
}

static struct watched *find_watched(const char *uuid)
{
    for (size_t i = 0; i < monitor.count; i++)
        if (strcmp(monitor.list[i].uuid, uuid) == 0)
            return &monitor.list[i];
    return NULL;
}

static struct watched *watch(const char *uuid)
{
    struct watched *w = find_watched(uuid), *list;

    if (w)
        return w;
    w = find_watched("");
    if (!w) {
        list = reallocarray(monitor.list, monitor.count + 1, sizeof(*list));
        if (!list)
            return NULL;
        monitor.list = list;
        w = &list[monitor.count++];
    }
    *w = (struct watched){ .domid = CORE_NO_DOMAIN };
    strcpy(w->uuid, uuid);
    usage_load(uuid, &w->usage);
    return w;
}

/* What is no longer promised is forgotten; its history stays while the VM does. */
static void forget_unseen(void)
{
    for (size_t i = 0; i < monitor.count; i++) {
        struct watched *w = &monitor.list[i];

        if (*w->uuid && !w->seen) {
            usage_save(w->uuid, &w->usage);
            free(w->samples);
            *w = (struct watched){ .domid = CORE_NO_DOMAIN };
        }
        w->seen = false;
    }
}

/* --- a second --------------------------------------------------------------------------------- */

/* Returns false if there is no whole second yet. */
static bool take_samples(struct hv *hv, struct watched *w, size_t index,
                         struct judge_second *second)
{
    const struct planner_plan *plan = &monitor.book.plan;
    const struct planner_vcpu *planned = &plan->vcpus[plan->first[index]];
    bool whole = w->sampled;

    *second = (struct judge_second){ .kept = true };
    for (uint32_t vcpu = 0; vcpu < w->count; vcpu++) {
        struct usage_time time;
        struct cleave_time now;

        if (core_time(hv, w->domid, vcpu, false, &now) < 0)
            return false;
        time = usage_between(&w->samples[vcpu], &now, w->mhz, plan->mhz);
        judge_vcpu(second, &planned[vcpu], &w->samples[vcpu], &now, &time);
        w->samples[vcpu] = now;
    }
    w->sampled = true;
    return whole;
}

/* A VM begins anew with another domain, or another promise. */
static bool begin_samples(struct watched *w, const struct book_vm *vm, uint32_t domid)
{
    if (w->domid == domid && w->count == vm->vcpus && w->mhz == vm->cpu.mhz)
        return true;
    free(w->samples);
    w->samples = calloc(vm->vcpus, sizeof(*w->samples));
    w->count = w->samples ? vm->vcpus : 0;
    w->domid = domid;
    w->mhz = vm->cpu.mhz;
    w->sampled = false;
    return w->samples != NULL;
}

static void tell_broken(struct hv *hv, struct watched *w, size_t index,
                        const struct judge_second *second)
{
    const struct planner_plan *plan = &monitor.book.plan;
    struct judge_scene scene = { .mhz = w->mhz,
                                 .planned_mhz = plan->vcpus[plan->first[index]].mhz };
    struct vms_record record;
    char text[JUDGE_TEXT_MAX];

    if (w->event_in > 0 || vms_load(w->uuid, &record) < 0)
        return;
    w->event_in = EVENT_S;
    scene.has_tables = promise_installed(hv, &monitor.book) != 0;
    judge_explain(second, &scene, text);
    events_promise(&record, "promise-broken", "%s", text);
}

/* index: of the VM in the book. */
static void watch_vm(struct hv *hv, size_t index, uint32_t domid)
{
    const struct book_vm *vm = &monitor.book.vms[index];
    uint32_t reserved = vm->vcpus * vm->cpu.mhz;
    struct watched *w = watch(vm->uuid);
    struct judge_second second;

    if (!w)
        return;
    w->seen = true;
    if (w->usage.demand.reserved_mhz != reserved)
        w->usage.demand = (struct demand){ .reserved_mhz = reserved };
    w->event_in -= w->event_in > 0;
    if (domid == CORE_NO_DOMAIN || !begin_samples(w, vm, domid) ||
        !take_samples(hv, w, index, &second) || second.elapsed == 0)
        return;
    usage_add(&w->usage, second.wanted * monitor.book.plan.mhz / second.elapsed, second.kept);
    if (!second.kept)
        tell_broken(hv, w, index, &second);
}

/* --- risk ------------------------------------------------------------------------------------- */

static void tell_risk(struct watched *w, const struct book_vm *vm, bool holds,
                      const struct demand_forecast *forecast)
{
    enum judge_news news = judge_risk(&w->risk, holds, vms_now());
    struct vms_record record;
    char text[JUDGE_TEXT_MAX];

    if (news == JUDGE_NOTHING || vms_load(vm->uuid, &record) < 0)
        return;
    judge_forecast(forecast, vm->cpu.slo, holds, text);
    events_promise(&record, news == JUDGE_AT_RISK ? "promise-at-risk" : "promise-safe", "%s", text);
}

/* Predicts anew whether the SLOs of relaxed VMs hold: from all histories, as they are now. */
static void look_ahead(struct hv *hv)
{
    const struct book *book = &monitor.book;
    bool *holds = calloc(book->count + 1, sizeof(*holds));
    struct demand_forecast forecast;

    if (holds && book->plan.cpus && overbook_predict(hv, book, holds, &forecast) == 0)
        for (size_t i = 0; i < book->count; i++) {
            struct watched *w = find_watched(book->vms[i].uuid);

            if (w && book->vms[i].cpu.class == VMFILE_RELAXED)
                tell_risk(w, &book->vms[i], holds[i], &forecast);
        }
    free(holds);
}

static void save_all(void)
{
    for (size_t i = 0; i < monitor.count; i++)
        if (*monitor.list[i].uuid)
            usage_save(monitor.list[i].uuid, &monitor.list[i].usage);
}

/* --- a tick ----------------------------------------------------------------------------------- */

static void watch_all(struct hv *hv)
{
    uint32_t *domids = calloc(monitor.book.count + 1, sizeof(*domids));

    if (monitor.book.plan.mhz > 0 && domids && promise_domids(hv, &monitor.book, domids) == 0)
        for (size_t i = 0; i < monitor.book.count; i++)
            if (strcmp(monitor.book.vms[i].uuid, BOOK_DOM0_UUID) != 0)
                watch_vm(hv, i, domids[i]);
    free(domids);
}

void monitor_tick(int timer, struct hv *hv)
{
    uint64_t expirations;

    if (read(timer, &expirations, sizeof(expirations)) < 0 || !read_book())
        return;
    watch_all(hv);
    forget_unseen();
    if (monitor.save_in-- == 0) {
        monitor.save_in = SAVE_S;
        save_all();
    }
    if (monitor.risk_in-- == 0) {
        monitor.risk_in = RISK_S;
        save_all();
        look_ahead(hv);
    }
}

void monitor_close(void) { forget_unseen(); }
