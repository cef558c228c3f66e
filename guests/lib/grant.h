/* SPDX-License-Identifier: MIT */
/*
 * Grant table version 1 (xen/grant_table.h): grants own pages to other domains, and maps their
 * grants.
 */
#ifndef GUESTS_LIB_GRANT_H
#define GUESTS_LIB_GRANT_H

#include "lib.h"

#include <xen/grant_table.h>
#include <xen/xen.h>

/* Maps the first frame of the table: 512 entries. */
void grant_init(void);

/* Grants gfn to domain `to`. Returns the reference, which is in use until grant_end succeeds. */
grant_ref_t grant_offer(domid_t to, uint64_t gfn, bool readonly);

/* Revokes the grant. False: it is currently in use. */
bool grant_end(grant_ref_t ref);

/*
 * Maps reference ref of domain `from` at a guest-physical address. Returns 0 and *handle, or a
 * GNTST_ status.
 */
int grant_map(domid_t from, grant_ref_t ref, uint64_t address, bool readonly,
              grant_handle_t *handle);
int grant_unmap(uint64_t address, grant_handle_t handle);

#endif
