/* SPDX-License-Identifier: MIT */
/*
 * A small HTTP server for one page: single-threaded, without a client that could block it or the
 * others.
 */
#ifndef CLEAVE_HTTP_H
#define CLEAVE_HTTP_H

#include <stdio.h>

#define HTTP_CLIENTS_MAX 64 /* one more, and the oldest is dropped */
#define HTTP_REQUEST_MAX 8192
#define HTTP_REQUEST_MS 5000 /* for a request */
#define HTTP_ANSWER_MS 10000 /* for its answer to be read */

struct http_page {
    const char *path; /* GET of another is 404; another method is 405 */
    const char *type; /* Content-Type */
    /* Writes the body. Returns 0, or a negative errno after an error line: 500. */
    int (*render)(FILE *out, void *data);
    void *data;
};

/*
 * Listens on PORT of 127.0.0.1, on ADDR:PORT or on [ADDR]:PORT of IPv6. Returns the socket, or a
 * negative errno after an error line.
 */
int http_listen(const char *where);

/* Serves until the socket fails. Returns a negative errno after an error line. */
int http_serve(int listener, const struct http_page *page);

#endif
