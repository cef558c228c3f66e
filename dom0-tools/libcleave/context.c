/* SPDX-License-Identifier: MIT */
/* Read next: suspend.c. */
#include "context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/hvm/save.h>

uint8_t *context_get(struct hv *hv, uint32_t domid, uint32_t *size)
{
    int length = xc_domain_hvm_getcontext(hv->xc, domid, NULL, 0);
    uint8_t *context = length > 0 ? malloc(length) : NULL;

    if (context && (length = xc_domain_hvm_getcontext(hv->xc, domid, context, length)) > 0) {
        *size = length;
        return context;
    }
    free(context);
    if (!errno)
        errno = EINVAL;
    return NULL;
}

const void *context_find(const uint8_t *context, uint32_t size, uint16_t type, uint32_t length)
{
    struct hvm_save_descriptor record;

    while (size >= sizeof(record)) {
        memcpy(&record, context, sizeof(record));
        context += sizeof(record);
        size -= sizeof(record);
        if (record.length > size)
            return NULL;
        if (record.typecode == type)
            return record.length == length ? context : NULL;
        context += record.length;
        size -= record.length;
    }
    return NULL;
}
