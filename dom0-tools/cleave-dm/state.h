/* SPDX-License-Identifier: MIT */
/*
 * The state of a machine's devices, as bytes. Each device has one function that names its fields in
 * their order: it writes them to the bytes, or reads them from there (loading). The bytes of a
 * saved guest are not trusted more than that guest: a device checks what it has read.
 */
#ifndef DM_STATE_H
#define DM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_MAX 65536

struct state {
    bool loading;
    bool bad; /* the bytes are no state of this machine, or there are too many */
    size_t at, size;
    uint8_t bytes[STATE_MAX];
};

/* Writes or reads a field. Behind the end it reads zeroes, and notes that the state is bad. */
void state_bytes(struct state *state, void *field, size_t size);
#define STATE_FIELD(state, field) state_bytes(state, &(field), sizeof(field))

/* The same for a flag. */
void state_flag(struct state *state, bool *flag);

/* Writes a number that is the same in each state of such a machine, or checks it. */
void state_expect(struct state *state, uint32_t number);

/* Notes that a field makes no sense. */
void state_check(struct state *state, bool valid);

#endif
