/* SPDX-License-Identifier: MIT */
/* A domain that grants, and one that uses the grants. See grant_model.h. */
#include "grant_model.h"
#include "mm/heap.h"

struct domain *back, *front;

/* core/domain.c */
struct domain *domain_get_next(domid_t first)
{
    for (domid_t id = first; id < 4; id++) {
        struct domain *d = domain_get(id);

        if (d)
            return d;
    }
    return NULL;
}

unsigned int used(struct domain *d)
{
    unsigned int n = 0;

    for (uint32_t ref = 0; ref < d->grant.frames * GRANT_ENTRIES; ref++) {
        const struct grant_active *page = d->grant.active[ref / GRANT_ENTRIES];

        n += page && (page[ref % GRANT_ENTRIES].readers || page[ref % GRANT_ENTRIES].writers);
    }
    return n;
}

unsigned int mapped(struct domain *d)
{
    unsigned int n = 0;

    for (uint32_t handle = 0; handle < d->grant.maptrack_size; handle++)
        n += grant_mapping_at(d, handle)->state != MAPPING_FREE;
    return n;
}

int grant_model_setup(void **state)
{
    (void)state;
    harness_machine(64);
    back = harness_domain(0, 4096);
    front = harness_domain(GRANTER, 4096);
    assert_int_equal(grant_init(back, -1, -1), 0);
    assert_int_equal(grant_init(front, -1, -1), 0);
    harness_populate(back, DOM0_RAM, RAM_PAGES);
    harness_populate(front, 0, RAM_PAGES);
    return 0;
}

void end(struct domain *d)
{
    if (d->dying == DOMAIN_DEAD)
        return;
    while (grant_teardown(d) == -ERESTART)
        ;
    assert_int_equal(mapped(d), 0);
    while (grant_free(d) == -ERESTART)
        ;
    harness_kill(d);
    assert_int_equal(d->pool.used, 0);
}

int grant_model_teardown(void **state)
{
    (void)state;
    assert_int_equal(grant_check(front) + grant_check(back), 0);
    end(back); /* back maps front's frames: destroying it releases all of them */
    assert_int_equal(used(front), 0);
    end(front);
    assert_int_equal(front->refs, 0); /* parked frames keep one on dom0, which never dies */
    assert_int_equal(heap_used(), 0);
    harness_check_memory();
    return 0;
}

/* --- what they do --- */

grant_entry_v1_t *entry(uint32_t ref)
{
    return (grant_entry_v1_t *)front->grant.shared[ref / 512] + ref % 512;
}

void grant(uint32_t ref, uint32_t gfn, uint16_t flags)
{
    *entry(ref) = (grant_entry_v1_t){ .flags = flags, .domid = back->id, .frame = gfn };
}

int16_t map(uint32_t ref, uint64_t at, uint32_t flags, uint32_t *handle)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = at, .flags = flags, .ref = ref, .dom = front->id
    };
    int16_t status = grant_map(back, &op);

    *handle = op.handle;
    return status;
}

int16_t unmap(uint32_t handle, uint64_t at)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = at, .handle = handle };
    struct grant_unmap batch;
    int16_t status;

    grant_unmap_init(&batch, back);
    status = grant_unmap_add(&batch, &op);
    grant_unmap_finish(&batch);
    return status;
}

mfn_t frame_of(uint32_t gfn) { return p2m_lookup(front, GFN(gfn), NULL, NULL); }

enum p2m_type type_at(struct domain *d, uint64_t gfn)
{
    enum p2m_type type;

    p2m_lookup(d, GFN(gfn), &type, NULL);
    return type;
}

struct gnttab_copy copy_in(uint32_t ref, uint16_t from, uint32_t page, uint16_t to, uint16_t len)
{
    return (struct gnttab_copy){
        .source = { .u.ref = ref, .domid = GRANTER, .offset = from },
        .dest = { .u.gmfn = DOM0_RAM + page, .domid = DOMID_SELF, .offset = to },
        .len = len,
        .flags = GNTCOPY_source_gref
    };
}
