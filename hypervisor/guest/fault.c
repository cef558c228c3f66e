/* SPDX-License-Identifier: MIT */
/*
 * Nested page faults: what becomes of an access depends on the p2m entry that it met. A hole is the
 * bus's, after dom0's device memory. An absent frame may come back one day; today nobody brings it,
 * which ends the guest. Anything else was a lack of rights, or another vcpu was faster.
 *
 * Read next: emulate.c, ../dom0/mmio.c.
 */
#include "guest/fault.h"
#include "core/vcpu.h"
#include "dom0/mmio.h"
#include "errors.h"
#include "mm/p2m.h"

int fault_resolve(struct vcpu *v, gpa_t gpa, bool write, bool exec)
{
    gfn_t gfn = gpa_to_gfn(gpa);
    enum p2m_type type;
    unsigned int order;

    (void)p2m_lookup(v->d, gfn, &type, &order);
    if (type == P2M_HOLE)
        return mmio_map(v->d, gfn, order);
    if (type == P2M_ABSENT)
        return -ENOMEM;
    if (write && !p2m_is_writable(type) && type != P2M_MMIO)
        return -EACCES;
    if (exec && !p2m_is_ram(type))
        return -EACCES;
    return 0;
}
