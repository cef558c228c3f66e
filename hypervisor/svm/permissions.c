/* SPDX-License-Identifier: MIT */
/*
 * MSR and I/O permission maps (APM vol. 2, 15.10 and 15.11): everything exits unless named here.
 *
 * The MSRs that a guest uses without an exit are those that VMLOAD/VMSAVE switch; there is one map for all.
 * All guests share one deny-all port map; dom0 has its own, in which the ports of the core's devices stay
 * closed.
 */
#include "alloc.h"
#include "directmap.h"
#include "vmcb.h"

#define MSRPM_ORDER 1 /* 8 KiB */
#define IOPM_ORDER 2  /* 12 KiB, rounded up */
#define IOPM_BYTES (3 * PAGE_SIZE)

static mfn_t msrpm, iopm;

static void msr_allow(uint32_t msr)
{
    uint8_t *map = mfn_to_virt(msrpm);
    uint32_t bit;

    if (msr < 0x2000)
        bit = msr * 2;
    else
        bit = 0x800 * 8 + (msr - 0xc0000000) * 2;
    map[bit / 8] &= (uint8_t)~(3u << (bit % 8));
}

void permissions_init(void)
{
    static const uint32_t open[] = {
        0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,  /* STAR LSTAR CSTAR SFMASK */
        0xc0000100, 0xc0000101, 0xc0000102,              /* FS_BASE GS_BASE KERNEL_GS_BASE */
        0x174, 0x175, 0x176,                             /* SYSENTER_CS ESP EIP */
    };

    msrpm = alloc_core(MSRPM_ORDER);
    iopm = alloc_core(IOPM_ORDER);
    if (!mfn_valid_number(msrpm) || !mfn_valid_number(iopm))
        panic("no memory for the MSR and I/O permission maps\n");
    memset(mfn_to_virt(msrpm), 0xff, 2 * PAGE_SIZE);
    memset(mfn_to_virt(iopm), 0xff, 4 * PAGE_SIZE);
    for (unsigned int i = 0; i < ARRAY_SIZE(open); i++)
        msr_allow(open[i]);
}

paddr_t permissions_msrpm(void) { return mfn_to_paddr(msrpm); }
paddr_t permissions_iopm_deny_all(void) { return mfn_to_paddr(iopm); }

/* dom0's own map, on first use. It lives as long as dom0: for ever. */
static uint8_t *own_map(struct domain *d)
{
    if (!d->vdev.io_bitmap) {
        mfn_t m = alloc_core(IOPM_ORDER);

        if (!mfn_valid_number(m))
            panic("no memory for dom0's I/O permission map\n");
        memset(mfn_to_virt(m), 0xff, IOPM_BYTES);
        d->vdev.io_bitmap = mfn_to_virt(m);
        d->vdev.io_bitmap_paddr = mfn_to_paddr(m);
    }
    return d->vdev.io_bitmap;
}

void svm_allow_ports(struct domain *d, uint16_t first, uint16_t last)
{
    uint8_t *map = own_map(d);

    for (uint32_t p = first; p <= last; p++)
        map[p / 8] &= (uint8_t)~(1u << (p % 8));
}

void svm_deny_ports(struct domain *d, uint16_t first, uint16_t last)
{
    uint8_t *map = own_map(d);

    for (uint32_t p = first; p <= last; p++)
        map[p / 8] |= (uint8_t)(1u << (p % 8));
}

bool svm_port_allowed(struct domain *d, uint16_t port)
{
    return d->vdev.io_bitmap && !(d->vdev.io_bitmap[port / 8] >> (port % 8) & 1);
}
