/* SPDX-License-Identifier: MIT */
/* cleaved's socket (supervisor.h). */
#ifndef CLEAVED_SOCKET_H
#define CLEAVED_SOCKET_H

#include <stdbool.h>

/* The answer to "status". */
struct socket_status {
    unsigned int vms;
    bool store; /* connected to xenstored */
};

/* Creates the socket. Returns its descriptor, or a negative errno after an error line. */
int socket_listen(void);

/* Accepts a client. Returns its descriptor, or -1. */
int socket_accept(int listener);

/* Reads and answers requests of a client. False: it has gone, and was closed. */
bool socket_serve(int client, const struct socket_status *status);

#endif
