/* SPDX-License-Identifier: MIT */
/*
 * Copies between the core and a vcpu's memory by guest virtual address (guest_copy.h), and converts
 * the structures of 32-bit callers. ../mm/guest.c walks the page tables and copies each page.
 */
#include "hypercall/guest_copy.h"
#include "core/vcpu.h"
#include "hw.h"
#include "lib.h"
#include "mm/guest.h"

#define COMPAT_SIZE_MAX 64u /* size of the largest compat structure */

int guest_read(struct vcpu *v, void *dst, gva_t src, uint64_t size)
{
    struct guest_paging p = hw_get_paging(v);

    return guest_copy(v->d, &p, false, src, dst, size);
}

int guest_write(struct vcpu *v, gva_t dst, const void *src, uint64_t size)
{
    struct guest_paging p = hw_get_paging(v);

    return guest_copy(v->d, &p, true, dst, (uint8_t *)src, size);
}

int guest_zero(struct vcpu *v, gva_t dst, uint64_t size)
{
    struct guest_paging p = hw_get_paging(v);

    return guest_copy(v->d, &p, true, dst, NULL, size);
}

/*
 * Copies all fields between `full`, in the native layout, and `small`, in the compat layout; none
 * if both are NULL. Returns the size of the compat layout.
 */
static unsigned int layout_copy(const char *layout, uint8_t *full, uint8_t *small, bool narrow)
{
    unsigned int full_at = 0, small_at = 0;

    for (; *layout; layout++) {
        bool word = *layout == 'w' || *layout == '|';
        unsigned int small_size = word ? 4 : *layout - '0';
        unsigned int full_size = word ? 8 : small_size;

        full_at = ROUND_UP(full_at, full_size);
        small_at = ROUND_UP(small_at, MIN(small_size, 4u));
        if (*layout == '|')
            continue;
        if (full && narrow)
            memcpy(small + small_at, full + full_at, small_size);
        else if (full)
            memcpy(full + full_at, small + small_at, small_size);
        full_at += full_size;
        small_at += small_size;
    }
    return ROUND_UP(small_at, 4u);
}

uint64_t guest_layout_size(uint64_t size, const char *layout, bool compat)
{
    return compat && layout ? layout_copy(layout, NULL, NULL, true) : size;
}

int guest_read_layout(struct vcpu *v, void *dst, gva_t src, uint64_t size, const char *layout,
                      bool compat)
{
    uint8_t small[COMPAT_SIZE_MAX];

    if (!compat || !layout)
        return guest_read(v, dst, src, size);
    int rc = guest_read(v, small, src, guest_layout_size(size, layout, compat));
    if (rc)
        return rc;
    memset(dst, 0, size);
    layout_copy(layout, dst, small, false);
    return 0;
}

int guest_write_layout(struct vcpu *v, gva_t dst, const void *src, uint64_t size,
                       const char *layout, bool compat)
{
    uint8_t small[COMPAT_SIZE_MAX] = { 0 };

    if (!compat || !layout)
        return guest_write(v, dst, src, size);
    return guest_write(v, dst, small, layout_copy(layout, (uint8_t *)src, small, true));
}
