/* SPDX-License-Identifier: MIT */
/*
 * What Cleave's core offers beyond Xen's ABI (public/cleave.h): tables of slots, limits and times
 * of vCPUs, traces, promises of memory, samples of its use and paging. On Xen each call fails with
 * -ENOSYS.
 */
#ifndef LIBCLEAVE_CORE_H
#define LIBCLEAVE_CORE_H

#include <stdint.h>

#include "hv.h"
#include "planner.h"
#include "cleave.h"

#define CORE_NO_DOMAIN UINT32_MAX

/* The times of struct cleave_time. */
enum core_state { CORE_RUNNING, CORE_RUNNABLE, CORE_BLOCKED, CORE_OFFLINE };

/*
 * Hands the tables of a plan to the core, which switches to them at the end of its cycle. domids:
 * of the plan's VMs, in its order; the slots of CORE_NO_DOMAIN are left out. Returns 0; -ESRCH, of
 * which nothing is reported: a domain has gone meanwhile; or a negative errno after an error line.
 */
int core_install(struct hv *hv, const struct planner_plan *plan, const uint32_t *domids);

/* Returns the number by which the core would identify these tables; 0: there are no slots. */
uint64_t core_cookie(const struct planner_plan *plan, const uint32_t *domids);

/* Reads what is in effect. Return 0 or a negative errno, and report nothing. */
int core_tables(struct hv *hv, struct cleave_table *table);
int core_time(struct hv *hv, uint32_t domid, uint32_t vcpu, bool reset, struct cleave_time *time);

/*
 * A trace of the core. core_trace_start replaces one that goes on, and gives each CPU a ring of so
 * many records (a power of two); events: bits by CLEAVE_TRACE_*. core_trace_stop ends it and frees
 * *trace. Return 0 or a negative errno, and report nothing.
 */
struct core_trace;
int core_trace_start(struct hv *hv, uint32_t records, uint32_t events, struct core_trace **trace);
uint32_t core_trace_cpus(const struct core_trace *trace);
int core_trace_stop(struct core_trace *trace);

/*
 * Takes up to `room` records of a CPU, at most CLEAVE_TRACE_BATCH. Returns their number, or
 * -EAGAIN: the CPU has no ring yet; -ENOMEM: it gets none; -ENOENT: another tool has replaced the
 * trace; another negative errno. Reports nothing.
 */
struct core_batch {
    struct cleave_trace_record *records; /* the caller's, of that room */
    uint64_t lost;                       /* of this CPU since the start */
    uint64_t now;                        /* the core's time, before the records were taken; ns */
};
int core_trace_read(struct core_trace *trace, uint32_t cpu, uint32_t room,
                    struct core_batch *batch);

/* Limits a vCPU to so many ns in each 10 ms; 0: no limit. Returns as core_time. */
int core_limit(struct hv *hv, uint32_t domid, uint32_t vcpu, uint32_t ns);

/*
 * A domain's memory in pages (struct cleave_memory_set says what min and budget mean; 0: none).
 * Return 0 or a negative errno, and report nothing. core_memory_set: -ENOMEM: so much is not free
 * and not promised to others, and nothing has changed; -EINVAL: min is above the budget or the
 * domain's limit; -ESRCH.
 */
int core_memory_set(struct hv *hv, uint32_t domid, uint64_t min, uint64_t budget);
/* The same; what it has not touched yet beyond the budget is not promised to it any more. */
int core_memory_withdraw(struct hv *hv, uint32_t domid, uint64_t min, uint64_t budget);
int core_memory_get(struct hv *hv, uint32_t domid, struct cleave_memory *memory);

/*
 * A sample of the pages that a domain has. core_sample_begin draws up to `pages` (at most
 * CLEAVE_SAMPLE_MAX). core_sample_read counts those accessed and written since; with `end` the
 * sample ends. Return 0 or a negative errno, and report nothing. -ENOENT: there is no sample.
 */
int core_sample_begin(struct hv *hv, uint32_t domid, uint32_t pages, uint64_t seed,
                      struct cleave_sample_begin *sample);
int core_sample_read(struct hv *hv, uint32_t domid, bool end, struct cleave_sample_read *sample);

/*
 * Paging (struct cleave_page_find says what the calls mean). core_pages_new returns so many pages
 * of memory that the core can access, or NULL; `page` is one of them. Return 0 or a negative errno,
 * and report nothing. core_page_wanted returns how many gfns it has found.
 */
#define CORE_WANTED_MAX 12
void *core_pages_new(struct hv *hv, size_t count);
void core_pages_free(struct hv *hv, void *pages, size_t count);
int core_page_find(struct hv *hv, uint32_t domid, bool paged, uint64_t *gfn, void *page);
int core_page_evict(struct hv *hv, uint32_t domid, uint64_t gfn, const void *page);
int core_page_fill(struct hv *hv, uint32_t domid, uint64_t gfn, const void *page);
int core_page_wanted(struct hv *hv, uint32_t domid, uint64_t gfns[CORE_WANTED_MAX]);

#endif
