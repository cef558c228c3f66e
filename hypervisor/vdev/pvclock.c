/* SPDX-License-Identifier: MIT */
/*
 * The PV clock (<xen/xen.h>, struct vcpu_time_info): a guest computes nanoseconds since boot from
 * its TSC, without an exit. The guest's TSC and scale are those of clock_now(), so guest and core
 * agree.
 *
 * An odd version means that an update is in progress. The words lie in guest memory and are never
 * trusted. XEN_PVCLOCK_TSC_STABLE_BIT stays clear: the TSCs of different CPUs are not known to
 * agree to the tick.
 */
#include "vdev/pvclock.h"
#include "core/domain.h"
#include "core/vcpu.h"
#include "cpu/clock.h"
#include "lib.h"

/* Offsets in words: wc_version in the 32-bit shared_info, and arch.wc_sec_hi relative to it. */
#define COMPAT_WC_WORD (2304u / 4)
#define COMPAT_WC_SEC_HI 9u

void pvclock_update(struct vcpu *v)
{
    struct vcpu_time_info *t = &v->info->time;
    uint32_t version = (READ_ONCE(t->version) + 1) | 1;
    uint64_t tsc = rdtsc();

    WRITE_ONCE(t->version, version);
    smp_mb();
    t->tsc_timestamp = tsc;
    t->system_time = (uint64_t)clock_scaled(&clock_scale, tsc);
    t->tsc_to_system_mul = clock_scale.mul;
    t->tsc_shift = clock_scale.shift;
    t->flags = 0;
    smp_mb();
    WRITE_ONCE(t->version, version + 1);
}

void pvclock_update_wallclock(struct domain *d)
{
    /* wc_version, wc_sec, wc_nsec, wc_sec_hi */
    uint32_t *wc = d->compat ? (uint32_t *)d->shared_info + COMPAT_WC_WORD
                             : &d->shared_info->wc_version;
    uint32_t version = (READ_ONCE(wc[0]) + 1) | 1;
    uint64_t wall = clock_wall_at_boot(), sec = wall / SEC(1);

    WRITE_ONCE(wc[0], version);
    smp_mb();
    wc[1] = (uint32_t)sec;
    wc[2] = (uint32_t)(wall % SEC(1));
    wc[d->compat ? COMPAT_WC_SEC_HI : 3] = (uint32_t)(sec >> 32);
    smp_mb();
    WRITE_ONCE(wc[0], version + 1);
}
