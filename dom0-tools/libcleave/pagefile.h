/* SPDX-License-Identifier: MIT */
/*
 * The file that keeps the contents of a domain's paged pages. Calls return 0 or a negative errno,
 * and report nothing. Read next: ../cleaved/pager.c.
 */
#ifndef LIBCLEAVE_PAGEFILE_H
#define LIBCLEAVE_PAGEFILE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGEFILE_PAGE 4096

struct pagefile;

/*
 * Opens the file, or creates it. What is in it of other domains, or damaged, is forgotten. One
 * process at a time has it open.
 */
int pagefile_open(const char *path, uint32_t domid, struct pagefile **file);
void pagefile_close(struct pagefile *file); /* or NULL */

/* Whether its path is gone: the pages in it are lost when it is closed. */
bool pagefile_is_removed(const struct pagefile *file);

/*
 * Writes a page, in place of the one that the gfn has. Only after pagefile_sync is it safe.
 * -ENOSPC: there is no room; see pagefile_grow.
 */
int pagefile_put(struct pagefile *file, uint64_t gfn, const void *page);
int pagefile_sync(struct pagefile *file);

/* -ENOENT: it is not there. -EBADMSG: it is damaged. */
int pagefile_get(const struct pagefile *file, uint64_t gfn, void *page);
void pagefile_drop(struct pagefile *file, uint64_t gfn);

/* How many pages are in it; for how many more it has space on disk; gets space for some more. */
uint32_t pagefile_used(const struct pagefile *file);
uint32_t pagefile_room(const struct pagefile *file);
int pagefile_grow(struct pagefile *file);

/*
 * Drops pages that nobody needs any more: all that were not named to pagefile_confirm, which
 * returns whether the page is there, since pagefile_confirm_begin.
 */
void pagefile_confirm_begin(struct pagefile *file);
bool pagefile_confirm(struct pagefile *file, uint64_t gfn);
void pagefile_confirm_end(struct pagefile *file);

#endif
