/* SPDX-License-Identifier: MIT */
/* The state of a domain's vCPUs and interrupt controllers, as records (xen/hvm/save.h). */
#ifndef LIBCLEAVE_CONTEXT_H
#define LIBCLEAVE_CONTEXT_H

#include <stdint.h>

#include "hv.h"

/* Returns the records, which the caller frees, and their size; or NULL with errno. */
uint8_t *context_get(struct hv *hv, uint32_t domid, uint32_t *size);

/* Returns the contents of the first record of this type (HVM_SAVE_CODE), or NULL. */
const void *context_find(const uint8_t *context, uint32_t size, uint16_t type, uint32_t length);

#endif
