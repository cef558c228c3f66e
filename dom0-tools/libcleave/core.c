/* SPDX-License-Identifier: MIT */
/* Cleave's own hypercall, through libxencall. Read next: promise.c. */
#include "core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xencall.h>

#include "report.h"

#define BUSY_STEP_US 2000
#define BUSY_STEPS 1000 /* a cycle lasts at most a second */

static int call_core(struct hv *hv, uint32_t cmd, struct cleave_op *op)
{
    xencall_handle *call = xc_interface_xcall_handle(hv->xc);
    struct cleave_op *buffer = xencall_alloc_buffer(call, sizeof(*buffer));
    int rc;

    if (!buffer)
        return -ENOMEM;
    op->cmd = cmd;
    op->interface_version = CLEAVE_INTERFACE_VERSION;
    *buffer = *op;
    rc = xencall1(call, CLEAVE_HYPERCALL, (uintptr_t)buffer);
    if (rc < 0)
        rc = -errno;
    *op = *buffer;
    xencall_free_buffer(call, buffer);
    return rc;
}

/* --- tables ----------------------------------------------------------------------------------- */

/* Hands over at most CLEAVE_SLOTS_BATCH slots. */
static int add_batch(struct hv *hv, uint32_t stage, uint32_t cpu, const struct cleave_slot *slots,
                     uint32_t count)
{
    xencall_handle *call = xc_interface_xcall_handle(hv->xc);
    struct cleave_slot *buffer = xencall_alloc_buffer(call, CLEAVE_SLOTS_BATCH * sizeof(*slots));
    struct cleave_op op = { .u.table_add = { .stage = stage, .cpu = cpu, .count = count } };
    int rc;

    if (!buffer)
        return -ENOMEM;
    memcpy(buffer, slots, count * sizeof(*slots));
    op.u.table_add.slots = (uintptr_t)buffer;
    rc = call_core(hv, CLEAVE_OP_table_add, &op);
    xencall_free_buffer(call, buffer);
    return rc;
}

static int add_table(struct hv *hv, uint32_t stage, uint32_t cpu, const struct planner_table *table,
                     const uint32_t *domids)
{
    struct cleave_slot batch[CLEAVE_SLOTS_BATCH];
    uint32_t count = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < table->count; i++) {
        const struct planner_slot *slot = &table->slots[i];

        if (domids[slot->vm] == CORE_NO_DOMAIN)
            continue;
        batch[count++] =
            (struct cleave_slot){ domids[slot->vm], slot->vcpu, slot->start, slot->end };
        if (count < CLEAVE_SLOTS_BATCH)
            continue;
        rc = add_batch(hv, stage, cpu, batch, count);
        count = 0;
    }
    return rc == 0 && count > 0 ? add_batch(hv, stage, cpu, batch, count) : rc;
}

/* The tables committed last may not be in effect yet. */
static int begin(struct hv *hv, uint32_t period, uint32_t *stage)
{
    struct cleave_op op = { .u.table_begin.period = period };
    int rc = call_core(hv, CLEAVE_OP_table_begin, &op);

    for (int i = 0; rc == -EBUSY && i < BUSY_STEPS; i++) {
        usleep(BUSY_STEP_US);
        op.u.table_begin.period = period;
        rc = call_core(hv, CLEAVE_OP_table_begin, &op);
    }
    *stage = op.u.table_begin.stage;
    return rc;
}

uint64_t core_cookie(const struct planner_plan *plan, const uint32_t *domids)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    bool any = false;

    for (uint32_t cpu = 0; cpu < plan->cpus; cpu++)
        for (size_t i = 0; i < plan->tables[cpu].count; i++) {
            const struct planner_slot *slot = &plan->tables[cpu].slots[i];
            uint64_t words[] = { cpu, domids[slot->vm], slot->vcpu, slot->start, slot->end };

            if (domids[slot->vm] == CORE_NO_DOMAIN)
                continue;
            any = true;
            for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
                hash = (hash ^ words[w]) * 0x100000001b3;
        }
    return any ? hash | 1 : 0;
}

int core_install(struct hv *hv, const struct planner_plan *plan, const uint32_t *domids)
{
    uint64_t cookie = core_cookie(plan, domids);
    struct cleave_op op = { .u.table_commit.cookie = cookie };
    uint32_t stage;
    int rc = begin(hv, cookie ? plan->period_ns : 0, &stage);

    for (uint32_t cpu = 0; rc == 0 && cookie && cpu < plan->cpus; cpu++)
        rc = add_table(hv, stage, cpu, &plan->tables[cpu], domids);
    op.u.table_commit.stage = stage;
    if (rc == 0)
        rc = call_core(hv, CLEAVE_OP_table_commit, &op);
    if (rc < 0 && rc != -ESRCH)
        report_error(REPORT_CPU, "the core rejects the table of CPU time: %s", strerror(-rc));
    return rc;
}

int core_tables(struct hv *hv, struct cleave_table *table)
{
    struct cleave_op op = { .cmd = 0 };
    int rc = call_core(hv, CLEAVE_OP_table, &op);

    *table = op.u.table;
    return rc;
}

/* --- vCPUs ------------------------------------------------------------------------------------ */

int core_time(struct hv *hv, uint32_t domid, uint32_t vcpu, bool reset, struct cleave_time *time)
{
    struct cleave_op op = { .u.time = { .domain = domid, .vcpu = vcpu, .reset = reset } };
    int rc = call_core(hv, CLEAVE_OP_time, &op);

    *time = op.u.time;
    return rc;
}

int core_limit(struct hv *hv, uint32_t domid, uint32_t vcpu, uint32_t ns)
{
    struct cleave_op op = { .u.limit = { .domain = domid, .vcpu = vcpu, .limit = ns } };

    return call_core(hv, CLEAVE_OP_limit, &op);
}

/* --- memory ----------------------------------------------------------------------------------- */

int core_memory_set(struct hv *hv, uint32_t domid, uint64_t min, uint64_t budget)
{
    struct cleave_op op = { .u.memory_set = { .domain = domid, .min = min, .budget = budget } };

    return call_core(hv, CLEAVE_OP_memory_set, &op);
}

int core_memory_withdraw(struct hv *hv, uint32_t domid, uint64_t min, uint64_t budget)
{
    struct cleave_op op = { .u.memory_set = {
                                .domain = domid, .withdraw = 1, .min = min, .budget = budget } };

    return call_core(hv, CLEAVE_OP_memory_set, &op);
}

int core_memory_get(struct hv *hv, uint32_t domid, struct cleave_memory *memory)
{
    struct cleave_op op = { .u.memory.domain = domid };
    int rc = call_core(hv, CLEAVE_OP_memory, &op);

    *memory = op.u.memory;
    return rc;
}

int core_sample_begin(struct hv *hv, uint32_t domid, uint32_t pages, uint64_t seed,
                      struct cleave_sample_begin *sample)
{
    struct cleave_op op = { .u.sample_begin = { .domain = domid, .pages = pages, .seed = seed } };
    int rc = call_core(hv, CLEAVE_OP_sample_begin, &op);

    *sample = op.u.sample_begin;
    return rc;
}

int core_sample_read(struct hv *hv, uint32_t domid, bool end, struct cleave_sample_read *sample)
{
    struct cleave_op op = { .u.sample_read = { .domain = domid, .end = end } };
    int rc = call_core(hv, CLEAVE_OP_sample_read, &op);

    *sample = op.u.sample_read;
    return rc;
}

/* --- paging ----------------------------------------------------------------------------------- */

void *core_pages_new(struct hv *hv, size_t count)
{
    return xencall_alloc_buffer_pages(xc_interface_xcall_handle(hv->xc), count);
}

void core_pages_free(struct hv *hv, void *pages, size_t count)
{
    xencall_free_buffer_pages(xc_interface_xcall_handle(hv->xc), pages, count);
}

int core_page_find(struct hv *hv, uint32_t domid, bool paged, uint64_t *gfn, void *page)
{
    struct cleave_op op = {
        .u.page_find = { .domain = domid, .paged = paged, .gfn = *gfn, .contents = (uintptr_t)page }
    };
    int rc = call_core(hv, CLEAVE_OP_page_find, &op);

    *gfn = op.u.page_find.gfn;
    return rc;
}

static int move_page(struct hv *hv, uint32_t cmd, uint32_t domid, uint64_t gfn, const void *page)
{
    struct cleave_op op = { .u.page = {
                                .domain = domid, .gfn = gfn, .contents = (uintptr_t)page } };

    return call_core(hv, cmd, &op);
}

int core_page_evict(struct hv *hv, uint32_t domid, uint64_t gfn, const void *page)
{
    return move_page(hv, CLEAVE_OP_page_evict, domid, gfn, page);
}

int core_page_fill(struct hv *hv, uint32_t domid, uint64_t gfn, const void *page)
{
    return move_page(hv, CLEAVE_OP_page_fill, domid, gfn, page);
}

int core_page_wanted(struct hv *hv, uint32_t domid, uint64_t gfns[CORE_WANTED_MAX])
{
    struct cleave_op op = { .u.page_wanted.domain = domid };
    int rc = call_core(hv, CLEAVE_OP_page_wanted, &op);

    memcpy(gfns, op.u.page_wanted.gfn, CORE_WANTED_MAX * sizeof(gfns[0]));
    return rc < 0 ? rc : op.u.page_wanted.count;
}

/* --- trace ------------------------------------------------------------------------------------ */

struct core_trace {
    struct hv *hv;
    uint32_t session, cpus;
    struct cleave_trace_record *buffer; /* of a batch */
};

int core_trace_start(struct hv *hv, uint32_t records, uint32_t events, struct core_trace **trace)
{
    xencall_handle *call = xc_interface_xcall_handle(hv->xc);
    struct cleave_op op = { .u.trace_start = { .records = records, .events = events } };
    size_t size = CLEAVE_TRACE_BATCH * sizeof(struct cleave_trace_record);
    struct core_trace *t = calloc(1, sizeof(*t));
    int rc = -ENOMEM;

    if (!t)
        return rc;
    t->hv = hv;
    t->buffer = xencall_alloc_buffer(call, size);
    if (t->buffer)
        rc = call_core(hv, CLEAVE_OP_trace_start, &op);
    if (rc < 0) {
        xencall_free_buffer(call, t->buffer);
        free(t);
        return rc;
    }
    t->session = op.u.trace_start.session;
    t->cpus = op.u.trace_start.cpus;
    *trace = t;
    return 0;
}

uint32_t core_trace_cpus(const struct core_trace *trace) { return trace->cpus; }

int core_trace_read(struct core_trace *trace, uint32_t cpu, uint32_t room, struct core_batch *batch)
{
    struct cleave_op op = { .u.trace_read = { .session = trace->session,
                                              .cpu = cpu,
                                              .count = room,
                                              .records = (uintptr_t)trace->buffer } };
    int rc = call_core(trace->hv, CLEAVE_OP_trace_read, &op);

    if (rc < 0)
        return rc;
    memcpy(batch->records, trace->buffer, op.u.trace_read.count * sizeof(*batch->records));
    batch->lost = op.u.trace_read.lost;
    batch->now = op.u.trace_read.now;
    return op.u.trace_read.count;
}

int core_trace_stop(struct core_trace *trace)
{
    struct cleave_op op = { .u.trace_stop.session = trace->session };
    int rc = call_core(trace->hv, CLEAVE_OP_trace_stop, &op);

    xencall_free_buffer(xc_interface_xcall_handle(trace->hv->xc), trace->buffer);
    free(trace);
    return rc;
}
