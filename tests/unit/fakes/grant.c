/* SPDX-License-Identifier: MIT */
/*
 * core/grant.c: the test puts frames into d->grant.shared, and the table grows by one until they
 * are used up. The caller owns the reference.
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
