/* SPDX-License-Identifier: MIT */
/*
 * Copies hypercall buffers (hypercall/guest_copy.c) by guest virtual address, through the current
 * vcpu's page tables, with the access rights of CPL0 and SMAP ignored. Errors as in mm/guest.h.
 */
#ifndef CLV_HYPERCALL_GUEST_COPY_H
#define CLV_HYPERCALL_GUEST_COPY_H

#include "types.h"

struct vcpu;

int must_check guest_read(struct vcpu *v, void *dst, gva_t src, uint64_t size);
int must_check guest_write(struct vcpu *v, gva_t dst, const void *src, uint64_t size);
int must_check guest_zero(struct vcpu *v, gva_t dst, uint64_t size);

/* Converts a XEN_GUEST_HANDLE to an address. */
#define HANDLE_VA(h) ((gva_t)(uintptr_t)(h).p)

/* Copy n elements of the handle's type from element `at` on. Evaluate to 0 or a negative errno. */
#define guest_read_array(v, dst, handle, at, n) \
    guest_read((v), (dst), HANDLE_VA(handle) + (uint64_t)(at) * sizeof(*(dst)), \
               (uint64_t)(n) * sizeof(*(dst)))
#define guest_write_array(v, handle, at, src, n) \
    guest_write((v), HANDLE_VA(handle) + (uint64_t)(at) * sizeof(*(src)), (src), \
                (uint64_t)(n) * sizeof(*(src)))

/*
 * Structures that have another layout for 32-bit callers: pointers and unsigned long have 4 bytes,
 * and alignment is 4 bytes at most. Each letter is a field: its size in bytes, or w for a word; |
 * ends an embedded structure. tests/unit/layout32.c checks them against the public headers.
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
 * Like guest_read and guest_write, for one structure of `size` bytes in the native layout. With
 * compat, the guest's copy has the compat layout; a NULL layout is the same for both.
 * guest_layout_size returns the size in the guest.
 */
int must_check guest_read_layout(struct vcpu *v, void *dst, gva_t src, uint64_t size,
                                 const char *layout, bool compat);
int must_check guest_write_layout(struct vcpu *v, gva_t dst, const void *src, uint64_t size,
                                  const char *layout, bool compat);
uint64_t guest_layout_size(uint64_t size, const char *layout, bool compat);

#endif
