/* SPDX-License-Identifier: MIT */
/*
 * A 16550A, by the data sheet of National Semiconductor's PC16550D. What is sent has left at once,
 * whatever the divisor says; in loop-back mode the modem lines and bytes return, by which drivers
 * find out that it is there. Read next: terminal.c.
 */
#include "serial.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH, PORTS };

#define IER_RECEIVED 1u
#define IER_SENT 2u
#define IIR_NONE 1u
#define IIR_SENT 2u
#define IIR_RECEIVED 4u
#define IIR_FIFO 0xc0u
#define FCR_ENABLE 1u
#define FCR_CLEAR_RECEIVED 2u
#define LCR_DIVISOR 0x80u
#define MCR_LOOP 0x10u
#define MCR_MASK 0x1fu
#define LSR_RECEIVED 1u
#define LSR_EMPTY 0x60u
#define MSR_READY 0xb0u /* carrier, data set ready, clear to send */

static uint8_t pending(const struct serial *s)
{
    if (s->ier & IER_RECEIVED && s->count)
        return IIR_RECEIVED;
    return s->ier & IER_SENT && s->sent ? IIR_SENT : IIR_NONE;
}

static void update(struct serial *s)
{
    bool level = pending(s) != IIR_NONE;

    if (level == s->level)
        return;
    s->level = level;
    s->bus->host->isa_irq(s->bus->host, s->irq, level);
}

unsigned int serial_room(const struct serial *serial)
{
    unsigned int size = serial->fcr & FCR_ENABLE ? SERIAL_FIFO : 1;

    return serial->count < size ? size - serial->count : 0;
}

static void put(struct serial *s, uint8_t byte)
{
    if (serial_room(s))
        s->fifo[(s->head + s->count++) % SERIAL_FIFO] = byte;
}

void serial_receive(struct serial *serial, const uint8_t *bytes, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        put(serial, bytes[i]);
    update(serial);
}

static uint8_t take(struct serial *s)
{
    uint8_t byte = s->fifo[s->head];

    if (!s->count)
        return 0;
    s->head = (s->head + 1) % SERIAL_FIFO;
    s->count--;
    if (s->ready)
        s->ready(s->owner);
    return byte;
}

/* Outputs 1, 2, DTR and RTS come back as carrier, ring, data set ready and clear to send. */
static uint8_t modem_lines(const struct serial *s)
{
    if (!(s->mcr & MCR_LOOP))
        return MSR_READY;
    return (s->mcr & 2 ? 0x10 : 0) | (s->mcr & 1 ? 0x20 : 0) | (s->mcr & 4 ? 0x40 : 0) |
           (s->mcr & 8 ? 0x80 : 0);
}

static uint64_t read_register(void *device, uint64_t offset, unsigned int size)
{
    struct serial *s = device;
    uint8_t value;

    if (size != 1)
        return bus_ones(size);
    if (s->lcr & LCR_DIVISOR && offset <= IER)
        return s->divisor[offset];
    switch (offset) {
    case DATA:
        value = take(s);
        update(s);
        return value;
    case IER: return s->ier;
    case IIR:
        value = pending(s);
        if (value == IIR_SENT)
            s->sent = false;
        update(s);
        return value | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
    case LCR: return s->lcr;
    case MCR: return s->mcr;
    case LSR: return LSR_EMPTY | (s->count ? LSR_RECEIVED : 0);
    case MSR: return modem_lines(s);
    default: return s->scratch;
    }
}

static void send(struct serial *s, uint8_t byte)
{
    if (s->mcr & MCR_LOOP)
        put(s, byte);
    else
        s->send(s->owner, byte);
    s->sent = true;
}

static void write_control(struct serial *s, uint8_t value)
{
    if ((value ^ s->fcr) & FCR_ENABLE || value & FCR_CLEAR_RECEIVED)
        s->head = s->count = 0;
    s->fcr = value & FCR_ENABLE;
    if (s->ready)
        s->ready(s->owner);
}

static void write_register(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
    struct serial *s = device;

    if (size != 1)
        return;
    if (s->lcr & LCR_DIVISOR && offset <= IER) {
        s->divisor[offset] = value;
        return;
    }
    switch (offset) {
    case DATA: send(s, value); break;
    case IER:
        if (value & ~s->ier & IER_SENT)
            s->sent = true;
        s->ier = value & 0xf;
        break;
    case IIR: write_control(s, value); break;
    case LCR: s->lcr = value; break;
    case MCR: s->mcr = value & MCR_MASK; break;
    case SCRATCH: s->scratch = value; break;
    default: break;
    }
    update(s);
}

int serial_add(struct serial *serial, struct bus *bus, uint16_t port, unsigned int irq)
{
    static const struct bus_ops ops = { read_register, write_register };

    serial->bus = bus;
    serial->irq = irq;
    return bus_add(bus, HOST_PORTS, port, PORTS, &ops, serial);
}

void serial_state(struct serial *serial, struct state *state)
{
    STATE_FIELD(state, serial->ier);
    STATE_FIELD(state, serial->lcr);
    STATE_FIELD(state, serial->mcr);
    STATE_FIELD(state, serial->scratch);
    STATE_FIELD(state, serial->fcr);
    STATE_FIELD(state, serial->divisor);
    STATE_FIELD(state, serial->fifo);
    STATE_FIELD(state, serial->head);
    STATE_FIELD(state, serial->count);
    state_flag(state, &serial->sent);
    state_flag(state, &serial->level);
    if (serial->head >= SERIAL_FIFO || serial->count > SERIAL_FIFO) {
        serial->head = serial->count = 0;
        state_check(state, false);
    }
}
