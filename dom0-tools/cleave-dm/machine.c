/* SPDX-License-Identifier: MIT */
/*
 * Slots 0 and 1 are the chip set's, 2 and 3 are left for those of other machines (VGA, Xen's
 * platform device). SeaBIOS is told to use the serial port as its screen and keyboard, and to try
 * the disks in their order. Read next: main.c.
 */
#include "machine.h"

#include <stdio.h>

#define FIRST_SLOT 4
#define SERIAL_PORT 0x3f8
#define SERIAL_IRQ 4

static void write_boot_order(struct machine *m)
{
    char order[FWCFG_FILE_SIZE];
    int length = 0;

    for (unsigned int i = 0; i < m->disk_count; i++)
        length += snprintf(order + length, sizeof(order) - length, "/pci@i0cf8/scsi@%x\n",
                           FIRST_SLOT + i);
    /* it ends with a zero byte */
    fwcfg_add_file(&m->fwcfg, "bootorder", order, length + 1);
}

static int add_settings(struct machine *m)
{
    fwcfg_add_number(&m->fwcfg, "etc/sercon-port", SERIAL_PORT);
    fwcfg_add_number(&m->fwcfg, "etc/show-boot-menu", 0);
    if (m->disk_count)
        write_boot_order(m);
    return fwcfg_add(&m->fwcfg, &m->bus);
}

static int add_virtio(struct machine *m)
{
    unsigned int slot = FIRST_SLOT;
    int rc = 0;

    for (unsigned int i = 0; rc == 0 && i < m->disk_count; i++)
        rc = block_add(m->disks[i], &m->pci, slot++, m->memory);
    for (unsigned int i = 0; rc == 0 && i < m->net_count; i++)
        rc = net_add(m->nets[i], &m->pci, slot++, m->memory);
    if (rc == 0)
        rc = console_add(&m->console, &m->pci, slot++, m->memory);
    if (rc == 0)
        rc = entropy_add(&m->entropy, &m->pci, slot++, m->memory);
    if (rc == 0)
        rc = balloon_add(&m->balloon, &m->pci, slot++, m->memory);
    return rc;
}

int machine_build(struct machine *machine, struct host *host, struct memory *memory,
                  const struct machine_size *size)
{
    struct machine *m = machine;
    int rc;

    m->bus.host = host;
    m->pci.bus = &m->bus;
    m->memory = memory;
    m->balloon.low = size->low;
    m->balloon.high = size->high;
    rc = chipset_add(&m->chipset, &m->pci);
    if (rc == 0)
        rc = rtc_add(&m->rtc, &m->bus, size->low, size->high);
    if (rc == 0)
        rc = serial_add(&m->serial, &m->bus, SERIAL_PORT, SERIAL_IRQ);
    if (rc == 0)
        rc = add_settings(m);
    return rc == 0 ? add_virtio(m) : rc;
}

/* --- state ------------------------------------------------------------------------------------ */

#define STATE_VERSION 0x436c4401u

void machine_state(struct machine *machine, struct state *state)
{
    struct machine *m = machine;

    state_expect(state, STATE_VERSION);
    state_expect(state, m->disk_count);
    state_expect(state, m->net_count);
    chipset_state(&m->chipset, state);
    rtc_state(&m->rtc, state);
    fwcfg_state(&m->fwcfg, state);
    serial_state(&m->serial, state);
    for (unsigned int i = 0; i < m->disk_count; i++)
        virtio_state(&m->disks[i]->virtio, state);
    for (unsigned int i = 0; i < m->net_count; i++)
        virtio_state(&m->nets[i]->virtio, state);
    virtio_state(&m->console.virtio, state);
    virtio_state(&m->entropy, state);
    balloon_state(&m->balloon, state);
    state_check(state, !state->loading || state->at == state->size);
}

void machine_resume(struct machine *machine)
{
    struct machine *m = machine;

    for (unsigned int i = 0; i < m->disk_count; i++)
        virtio_resume(&m->disks[i]->virtio);
    for (unsigned int i = 0; i < m->net_count; i++)
        virtio_resume(&m->nets[i]->virtio);
    virtio_resume(&m->console.virtio);
    virtio_resume(&m->entropy);
    virtio_resume(&m->balloon.virtio);
}
