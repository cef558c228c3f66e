/* SPDX-License-Identifier: MIT */
/*
 * cleave_op (include/public/cleave.h): what dom0's tools and tests ask of the core beyond Xen's
 * ABI. They query its invariants and longest stretches, and hand it tables of slots, limits of
 * vcpus, questions about their time, traces, promises of memory, and samples of its use. Paging has
 * a file of its own, page_op.c.
 */
#include "core/check.h"
#include "core/domain_registry.h"
#include "core/sched.h"
#include "core/sched_table.h"
#include "core/vcpu.h"
#include "core/vcpu_memory.h"
#include "cpu/clock.h"
#include "cpu/trace.h"
#include "cpu/watchdog.h"
#include "errors.h"
#include "hypercall/guest_copy.h"
#include "hypercall/hypercall.h"
#include "hypercall/operation.h"
#include "hypercall/page_op.h"
#include "lib/log.h"
#include "mm/alloc.h"
#include "mm/owner.h"
#include "mm/p2m_sample.h"
#include "percpu.h"
#include "public/cleave.h"
#include "spinlock.h"

/* --- queries --- */

static long probe_cleave(struct hypercall *hc, struct domain *d, void *arg) { return 0; }

static long check_all(struct hypercall *hc, struct domain *d, void *arg)
{
    ((struct cleave_op *)arg)->u.check.violations = check_invariants();
    return 0;
}

static long report_stretch(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_op *op = arg;

    op->u.stretch = (struct cleave_stretch){ 0 };
    watchdog_stretch_report(&op->u.stretch);
    return 0;
}

static long report_hold(struct hypercall *hc, struct domain *d, void *arg)
{
    return spin_report_hold(&((struct cleave_op *)arg)->u.hold);
}

/* --- tables of slots --- */

static long begin_tables(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_table_begin *op = &((struct cleave_op *)arg)->u.table_begin;

    return sched_table_begin(op->period, &op->stage);
}

static long add_slot(const struct cleave_table_add *op, const struct cleave_slot *slot)
{
    struct domain *d = domain_get(slot->domain);
    struct vcpu *v = d ? domain_vcpu(d, slot->vcpu) : NULL;
    long rc = v ? sched_table_add(op->stage, op->cpu, v, slot->start, slot->end) : -ESRCH;

    if (d)
        domain_put(d);
    return rc;
}

static long add_slots(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct cleave_table_add *op = &((struct cleave_op *)arg)->u.table_add;
    struct cleave_slot slots[CLEAVE_SLOTS_BATCH];
    long rc = op->count <= ARRAY_SIZE(slots) ? 0 : -E2BIG;

    if (rc == 0)
        rc = guest_read(hc->v, slots, op->slots, op->count * sizeof(slots[0]));
    for (uint32_t i = 0; rc == 0 && i < op->count; i++)
        rc = add_slot(op, &slots[i]);
    return rc;
}

static long commit_tables(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct cleave_table_commit *op = &((struct cleave_op *)arg)->u.table_commit;

    return sched_table_commit(op->stage, op->cookie);
}

static long report_tables(struct hypercall *hc, struct domain *d, void *arg)
{
    sched_table_info(&((struct cleave_op *)arg)->u.table);
    return 0;
}

/* --- time of a vcpu --- */

static long limit_vcpu(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct cleave_limit *op = &((struct cleave_op *)arg)->u.limit;
    struct vcpu *v = domain_vcpu(d, op->vcpu);

    if (!v)
        return -ESRCH;
    if (op->limit > SCHED_PERIOD || op->pad[0] || op->pad[1])
        return -EINVAL;
    sched_set_limit(v, op->limit);
    return 0;
}

static long report_time(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_time *op = &((struct cleave_op *)arg)->u.time;
    struct vcpu *v = domain_vcpu(d, op->vcpu);

    if (!v)
        return -ESRCH;
    if (op->reset > 1)
        return -EINVAL;
    struct sched_times times = sched_times(v, op->reset);
    op->state = (uint16_t)times.runstate.state;
    for (unsigned int i = 0; i < ARRAY_SIZE(op->time); i++)
        op->time[i] = times.runstate.time[i];
    op->slot_time = times.slot_time;
    op->longest_wait = (uint64_t)times.longest_wait;
    op->limit = (uint64_t)times.limit;
    op->now = (uint64_t)times.now;
    return 0;
}

/* --- traces --- */

static long start_trace(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_trace_start *op = &((struct cleave_op *)arg)->u.trace_start;

    op->cpus = nr_cpus;
    return trace_start(op->records, op->events, &op->session);
}

static long read_trace(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_trace_read *op = &((struct cleave_op *)arg)->u.trace_read;
    const struct cleave_trace_record *first;
    uint32_t room = op->count, count;
    int rc;

    if (room > CLEAVE_TRACE_BATCH)
        return -EINVAL;
    op->now = (uint64_t)clock_now();
    op->count = 0;
    do {
        rc = trace_peek(op->session, op->cpu, &first, &count, &op->lost);
        if (rc)
            return rc;
        count = MIN(room - op->count, count);
        rc = guest_write(hc->v, op->records + op->count * sizeof(*first), first,
                         count * sizeof(*first));
        if (rc)
            break;
        trace_consume(op->cpu, count);
        op->count += count;
    } while (count && op->count < room); /* from the end of the ring to its beginning */
    return op->count ? 0 : rc;
}

static long stop_trace(struct hypercall *hc, struct domain *d, void *arg)
{
    return trace_stop(((struct cleave_op *)arg)->u.trace_stop.session);
}

/* --- memory --- */

static long set_memory(struct hypercall *hc, struct domain *d, void *arg)
{
    const struct cleave_memory_set *op = &((struct cleave_op *)arg)->u.memory_set;

    if (op->withdraw > 1 || (op->withdraw && !op->budget) || op->pad[0] | op->pad[1])
        return -EINVAL;
    int rc = alloc_set_memory(d, op->min, op->budget);
    if (!rc && op->withdraw)
        alloc_owe_at_most(d, op->budget > d->tot_pages ? op->budget - d->tot_pages : 0);
    return rc;
}

static long report_memory(struct hypercall *hc, struct domain *d, void *arg)
{
    struct cleave_memory *op = &((struct cleave_op *)arg)->u.memory;

    *op = (struct cleave_memory){
        .domain = d->id,
        .waiting = (uint16_t)vcpu_memory_waiting(d, WAIT_MEMORY),
        .awaiting = (uint16_t)vcpu_memory_waiting(d, WAIT_PAGE),
        .min = READ_ONCE(d->min_pages),
        .budget = READ_ONCE(d->page_budget),
        .present = READ_ONCE(d->tot_pages),
        .promised = READ_ONCE(d->claimed),
        .absent = READ_ONCE(d->p2m.pages[P2M_ABSENT]),
        .filled = READ_ONCE(d->p2m.filled),
        .zeroes = READ_ONCE(d->p2m.zeroes),
        .paged = READ_ONCE(d->p2m.pages[P2M_PAGED]),
    };
    return 0;
}

static long begin_sample(struct hypercall *hc, struct domain *d, void *arg)
{
    return p2m_sample_begin(d, &((struct cleave_op *)arg)->u.sample_begin);
}

static long read_sample(struct hypercall *hc, struct domain *d, void *arg)
{
    return p2m_sample_read(d, &((struct cleave_op *)arg)->u.sample_read);
}

#define CLEAVE_DOMAIN(field) OPERATION_DOMAIN(struct cleave_op, u.field.domain)

static const struct operation cleave_ops[] = {
    [CLEAVE_OP_probe] = { .fn = probe_cleave },
    [CLEAVE_OP_check] = { check_all, .out = OUT_SUCCESS },
    [CLEAVE_OP_stretch] = { report_stretch, .out = OUT_SUCCESS },
    [CLEAVE_OP_hold] = { report_hold, .out = OUT_SUCCESS },
    [CLEAVE_OP_table_begin] = { begin_tables, .change = CHANGE_ANY, .out = OUT_SUCCESS },
    [CLEAVE_OP_table_add] = { add_slots, .change = CHANGE_ANY },
    [CLEAVE_OP_table_commit] = { commit_tables, .change = CHANGE_ANY },
    [CLEAVE_OP_table] = { report_tables, .out = OUT_SUCCESS },
    [CLEAVE_OP_limit] = { limit_vcpu, CLEAVE_DOMAIN(limit), .change = CHANGE_ANY },
    [CLEAVE_OP_time] = { report_time, CLEAVE_DOMAIN(time), .out = OUT_SUCCESS },
    [CLEAVE_OP_trace_start] = { start_trace, .change = CHANGE_ANY, .out = OUT_SUCCESS },
    [CLEAVE_OP_trace_read] = { read_trace, .change = CHANGE_ANY, .out = OUT_SUCCESS },
    [CLEAVE_OP_trace_stop] = { stop_trace, .change = CHANGE_ANY },
    [CLEAVE_OP_memory_set] = { set_memory, CLEAVE_DOMAIN(memory_set),
                               .change = CHANGE_OTHER | CHANGE_LIVING },
    [CLEAVE_OP_memory] = { report_memory, CLEAVE_DOMAIN(memory), .out = OUT_SUCCESS },
    [CLEAVE_OP_sample_begin] = { begin_sample, CLEAVE_DOMAIN(sample_begin),
                                 .change = CHANGE_OTHER | CHANGE_LIVING, .out = OUT_SUCCESS },
    [CLEAVE_OP_sample_read] = { read_sample, CLEAVE_DOMAIN(sample_read), .change = CHANGE_ANY,
                                .out = OUT_SUCCESS },
    [CLEAVE_OP_page_find] = { page_op_find, CLEAVE_DOMAIN(page_find),
                              .change = CHANGE_OTHER | CHANGE_LIVING, .out = OUT_SUCCESS },
    [CLEAVE_OP_page_evict] = { page_op_evict, CLEAVE_DOMAIN(page),
                               .change = CHANGE_OTHER | CHANGE_LIVING },
    [CLEAVE_OP_page_fill] = { page_op_fill, CLEAVE_DOMAIN(page),
                              .change = CHANGE_OTHER | CHANGE_LIVING },
    [CLEAVE_OP_page_wanted] = { page_op_wanted, CLEAVE_DOMAIN(page_wanted), .out = OUT_SUCCESS },
};

long hypercall_cleave_op(struct hypercall *hc)
{
    return operation_run_versioned(hc, cleave_ops, ARRAY_SIZE(cleave_ops), sizeof(struct cleave_op),
                                   CLEAVE_INTERFACE_VERSION);
}
