/* SPDX-License-Identifier: MIT */
/*
 * AMD IOMMUs. They are not used yet, and their table (IVRS) is hidden from dom0. An IOMMU that
 * firmware left enabled would still translate or block DMA, by tables in memory that is reused. So
 * each is disabled, after the engines with which it accesses memory itself: command buffer and
 * logs. (AMD I/O Virtualization Technology Specification 3.05: 3.4 registers, 5.2.2 IVRS)
 */
#include "platform/iommu.h"
#include "cpu.h"
#include "cpu/features.h"
#include "directmap.h"
#include "lib.h"
#include "mm/pagetable.h"
#include "platform/acpi.h"

enum { IVRS_FIRST_BLOCK = 48, BLOCK_LENGTH = 2, BLOCK_BASE = 8 };

#define REGISTERS 0x4000ull
#define REG_CONTROL 0x18
#define CONTROL_ENABLE 1ull
#define CONTROL_COMMANDS (1ull << 12)
#define CONTROL_EVENT_LOG (3ull << 2) /* log and interrupt, as for the next two */
#define CONTROL_PPR_LOG (3ull << 13)
#define CONTROL_GA_LOG (3ull << 28)
#define REG_STATUS 0x2020
#define STATUS_RUNNING 0x198ull /* event log, commands, PPR log, GA log */
#define PATIENCE 1000000

/* Maps a register; each call moves the window. */
static volatile uint8_t *map_register(paddr_t p)
{
    return (volatile uint8_t *)pagetable_window(p) + (p & ~PAGE_MASK);
}

static void disable_iommu(paddr_t base)
{
    uint64_t control = mmio_read(map_register(base + REG_CONTROL), 8);

    if (!(control & CONTROL_ENABLE))
        return;
    control &= ~(CONTROL_COMMANDS | CONTROL_EVENT_LOG | CONTROL_PPR_LOG | CONTROL_GA_LOG);
    mmio_write(map_register(base + REG_CONTROL), 8, control);
    for (unsigned int i = 0;
         i < PATIENCE && (mmio_read(map_register(base + REG_STATUS), 8) & STATUS_RUNNING); i++)
        cpu_pause();
    mmio_write(map_register(base + REG_CONTROL), 8, control & ~CONTROL_ENABLE);
    if (mmio_read(map_register(base + REG_CONTROL), 8) & CONTROL_ENABLE)
        log_warn("IOMMU at %#lx: enabled by firmware and cannot be disabled: dom0's devices may "
                 "not work\n",
                 base);
    else
        log_info("IOMMU at %#lx: enabled by firmware, now disabled\n", base);
}

void iommu_off(void)
{
    const struct acpi_header *h = acpi_find("IVRS");
    uint32_t length;

    for (uint32_t i = IVRS_FIRST_BLOCK; (length = acpi_field(h, i + BLOCK_LENGTH, 2)) >= 4;
         i += length) {
        uint64_t type = acpi_field(h, i, 1), base = acpi_field(h, i + BLOCK_BASE, 8);
        /* one IOMMU may be listed as all three */
        bool is_iommu = type == 0x10 || type == 0x11 || type == 0x40;

        if (is_iommu && base && !(base & (REGISTERS - 1)) && !(base >> cpu_features.physical_bits))
            disable_iommu(base);
    }
}
