/* SPDX-License-Identifier: MIT */
/* The serial port (platform/uart.c). */
#ifndef CLV_PLATFORM_UART_H
#define CLV_PLATFORM_UART_H

#include "types.h"

extern uint16_t uart_port;        /* base port; 0: none */
extern unsigned int uart_irq;     /* line of the host's I/O APIC; ~0: none */
void uart_init(void);             /* parses console= */
void uart_start_interrupts(void); /* needs the host's I/O APIC */
void uart_send(bool at_once);     /* the console driver, a console_send_fn */

#endif
