/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing the buffers of hypercalls (hypercall/guest_copy.c): by guest virtual address
 * through the current vcpu's page tables, with privilege checks as for CPL0, SMAP ignored. Errors
 * as in mm/guest.h.
 */
#ifndef CLV_HYPERCALL_GUEST_COPY_H
#define CLV_HYPERCALL_GUEST_COPY_H

#include "types.h"

struct vcpu;

int must_check guest_read(struct vcpu *v, void *dst, gva_t src, uint64_t size);
int must_check guest_write(struct vcpu *v, gva_t dst, const void *src, uint64_t size);
int must_check guest_zero(struct vcpu *v, gva_t dst, uint64_t size);

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
 * Structures that 32-bit callers have in another layout, because words (pointers, unsigned long)
 * have half the size there and nothing is aligned to more than 4 bytes. A letter for each field:
 * its size, or w: a word; | ends a structure inside of another. tests/unit/layout32.c has the
 * public headers' word for it.
 */
#define LAYOUT_WORD "w"
#define LAYOUT_MULTICALL_ENTRY "wwwwwwww"
#define LAYOUT_SCHED_POLL "w48"
#define LAYOUT_RUNSTATE_INFO "488888"
#define LAYOUT_SINGLESHOT_TIMER "84"
#define LAYOUT_RESERVATION "ww442"
#define LAYOUT_ADD_TO_PHYSMAP "224ww"
#define LAYOUT_ADD_TO_PHYSMAP_BATCH "2222www"
#define LAYOUT_REMOVE_FROM_PHYSMAP "2w"
#define LAYOUT_MEMORY_MAP "4w"
#define LAYOUT_GRANT_COPY "w22|w22|222"
#define LAYOUT_GRANT_SETUP_TABLE "242w"

/*
 * As guest_read and guest_write, of one structure with `size` bytes here; compat: the guest has it
 * in the layout of 32-bit callers. A NULL layout is the same for all. guest_layout_size: its size
 * in the guest.
 */
int must_check guest_read_layout(struct vcpu *v, void *dst, gva_t src, uint64_t size,
                                 const char *layout, bool compat);
int must_check guest_write_layout(struct vcpu *v, gva_t dst, const void *src, uint64_t size,
                                  const char *layout, bool compat);
uint64_t guest_layout_size(uint64_t size, const char *layout, bool compat);

#endif
