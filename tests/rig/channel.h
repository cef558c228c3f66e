/* SPDX-License-Identifier: MIT */
/*
 * The channel by which a command in dom0 reports back to `make run CMD=...`.
 *
 * dom0's console shares the serial line with the hypervisor's messages and the kernel's, so the
 * command's output has its own path: QEMU's isa-debugcon, one write-only port. It needs no driver
 * and no interrupt, hence works under any hypervisor that lets dom0 access ports. SeaBIOS uses
 * 0x402 and guests use 0xe9, so this is another port. With an emulator without such a port, the
 * channel is a second serial port with no other user.
 *
 * dom0 writes a sequence of records: a type, a length of 16 bits (little-endian), that many bytes.
 * Written by dom0/report.c; read by channel.c.
 */
#ifndef RIG_CHANNEL_H
#define RIG_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_PORT 0x5e9
/* The value that the port reads as if the device is present. */
#define CHANNEL_PRESENT 0xe9
/* Otherwise: the second serial port, a 16550. */
#define CHANNEL_SERIAL 0x2f8

#define CHANNEL_HEADER 3
#define CHANNEL_MAX 4096

enum channel_type {
    CHANNEL_BEGIN = 'B', /* dom0 is up, the command starts; no bytes */
    CHANNEL_STDOUT = 'O',
    CHANNEL_STDERR = 'E',
    CHANNEL_EXIT = 'X', /* one byte: the command's exit status, 128 + n after signal n */
};

struct channel {
    uint8_t buffer[CHANNEL_HEADER + CHANNEL_MAX];
    size_t used;
    bool begun;
    bool exited;
    int status;
};

/* Receives records of output for fd 1 or 2. A negative errno ends the reading. */
typedef int channel_write_fn(int fd, const void *bytes, size_t length);

/*
 * Accepts bytes in portions of any size. Returns 0, -EPROTO for an invalid record, or the result of
 * write.
 */
int channel_feed(struct channel *channel, const uint8_t *bytes, size_t length,
                 channel_write_fn *write);

#endif
