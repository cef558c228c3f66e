/* SPDX-License-Identifier: MIT */
/*
 * The paravirtual clock (<xen/xen.h>, struct vcpu_time_info): a guest computes nanoseconds since boot from
 * its TSC, without an exit. A guest's TSC is the host's, and the scale is the one that clock_now() uses, so
 * guest and core agree.
 *
 * A reader takes an odd version as "being written". Both words lie in guest memory: they are written, never
 * trusted. XEN_PVCLOCK_TSC_STABLE_BIT stays clear: CPUs' TSCs are not known to agree to the tick.
 */
#include "domain.h"
#include "lib.h"
#include "vdev.h"

void pvclock_update(struct vcpu *v)
{
    struct vcpu_time_info *t = &v->info->time;
    uint32_t version = (READ_ONCE(t->version) + 1) | 1;
    uint64_t tsc = rdtsc();

    WRITE_ONCE(t->version, version);
    smp_mb();
    t->tsc_timestamp = tsc;
    t->system_time = (uint64_t)clock_from_tsc(tsc);
    t->tsc_to_system_mul = clock_scale.mul;
    t->tsc_shift = clock_scale.shift;
    t->flags = 0;
    smp_mb();
    WRITE_ONCE(t->version, version + 1);
}

void pvclock_update_wallclock(struct domain *d)
{
    shared_info_t *s = d->shared_info;
    uint32_t version = (READ_ONCE(s->wc_version) + 1) | 1;
    uint64_t wall = clock_wall_at_boot(), sec = wall / SEC(1);

    WRITE_ONCE(s->wc_version, version);
    smp_mb();
    s->wc_sec = (uint32_t)sec;
    s->xen_wc_sec_hi = (uint32_t)(sec >> 32);
    s->wc_nsec = (uint32_t)(wall % SEC(1));
    smp_mb();
    WRITE_ONCE(s->wc_version, version + 1);
}
