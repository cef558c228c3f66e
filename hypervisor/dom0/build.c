/* SPDX-License-Identifier: MIT */
/*
 * Builds dom0, the control domain: an unmodified kernel started through its PVH entry point
 * (<xen/arch-x86/hvm/start_info.h>). dom0_build(), at the end, has the steps in order.
 *
 * Its memory is the machine's lowest RAM (mm/memory.c), identity-mapped, so that devices can do DMA
 * without an IOMMU (README.md, "dom0's frames"). Other RAM is in its map as unusable, and never
 * left out: Linux would place device registers there. Non-RAM addresses are mapped on first access,
 * except registers that the core emulates or hides.
 *
 * Three pages of its memory below 1 MiB are filled in: start_info with the module list and the
 * memory map, the command line, the ACPI tables. The kernel is loaded at its own address, followed
 * by the initrd.
 */
#include "dom0/build.h"
#include "core/domain.h"
#include "core/domain_shutdown.h"
#include "core/vcpu.h"
#include "cpu/features.h"
#include "directmap.h"
#include "dom0/acpi_tables.h"
#include "dom0/elf.h"
#include "dom0/ioapic.h"
#include "dom0/mmio.h"
#include "dom0/msi.h"
#include "dom0/pci.h"
#include "dom0/power.h"
#include "errors.h"
#include "hw.h"
#include "lib.h"
#include "lib/cmdline.h"
#include "mm/alloc.h"
#include "mm/frame.h"
#include "mm/memory.h"
#include "mm/p2m.h"
#include "mm/pagetable.h"
#include "percpu.h"
#include "platform/acpi.h"
#include "platform/boot_info.h"
#include "platform/uart.h"

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/domctl.h>

#define KERNEL_LOW 0x1000000ul /* no part of kernel or initrd below 16 MiB */
#define LOW_END 0x100000ul
#define LOW_PAGES 3
#define MAP_ENTRIES 127u /* Linux copies them unchecked into a table of 128, and adds one */
#define HPET_FRAME 0xfed00ull
/*
 * The local APIC's registers, followed by addresses where any write, by a CPU or a device, is an
 * interrupt message.
 */
#define APIC_START 0xfee00ull
#define APIC_END 0xfef00ull
/* HyperTransport: interrupts, ports and PCI configuration through memory accesses. */
#define HYPERTRANSPORT_START 0xfd00000ull
#define HYPERTRANSPORT_END 0x10000000ull

static struct domain *create_dom0(void)
{
    struct xen_domctl_createdomain config = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_evtchn_port = ~0u,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .arch.emulation_flags = XEN_X86_EMU_LAPIC | XEN_X86_EMU_IOAPIC,
    };
    const char *value = cmdline_get("dom0_max_vcpus");
    uint64_t n = nr_cpus;
    struct domain *d;

    if (value && (!cmdline_parse_size(value, &n) || !n || n > MAX_VCPUS))
        panic("dom0_max_vcpus=%s: not a number from 1 to %u\n", value, MAX_VCPUS);
    config.max_vcpus = (uint32_t)n;
    if (domain_create(&config, DOMID_DOM0, &d))
        panic("no memory to create dom0\n");
    return d;
}

static void map_identity(struct domain *d, uint64_t start, uint64_t end)
{
    while (start < end) {
        bool large = !(start % (1ull << ORDER_2M)) && end - start >= 1ull << ORDER_2M;
        unsigned int order = large ? ORDER_2M : ORDER_4K;

        if (p2m_set(d, GFN(start), MFN(start), order, P2M_RAM))
            panic("no memory for dom0's nested page tables: lower dom0_mem or give the machine "
                  "more RAM\n");
        start += 1ull << order;
    }
}

/* Gives d its RAM. Returns the end of the last piece below 1 MiB that has room for LOW_PAGES. */
static paddr_t give_memory(struct domain *d)
{
    paddr_t low_end = 0;

    for (unsigned int i = 0; i < boot_info.ranges; i++) {
        const struct boot_range *r = &boot_info.range[i];

        if (r->type != BOOT_DOM0)
            continue;
        alloc_assign(d, r->start >> PAGE_SHIFT, r->end >> PAGE_SHIFT);
        map_identity(d, r->start >> PAGE_SHIFT, r->end >> PAGE_SHIFT);
        if (r->end <= LOW_END && r->end - r->start >= LOW_PAGES * PAGE_SIZE)
            low_end = r->end;
    }
    if (!low_end)
        panic("dom0 gets no %lu KiB of RAM in one piece below 1 MiB, for its start info and ACPI "
              "tables\n",
              LOW_PAGES * PAGE_SIZE >> 10);
    d->max_pages = d->tot_pages;
    return low_end;
}

/* Hides what the core emulates (I/O APICs, PCI), reserves (HPET) or owns (interrupt messages). */
static void hide_devices(void)
{
    mmio_hide(APIC_START, APIC_END);
    mmio_hide(HYPERTRANSPORT_START, HYPERTRANSPORT_END);
    mmio_hide(HPET_FRAME, HPET_FRAME + 1);
    for (unsigned int i = 0; i < acpi.ioapics; i++)
        mmio_hide(acpi.ioapic[i] >> PAGE_SHIFT, (acpi.ioapic[i] >> PAGE_SHIFT) + 1);
    for (unsigned int i = 0; i < acpi.pci_windows; i++)
        mmio_hide(acpi.pci_window[i].start >> PAGE_SHIFT, acpi.pci_window[i].end >> PAGE_SHIFT);
    mmio_hide(1ull << (cpu_features.physical_bits - PAGE_SHIFT), ~0ull);
}

/*
 * Gives dom0 all ports except those of devices that the core owns or emulates, or that can stop the
 * machine (power.c).
 */
static void give_ports(void)
{
    /* clang-format off */
    const unsigned int kept[][2] = {
        { 0x20, 0x21 }, { 0xa0, 0xa1 },   /* PIC */
        { 0x92, 0x92 },                   /* fast reset */
        { 0xcf8, 0xcff },                 /* PCI configuration, reset */
        { uart_port, uart_port + 7u },
        { cpu_features.cstate_ports, cpu_features.cstate_ports + CSTATE_PORTS - 1 }, /* C-states */
        { acpi.pm1_control[0], acpi.pm1_control[0] + 1u },
        { acpi.pm1_control[1], acpi.pm1_control[1] + 1u },
    };
    /* clang-format on */

    hw_set_dom0_ports(0, 0xffff, true);
    for (unsigned int i = 0; i < ARRAY_SIZE(kept); i++)
        if (kept[i][0]) /* 0: not present */
            hw_set_dom0_ports(kept[i][0], kept[i][1], false);
}

static void emulate_devices(struct domain *d)
{
    dom0_add_power_ports(d);
    dom0_add_ioapic(d);
    dom0_add_pci(d);
    dom0_add_msi(d);
}

static void check_place(const struct domain *d, const char *what, paddr_t start, paddr_t end)
{
    for (unsigned int i = 0; i < boot_info.ranges; i++) {
        const struct boot_range *r = &boot_info.range[i];

        if (r->type == BOOT_DOM0 && start >= MAX(r->start, KERNEL_LOW) && end <= r->end)
            return;
    }
    panic("dom0's %s at %#lx-%#lx is not within one range of its %lu MiB of RAM above %#lx: "
          "raise dom0_mem\n",
          what, start, end, d->max_pages * PAGE_SIZE >> 20, KERNEL_LOW);
}

/*
 * Loads the kernel at its physical addresses. Returns the end of its memory, and the entry point.
 */
static paddr_t load_kernel(const struct domain *d, uint32_t *entry)
{
    uint64_t size = boot_info.module[0].end - boot_info.module[0].start;
    struct elf_kernel k;
    const char *why = elf_read(paddr_to_virt(boot_info.module[0].start), size, &k);
    paddr_t end = 0;

    if (why)
        panic("dom0's kernel (module 0, %lu bytes) cannot be used: %s\n", size, why);
    for (unsigned int i = 0; i < k.segments; i++) {
        const struct elf_segment *s = &k.segment[i];

        check_place(d, "kernel", s->paddr, s->paddr + s->memory_size);
        memcpy(paddr_to_virt(s->paddr), s->data, s->file_size);
        memset(paddr_to_virt(s->paddr + s->file_size), 0, s->memory_size - s->file_size);
        end = MAX(end, s->paddr + s->memory_size);
    }
    *entry = k.entry;
    return ROUND_UP(end, PAGE_SIZE);
}

static void write_start_info(paddr_t at, paddr_t initrd, uint64_t initrd_size)
{
    struct hvm_start_info *s = paddr_to_virt(at);
    struct hvm_modlist_entry *module = (struct hvm_modlist_entry *)(s + 1);
    struct hvm_memmap_table_entry *map = (struct hvm_memmap_table_entry *)(module + 1);

    memset(s, 0, PAGE_SIZE);
    snprintf(paddr_to_virt(at + PAGE_SIZE), PAGE_SIZE, "%s", boot_info.module[0].args);
    *s = (struct hvm_start_info){
        .magic = 0x336ec578,
        .version = 1,
        .flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
        .nr_modules = initrd_size ? 1 : 0,
        .modlist_paddr = initrd_size ? virt_to_paddr(module) : 0,
        .cmdline_paddr = at + PAGE_SIZE,
        .rsdp_paddr = at + 2 * PAGE_SIZE,
        .memmap_paddr = virt_to_paddr(map),
    };
    *module = (struct hvm_modlist_entry){ .paddr = initrd, .size = initrd_size };
    s->memmap_entries = memory_map_for_dom0(map, MAP_ENTRIES);
}

/*
 * Reserves a pool so that dom0 never depends on what guests leave: frames for tables that map the
 * whole machine once as 4K pages, and 4 MiB for tables of its devices, ports and grant handles.
 */
static void reserve_pool(struct domain *d)
{
    uint64_t left = frame_count / 512 + 1024;

    if (alloc_set_pool(d, d->pool.used + left))
        panic("no memory for dom0's pool of %lu KiB: lower dom0_mem or give the machine more RAM\n",
              left * 4);
}

static void free_modules(void)
{
    for (unsigned int i = 0; i < boot_info.modules; i++)
        alloc_add_range(boot_info.module[i].start >> PAGE_SHIFT,
                        ROUND_UP(boot_info.module[i].end, PAGE_SIZE) >> PAGE_SHIFT);
}

void dom0_build(void)
{
    if (!boot_info.modules)
        panic("no dom0 kernel: the first multiboot module must be a Linux vmlinux (QEMU: -initrd "
              "\"vmlinux ARGS,initrd\")\n");

    struct domain *d = create_dom0();
    paddr_t low_end = give_memory(d), info = low_end - LOW_PAGES * PAGE_SIZE;

    hide_devices();
    give_ports();
    emulate_devices(d);

    const struct boot_module *module = &boot_info.module[1]; /* empty if there is no initrd */
    uint64_t initrd_size = module->end - module->start;
    uint32_t entry;
    paddr_t initrd = load_kernel(d, &entry);

    check_place(d, "initrd", initrd, initrd + initrd_size);
    memcpy(paddr_to_virt(initrd), paddr_to_virt(module->start), initrd_size);
    boot_info_add_range(low_end - PAGE_SIZE, low_end, BOOT_ACPI);
    dom0_acpi_tables(d->max_vcpus, low_end - PAGE_SIZE);
    write_start_info(info, initrd, initrd_size);
    free_modules();

    int rc;

    do
        rc = domain_alloc_vcpus(d, d->max_vcpus);
    while (rc == -ERESTART);
    if (rc)
        panic("no memory for dom0's %u vcpus\n", d->max_vcpus);
    reserve_pool(d);
    hw_reset_to_pvh(d->vcpu[0], entry, (uint32_t)info);
    d->vcpu[0]->wait = WAIT_NONE;
    log_info("dom0: %lu MiB, %u vcpus, kernel entry %#x, initrd %lu KiB at %#lx\n",
             d->max_pages * PAGE_SIZE >> 20, d->max_vcpus, entry, initrd_size >> 10, initrd);
    d->controller_pauses = 0;
    domain_unpause(d);
}
