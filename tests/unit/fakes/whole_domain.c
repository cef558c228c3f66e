/* SPDX-License-Identifier: MIT */
/*
 * A domain with event channels and grants, for tests that link core/evtchn*.c and core/grant*.c
 * (harness.h).
 */
#include "harness.h"
#include "directmap.h"
#include "mm/alloc.h"

struct domain *harness_whole_domain(domid_t id, int grant_frames)
{
    struct domain *d = harness_domain(id, 4096);

    d->shared_info_mfn = alloc_core(0);
    d->shared_info = mfn_to_virt(d->shared_info_mfn);
    d->vcpu[0]->info = &d->shared_info->vcpu_info[0];
    assert_int_equal(evtchn_init(d, 1023), 0);
    assert_int_equal(grant_init(d, grant_frames, -1), 0);
    return d;
}
