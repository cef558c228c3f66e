/* SPDX-License-Identifier: MIT */
/* A 16550A serial port. */
#ifndef DM_SERIAL_H
#define DM_SERIAL_H

#include "bus.h"
#include "state.h"

#define SERIAL_FIFO 16

struct serial {
    struct bus *bus;
    unsigned int irq;
    /* Takes a byte that the guest sends. */
    void (*send)(void *owner, uint8_t byte);
    /* Tells that more can be received (serial_room); may be NULL. */
    void (*ready)(void *owner);
    void *owner;
    uint8_t ier, lcr, mcr, scratch, fcr;
    uint8_t divisor[2];
    uint8_t fifo[SERIAL_FIFO];
    unsigned int head, count;
    bool sent; /* an interrupt for an empty transmitter is due */
    bool level;
};

int serial_add(struct serial *serial, struct bus *bus, uint16_t port, unsigned int irq);
void serial_state(struct serial *serial, struct state *state);
/* How many bytes can be received now. */
unsigned int serial_room(const struct serial *serial);
void serial_receive(struct serial *serial, const uint8_t *bytes, unsigned int count);

#endif
