/* SPDX-License-Identifier: MIT */
/*
 * hvmloader runs first, in the guest: it places BARs and makes ACPI tables, then starts SeaBIOS,
 * which libxenguest loads as a module. Read next: build.c, model.c.
 */
#include "hvm.h"

#include <xen/hvm/params.h>
#include <xenguest.h>

#ifndef HVMLOADER /* the build gives Xen's version */
#define HVMLOADER "/usr/lib/xen-4.17/boot/hvmloader"
#endif
#define VGA_HOLE 0x20 /* frames from 0xa0 */
#define SEABIOS "/usr/share/seabios/bios-256k.bin"

int hvm_map(struct image *loader, struct image *bios)
{
    int rc = image_map(HVMLOADER, "firmware", loader);

    return rc < 0 ? rc : image_map(SEABIOS, "firmware", bios);
}

int hvm_set_parameters(struct hv *hv, uint32_t domid)
{
    /*
     * No HPET: a guest that distrusts its TSC would read it a hundred thousand times in a boot; the
     * PM timer takes its place.
     */
    if (xc_hvm_param_set(hv->xc, domid, HVM_PARAM_HPET_ENABLED, 0) < 0)
        return -1;
    return xc_hvm_param_set(hv->xc, domid, HVM_PARAM_VPT_ALIGN, 1);
}

void hvm_lay_out(struct xc_dom_image *dom, struct image *bios)
{
    dom->device_model = true;
    dom->vga_hole_size = VGA_HOLE;
    dom->system_firmware_module.data = bios->bytes;
    dom->system_firmware_module.length = bios->size;
}
