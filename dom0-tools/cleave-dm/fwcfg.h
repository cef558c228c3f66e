/* SPDX-License-Identifier: MIT */
/* Settings that firmware reads: the fw_cfg interface, ports 510 and 511. */
#ifndef DM_FWCFG_H
#define DM_FWCFG_H

#include "bus.h"
#include "state.h"

#define FWCFG_FILES_MAX 8
#define FWCFG_FILE_SIZE 1024
#define FWCFG_NAME_SIZE 56

struct fwcfg {
    struct {
        char name[FWCFG_NAME_SIZE];
        uint8_t bytes[FWCFG_FILE_SIZE];
        uint32_t size;
    } files[FWCFG_FILES_MAX];
    unsigned int count;
    uint16_t selected;
    uint32_t at; /* of the selected item */
};

int fwcfg_add(struct fwcfg *fwcfg, struct bus *bus);
/* Writes or loads which item the guest reads, and where. */
void fwcfg_state(struct fwcfg *fwcfg, struct state *state);
/* Adds a file, before the guest runs: bytes, or a number as SeaBIOS reads it. */
void fwcfg_add_file(struct fwcfg *fwcfg, const char *name, const void *bytes, size_t size);
void fwcfg_add_number(struct fwcfg *fwcfg, const char *name, uint64_t number);

#endif
