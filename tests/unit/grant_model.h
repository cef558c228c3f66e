/* SPDX-License-Identifier: MIT */
/*
 * For tests of grant tables: a guest that grants and dom0, which maps and copies, with the core's
 * grant*.c and the real memory management.
 */
#ifndef GRANT_MODEL_H
#define GRANT_MODEL_H

#include "harness.h"

#include "core/grant_internal.h"

#define GRANTER 1
#define RAM_PAGES 64u
#define DOM0_RAM 0x300u
#define MAP_GFN 0x80000u /* dom0 maps from here on: no memory there */
#define READ_MAP (GNTMAP_host_map | GNTMAP_readonly)
#define MAP_AT(n) ((MAP_GFN + (n)) * PAGE_SIZE)

extern struct domain *back, *front; /* dom0 and a guest that grants */

/* A test ends by destroying both domains. No use, handle or memory may be left. */
#define GRANT_TEST(test) \
    cmocka_unit_test_setup_teardown(test, grant_model_setup, grant_model_teardown)
int grant_model_setup(void **state);
int grant_model_teardown(void **state);
void end(struct domain *d); /* tears down its grants, then the rest; idempotent */

unsigned int used(struct domain *d);   /* grant entries in use */
unsigned int mapped(struct domain *d); /* handles in use */
grant_entry_v1_t *entry(uint32_t ref); /* of front's */
void grant(uint32_t ref, uint32_t gfn, uint16_t flags);
int16_t map(uint32_t ref, uint64_t at, uint32_t flags, uint32_t *handle);
int16_t unmap(uint32_t handle, uint64_t at);
mfn_t frame_of(uint32_t gfn); /* of front's */
enum p2m_type type_at(struct domain *d, uint64_t gfn);

/* Copies from a grant of front to a page of dom0, counted from its first page. */
struct gnttab_copy copy_in(uint32_t ref, uint16_t from, uint32_t page, uint16_t to, uint16_t len);

#endif
