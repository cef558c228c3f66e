/* SPDX-License-Identifier: MIT */
/*
 * Nested page faults, by the type of the p2m entry. A hole is emulated, unless it is dom0's device
 * memory. An absent page gets a frame, and the access is repeated. If the domain's budget is used
 * up, frames full of zeroes are searched first; if there are none, the vcpu waits in the fault. For
 * a paged page it waits until dom0 has brought it back. Any other fault is a lack of rights, or was
 * resolved by another vcpu meanwhile.
 *
 * Read next: emulate.c, ../dom0/mmio.c.
 */
#include "guest/fault.h"
#include "core/vcpu.h"
#include "core/vcpu_memory.h"
#include "cpu/softirq.h"
#include "dom0/mmio.h"
#include "errors.h"
#include "mm/alloc.h"
#include "mm/p2m.h"
#include "percpu.h"

/*
 * Searches for frames full of zeroes, or makes v wait if there are none. False: the exit is to be
 * handled again.
 */
static bool find_memory(struct vcpu *v)
{
    if (!p2m_sweep(v->d)) {
        vcpu_memory_wait(v);
        return false;
    }
    v->exit_again = softirq_preempt_pending();
    return !v->exit_again;
}

static int touch_absent(struct vcpu *v, gfn_t gfn)
{
    int rc;

    this_cpu()->hypercall_start = 0; /* for softirq_preempt_pending */
    while ((rc = p2m_fill(v->d, gfn)) == -ENOMEM)
        if (!find_memory(v))
            return 0;
    return rc == -ERESTART ? 0 : rc; /* the access is repeated */
}

void fault_settle(struct vcpu *v)
{
    this_cpu()->hypercall_start = 0;
    while (alloc_is_overdrawn(v->d) && find_memory(v))
        ;
}

int fault_resolve(struct vcpu *v, gpa_t gpa, bool write, bool exec)
{
    gfn_t gfn = gpa_to_gfn(gpa);
    enum p2m_type type;
    unsigned int order;

    (void)p2m_lookup(v->d, gfn, &type, &order);
    if (type == P2M_HOLE)
        return mmio_map(v->d, gfn, order);
    if (type == P2M_ABSENT)
        return touch_absent(v, gfn);
    if (type == P2M_PAGED) {
        vcpu_memory_wait_page(v, gfn);
        return 0;
    }
    if (write && !p2m_is_writable(type) && type != P2M_MMIO)
        return -EACCES;
    if (exec && !p2m_is_ram(type))
        return -EACCES;
    return 0;
}
