/* SPDX-License-Identifier: MIT */
/* I/O ports of the host for tests that use none. */
#include "ports_fake.h"
#include "harness.h"

uint32_t harness_port_read(uint16_t port, unsigned int size) { panic("port %#x is read\n", port); }

void harness_port_write(uint16_t port, unsigned int size, uint32_t val)
{
    panic("port %#x is written\n", port);
}
