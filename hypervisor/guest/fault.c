/* SPDX-License-Identifier: MIT */
/*
 * Nested page faults, by the type of the p2m entry. A hole is emulated, unless it is dom0's device
 * memory. An absent frame may be provided later in a future version; today it crashes the guest.
 * Any other fault is a lack of rights, or was resolved by another vcpu meanwhile.
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
