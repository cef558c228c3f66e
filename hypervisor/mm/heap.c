/* SPDX-License-Identifier: MIT */
/*
 * Small objects for the core: size classes 16, 32, ... 2048, cut from single frames (slabs). Larger
 * objects get whole frames.
 *
 * A slab needs no header, only its frame table entry: next and prev link it in the list of its
 * class. count is the number of objects in use plus one. gfn is the offset + 1 of the first free
 * object, or 0 if the slab is full. A free object holds the offset + 1 of the next one. Slabs with
 * free objects are in the list of their class. An empty slab is returned to the allocator at once.
 *
 * Lock: heap.lock (LOCK_HEAP) protects the lists and all slabs. Frames are allocated and freed
 * without it, because LOCK_MEM precedes it.
 */
#include "mm/heap.h"
#include "directmap.h"
#include "errors.h"
#include "lib.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "spinlock.h"

#define CLASS_MIN_SHIFT 4
#define CLASSES 8
/* from CLASSES on: whole frames */
#define CLASS_SIZE(class) ((size_t)1 << ((class) + CLASS_MIN_SHIFT))

static struct {
    struct spinlock lock;
    uint32_t partial[CLASSES]; /* slabs with free objects, by mfn; 0: none */
    uint64_t used;             /* bytes allocated, rounded up to class or frames; atomic */
} heap = { .lock = SPINLOCK(LOCK_HEAP) };

static void count_used(int64_t bytes) { __atomic_fetch_add(&heap.used, bytes, __ATOMIC_RELAXED); }

static int add_slab(unsigned int class)
{
    mfn_t m = alloc_core(0);

    if (!mfn_valid_number(m))
        return -ENOMEM;
    struct frame *f = mfn_to_frame(m);
    uint8_t *page = mfn_to_virt(m);
    for (uint32_t at = 0, next; at < PAGE_SIZE; at = next) {
        next = at + CLASS_SIZE(class);
        *(uint32_t *)(page + at) = next < PAGE_SIZE ? next + 1 : 0;
    }
    f->flags = FRAME_F_SLAB;
    f->order = class;
    f->gfn = 1;
    spin_lock_scope(&heap.lock);
    frame_link(&heap.partial[class], m.n);
    return 0;
}

/* Returns NULL if no slab has a free object. */
static void *take_object(unsigned int class)
{
    spin_lock_scope(&heap.lock);
    uint32_t n = heap.partial[class];
    if (!n)
        return NULL;
    struct frame *f = &frame_table[n];
    uint8_t *object = (uint8_t *)mfn_to_virt(MFN(n)) + f->gfn - 1;
    f->gfn = *(uint32_t *)object;
    f->count++;
    if (!f->gfn)
        frame_unlink(&heap.partial[class], n);
    return object;
}

/* Debug: at most 256 steps. */
static bool is_object_free(const struct frame *f, uint32_t at)
{
    const uint8_t *page = mfn_to_virt(frame_to_mfn(f));
    uint32_t next = f->gfn;

    while (next && next != at + 1)
        next = *(const uint32_t *)(page + next - 1);
    return next != 0;
}

/* Returns true if the slab is now empty; it is in no list then. */
static bool return_object(struct frame *f, uint8_t *object)
{
    uint32_t at = (uintptr_t)object & (PAGE_SIZE - 1), n = frame_to_mfn(f).n;
    uint32_t *slabs = &heap.partial[f->order];

    BUG_ON(at & (CLASS_SIZE(f->order) - 1));
    spin_lock_scope(&heap.lock);
    BUG_ON(f->count < 2);
    ASSERT(!is_object_free(f, at));
    if (!f->gfn)
        frame_link(slabs, n);
    *(uint32_t *)object = f->gfn;
    f->gfn = at + 1;
    if (--f->count > 1)
        return false;
    frame_unlink(slabs, n);
    return true;
}

void *heap_alloc(size_t size)
{
    unsigned int class = 0;
    void *object;

    while (class < CLASSES + ALLOC_MAX_ORDER && CLASS_SIZE(class) < size)
        class += 1;
    if (class < CLASSES) {
        while (!(object = take_object(class)))
            if (add_slab(class))
                return NULL;
        memset(object, 0, CLASS_SIZE(class));
    } else {
        mfn_t m = CLASS_SIZE(class) < size ? MFN_NONE : alloc_core(class - CLASSES);
        if (!mfn_valid_number(m))
            return NULL;
        object = mfn_to_virt(m);
    }
    count_used((int64_t)CLASS_SIZE(class));
    return object;
}

void heap_free(void *p)
{
    if (!p)
        return;
    struct frame *f = mfn_to_frame(virt_to_mfn(p));
    bool slab = f->flags & FRAME_F_SLAB;
    BUG_ON(f->state != FRAME_CORE ||
           (!slab && ((uintptr_t)p % PAGE_SIZE || f->order > ALLOC_MAX_ORDER)));
    count_used(-(int64_t)(slab ? CLASS_SIZE(f->order) : PAGE_SIZE << f->order));
    if (slab && !return_object(f, p))
        return;
    if (slab)
        f->flags = f->order = 0;
    alloc_free(frame_to_mfn(f), f->order);
}

uint64_t heap_used(void) { return READ_ONCE(heap.used); }
