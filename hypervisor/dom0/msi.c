/* SPDX-License-Identifier: MIT */
/*
 * MSI and MSI-X of dom0's devices (PCI 3.0, 6.8). dom0 writes, and reads back, the target of an
 * interrupt inside dom0. The device always holds a message of the core: a host CPU, and a vector on
 * it that only this message uses. When the vector fires, the interrupt is delivered to the target
 * in dom0's message at that moment.
 *
 * An MSI-X table lies in device memory. Once MSI-X has been enabled, its pages are no longer mapped
 * to dom0 but emulated, wherever the device's BAR moves (pci.c reports this). A function has at
 * most one MSI: several would need consecutive vectors, which no kernel requests without interrupt
 * remapping.
 *
 * Lock: pci_lock (pci.h) protects all sources, except for what msi_emulates() and arriving
 * interrupts read: sources are published complete and never freed.
 */
#include "dom0/msi.h"
#include "core/domain_registry.h"
#include "core/vcpu.h"
#include "cpu/irq.h"
#include "directmap.h"
#include "dom0/ioapic.h"
#include "dom0/mmio.h"
#include "dom0/pci.h"
#include "lib.h"
#include "mm/heap.h"
#include "mm/pagetable.h"
#include "percpu.h"
#include "spinlock.h"
#include "vdev/bus.h"
#include "vdev/lapic.h"

#define CONTROL 2 /* offset in a capability, 2 bytes */
#define MSI_ENABLE 0x0001u
#define MSI_MULTIPLE 0x007eu
#define MSI_64BIT 0x0080u
#define MSIX_LINES 0x07ffu
#define MSIX_MASK_ALL 0x4000u
#define MSIX_ENABLE 0x8000u
#define MSIX_TABLE 4 /* which BAR, and the offset from there */
#define MSIX_TABLE_BAR 7u

#define HOST_ADDRESS 0xfee00000u
#define ADDRESS_DEST(a) ((a) >> 12 & 0xff)
#define ADDRESS_LOGICAL 0x4u
#define DATA_VECTOR_MODE 0x7ffu

enum { ADDRESS, ADDRESS_HIGH, DATA, LINE_CONTROL, LINE_WORDS }; /* an entry of an MSI-X table */
#define LINE_BYTES (4u * LINE_WORDS)
#define LINE_MASKED 1u

struct message {
    uint32_t word[LINE_WORDS]; /* as written by dom0; an MSI has no control word */
    struct irq_vector host;    /* vector 0: none */
};

/* One capability of one function. */
struct msi_source {
    struct msi_source *next;
    struct pci_capability capability;
    bool enabled;
    paddr_t table; /* MSI-X: address of the table, 0: none */
    unsigned int count;
    struct message message[];
};

struct msi_source *msi_sources; /* new sources are published at the front, none is removed */

/* --- host vectors --- */

static void message_arrived(unsigned int vector, void *data)
{
    const struct message *m = data;
    uint32_t address = READ_ONCE(m->word[ADDRESS]), val = READ_ONCE(m->word[DATA]);

    lapic_deliver(dom0, ADDRESS_DEST(address),
                  (val & DATA_VECTOR_MODE) | (address & ADDRESS_LOGICAL ? LAPIC_LOGICAL : 0));
}

/* Allocates a vector on `cpu`. If that has none left and m has no vector, any CPU will do. */
static struct irq_vector new_vector(struct message *m, unsigned int cpu)
{
    struct irq_vector v = irq_alloc_vector(cpu, message_arrived, m);

    for (unsigned int i = 0; i < nr_cpus && !v.vector && !m->host.vector; i++)
        if (cpus[i].apic_id < MESSAGE_DEST_ALL)
            v = irq_alloc_vector(i, message_arrived, m);
    return v;
}

/*
 * Gives a message a vector once it can be sent: on the CPU that dom0 wants, if it may move. A
 * disabled source has none. Returns the old vector if it is to be freed, once the device no longer
 * uses it.
 */
static struct irq_vector update_vector(struct domain *d, const struct msi_source *s,
                                       struct message *m, bool may_move)
{
    uint32_t address = m->word[ADDRESS];
    unsigned int cpu = ioapic_host_cpu(d, ADDRESS_DEST(address), address & ADDRESS_LOGICAL);
    struct irq_vector before = m->host, v = { 0 };

    if (s->enabled) {
        if ((m->word[LINE_CONTROL] & LINE_MASKED) ||
            (before.vector && (before.cpu == cpu || !may_move)))
            return v;
        v = new_vector(m, cpu);
        if (!v.vector && !before.vector)
            pci_log(d, s->capability.address,
                    "an interrupt stays disabled: all vectors of all CPUs are in use");
        if (!v.vector)
            return v;
    }
    m->host = v;
    return before;
}

static void free_vector(struct irq_vector v)
{
    if (v.vector)
        irq_free_vector(v);
}

static uint32_t host_address(const struct message *m)
{
    return HOST_ADDRESS | cpus[m->host.cpu].apic_id << 12;
}

/* --- sources --- */

/* Returns the source of a capability. If there is none it creates one, unless count is 0. */
static struct msi_source *source_of(struct domain *d, const struct pci_capability *c,
                                    unsigned int count)
{
    struct msi_source *s = msi_sources;

    while (s && (s->capability.address != c->address || s->capability.id != c->id))
        s = s->next;
    if (s || !count)
        return s;
    s = heap_alloc(sizeof(*s) + count * sizeof(s->message[0]));
    if (!s) {
        pci_log(d, c->address, "no memory for its interrupts");
        return NULL;
    }
    s->capability = *c;
    s->count = count;
    s->next = msi_sources;
    __atomic_store_n(&msi_sources, s, __ATOMIC_RELEASE);
    return s;
}

/* --- MSI --- */

unsigned int msi_length(const struct pci_capability *c)
{
    if (c->id == PCI_CAP_MSIX)
        return 4;
    return pci_hw_read(c->address, c->at + CONTROL, 2) & MSI_64BIT ? 16 : 12;
}

/* Returns which word of a message is in register n of the capability. */
static unsigned int msi_word(const struct pci_capability *c, unsigned int n)
{
    return n == 2 && msi_length(c) == 12 ? DATA : n - 1;
}

/*
 * Address and data are two writes, and most devices cannot mask the message in between. So the
 * vector stays on the CPU where it was enabled; dom0 cannot tell.
 */
static void msi_update(struct domain *d, struct msi_source *s)
{
    const struct pci_capability *c = &s->capability;
    struct message *m = &s->message[0];
    uint32_t control = pci_hw_read(c->address, c->at + CONTROL, 2) & ~(MSI_ENABLE | MSI_MULTIPLE);

    if (!s->enabled)
        pci_hw_write(c->address, c->at + CONTROL, 2, control);
    free_vector(update_vector(d, s, m, false));
    if (!m->host.vector)
        return;
    pci_hw_write(c->address, c->at + 4, 4, host_address(m));
    if (control & MSI_64BIT)
        pci_hw_write(c->address, c->at + 8, 4, 0);
    pci_hw_write(c->address, c->at + (control & MSI_64BIT ? 12 : 8), 2, m->host.vector);
    pci_hw_write(c->address, c->at + CONTROL, 2, control | MSI_ENABLE);
}

static void msi_register_write(struct domain *d, const struct pci_capability *c, unsigned int n,
                               uint32_t val)
{
    struct msi_source *s = source_of(d, c, 1);

    if (!s)
        return;
    if (n == 0)
        s->enabled = val >> 16 & MSI_ENABLE;
    else
        WRITE_ONCE(s->message[0].word[msi_word(c, n)], val);
    msi_update(d, s);
}

/* --- MSI-X --- */

static volatile uint8_t *hw_register(paddr_t p)
{
    return (volatile uint8_t *)pagetable_window(p) + (p & ~PAGE_MASK);
}

static void line_update(struct domain *d, struct msi_source *s, unsigned int i)
{
    struct message *m = &s->message[i];
    struct irq_vector before = update_vector(d, s, m, true);
    volatile uint8_t *line = s->table ? hw_register(s->table + i * LINE_BYTES) : NULL;

    if (line) {
        mmio_write(line + 4 * LINE_CONTROL, 4, m->word[LINE_CONTROL] | LINE_MASKED);
        /* the read completes after messages that the device has sent */
        mmio_read(line + 4 * LINE_CONTROL, 4);
    }
    if (line && m->host.vector) {
        mmio_write(line + 4 * ADDRESS, 4, host_address(m));
        mmio_write(line + 4 * ADDRESS_HIGH, 4, 0);
        mmio_write(line + 4 * DATA, 4, m->host.vector);
        mmio_write(line + 4 * LINE_CONTROL, 4, m->word[LINE_CONTROL]);
    }
    free_vector(before);
}

static uint64_t first_frame(paddr_t table) { return table >> PAGE_SHIFT; }

static uint64_t end_frame(paddr_t table, unsigned int count)
{
    return ROUND_UP(table + count * LINE_BYTES, PAGE_SIZE) >> PAGE_SHIFT;
}

/*
 * Locates the table, and unmaps it from dom0. It must lie in dom0's device memory, with no entry
 * across a page boundary; otherwise there is none.
 */
static void locate_table(struct domain *d, struct msi_source *s)
{
    const struct pci_capability *c = &s->capability;
    uint32_t where = pci_hw_read(c->address, c->at + MSIX_TABLE, 4);
    unsigned int bar = PCI_BAR + 4 * (where & MSIX_TABLE_BAR);
    uint64_t base = pci_hw_read(c->address, bar, 4);

    if ((base & PCI_BAR_TYPE) == PCI_BAR_64)
        base |= (uint64_t)pci_hw_read(c->address, bar + 4, 4) << 32;
    paddr_t table = (base & ~0xfull) + (where & ~MSIX_TABLE_BAR);

    if ((base & PCI_BAR_IO) || table % LINE_BYTES ||
        !mmio_allowed(d, first_frame(table), end_frame(table, s->count)))
        table = 0;
    WRITE_ONCE(s->table, table);
    smp_mb(); /* mmio.c checks this after mapping */
    if (table)
        mmio_forget(d, first_frame(table), end_frame(table, s->count));
}

void msi_moved(struct domain *d, uint32_t address)
{
    for (struct msi_source *s = msi_sources; s; s = s->next)
        if (s->capability.address == address && s->capability.id == PCI_CAP_MSIX)
            locate_table(d, s);
}

/* Called when MSI-X is first enabled: reads what dom0 has written into the table. */
static struct msi_source *adopt_table(struct domain *d, const struct pci_capability *c,
                                      unsigned int count)
{
    struct msi_source *s = source_of(d, c, count);

    if (!s)
        return NULL;
    locate_table(d, s);
    for (unsigned int i = 0; s->table && i < count; i++)
        for (unsigned int n = 0; n < LINE_WORDS; n++)
            s->message[i].word[n] =
                (uint32_t)mmio_read(hw_register(s->table + i * LINE_BYTES + 4 * n), 4);
    return s;
}

static void msix_control_write(struct domain *d, const struct pci_capability *c, uint32_t control)
{
    unsigned int count = (pci_hw_read(c->address, c->at + CONTROL, 2) & MSIX_LINES) + 1;
    bool decodes = pci_hw_read(c->address, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY;
    bool enabled = (control & MSIX_ENABLE) && decodes;
    struct msi_source *s = source_of(d, c, 0);

    if (!s && enabled)
        s = adopt_table(d, c, count);
    if (s)
        s->enabled = enabled && s->table;
    if ((control & MSIX_ENABLE) && (!s || !s->enabled)) {
        pci_log(d, c->address, "MSI-X stays disabled: its table is not in decoded device memory");
        control &= ~MSIX_ENABLE;
    }
    /* some devices have no table until enabled */
    pci_hw_write(c->address, c->at + CONTROL, 2,
                 control | (control & MSIX_ENABLE ? MSIX_MASK_ALL : 0));
    for (unsigned int i = 0; s && i < s->count; i++)
        line_update(d, s, i);
    pci_hw_write(c->address, c->at + CONTROL, 2, control);
}

/* --- configuration space --- */

uint32_t msi_read(struct domain *d, const struct pci_capability *c, unsigned int reg)
{
    unsigned int n = (reg - c->at) / 4;

    if (n == 0)
        return pci_hw_read(c->address, reg, 4) &
               (c->id == PCI_CAP_MSI ? ~(MSI_MULTIPLE << 16) : ~0u);
    const struct msi_source *s = source_of(d, c, 0);

    return s ? s->message[0].word[msi_word(c, n)] : 0;
}

void msi_write(struct domain *d, const struct pci_capability *c, unsigned int reg, uint32_t val)
{
    if (c->id == PCI_CAP_MSIX)
        msix_control_write(d, c, val >> 16);
    else
        msi_register_write(d, c, (reg - c->at) / 4, val);
}

/* --- the table's pages --- */

static struct msi_source *source_in(const struct domain *d, uint64_t start, uint64_t end)
{
    struct msi_source *s = d->is_dom0 ? __atomic_load_n(&msi_sources, __ATOMIC_ACQUIRE) : NULL;

    for (; s; s = s->next) {
        paddr_t table = READ_ONCE(s->table);

        if (table && first_frame(table) < end && end_frame(table, s->count) > start)
            break;
    }
    return s;
}

bool msi_emulates(const struct domain *d, uint64_t start, uint64_t end)
{
    return source_in(d, start, end) != NULL;
}

/* Accesses the table, or other registers in its pages. */
static void access_table(struct domain *d, struct msi_source *s, gpa_t gpa, unsigned int size,
                         bool write, uint64_t *val)
{
    uint64_t offset = gpa - s->table;
    unsigned int i = (unsigned int)(offset / LINE_BYTES);
    bool is_line = offset < s->count * LINE_BYTES;
    volatile uint8_t *at = is_line ? (volatile uint8_t *)s->message[i].word + offset % LINE_BYTES
                                   : hw_register(gpa);

    if (!write) {
        *val = mmio_read(at, size);
        return;
    }
    mmio_write(at, size, *val);
    if (is_line)
        line_update(d, s, i);
}

static bool has_table(const struct vcpu *v, uint64_t gpa)
{
    return msi_emulates(v->d, gpa >> PAGE_SHIFT, (gpa >> PAGE_SHIFT) + 1);
}

static void access_page(struct vcpu *v, uint64_t gpa, unsigned int size, bool write, uint64_t *val)
{
    spin_lock_scope(&pci_lock);
    struct msi_source *s = source_in(v->d, gpa >> PAGE_SHIFT, (gpa >> PAGE_SHIFT) + 1);

    if (s && !(gpa & (size - 1)))
        access_table(v->d, s, gpa, size, write, val);
}

void dom0_add_msi(struct domain *d)
{
    static struct bus_range tables;

    tables = (struct bus_range){ 0, ~0ull, access_page, has_table, NULL };
    bus_add_memory(d, &tables);
}
