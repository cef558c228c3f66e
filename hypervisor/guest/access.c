/* SPDX-License-Identifier: MIT */
/*
 * Who gets an access: a device of the core (../vdev/bus.c), or else the device model that has the
 * address (../core/ioreq.c), if the guest may have some. PCI configuration is addressed indirectly:
 * the core keeps the index (CF8), and an access to the data (CFC to CFF) names the function.
 *
 * Read next: exit.c, emulate.c.
 */
#include "guest/access.h"
#include "core/domain.h"
#include "core/ioreq.h"
#include "core/vcpu.h"
#include "lib.h"
#include "vdev/bus.h"
#include "vdev/pc.h"

#include <xen/hvm/ioreq.h>

#define CONFIG_INDEX 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLED (1u << 31)
#define CONFIG_FUNCTION(index) ((index) >> 8 & 0xffff)

static uint64_t mask_of_size(unsigned int bytes)
{
    return bytes >= 8 ? ~0ull : (1ull << bytes * 8) - 1;
}

/* Only an access of 4 bytes reaches the index. */
static int access_index(struct vcpu *v, bool write, uint32_t *val)
{
    if (write)
        pc_set_config_index(v->d, *val);
    else
        *val = pc_config_index(v->d);
    return 0;
}

static int ask(struct vcpu *v, uint8_t type, uint64_t addr, unsigned int size, bool write,
               uint64_t *val)
{
    struct ioreq_access a = {
        .type = type, .addr = addr, .data = *val, .count = 1, .size = size, .write = write
    };
    uint64_t read;
    int rc = ioreq_access(v, &a, &read);

    if (!rc && !write)
        *val = read & mask_of_size(size);
    return rc;
}

static int ask_block(struct vcpu *v, uint8_t type, uint64_t addr, const struct access_block *b)
{
    struct ioreq_access a = {
        .type = type,
        .addr = addr,
        .data = b->data,
        .count = b->count,
        .size = b->size,
        .write = b->write,
        .data_is_ptr = !b->by_value,
        .down = b->down,
    };
    uint64_t unused;

    return ioreq_access(v, &a, &unused);
}

int access_port_block(struct vcpu *v, uint16_t port, const struct access_block *b)
{
    if (likely(!v->d->ioreq) || bus_has_port(v, port) || b->count < 2)
        return -ENOENT;
    return ask_block(v, IOREQ_TYPE_PIO, port, b);
}

int access_memory_block(struct vcpu *v, gpa_t gpa, const struct access_block *b)
{
    if (likely(!v->d->ioreq) || bus_has_memory(v, gpa) || b->count < 2)
        return -ENOENT;
    return ask_block(v, IOREQ_TYPE_COPY, gpa, b);
}

int access_port(struct vcpu *v, uint16_t port, unsigned int size, bool write, uint32_t *val)
{
    if (likely(!v->d->ioreq) || bus_has_port(v, port)) {
        if (write)
            bus_port_write(v, port, size, *val);
        else
            *val = bus_port_read(v, port, size);
        return 0;
    }
    if (port == CONFIG_INDEX && size == 4)
        return access_index(v, write, val);
    uint32_t index = pc_config_index(v->d);
    bool config = (port & ~3) == CONFIG_DATA && (port & 3) + size <= 4 && (index & CONFIG_ENABLED);
    uint64_t wide = *val, addr = port;

    if (config)
        addr = (uint64_t)CONFIG_FUNCTION(index) << 32 | (index & 0xfc) | (port & 3);
    int rc = ask(v, config ? IOREQ_TYPE_PCI_CONFIG : IOREQ_TYPE_PIO, addr, size, write, &wide);

    *val = (uint32_t)wide;
    return rc;
}

int access_memory(struct vcpu *v, gpa_t gpa, unsigned int size, bool write, uint64_t *val)
{
    if (unlikely(v->d->ioreq) && !bus_has_memory(v, gpa))
        return ask(v, IOREQ_TYPE_COPY, gpa, size, write, val);
    if (write)
        bus_memory_write(v, gpa, size, *val);
    else
        *val = bus_memory_read(v, gpa, size);
    return 0;
}

bool access_has_memory(struct vcpu *v, gpa_t gpa)
{
    return bus_has_memory(v, gpa) || ioreq_has_memory(v->d, gpa);
}
