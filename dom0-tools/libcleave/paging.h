/* SPDX-License-Identifier: MIT */
/*
 * What the pager (../cleaved/pager.c) and those who ask it for something share. The contents of a
 * VM's paged pages are in PAGING_FOLDER/UUID. A goal is asked for once, and ends when it is reached
 * or fails. Trouble is what hinders the pager. Read next: paging.c.
 */
#ifndef LIBCLEAVE_PAGING_H
#define LIBCLEAVE_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor.h"
#include "vms.h"

#ifndef PAGING_FOLDER /* tests have others */
#define PAGING_FOLDER VMS_HOME "/paging"
#define PAGING_GOALS SUPERVISOR_FOLDER "/paging"
#endif
#define PAGING_TEXT_MAX 320
#define PAGING_PATH_MAX 128

/* Creates the folders. Returns 0 or a negative errno, and reports nothing. */
int paging_make_folders(void);

/* Calls visit for each VM that has a file, and for each that has a goal. */
void paging_each(void (*visit)(const char *uuid, void *data), void *data);

void paging_path(const char *uuid, char path[PAGING_PATH_MAX]);

/*
 * Asks that so many KiB of the VM are paged, in place of what was asked for before. Returns as
 * above.
 */
int paging_ask(const char *uuid, uint64_t kib);
bool paging_goal(const char *uuid, uint64_t *kib);
void paging_end_goal(const char *uuid);

/* text: one line for people; NULL: there is no trouble. */
void paging_set_trouble(const char *uuid, const char *text);
bool paging_trouble(const char *uuid, char text[PAGING_TEXT_MAX]);

/*
 * How much of the VM is paged. paging_reach asks that it is so much, and waits until the pager has
 * done it. Both return 0, or a negative errno after an error line.
 */
int paging_paged(struct hv *hv, const struct vms_record *vm, uint64_t *kib);
int paging_reach(struct hv *hv, const struct vms_record *vm, uint64_t kib);

/* Brings back all pages, before somebody reads the guest's memory. On Xen nothing is to be done. */
int paging_bring_back(struct hv *hv, const struct vms_record *vm);

/*
 * If the VM has paged pages and no file, as it was removed while no pager ran, asks that they stay
 * paged: so the pager finds the VM, and says what is missing.
 */
void paging_find_lost(struct hv *hv, const struct vms_record *vm);

/* Removes all that there is of a VM without a domain. */
void paging_forget(const char *uuid);

#endif
