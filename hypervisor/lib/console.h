/* SPDX-License-Identifier: MIT */
/* The console (lib/console.c): what the core, dom0 and the driver of the serial port do with it. */
#ifndef CLV_LIB_CONSOLE_H
#define CLV_LIB_CONSOLE_H

#include "spinlock.h"
#include "types.h"

/* A whole line: to the serial port and the ring. The port has no room for guests' first. */
void console_line(const char *line, size_t n, bool of_guest);
/* To the serial port as it is: hvc0. Returns how much was taken; the caller waits with the rest. */
size_t console_write_raw(const char *s, size_t n);
size_t console_dom0_read(char *buf, size_t n); /* typed characters, for console_io read */
/* sysctl readconsole: see console.c. */
uint32_t console_ring_read(char *buf, uint32_t size, uint32_t *index, bool clear, bool incremental);
/*
 * For the last CPU that runs: whichever CPU held the lock never goes on. What waits is sent, and
 * from now on everything at once.
 */
void console_take_over(void);

/*
 * The driver sends what waits, as far as the port has room; at_once: all of it, by polling. NULL:
 * there is no port. It is called under console_lock, and calls the functions below under it.
 */
typedef void console_send_fn(bool at_once);
void console_set_driver(console_send_fn *send);
extern struct spinlock console_lock;
uint32_t console_waiting(void); /* how many bytes wait for the port */
uint8_t console_next(void);     /* takes the first of them */
void console_send(void);        /* calls the driver */
void console_received(char c);

#endif
