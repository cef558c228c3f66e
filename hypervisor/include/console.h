/* SPDX-License-Identifier: MIT */
/*
 * Between printk.c, panic.c and console.c, and for boot/main.c; everybody else prints through lib.h. The
 * console proper (dom0's side, the ring) is declared in cpu.h.
 */
#ifndef CLV_CONSOLE_H
#define CLV_CONSOLE_H

#include "types.h"

extern uint16_t console_port;                      /* the first of the serial port; 0: none */
extern unsigned int console_irq;                   /* its line at the host's I/O APIC */
void console_init(void);                           /* console=: which serial port */
void printk_init(void);                            /* loglvl= guest_loglvl= */
void console_line(const char *line, size_t n);     /* a whole line: to the serial port and the ring */
void console_start_input(void);                    /* needs the host's I/O APIC */
void console_break_lock(void);                     /* for the last CPU that runs: who had it never goes on */

#endif
