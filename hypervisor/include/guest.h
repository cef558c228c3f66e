/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing a guest's memory: by guest virtual address through the vcpu's own page tables
 * (hypercall buffers of the current vcpu; privilege checks as for CPL0, SMAP ignored), or by guest physical
 * address. Each copies once; callers check the local copy (rule 2 of the core). Frames are referenced for the
 * time of the copy.
 *
 * 0, or -EFAULT (not mapped, not writable, wraps), -ENOENT (an absent frame: the caller returns -ERESTART or
 * -ENOENT).
 */
#ifndef CLV_GUEST_H
#define CLV_GUEST_H

#include "domain.h"
#include "types.h"

int must_check guest_read(struct vcpu *v, void *dst, gva_t src, uint64_t size);
int must_check guest_write(struct vcpu *v, gva_t dst, const void *src, uint64_t size);
int must_check guest_zero(struct vcpu *v, gva_t dst, uint64_t size);

int must_check guest_read_physical(struct domain *d, void *dst, gpa_t src, uint64_t size);
int must_check guest_write_physical(struct domain *d, gpa_t dst, const void *src, uint64_t size);

#define GUEST_WALK_WRITE 1u
#define GUEST_WALK_USER 2u
#define GUEST_WALK_EXEC 4u
/*
 * Translates with the vcpu's CR0/CR3/CR4/EFER (none, 32-bit, PAE, 4-level). -EFAULT with *fault_code = the
 * page fault's error code.
 */
int must_check guest_walk(struct vcpu *v, gva_t va, unsigned int access, gpa_t *gpa, uint32_t *fault_code);

/* XEN_GUEST_HANDLE fields to addresses. */
#define HANDLE_VA(h) ((gva_t)(uintptr_t)(h).p)

/* Copies n elements of the handle's type at element index `at`. Evaluate to 0 or -E. */
#define guest_read_array(v, dst, handle, at, n) \
    guest_read((v), (dst), HANDLE_VA(handle) + (uint64_t)(at) * sizeof(*(dst)), \
               (uint64_t)(n) * sizeof(*(dst)))
#define guest_write_array(v, handle, at, src, n) \
    guest_write((v), HANDLE_VA(handle) + (uint64_t)(at) * sizeof(*(src)), (src), \
                (uint64_t)(n) * sizeof(*(src)))

/*
 * A guest frame that the core keeps mapped (vcpu_info, FIFO pages, runstate by physical address): pinned by a
 * reference, until unpinned. Must be RAM of d. *va is valid until unpin.
 */
struct guest_pin { mfn_t mfn; void *va; };
int must_check guest_pin(struct domain *d, gfn_t gfn, struct guest_pin *pin);
void guest_unpin(struct guest_pin *pin); /* nothing if va is NULL */

#endif
