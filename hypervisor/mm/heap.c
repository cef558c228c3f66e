/* SPDX-License-Identifier: MIT */
/*
 * Small objects for the core: size classes 16, 32, ... 2048, each cut from single frames; larger ones get
 * whole frames.
 *
 * A slab needs no header: its frame table entry has its place in the class's list (next, prev), one more than
 * its objects in use (count), and the first free object's offset + 1 (gfn, 0: full). Free objects hold the
 * offset + 1 of the next. Slabs with room are in their class's list; an empty one goes back to the allocator
 * at once.
 *
 * Lock: heap.lock (LOCK_HEAP) protects the lists and all slabs. It comes after LOCK_MEM, so frames are got
 * and given without it.
 */
#include "alloc.h"
#include "directmap.h"
#include "lib.h"
#include "spinlock.h"

#define CLASS_MIN_SHIFT 4
#define CLASSES 8

static struct {
    struct spinlock lock;
    uint32_t partial[CLASSES];   /* slabs with room, by mfn, 0: none */
    uint64_t used;               /* bytes handed out, rounded to class or frames */
} heap = { .lock = SPINLOCK(LOCK_HEAP) };

static unsigned int class_of(size_t size)
{
    unsigned int class = 0;

    while ((size_t)1 << (class + CLASS_MIN_SHIFT) < size)
        class++;
    return class;
}

static void link_slab(struct frame *f, uint64_t n, unsigned int class)
{
    f->prev = 0;
    f->next = heap.partial[class];
    if (f->next)
        frame_table[f->next].prev = n;
    heap.partial[class] = n;
}

static void unlink_slab(struct frame *f, unsigned int class)
{
    if (f->next)
        frame_table[f->next].prev = f->prev;
    if (f->prev)
        frame_table[f->prev].next = f->next;
    else
        heap.partial[class] = f->next;
}

static int add_slab(unsigned int class)
{
    mfn_t m = alloc_core(0);
    uint32_t size = 1u << (class + CLASS_MIN_SHIFT);
    struct frame *f;
    uint8_t *page;

    if (!mfn_valid_number(m))
        return -ENOMEM;
    f = mfn_to_frame(m);
    page = mfn_to_virt(m);
    for (uint32_t at = 0; at < PAGE_SIZE; at += size)
        *(uint32_t *)(page + at) = at + size < PAGE_SIZE ? at + size + 1 : 0;
    f->flags = FRAME_F_SLAB;
    f->order = class;
    f->gfn = 1;
    spin_lock(&heap.lock);
    link_slab(f, m.n, class);
    spin_unlock(&heap.lock);
    return 0;
}

static void *alloc_object(unsigned int class)
{
    struct frame *f;
    uint8_t *object;

    spin_lock(&heap.lock);
    while (!heap.partial[class]) {
        spin_unlock(&heap.lock);
        if (add_slab(class))
            return NULL;
        spin_lock(&heap.lock);
    }
    f = &frame_table[heap.partial[class]];
    object = (uint8_t *)mfn_to_virt(frame_to_mfn(f)) + f->gfn - 1;
    f->gfn = *(uint32_t *)object;
    f->count++;
    if (!f->gfn)
        unlink_slab(f, class);
    heap.used += 1ull << (class + CLASS_MIN_SHIFT);
    spin_unlock(&heap.lock);
    memset(object, 0, 1ull << (class + CLASS_MIN_SHIFT));
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

static void free_object(struct frame *f, uint8_t *object)
{
    unsigned int class = f->order;
    uint64_t size = 1ull << (class + CLASS_MIN_SHIFT);
    uint32_t at = (uintptr_t)object & (PAGE_SIZE - 1);
    bool empty;

    BUG_ON(at & (size - 1));
    spin_lock(&heap.lock);
    BUG_ON(f->count < 2);
    ASSERT(!is_object_free(f, at));
    if (!f->gfn)
        link_slab(f, frame_to_mfn(f).n, class);
    *(uint32_t *)object = f->gfn;
    f->gfn = at + 1;
    heap.used -= size;
    empty = --f->count == 1;
    if (empty)
        unlink_slab(f, class);
    spin_unlock(&heap.lock);
    if (!empty)
        return;
    f->flags = 0;
    f->order = 0;
    free_core(frame_to_mfn(f), 0);
}

static void count_frames(int64_t bytes)
{
    spin_lock(&heap.lock);
    heap.used += bytes;
    spin_unlock(&heap.lock);
}

void *heap_alloc(size_t size)
{
    unsigned int order = 0;
    mfn_t m;

    if (size <= 1u << (CLASS_MIN_SHIFT + CLASSES - 1))
        return alloc_object(class_of(size));
    while (order <= ALLOC_MAX_ORDER && PAGE_SIZE << order < size)
        order++;
    m = alloc_core(order);
    if (!mfn_valid_number(m))
        return NULL;
    count_frames(PAGE_SIZE << order);
    return mfn_to_virt(m);
}

void heap_free(void *p)
{
    struct frame *f;
    unsigned int order;

    if (!p)
        return;
    f = mfn_to_frame(virt_to_mfn(p));
    BUG_ON(f->state != FRAME_CORE);
    if (f->flags & FRAME_F_SLAB) {
        free_object(f, p);
        return;
    }
    order = f->order;
    BUG_ON(((uintptr_t)p & (PAGE_SIZE - 1)) || order > ALLOC_MAX_ORDER);
    free_core(virt_to_mfn(p), order);
    count_frames(-(int64_t)(PAGE_SIZE << order));
}

uint64_t heap_used(void)
{
    return READ_ONCE(heap.used);
}
