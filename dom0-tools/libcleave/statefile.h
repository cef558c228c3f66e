/* SPDX-License-Identifier: MIT */
/*
 * The file that a saved VM is in: header, the text of its VM file, libxenguest's stream with a
 * block for the devices of an HVM guest, trailer.
 * Each part has a checksum. A file is written under another name, and gets its own when it is
 * complete and on the disk. A file is checked as a whole before it is used.
 */
#ifndef LIBCLEAVE_STATEFILE_H
#define LIBCLEAVE_STATEFILE_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "domain.h"
#include "report.h"

#define STATEFILE_VERSION 1
#define STATEFILE_BLOCK_MAX (1u << 20)

/* What the file tells about the VM besides its VM file. */
struct statefile_vm {
    char name[DOMAIN_NAME_MAX];
    char uuid[UUID_STR_LEN];
    uint64_t memory_kib; /* its memory target when it was saved */
    uint32_t features;   /* the requests that its kernel takes: suspend_features */
};

struct statefile {
    char path[PATH_MAX];
    char part[PATH_MAX]; /* its name until it is complete */
    int fd;              /* of the file that is written or read */
    struct statefile_vm vm;
    char *config; /* text of the VM file */
    /* while it is written: libxenguest writes to input, and a thread copies that to the file */
    int input, output;
    pthread_t copier;
    bool copying, interrupted;
    int error; /* the first of the thread; 0: none */
    uint32_t sum;
    uint64_t stream; /* bytes of the stream */
};

/*
 * Begins the file: checks that it does not exist, writes the parts before the stream, and reserves
 * space for stream_max bytes where the file system can. Then the stream is written to file->input.
 * Returns 0, or a negative errno after an error line; then nothing remains.
 */
int statefile_begin(struct statefile *file, const char *path, const struct statefile_vm *vm,
                    const char *config, uint64_t stream_max);

/*
 * Appends a block to the stream, of size bytes, at most STATEFILE_BLOCK_MAX. Returns 0 or a
 * negative errno, and reports nothing.
 */
int statefile_write(const struct statefile *file, const void *block, uint32_t size);
/* Reads such a block, which the caller frees. Returns its size or a negative errno. */
int statefile_read(int stream, void **block);

/*
 * Ends the stream, of which saved tells whether it is complete, and completes the file. Returns 0,
 * or a negative errno: then nothing remains. An error line was printed unless saved is false and
 * all that was written reached the file.
 */
int statefile_end(struct statefile *file, bool saved);

/*
 * Opens and checks a file. Then file->fd is at the stream's beginning. Returns 0, or a negative
 * errno after an error line. Call statefile_close in either case.
 */
int statefile_open(struct statefile *file, const char *path);
void statefile_close(struct statefile *file);

/* Returns whether path is a state file of the VM with this UUID. Reports nothing. */
bool statefile_is_of(const char *path, const char *uuid);

/* Removes what a process left that was killed while it wrote this file. */
void statefile_remove_part(const char *path);

#endif
