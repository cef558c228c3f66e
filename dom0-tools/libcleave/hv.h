/* SPDX-License-Identifier: MIT */
/*
 * The connection to the hypervisor: libxenctrl's handle, and what libxenctrl last complained about.
 */
#ifndef LIBCLEAVE_HV_H
#define LIBCLEAVE_HV_H

#include <stdint.h>
#include <xenctrl.h>

#define HV_PAGE_KIB 4

struct hv {
    xc_interface *xc;
    struct xentoollog_logger logger; /* given to xc; keeps detail and prints nothing */
    /* the first error that a library logged since hv_forget */
    char detail[256];
};

/* The machine's memory, in KiB. */
struct hv_memory {
    uint64_t total;
    uint64_t free;    /* of total; includes what is claimed */
    uint64_t claimed; /* of free: promised to VMs, not yet used */
};

/*
 * Opens the hypervisor. 0, or a negative errno after one error line (no hypervisor below, no
 * privilege). hv must stay where it is until hv_close: libxenctrl keeps a pointer to the logger in
 * it. Not usable after fork.
 */
int hv_open(struct hv *hv);
void hv_close(struct hv *hv);

/*
 * Forgets the libraries' complaints so far; hv_reason gives the first since then, or errno's text.
 */
void hv_forget(struct hv *hv);
const char *hv_reason(struct hv *hv, int error);

/* 0 or a negative errno after an error line. */
int hv_memory(struct hv *hv, struct hv_memory *memory);
int hv_physinfo(struct hv *hv, xc_physinfo_t *info);

#endif
