/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory (mm/guest.c): copies by guest physical address, or by virtual address in a
 * paging mode that the caller gives. Each copies once; callers check the local copy (rule 2 of the
 * core). Frames are referenced for the time of the copy.
 *
 * 0, or -EFAULT (not mapped, not writable, wraps), -ENOENT (an absent frame: the caller returns
 * -ERESTART or -ENOENT).
 */
#ifndef CLV_MM_GUEST_H
#define CLV_MM_GUEST_H

#include "types.h"

struct domain;

int must_check guest_read_physical(struct domain *d, void *dst, gpa_t src, uint64_t size);
int must_check guest_write_physical(struct domain *d, gpa_t dst, const void *src, uint64_t size);

/* What decides how a vcpu translates addresses (hw_get_paging). */
struct guest_paging {
    uint64_t cr0, cr3, cr4, efer;
};
#define GUEST_WALK_WRITE 1u
#define GUEST_WALK_USER 2u
#define GUEST_WALK_EXEC 4u
/*
 * Translates in the mode of p (none, 32-bit, PAE, 4-level). -EFAULT with *fault_code = the page
 * fault's error code.
 */
int must_check guest_walk(struct domain *d, const struct guest_paging *p, gva_t va,
                          unsigned int access, gpa_t *gpa, uint32_t *fault_code);
/*
 * Copies to the guest from buffer (NULL: zeroes), or from it. `at` is an address in the mode of p,
 * or, with p NULL, a physical one.
 */
int must_check guest_copy(struct domain *d, const struct guest_paging *p, bool write, uint64_t at,
                          uint8_t *buffer, uint64_t size);

/*
 * A guest frame that the core keeps mapped (vcpu_info, FIFO pages, runstate by physical address):
 * pinned by a reference (guest_pin, guest.h) until unpinned. va is NULL, or valid until then.
 */
struct guest_pin {
    mfn_t mfn;
    void *va;
};
/* Takes a reference on RAM of d. */
int must_check guest_pin(struct domain *d, gfn_t gfn, struct guest_pin *pin);
void guest_unpin(struct guest_pin *pin); /* nothing if va is NULL */

#endif
