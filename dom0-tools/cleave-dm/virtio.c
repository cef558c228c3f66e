/* SPDX-License-Identifier: MIT */
/*
 * BAR 0 has one page for each part: the common configuration, the ISR status, the device's own
 * configuration, the notifications, and MSI-X. The fifth capability lets firmware reach the BAR by
 * configuration space, while it is not placed. Read next: block.c, net.c.
 */
#include "virtio.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <string.h>

#define RED_HAT 0x1af4
#define MODERN_ID 0x1040
#define BAR_SIZE 0x8000u
#define PART 0x1000u
enum { COMMON, ISR, DEVICE, NOTIFY, TABLE, PENDING };
#define NOTIFY_STEP 4
#define ISR_QUEUE 1u
#define ISR_CONFIG 2u

bool virtio_is_live(const struct virtio *virtio)
{
    return virtio->status & VIRTIO_CONFIG_S_DRIVER_OK &&
           !(virtio->status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

bool virtio_has(const struct virtio *virtio, unsigned int feature)
{
    return virtio->accepted >> feature & 1;
}

/* --- interrupts ------------------------------------------------------------------------------- */

static void raise(struct virtio *v, uint8_t isr, uint16_t vector)
{
    if (pci_uses_msix(&v->pci)) {
        pci_msix_raise(&v->pci, vector);
        return;
    }
    v->isr |= isr;
    pci_line(&v->pci, v->isr);
}

void virtio_notify(struct virtio *virtio, unsigned int queue)
{
    if (queue_interrupts(&virtio->queues[queue]))
        raise(virtio, ISR_QUEUE, virtio->queues[queue].vector);
    virtio_check(virtio);
}

void virtio_config_changed(struct virtio *virtio)
{
    virtio->generation++;
    if (virtio->status & VIRTIO_CONFIG_S_DRIVER_OK)
        raise(virtio, ISR_CONFIG, virtio->config_vector);
}

void virtio_check(struct virtio *virtio)
{
    bool broken = false;

    for (unsigned int i = 0; i < virtio->kind->queues; i++)
        broken |= virtio->queues[i].broken;
    if (!broken || virtio->status & VIRTIO_CONFIG_S_NEEDS_RESET)
        return;
    virtio->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    virtio_config_changed(virtio);
}

/* --- the common configuration (4.1.4.3) ------------------------------------------------------- */

static void reset(struct virtio *v)
{
    /* it stops first: what is under way must not find the rings of the next driver */
    v->status = 0;
    if (v->kind->reset)
        v->kind->reset(v);
    v->accepted = 0;
    v->offered_select = v->accepted_select = v->queue_select = 0;
    v->config_vector = PCI_NO_VECTOR;
    v->isr = 0;
    v->pci.msix.pending = 0;
    for (unsigned int i = 0; i < v->kind->queues; i++) {
        struct queue *q = &v->queues[i];

        *q = (struct queue){ .memory = q->memory,
                             .size = q->size_max,
                             .size_max = q->size_max,
                             .vector = PCI_NO_VECTOR };
    }
    pci_line(&v->pci, false);
}

static void set_status(struct virtio *v, uint8_t status)
{
    uint64_t required = 1ull << VIRTIO_F_VERSION_1;

    if (!status) {
        reset(v);
        return;
    }
    /* features that were not offered, or an old driver: FEATURES_OK stays off */
    if (status & VIRTIO_CONFIG_S_FEATURES_OK &&
        (v->accepted & ~v->offered || (v->accepted & required) != required))
        status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
    v->status = status | (v->status & VIRTIO_CONFIG_S_NEEDS_RESET);
    for (unsigned int i = 0; virtio_is_live(v) && i < v->kind->queues; i++)
        v->kind->kick(v, i);
    virtio_check(v);
}

static struct queue *selected(struct virtio *v)
{
    return v->queue_select < v->kind->queues ? &v->queues[v->queue_select] : NULL;
}

static uint32_t read_queue(const struct virtio *v, const struct queue *q, uint64_t offset)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE: return q->size;
    case VIRTIO_PCI_COMMON_Q_MSIX: return q->vector;
    case VIRTIO_PCI_COMMON_Q_ENABLE: return q->ready;
    case VIRTIO_PCI_COMMON_Q_NOFF: return v->queue_select;
    case VIRTIO_PCI_COMMON_Q_DESCLO: return q->descriptors;
    case VIRTIO_PCI_COMMON_Q_DESCHI: return q->descriptors >> 32;
    case VIRTIO_PCI_COMMON_Q_AVAILLO: return q->available;
    case VIRTIO_PCI_COMMON_Q_AVAILHI: return q->available >> 32;
    case VIRTIO_PCI_COMMON_Q_USEDLO: return q->used;
    case VIRTIO_PCI_COMMON_Q_USEDHI: return q->used >> 32;
    default: return 0;
    }
}

static uint32_t read_common(struct virtio *v, uint64_t offset)
{
    struct queue *q = selected(v);

    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT: return v->offered_select;
    case VIRTIO_PCI_COMMON_DF:
        return v->offered_select < 2 ? v->offered >> v->offered_select * 32 : 0;
    case VIRTIO_PCI_COMMON_GFSELECT: return v->accepted_select;
    case VIRTIO_PCI_COMMON_GF:
        return v->accepted_select < 2 ? v->accepted >> v->accepted_select * 32 : 0;
    case VIRTIO_PCI_COMMON_MSIX: return v->config_vector;
    case VIRTIO_PCI_COMMON_NUMQ: return v->kind->queues;
    case VIRTIO_PCI_COMMON_STATUS: return v->status;
    case VIRTIO_PCI_COMMON_CFGGENERATION: return v->generation;
    case VIRTIO_PCI_COMMON_Q_SELECT: return v->queue_select;
    default: return q ? read_queue(v, q, offset) : 0;
    }
}

static void put_low(uint64_t *value, uint32_t low) { *value = (*value & ~0xffffffffull) | low; }

static void put_high(uint64_t *value, uint32_t high)
{
    *value = (uint32_t)*value | (uint64_t)high << 32;
}

static uint16_t valid_vector(const struct virtio *v, uint32_t vector)
{
    return vector < v->pci.msix.vectors ? vector : PCI_NO_VECTOR;
}

static void write_queue(struct virtio *v, struct queue *q, uint64_t offset, uint32_t value)
{
    if (offset == VIRTIO_PCI_COMMON_Q_MSIX) {
        q->vector = valid_vector(v, value);
        return;
    }
    /* a queue in use does not move */
    if (q->ready)
        return;
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE: q->size = value; break;
    case VIRTIO_PCI_COMMON_Q_ENABLE: q->ready = value == 1 && queue_is_valid(q); break;
    case VIRTIO_PCI_COMMON_Q_DESCLO: put_low(&q->descriptors, value); break;
    case VIRTIO_PCI_COMMON_Q_DESCHI: put_high(&q->descriptors, value); break;
    case VIRTIO_PCI_COMMON_Q_AVAILLO: put_low(&q->available, value); break;
    case VIRTIO_PCI_COMMON_Q_AVAILHI: put_high(&q->available, value); break;
    case VIRTIO_PCI_COMMON_Q_USEDLO: put_low(&q->used, value); break;
    case VIRTIO_PCI_COMMON_Q_USEDHI: put_high(&q->used, value); break;
    default: break;
    }
}

static void accept(struct virtio *v, uint32_t features)
{
    if (v->accepted_select > 1 || v->status & VIRTIO_CONFIG_S_FEATURES_OK)
        return;
    if (v->accepted_select)
        put_high(&v->accepted, features);
    else
        put_low(&v->accepted, features);
}

static void write_common(struct virtio *v, uint64_t offset, uint32_t value)
{
    struct queue *q = selected(v);

    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT: v->offered_select = value; break;
    case VIRTIO_PCI_COMMON_GFSELECT: v->accepted_select = value; break;
    case VIRTIO_PCI_COMMON_GF: accept(v, value); break;
    case VIRTIO_PCI_COMMON_MSIX: v->config_vector = valid_vector(v, value); break;
    case VIRTIO_PCI_COMMON_STATUS: set_status(v, value); break;
    case VIRTIO_PCI_COMMON_Q_SELECT: v->queue_select = value; break;
    default:
        if (q)
            write_queue(v, q, offset, value);
        break;
    }
}

/* --- the device's own configuration ----------------------------------------------------------- */

static uint64_t read_device(const struct virtio *v, uint64_t offset, unsigned int size)
{
    uint64_t value = 0;

    if (offset + size <= VIRTIO_CONFIG_MAX)
        memcpy(&value, v->config + offset, size);
    return value;
}

static void write_device(struct virtio *v, uint64_t offset, unsigned int size, uint64_t value)
{
    if (offset + size > VIRTIO_CONFIG_MAX)
        return;
    for (unsigned int i = 0; i < size; i++) {
        uint8_t *byte = &v->config[offset + i], mask = v->writable[offset + i];

        *byte = (*byte & ~mask) | (value >> i * 8 & mask);
    }
    if (v->kind->configured)
        v->kind->configured(v, offset, size);
}

/* --- BAR 0 ------------------------------------------------------------------------------------ */

static uint64_t read_isr(struct virtio *v)
{
    uint8_t isr = v->isr;

    v->isr = 0;
    pci_line(&v->pci, false);
    return isr;
}

static uint64_t read_bar(void *device, uint64_t offset, unsigned int size)
{
    struct virtio *v = device;
    uint64_t within = offset % PART;

    switch (offset / PART) {
    case COMMON: return read_common(v, within);
    case ISR: return within == 0 ? read_isr(v) : 0;
    case DEVICE: return read_device(v, within, size);
    case TABLE: return pci_msix_read(&v->pci, within, size);
    case PENDING: return pci_msix_pending(&v->pci, within, size);
    default: return 0;
    }
}

static void write_bar(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
    struct virtio *v = device;
    uint64_t within = offset % PART;

    switch (offset / PART) {
    case COMMON:
        write_common(v, within, value);
        if (size == 8)
            write_common(v, within + 4, value >> 32);
        break;
    case DEVICE: write_device(v, within, size, value); break;
    case NOTIFY:
        if (within / NOTIFY_STEP < v->kind->queues && virtio_is_live(v))
            v->kind->kick(v, within / NOTIFY_STEP);
        virtio_check(v);
        break;
    case TABLE: pci_msix_write(&v->pci, within, size, value); break;
    default: break;
    }
}

/* --- the BAR by configuration space (4.1.4.9) ------------------------------------------------- */

static unsigned int window_of(const struct virtio *v)
{
    return v->capability + sizeof(struct virtio_pci_cap);
}

/* Returns where in the BAR the window is, and its length; or -1: the guest has set nonsense. */
static int64_t window_at(const struct virtio *v, unsigned int *length)
{
    uint32_t at = pci_get(&v->pci, v->capability + VIRTIO_PCI_CAP_OFFSET, 4);
    bool here = pci_get(&v->pci, v->capability + VIRTIO_PCI_CAP_BAR, 1) == 0;

    *length = pci_get(&v->pci, v->capability + VIRTIO_PCI_CAP_LENGTH, 4);
    if (!here || at > BAR_SIZE - 4 || (*length != 1 && *length != 2 && *length != 4))
        return -1;
    return at;
}

/* Or the guest has switched between MSI-X and the line. */
static void config_written(void *owner, unsigned int offset, unsigned int size)
{
    struct virtio *v = owner;
    unsigned int length;
    int64_t at = window_at(v, &length);

    pci_line(&v->pci, v->isr);
    if (offset == window_of(v) && at >= 0 && length <= size)
        write_bar(v, at, length, pci_get(&v->pci, offset, length));
}

static void config_fetched(void *owner, unsigned int offset, unsigned int size)
{
    struct virtio *v = owner;
    unsigned int length;
    int64_t at = window_at(v, &length);

    if (offset == window_of(v) && at >= 0 && length <= size)
        pci_put(&v->pci, offset, length, read_bar(v, at, length));
}

/* --- set-up ----------------------------------------------------------------------------------- */

static unsigned int add_capability(struct virtio *v, uint8_t type, unsigned int part,
                                   unsigned int length)
{
    struct virtio_pci_notify_cap capability = {
        .cap = { .cap_vndr = PCI_CAP_ID_VNDR,
                 .cap_len = sizeof(capability),
                 .cfg_type = type,
                 .offset = part * PART,
                 .length = length },
        .notify_off_multiplier = type == VIRTIO_PCI_CAP_NOTIFY_CFG ? NOTIFY_STEP : 0,
    };

    return pci_add_capability(&v->pci, &capability, sizeof(capability));
}

int virtio_add(struct virtio *virtio, const struct virtio_kind *kind, struct pci_bus *bus,
               unsigned int slot, struct memory *memory)
{
    static const struct bus_ops ops = { read_bar, write_bar };
    struct pci_id id = { RED_HAT, MODERN_ID + kind->id, RED_HAT, MODERN_ID + kind->id, kind->class,
                         1 };
    struct pci_function *pci = &virtio->pci;

    virtio->kind = kind;
    virtio->offered = kind->features | 1ull << VIRTIO_F_VERSION_1 |
                      1ull << VIRTIO_RING_F_INDIRECT_DESC;
    for (unsigned int i = 0; i < kind->queues; i++) {
        virtio->queues[i].memory = memory;
        virtio->queues[i].size_max = QUEUE_SIZE_MAX;
    }
    int rc = pci_add(bus, pci, slot, 0, &id);

    pci->config[PCI_INTERRUPT_PIN] = 1;
    pci_add_bar(pci, BAR_SIZE, &ops, virtio);
    pci->changed = config_written;
    pci->fetched = config_fetched;
    add_capability(virtio, VIRTIO_PCI_CAP_COMMON_CFG, COMMON, sizeof(struct virtio_pci_common_cfg));
    add_capability(virtio, VIRTIO_PCI_CAP_ISR_CFG, ISR, 1);
    add_capability(virtio, VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE, VIRTIO_CONFIG_MAX);
    add_capability(virtio, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY, kind->queues * NOTIFY_STEP);
    virtio->capability = add_capability(virtio, VIRTIO_PCI_CAP_PCI_CFG, COMMON, 0);
    for (unsigned int i = VIRTIO_PCI_CAP_BAR; i < sizeof(struct virtio_pci_notify_cap); i++)
        pci->writable[virtio->capability + i] = 0xff;
    pci_add_msix(pci, kind->queues + 1, TABLE * PART, PENDING * PART);
    reset(virtio);
    return rc;
}

void virtio_state(struct virtio *virtio, struct state *state)
{
    state_expect(state, virtio->kind->id);
    pci_state(&virtio->pci, state);
    STATE_FIELD(state, virtio->accepted);
    STATE_FIELD(state, virtio->offered_select);
    STATE_FIELD(state, virtio->accepted_select);
    STATE_FIELD(state, virtio->queue_select);
    STATE_FIELD(state, virtio->config_vector);
    STATE_FIELD(state, virtio->status);
    STATE_FIELD(state, virtio->generation);
    STATE_FIELD(state, virtio->isr);
    for (unsigned int i = 0; i < virtio->kind->queues; i++)
        queue_state(&virtio->queues[i], state);
}

void virtio_resume(struct virtio *virtio)
{
    for (unsigned int i = 0; virtio_is_live(virtio) && i < virtio->kind->queues; i++)
        virtio->kind->kick(virtio, i);
    virtio_check(virtio);
}
