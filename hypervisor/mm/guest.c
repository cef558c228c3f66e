/* SPDX-License-Identifier: MIT */
/*
 * Access to guest memory (guest.h): walks of the guest's own page tables in each paging mode (AMD
 * APM vol. 2, 5.2 legacy, 5.3 long mode), and copies. Each page is translated and copied with the
 * p2m lock held, so no frame can vanish during the copy, and no references are needed. Frames that
 * are kept longer are pinned.
 *
 * A page whose contents are with dom0 (p2m_page.c) is noted in this_cpu()->paged, and nothing is
 * done: whoever copies for a vcpu makes it wait for the page, then does all again.
 *
 * The guest can change its page tables at any time. Each entry is read once, and never assumed
 * unchanged. Accessed bits are not set, as they only serve page replacement. The dirty bit is set
 * for a page that is written.
 */
#include "mm/guest.h"
#include "core/domain.h"
#include "cpu.h"
#include "directmap.h"
#include "errors.h"
#include "lib.h"
#include "mm/frame.h"
#include "mm/p2m.h"
#include "percpu.h"
#include "spinlock.h"

#define PTE_P (1ull << 0)
#define PTE_W (1ull << 1)
#define PTE_U (1ull << 2)
#define PTE_D (1ull << 6)
#define PTE_PS (1ull << 7)
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

#define FAULT_P 1u /* page fault error code */
#define FAULT_W 2u
#define FAULT_U 4u
#define FAULT_I 16u

/* Returns the removal count of the bucket of gfn. */
static const uint64_t *removals_of(const struct p2m *p, gfn_t gfn)
{
    return &p->removals[gfn.n % ARRAY_SIZE(p->removals)];
}

/* -ENOENT: an absent page, which a read need not fill. -ERESTART: a paged one. */
static int look_up_frame(struct domain *d, gfn_t gfn, bool write, struct p2m_recent *r)
{
    enum p2m_type type;
    mfn_t mfn = p2m_lookup_locked(d, gfn, &type, NULL);

    if (type == P2M_ABSENT) {
        int rc = write ? p2m_fill_for_write(d, gfn) : -ENOENT;

        if (rc)
            return rc;
        mfn = p2m_lookup_locked(d, gfn, &type, NULL);
    }
    if (type == P2M_PAGED) {
        this_cpu()->paged = gfn;
        return -ERESTART;
    }
    if (!p2m_has_frame(type))
        return -EFAULT;
    *r = (struct p2m_recent){ .gfn = gfn.n,
                              .removals = *removals_of(&d->p2m, gfn),
                              .va = mfn_to_virt(mfn),
                              .writable = p2m_is_writable(type) };
    return 0;
}

/*
 * Maps gpa through the direct map; the p2m lock is held. A copy needs one frame for each level of
 * the guest's tables, mostly those of the previous copy, which are cached.
 */
static inline int map_locked(struct domain *d, gpa_t gpa, unsigned int level, bool write, void **va)
{
    static const uint8_t absent[PAGE_SIZE] __attribute__((aligned(8)));
    gfn_t gfn = gpa_to_gfn(gpa);
    struct p2m_recent *r = &d->p2m.recent[level][gfn.n % ARRAY_SIZE(d->p2m.recent[0])];

    ASSERT(spin_lock_held(&d->p2m.lock));
    if (unlikely(r->gfn != gfn.n || r->removals != *removals_of(&d->p2m, gfn))) {
        int rc = look_up_frame(d, gfn, write, r);

        if (rc == -ENOENT)
            *va = (uint8_t *)absent + (gpa & ~PAGE_MASK);
        if (rc)
            return rc == -ENOENT ? 0 : rc;
    }
    if (write && !r->writable)
        return -EFAULT;
    *va = r->va + (gpa & ~PAGE_MASK);
    return 0;
}

/* Returns whether an entry maps 2M, 1G (four levels only), or 4M (two levels, if enabled). */
static bool is_large(const struct guest_paging *p, unsigned int levels, unsigned int level,
                     uint64_t e)
{
    return (e & PTE_PS) &&
           (level == 2 ? levels > 2 || (p->cr4 & CR4_PSE) : level == 3 && levels == 4);
}

/*
 * Sets the dirty bit of a guest's entry, unless the guest has changed the entry meanwhile. The low
 * 32 bits have the bit in each mode.
 */
static void set_dirty(struct domain *d, gpa_t at, void *where, uint64_t e)
{
    uint32_t old = e;

    if (!(e & PTE_D) && map_locked(d, at, 1, true, &where) == 0)
        __atomic_compare_exchange_n((uint32_t *)where, &old, old | PTE_D, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
}

/* Checks an access against `rights`: W, U and (as PTE_NX) not NX, ANDed over all levels. */
static bool is_allowed(const struct guest_paging *p, uint64_t rights, unsigned int access)
{
    bool user = access & GUEST_WALK_USER;

    if (user && !(rights & PTE_U))
        return false;
    if ((access & GUEST_WALK_WRITE) && !(rights & PTE_W) && (user || (p->cr0 & CR0_WP)))
        return false;
    return !((access & GUEST_WALK_EXEC) && !(rights & PTE_NX) && (p->efer & EFER_NXE));
}

/*
 * Walks two levels (4-byte entries), three or four (8-byte). Inlined twice and unrolled for speed:
 * all hypercall arguments come this way, mostly with four levels.
 */
static inline __attribute__((always_inline)) int walk_locked(struct domain *d,
                                                             const struct guest_paging *p,
                                                             unsigned int levels, uint64_t table,
                                                             gva_t va, unsigned int access,
                                                             gpa_t *gpa, uint32_t *fault)
{
    const unsigned int bits = levels == 2 ? 10 : 9;
    const unsigned int entry_size = levels == 2 ? 4 : 8;
    uint64_t rights = PTE_W | PTE_U | PTE_NX, e = 0, size = 0;
    uint32_t bad = 0;
    gpa_t at = 0;
    void *where = NULL;

#pragma GCC unroll 4
    for (unsigned int level = levels; level > 0; level--) {
        unsigned int shift = PAGE_SHIFT + (level - 1) * bits;

        at = table + ((va >> shift) & ((1u << bits) - 1)) * entry_size;
        int rc = map_locked(d, at, level, false, &where);
        if (rc == -ERESTART)
            return rc;
        if (rc)
            goto fault;
        e = entry_size == 8 ? READ_ONCE(*(uint64_t *)where) : READ_ONCE(*(uint32_t *)where);
        if (!(e & PTE_P))
            goto fault;
        /* the four PDPTEs of PAE have no W, U, NX: all is allowed there */
        if (levels != 3 || level != 3)
            rights &= e ^ PTE_NX;
        size = 1ull << shift;
        table = e & PTE_ADDRESS;
        if (is_large(p, levels, level, e))
            break;
    }
    bad = is_allowed(p, rights, access) ? 0 : FAULT_P;
    if (bad)
        goto fault;
    if (access & GUEST_WALK_WRITE)
        set_dirty(d, at, where, e);
    if (levels == 2 && size > PAGE_SIZE) /* 4M pages: address bits 32-39 are in 13-20 (PSE-36) */
        table |= (e >> 13 & 0xff) << 32;
    *gpa = (table & ~(size - 1)) | (va & (size - 1));
    return 0;

fault:
    *fault = bad | (access & GUEST_WALK_WRITE ? FAULT_W : 0) |
             (access & GUEST_WALK_USER ? FAULT_U : 0) |
             (access & GUEST_WALK_EXEC && (p->efer & EFER_NXE) ? FAULT_I : 0);
    return -EFAULT;
}

/*
 * Without paging a virtual address is a physical one; outside long mode it has 32 bits. Long mode
 * has four levels: no guest can set CR4.LA57 (svm/state.c).
 */
static int translate_locked(struct domain *d, const struct guest_paging *p, gva_t va,
                            unsigned int access, gpa_t *gpa, uint32_t *fault)
{
    bool pae = p->cr4 & CR4_PAE;

    *fault = 0;
    if (likely(p->efer & EFER_LMA)) {
        if ((uint64_t)((int64_t)(va << 16) >> 16) != va)
            return -EFAULT;
        return walk_locked(d, p, 4, p->cr3 & PTE_ADDRESS, va, access, gpa, fault);
    }
    va &= 0xffffffff;
    *gpa = va;
    if (!(p->cr0 & CR0_PG))
        return 0;
    return walk_locked(d, p, pae ? 3 : 2, p->cr3 & (pae ? 0xffffffe0 : 0xfffff000), va, access, gpa,
                       fault);
}

int guest_walk(struct domain *d, const struct guest_paging *p, gva_t va, unsigned int access,
               gpa_t *gpa, uint32_t *fault_code)
{
    spin_lock_scope(&d->p2m.lock);
    return translate_locked(d, p, va, access, gpa, fault_code);
}

int guest_copy(struct domain *d, const struct guest_paging *p, bool write, uint64_t at,
               uint8_t *buffer, uint64_t size)
{
    if (at + size < at)
        return -EFAULT;
    for (uint64_t done = 0, n; done < size; done += n) {
        gpa_t gpa = at + done;
        uint32_t fault;
        void *guest;
        int rc = 0;

        n = MIN(size - done, PAGE_SIZE - (gpa & ~PAGE_MASK));
        spin_lock_scope(&d->p2m.lock);
        if (p)
            rc = translate_locked(d, p, at + done, write ? GUEST_WALK_WRITE : 0, &gpa, &fault);
        if (!rc)
            rc = map_locked(d, gpa, 0, write, &guest);
        if (rc)
            return rc;
        if (!buffer)
            memset(guest, 0, n);
        else if (write)
            memcpy(guest, buffer + done, n);
        else
            memcpy(buffer + done, guest, n);
    }
    return 0;
}

int guest_read_physical(struct domain *d, void *dst, gpa_t src, uint64_t size)
{
    return guest_copy(d, NULL, false, src, dst, size);
}

int guest_write_physical(struct domain *d, gpa_t dst, const void *src, uint64_t size)
{
    return guest_copy(d, NULL, true, dst, (uint8_t *)src, size);
}

int guest_pin(struct domain *d, gfn_t gfn, struct guest_pin *pin)
{
    int rc = p2m_get_frame(d, gfn, 1u << P2M_RAM, &pin->mfn);

    if (rc == -ENOENT) /* a write may exceed the budget */
        rc = guest_copy(d, NULL, true, gfn.n << PAGE_SHIFT, NULL, 1)
                 ?: p2m_get_frame(d, gfn, 1u << P2M_RAM, &pin->mfn);
    pin->va = rc ? NULL : mfn_to_virt(pin->mfn);
    return rc;
}

void guest_unpin(struct guest_pin *pin)
{
    if (pin->va)
        frame_put(pin->mfn);
    pin->va = NULL;
}
