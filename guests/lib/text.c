/* SPDX-License-Identifier: MIT */
/* Text output to port 0xe9 and a registered sink. */
#include "text.h"

#define PORT_DEBUG 0xe9

static text_sink *other;
static bool debug;
static lock_t lock;

void text_set_sink(text_sink *sink) { other = sink; }
void text_debug(bool on) { debug = on; }

void text_write(const char *text, size_t n)
{
    lock_take(&lock);
    for (size_t i = 0; i < n && (debug || !other); i++)
        outb(PORT_DEBUG, text[i]);
    if (other)
        other(text, n);
    lock_drop(&lock);
}
