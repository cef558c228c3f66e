/* SPDX-License-Identifier: MIT */
/* The connection to the hypervisor: libxenctrl's handle, and the last error it logged. */
#ifndef LIBCLEAVE_HV_H
#define LIBCLEAVE_HV_H

#include <stdint.h>
#include <xenctrl.h>

#define HV_PAGE_KIB 4

struct hv {
    xc_interface *xc;
    struct xentoollog_logger logger; /* passed to xc; fills in detail, shows progress */
    /* first error logged by a library since hv_forget */
    char detail[256];
};

/* The machine's memory, in KiB. */
struct hv_memory {
    uint64_t total;
    uint64_t free;    /* part of total; includes claimed */
    uint64_t claimed; /* part of free: promised to VMs, not yet used */
};

/*
 * Opens the hypervisor. Returns 0, or a negative errno after one error line (no hypervisor, no
 * privilege). hv must not move until hv_close: libxenctrl keeps a pointer to its logger. Not usable
 * after fork.
 */
int hv_open(struct hv *hv);
void hv_close(struct hv *hv);

/*
 * hv_forget discards errors logged so far. hv_reason returns the first since then, or
 * strerror(error).
 */
void hv_forget(struct hv *hv);
const char *hv_reason(struct hv *hv, int error);

/* Return 0, or a negative errno after an error line. */
int hv_memory(struct hv *hv, struct hv_memory *memory);
int hv_physinfo(struct hv *hv, xc_physinfo_t *info);

#endif
