/* SPDX-License-Identifier: MIT */
/* The console (lib/console.c): the interface for the core, dom0 and the serial port's driver. */
#ifndef CLV_LIB_CONSOLE_H
#define CLV_LIB_CONSOLE_H

#include "spinlock.h"
#include "types.h"

/*
 * Writes a whole line to the serial port and the log ring. Guests' lines are the first to be
 * dropped.
 */
void console_line(const char *line, size_t n, bool of_guest);
/* Writes to the serial port only (hvc0). Returns the number of bytes accepted. */
size_t console_write_raw(const char *s, size_t n);
size_t console_dom0_read(char *buf, size_t n); /* reads input, for console_io */
/* For sysctl readconsole; see console.c. */
uint32_t console_ring_read(char *buf, uint32_t size, uint32_t *index, bool clear, bool incremental);
/*
 * For the last running CPU: breaks the lock, whose holder never resumes. Sends all pending output
 * by polling, and from now on all output at once.
 */
void console_take_over(void);

/*
 * The driver sends pending output while the port has room; at_once: all of it, by polling. It is
 * called with console_lock held, as are the functions below. NULL: no port.
 */
typedef void console_send_fn(bool at_once);
void console_set_driver(console_send_fn *send);
extern struct spinlock console_lock;
uint32_t console_waiting(void); /* number of bytes that wait for the port */
uint8_t console_next(void);     /* removes and returns the first of them */
void console_send(void);        /* calls the driver */
void console_received(char c);

#endif
