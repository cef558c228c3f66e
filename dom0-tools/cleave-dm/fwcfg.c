/* SPDX-License-Identifier: MIT */
/*
 * fw_cfg (QEMU's documentation, specs/fw_cfg): a 16-bit write to port 510 selects an item, reads of
 * port 511 return its bytes in turn. Item 0 is the signature, 1 the features (none), 0x19 the list
 * of files, and 0x20 on the files. SeaBIOS takes from it where its console is and the order of the
 * disks. Read next: machine.c.
 */
#include "fwcfg.h"

#include <stdio.h>
#include <string.h>

#define PORT 0x510
#define SIGNATURE 0x00
#define FEATURES 0x01
#define FEATURES_PORTS 1
#define DIRECTORY 0x19
#define FIRST_FILE 0x20
#define ENTRY_SIZE 64

static void put_be(uint8_t *at, uint32_t value, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++)
        at[i] = value >> (size - 1 - i) * 8;
}

/* The byte at this place of the list: a number of entries, then size, item, 0, and name of each. */
static uint8_t directory_byte(const struct fwcfg *f, uint32_t at)
{
    uint8_t entry[ENTRY_SIZE] = { 0 };
    uint32_t index = (at - 4) / ENTRY_SIZE;

    if (at < 4) {
        put_be(entry, f->count, 4);
        return entry[at];
    }
    if (index >= f->count)
        return 0;
    put_be(entry, f->files[index].size, 4);
    put_be(entry + 4, FIRST_FILE + index, 2);
    memcpy(entry + 8, f->files[index].name, FWCFG_NAME_SIZE);
    return entry[(at - 4) % ENTRY_SIZE];
}

static uint8_t next_byte(struct fwcfg *f)
{
    uint32_t at = f->at;

    if (f->at < UINT32_MAX)
        f->at++;
    switch (f->selected) {
    case SIGNATURE: return at < 4 ? "QEMU"[at] : 0;
    case FEATURES: return at == 0 ? FEATURES_PORTS : 0;
    case DIRECTORY: return directory_byte(f, at);
    default: break;
    }
    if (f->selected < FIRST_FILE || f->selected >= FIRST_FILE + f->count)
        return 0;
    return at < f->files[f->selected - FIRST_FILE].size
               ? f->files[f->selected - FIRST_FILE].bytes[at]
               : 0;
}

static uint64_t read_port(void *device, uint64_t offset, unsigned int size)
{
    return offset == 1 && size == 1 ? next_byte(device) : bus_ones(size);
}

static void write_port(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
    struct fwcfg *f = device;

    if (offset != 0 || size != 2)
        return;
    f->selected = value;
    f->at = 0;
}

int fwcfg_add(struct fwcfg *fwcfg, struct bus *bus)
{
    static const struct bus_ops ops = { read_port, write_port };

    return bus_add(bus, HOST_PORTS, PORT, 2, &ops, fwcfg);
}

void fwcfg_add_file(struct fwcfg *fwcfg, const char *name, const void *bytes, size_t size)
{
    if (fwcfg->count == FWCFG_FILES_MAX || size > FWCFG_FILE_SIZE)
        return;
    snprintf(fwcfg->files[fwcfg->count].name, FWCFG_NAME_SIZE, "%s", name);
    memcpy(fwcfg->files[fwcfg->count].bytes, bytes, size);
    fwcfg->files[fwcfg->count++].size = size;
}

void fwcfg_add_number(struct fwcfg *fwcfg, const char *name, uint64_t number)
{
    fwcfg_add_file(fwcfg, name, &number, sizeof(number));
}

void fwcfg_state(struct fwcfg *fwcfg, struct state *state)
{
    STATE_FIELD(state, fwcfg->selected);
    STATE_FIELD(state, fwcfg->at);
}
