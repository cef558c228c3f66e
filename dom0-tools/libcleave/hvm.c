/* SPDX-License-Identifier: MIT */
/*
 * hvmloader runs first, in the guest: it places BARs and makes ACPI tables, then starts SeaBIOS,
 * which libxenguest loads as a module. Read next: build.c, model.c.
 */
#include "hvm.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/hvm/hvm_info_table.h>
#include <xen/hvm/params.h>
#include <xenforeignmemory.h>
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

static void fill_info(struct hvm_info_table *info, unsigned int vcpus, unsigned int max_vcpus)
{
    uint8_t sum = 0;

    info->nr_vcpus = max_vcpus;
    memset(info->vcpu_online, 0, sizeof(info->vcpu_online));
    for (unsigned int i = 0; i < vcpus; i++)
        info->vcpu_online[i / 8] |= (uint8_t)(1u << i % 8);
    info->checksum = 0;
    for (uint32_t i = 0; i < sizeof(*info); i++)
        sum += ((const uint8_t *)info)[i];
    info->checksum = (uint8_t)-sum;
}

int hvm_set_vcpus(uint32_t domid, unsigned int vcpus, unsigned int max_vcpus)
{
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    xen_pfn_t gfn = HVM_INFO_PFN;
    uint8_t *page =
        memory ? xenforeignmemory_map(memory, domid, PROT_READ | PROT_WRITE, 1, &gfn, NULL) : NULL;
    int error = errno;

    if (page) {
        fill_info((struct hvm_info_table *)(page + HVM_INFO_OFFSET), vcpus, max_vcpus);
        xenforeignmemory_unmap(memory, page, 1);
    }
    if (memory)
        xenforeignmemory_close(memory);
    errno = error;
    return page ? 0 : -1;
}
