/* SPDX-License-Identifier: MIT */
/* What an HVM domain's build has that a PVH domain's has not: firmware, and a PC's machine. */
#ifndef LIBCLEAVE_HVM_H
#define LIBCLEAVE_HVM_H

#include "hv.h"
#include "image.h"

struct xc_dom_image;

/* All that the hypervisor emulates for a PC: what libxl asks for, too. */
#define HVM_EMULATION (XEN_X86_EMU_ALL & ~XEN_X86_EMU_VPCI)
/* Frames for ioreq servers, beside the special pages. */
#define HVM_PAGES 8

/* Map hvmloader and SeaBIOS. Returns 0, or a negative errno after an error line. */
int hvm_map(struct image *loader, struct image *bios);
/* Sets the domain's parameters. Returns 0, or -1 with errno set. */
int hvm_set_parameters(struct hv *hv, uint32_t domid);
/* Adds the firmware to a domain's image. */
void hvm_lay_out(struct xc_dom_image *dom, struct image *bios);
/*
 * Tells hvmloader, in the table that libxenguest has made for one vCPU, how many there are, and
 * that the first `vcpus` are online (xen/hvm/hvm_info_table.h). Returns 0, or -1 with errno set.
 */
int hvm_set_vcpus(uint32_t domid, unsigned int vcpus, unsigned int max_vcpus);

#endif
