/* SPDX-License-Identifier: MIT */
/* core/grant.c: the test has put frames into d->grant.shared; the reference is the caller's, as there. */
#include "directmap.h"
#include "harness.h"

mfn_t grant_shared_frame(struct domain *d, uint32_t idx)
{
    mfn_t m;

    if (idx >= d->grant.frames)
        return MFN_NONE;
    m = virt_to_mfn(d->grant.shared[idx]);
    assert_int_equal(frame_get(m), 0);
    return m;
}
