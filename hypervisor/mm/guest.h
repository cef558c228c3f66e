/* SPDX-License-Identifier: MIT */
/*
 * Guest memory (mm/guest.c): copies by guest physical address, or by virtual address in a given
 * paging mode. Each byte is copied once, and callers check the local copy (README, rule 2).
 *
 * Return 0, -EFAULT (not mapped, not writable, address wraps), -ENOMEM (an absent page is written,
 * and even the core's reserve is used up) or -ERESTART (a page is paged: this_cpu()->paged).
 */
#ifndef CLV_MM_GUEST_H
#define CLV_MM_GUEST_H

#include "types.h"

struct domain;

int must_check guest_read_physical(struct domain *d, void *dst, gpa_t src, uint64_t size);
int must_check guest_write_physical(struct domain *d, gpa_t dst, const void *src, uint64_t size);

/* The registers that control a vcpu's address translation (hw_get_paging). */
struct guest_paging {
    uint64_t cr0, cr3, cr4, efer;
};
#define GUEST_WALK_WRITE 1u
#define GUEST_WALK_USER 2u
#define GUEST_WALK_EXEC 4u
/*
 * Translates va in the mode of p (none, 32-bit, PAE, 4-level). On -EFAULT, *fault_code is the error
 * code of the page fault.
 */
int must_check guest_walk(struct domain *d, const struct guest_paging *p, gva_t va,
                          unsigned int access, gpa_t *gpa, uint32_t *fault_code);
/*
 * Copies between buffer and guest. write: to the guest, from buffer (NULL: zeroes). `at` is a
 * virtual address in the mode of p, or a physical one if p is NULL.
 */
int must_check guest_copy(struct domain *d, const struct guest_paging *p, bool write, uint64_t at,
                          uint8_t *buffer, uint64_t size);

/*
 * A guest frame that the core keeps mapped (vcpu_info, FIFO pages, runstate by physical address).
 * guest_pin() takes a reference that keeps it until guest_unpin(). va is NULL, or valid until then.
 */
struct guest_pin {
    mfn_t mfn;
    void *va;
};
/* Pins a frame of d's RAM. */
int must_check guest_pin(struct domain *d, gfn_t gfn, struct guest_pin *pin);
void guest_unpin(struct guest_pin *pin); /* no-op if va is NULL */

#endif
