/* SPDX-License-Identifier: MIT */
/*
 * core/grant.c: the test has put frames into d->grant.shared. The table grows by one at a time, as
 * far as they go; the reference is the caller's.
 */
#include "harness.h"
#include "directmap.h"
#include "mm/frame.h"

mfn_t grant_shared_frame(struct domain *d, uint32_t idx)
{
    mfn_t m;

    if (idx > d->grant.frames || idx >= d->grant.max_frames || !d->grant.shared[idx])
        return MFN_NONE;
    d->grant.frames = MAX(d->grant.frames, idx + 1);
    m = virt_to_mfn(d->grant.shared[idx]);
    assert_int_equal(frame_get(m), 0);
    return m;
}
