/* SPDX-License-Identifier: MIT */
/* Grant table version 1 (xen/grant_table.h): offering own pages to another domain, and mapping its offers. */
#ifndef GUESTS_LIB_GRANT_H
#define GUESTS_LIB_GRANT_H

#include "lib.h"

#include <xen/grant_table.h>
#include <xen/xen.h>

/* Maps the first frame of the table: 512 entries. */
void grant_init(void);

/* Offers gfn to domain to; the reference, which stays in use until grant_end succeeds. */
grant_ref_t grant_offer(domid_t to, uint64_t gfn, bool readonly);

/* Takes the offer back; false: it is mapped at this moment. */
bool grant_end(grant_ref_t ref);

/* Maps (reference ref of domain from) at the guest-physical address: 0 and *handle, or the GNTST_ status. */
int grant_map(domid_t from, grant_ref_t ref, uint64_t address, bool readonly, grant_handle_t *handle);
int grant_unmap(uint64_t address, grant_handle_t handle);

#endif
