/* SPDX-License-Identifier: MIT */
/*
 * MSR and I/O permission maps (APM vol. 2, 15.10 and 15.11): every access exits unless listed here.
 *
 * MSRs accessible without an exit are those that VMLOAD/VMSAVE switch; one map serves all guests.
 * All guests share one port map that denies all. dom0 has its own, which denies the ports of the
 * core's devices.
 */
#include "svm/permissions.h"
#include "core/domain.h"
#include "directmap.h"
#include "hw.h"
#include "lib.h"
#include "mm/pagetable.h"

#define IOPM_SIZE (3 * PAGE_SIZE)
#define page_aligned __attribute__((aligned(4096)))

static page_aligned uint8_t msrpm[2 * PAGE_SIZE], no_ports[IOPM_SIZE], dom0_ports[IOPM_SIZE];

void permissions_init(void)
{
    static const uint32_t open[] = {
        0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, /* STAR LSTAR CSTAR SFMASK */
        0xc0000100, 0xc0000101, 0xc0000102,             /* FS_BASE GS_BASE KERNEL_GS_BASE */
        0x174,      0x175,      0x176,                  /* SYSENTER_CS ESP EIP */
    };

    memset(msrpm, 0xff, sizeof(msrpm));
    memset(no_ports, 0xff, sizeof(no_ports));
    memset(dom0_ports, 0xff, sizeof(dom0_ports));
    for (unsigned int i = 0; i < ARRAY_SIZE(open); i++) {
        uint32_t bit = (open[i] & 0x1fff) * 2 + (open[i] >> 31 ? 0x800 * 8 : 0); /* 2 bits each */

        msrpm[bit / 8] &= (uint8_t) ~(3u << bit % 8);
    }
}

paddr_t permissions_msrpm(void) { return virt_to_paddr(msrpm); }
paddr_t permissions_iopm(const struct domain *d)
{
    return virt_to_paddr(d->is_dom0 ? dom0_ports : no_ports);
}

void hw_set_dom0_ports(unsigned int first, unsigned int last, bool allowed)
{
    for (unsigned int p = first; p <= last; p++)
        if (allowed)
            bit_clear(dom0_ports, p);
        else
            bit_set(dom0_ports, p);
}

bool hw_port_allowed(struct domain *d, uint16_t port)
{
    return d->is_dom0 && !bit_test(dom0_ports, port);
}
